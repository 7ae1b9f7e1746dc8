//! A gateway that is spoken to over TLS.

mod support;

use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use support::tls::{self, Authority};
use support::{EVERYTHING, Gateway, Names, Origin, Peer, Proxy, origin, setup, soon};

#[tokio::test]
async fn connects_and_plain_requests_go_through_an_https_gateway() {
    let (ca, origin) = (Authority::new(), Peer::start());
    let behind = Gateway::start().await;
    let proxy = ca.by_https(ca.serve("127.0.0.1", behind.address).await).start().await;

    let get = proxy.ask("GET http://origin.test/ HTTP/1.1\r\nHost: origin.test\r\n\r\n").await;
    let (mut client, mut peer) = tokio::join!(proxy.connected_to(origin.address), origin.accept());

    assert_eq!(get.text(), "via gateway");
    peer.send("hello").await;
    assert_eq!(client.bytes(5).await, b"hello");
    client.send("question").await;
    client.end().await;
    assert_eq!(peer.rest().await, b"question");
    peer.send("answer").await;
    drop(peer);
    assert_eq!(client.rest().await, b"answer");
    let asked: Vec<_> = behind.heads().iter().map(|head| head.lines().next().unwrap().to_owned()).collect();
    assert_eq!(asked, ["GET http://origin.test/ HTTP/1.1".to_owned(), format!("CONNECT {} HTTP/1.1", origin.address)]);
}

#[tokio::test]
async fn a_server_that_speaks_first_is_heard_through_an_https_gateway() {
    let ca = Authority::new();
    let behind = Gateway::serving(|mut client, _| async move {
        client.send("HTTP/1.1 200 OK\r\n\r\n220 hello\r\n").await;
        client.rest().await;
    });
    let proxy = ca.by_https(ca.serve("127.0.0.1", behind.await.address).await).start().await;

    assert_eq!(proxy.connected_to("origin.test:25").await.line().await, "220 hello");
}

#[tokio::test]
async fn an_https_gateway_may_be_known_by_its_name() {
    let (ca, names) = (Authority::new(), Names::new(&[("gateway.test", &["127.0.0.1"])]));
    let front = ca.serve("gateway.test", Gateway::start().await.address).await;
    let setup = ca.by_https(front).resolver(&names);
    let proxy = setup.options(|options| options.gateway_host = Some("gateway.test".to_owned())).start().await;

    let response = proxy.ask("GET http://origin.test/ HTTP/1.1\r\nHost: origin.test\r\n\r\n").await;

    assert_eq!(response.text(), "via gateway");
}

#[tokio::test]
async fn a_gateway_that_cannot_prove_who_it_is_learns_nothing() {
    let (ca, other) = (Authority::new(), Authority::new());
    let behind = Gateway::start().await;
    let no_tls = origin(|mut connection| async move {
        connection.some().await;
        connection.send("HTTP/1.1 400 Bad Request\r\n\r\n").await;
    });
    let cases = [
        ("unknown authority", ca.by_https(other.serve("127.0.0.1", behind.address).await)),
        ("another name", ca.by_https(ca.serve("gateway.test", behind.address).await)),
        ("no TLS at all", ca.by_https(no_tls.await)),
    ];
    for (case, setup) in cases {
        for told in told(&setup.start().await).await {
            assert_eq!(told, (502, "ALUVIA_GATEWAY_TLS".to_owned()), "{case}");
        }
    }
    assert_eq!(behind.heads(), Vec::<String>::new());
}

#[tokio::test]
async fn a_gateway_that_is_spoken_to_in_the_clear_but_wants_tls_is_told() {
    let ca = Authority::new();
    let front = ca.serve("127.0.0.1", Gateway::start().await.address).await;
    let proxy = setup(EVERYTHING).gateway(Gateway::at(front)).start().await;

    for told in told(&proxy).await {
        let is_told = ["ALUVIA_GATEWAY_BAD_RESPONSE", "ALUVIA_GATEWAY_CLOSED"].contains(&told.1.as_str());
        assert!(is_told && told.0 == 502, "{told:?}");
    }
}

