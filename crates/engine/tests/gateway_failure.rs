//! A gateway that is out of order: what fails, what is tried again, and what goes direct.

mod support;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::time::sleep;

use support::{EVERYTHING, Gateway, Origin, Peer, Raw, Response, Setup, closed, setup, spawn, until};

fn falling_back() -> Setup {
    setup(EVERYTHING).options(|options| {
        options.on_gateway_failure = Some("direct".to_owned());
        options.connect_timeout_ms = Some(500.0);
    })
}

/// Gateways that are out of order, by CONNECT.
async fn broken_gateways() -> Vec<(&'static str, Gateway)> {
    let answering =
        |answer: &'static str| Gateway::serving(move |mut client, _| async move { client.send(answer).await });
    vec![
        ("closes", Gateway::serving(|client, _| async move { drop(client) }).await),
        ("talks nonsense", answering("SSH-2.0-OpenSSH_9.6\r\n\r\n").await),
        ("does not accept the credentials", answering("HTTP/1.1 407 No\r\nContent-Length: 0\r\n\r\n").await),
        ("says nothing", Gateway::serving(|mut client, _| async move { drop(client.rest().await) }).await),
    ]
}

#[tokio::test]
async fn by_default_a_host_that_belongs_to_the_gateway_never_goes_direct() {
    let origin = Origin::start().await;
    let (nobody, mut gateways) = (closed(), broken_gateways().await);
    gateways.push(("is not there", Gateway::at(nobody.address)));
    for (case, gateway) in gateways {
        let setup = setup(EVERYTHING).gateway(gateway).options(|options| options.connect_timeout_ms = Some(500.0));
        let proxy = setup.start().await;
        for request in requests(&origin) {
            let response = proxy.ask(request).await;
            assert!([502, 504].contains(&response.status), "{case}: {}", response.head);
            assert!(response.reason().starts_with("ALUVIA_GATEWAY_"), "{case}: {}", response.head);
        }
    }
    assert_eq!(origin.connections(), 0);
}

#[tokio::test]
async fn requests_go_direct_where_the_user_wants_that() {
    let nobody = closed();
    for (case, gateway) in broken_gateways().await.into_iter().chain([("is not there", Gateway::at(nobody.address))]) {
        let origin = Peer::start();
        let proxy = falling_back().gateway(gateway).start().await;

        let (mut client, mut peer) = tokio::join!(proxy.connected_to(origin.address), origin.accept());
        client.send("hello").await;

        assert_eq!(peer.bytes(5).await, b"hello", "{case}");
    }
}

#[tokio::test]
async fn a_plain_request_goes_direct_only_where_no_byte_of_it_has_left() {
    let (nobody, origin) = (closed(), Origin::start().await);
    let at = origin.address;
    let post = format!("POST http://{at}/x HTTP/1.1\r\nHost: {at}\r\nContent-Length: 5\r\n\r\nhello");

    let unreachable = falling_back().gateway(Gateway::at(nobody.address)).start().await;
    assert_eq!(unreachable.ask(&post).await.text(), "ok");
    let head = origin.heads().pop().unwrap();
    assert!(head.starts_with("POST /x HTTP/1.1\r\n") && !head.contains("Proxy-Authorization"), "{head}");

    for (case, gateway) in broken_gateways().await {
        let proxy = falling_back().gateway(gateway).start().await;
        let response = proxy.ask(&post).await;
        assert!(response.reason().starts_with("ALUVIA_GATEWAY_"), "{case}: {}", response.head);
    }
    assert_eq!(origin.heads().len(), 1);
}

#[tokio::test]
async fn a_request_that_was_lost_with_its_gateway_does_not_go_direct() {
    let origin = Origin::start().await;
    let at = origin.address;
    let delete = format!("DELETE http://{at}/ HTTP/1.1\r\nHost: {at}\r\n\r\n");
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("there is a free port");
    let address = listener.local_addr().expect("it is bound");
    let proxy = falling_back().gateway(Gateway::at(address)).start().await;
    let serve = async {
        let mut gateway = Raw::new(listener.accept().await.expect("the proxy connects").0);
        gateway.head().await;
        gateway.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok").await;
        // The second one is read, and then there is no gateway any more.
        gateway.head().await;
        drop(listener);
    };
    let mut client = proxy.connect().await;
    let ask = async {
        client.send(&delete).await;
        assert_eq!(client.response().await.text(), "ok");
        client.send(&delete).await;
        client.response().await
    };

    let (response, ()) = tokio::join!(ask, serve);

    assert_eq!((response.status, origin.connections()), (502, 0), "{}", response.head);
}

#[tokio::test]
async fn what_the_gateway_says_of_a_target_is_no_failure_of_its_own() {
    let refusing = Gateway::serving(|mut client, _| async move {
        client.send("HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n").await;
    });
    let (proxy, origin) = (falling_back().gateway(refusing.await).start().await, Origin::start().await);

    let response = proxy.ask(format!("CONNECT {} HTTP/1.1\r\n\r\n", origin.address)).await;

    assert_eq!((response.status, response.reason()), (502, "ALUVIA_GATEWAY_REFUSED"));
    assert_eq!(origin.connections(), 0);
}

#[tokio::test]
async fn a_gateway_that_comes_back_in_a_moment_is_not_missed() {
    let reserved = closed();
    let address = reserved.address;
    let proxy = setup(EVERYTHING).gateway(Gateway::at(address)).start().await;
    spawn(async move {
        sleep(Duration::from_millis(50)).await;
        drop(reserved);
        let listener = TcpListener::bind(address).await.expect("it was reserved for this");
        let mut client = Raw::new(listener.accept().await.expect("somebody connects").0);
        client.head().await;
        client.send("HTTP/1.1 200 OK\r\n\r\n220 hello\r\n").await;
    });

    let mut client = proxy.connected_to("a.test:25").await;

    assert_eq!(client.line().await, "220 hello");
}

#[tokio::test]
async fn credentials_that_the_gateway_does_not_accept_bring_one_poll_at_once() {
    let polls = Arc::new(AtomicUsize::new(0));
    let setup = setup(EVERYTHING).credentials("user", "old").options(|options| {
        options.poll_interval_ms = Some(3_600_000.0);
    });
    let proxy = setup.start().await;
    proxy.api.count_into(&polls);

    let connect = "CONNECT a.test:443 HTTP/1.1\r\n\r\n";
    let get = "GET http://a.test/ HTTP/1.1\r\nHost: a.test\r\n\r\n";
    for request in [connect, get, connect, get] {
        let response: Response = proxy.ask(request).await;
        assert_eq!((response.status, response.reason()), (502, "ALUVIA_GATEWAY_REFUSED"));
    }
    until("it is polled", || polls.load(Relaxed) == 1).await;
    sleep(Duration::from_millis(200)).await;
    assert_eq!(polls.load(Relaxed), 1, "the same credentials bring no second poll");
}

#[tokio::test]
async fn new_credentials_are_there_a_moment_after_the_old_ones_were_refused() {
    let setup = setup(EVERYTHING).credentials("user", "old").options(|options| {
        options.poll_interval_ms = Some(3_600_000.0);
    });
    let proxy = setup.start().await;
    proxy.api.set_password("password");

    let get = "GET http://a.test/ HTTP/1.1\r\nHost: a.test\r\n\r\n";
    assert_eq!(proxy.ask(get).await.status, 502);
    for _ in 0..100 {
        if proxy.ask(get).await.status == 200 {
            return;
        }
        sleep(Duration::from_millis(20)).await;
    }
    panic!("the new credentials are not used");
}

fn requests(origin: &Origin) -> [String; 2] {
    let at = origin.address;
    [format!("CONNECT {at} HTTP/1.1\r\n\r\n"), format!("GET http://{at}/ HTTP/1.1\r\nHost: {at}\r\n\r\n")]
}