#[tokio::test]
async fn a_handshake_that_does_not_end_is_a_timeout() {
    let (ca, silent) = (Authority::new(), Peer::start());
    let setup = ca.by_https(silent.address).options(|options| options.connect_timeout_ms = Some(200.0));

    for told in told(&setup.start().await).await {
        assert_eq!(told, (504, "ALUVIA_GATEWAY_TIMEOUT".to_owned()));
    }
}

#[tokio::test]
async fn a_tls_connection_to_the_gateway_serves_one_request_after_the_other() {
    let (ca, behind) = (Authority::new(), Origin::start().await);
    let proxy = ca.by_https(ca.serve("127.0.0.1", behind.address).await).start().await;

    for number in 0..5 {
        let get = format!("GET http://site{number}.test/ HTTP/1.1\r\nHost: site{number}.test\r\n\r\n");
        assert_eq!(proxy.ask(get).await.text(), "ok");
    }

    assert_eq!((behind.heads().len(), behind.connections()), (5, 1));
}

#[tokio::test]
async fn what_a_client_has_sent_arrives_although_more_is_to_come() {
    let requests = [
        "POST http://a.test/ HTTP/1.1\r\nHost: a.test\r\nTransfer-Encoding: chunked\r\n\r\n",
        "CONNECT a.test:443 HTTP/1.1\r\n\r\n",
    ];
    for request in requests {
        let (ca, front) = (Authority::new(), tls::narrow_listener());
        let proxy = ca.by_https(front.local_addr().unwrap()).start().await;
        let mut client = proxy.connect().await;
        client.send(request).await;
        let mut gateway = ca.asked("127.0.0.1", &front).await;
        gateway.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await.unwrap();
        client.head().await;

        // Around the size that fills the buffers on the way, so that the end of one chunk or another has to wait for room.
        for size in (1..=16).map(|step| step * 16 * 1024) {
            client.send([format!("{size:x}\r\n").as_bytes(), &vec![b'x'; size], b"\r\n"].concat()).await;
            // Time for the proxy to take it all while nobody reads.
            tokio::time::sleep(Duration::from_millis(5)).await;
            let (mut buffer, mut received) = (vec![0; 64 * 1024], 0);
            while received < size {
                let case = format!("{request:?}: the rest of {size} bytes after {received}");
                let length = soon(&case, gateway.read(&mut buffer)).await.unwrap();
                received += buffer[..length].iter().filter(|byte| **byte == b'x').count();
            }
        }
    }
}

#[tokio::test]
async fn a_gateway_that_ends_its_tls_without_a_word_ends_the_connect_and_does_not_reset_it() {
    let (ca, front) = (Authority::new(), tls::narrow_listener());
    let proxy = ca.by_https(front.local_addr().unwrap()).start().await;
    let mut client = proxy.connect().await;
    client.send("CONNECT a.test:443 HTTP/1.1\r\n\r\n").await;
    let mut gateway = ca.asked("127.0.0.1", &front).await;
    gateway.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await.unwrap();
    client.head().await;

    let sending = async {
        gateway.write_all(&vec![b'x'; 1_000_000]).await.unwrap();
        gateway.flush().await.unwrap();
        gateway.get_mut().0.shutdown().await.unwrap();
    };
    let receiving = async {
        // The proxy has come to the end long before the client takes the rest.
        tokio::time::sleep(Duration::from_millis(300)).await;
        client.rest().await.len()
    };

    assert_eq!(tokio::join!(sending, receiving).1, 1_000_000);
}

/// Status and reason of the answers to a CONNECT and to a GET.
async fn told(proxy: &Proxy) -> [(u16, String); 2] {
    let connect = proxy.ask("CONNECT origin.test:443 HTTP/1.1\r\n\r\n").await;
    let get = proxy.ask("GET http://origin.test/ HTTP/1.1\r\nHost: origin.test\r\n\r\n").await;
    [connect, get].map(|response| (response.status, response.reason().to_owned()))
}
