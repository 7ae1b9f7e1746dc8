//! A gateway that speaks HTTP/2: connects share its connections.

mod support;

use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::time::Duration;

use futures_util::future::join_all;
use h2::Reason;
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep, timeout};

use support::http2::{Asked, Http2Gateway};
use support::tls::Authority;
use support::{Gateway, Origin, Peer, Proxy, Raw, origin, soon, spawn, within};

#[tokio::test]
async fn connects_share_one_connection() {
    let ca = Authority::new();
    let (gateway, echo) = (Http2Gateway::start(&ca).await, echo().await);
    let proxy = ca.by_https(gateway.address).start().await;

    for _ in 0..3 {
        let clients = join_all((0..20).map(|_| async {
            let mut client = proxy.connected_to(echo).await;
            client.send("ping").await;
            assert_eq!(client.bytes(4).await, b"ping");
            client
        }));
        let opened = clients.await.len();
        assert_eq!(opened, 20);
    }

    // Those of the first moment did not know yet that they could share.
    assert_eq!(gateway.asked().len(), 60);
    assert!(gateway.connections() <= 20, "{}", gateway.connections());
    let first = gateway.connections();
    proxy.connected_to(echo).await;
    assert_eq!(gateway.connections(), first);
}

#[tokio::test]
async fn a_connect_names_the_target_and_nothing_else() {
    let ca = Authority::new();
    let (gateway, echo) = (Http2Gateway::start(&ca).await, echo().await);
    let proxy = ca.by_https(gateway.address).start().await;

    let mut client = proxy.connect().await;
    client.send(format!("CONNECT {echo} HTTP/1.1\r\nHost: other.test\r\nUser-Agent: x\r\nCookie: a=b\r\n\r\n")).await;
    client.head().await;

    let asked = gateway.asked().pop().unwrap();
    assert_eq!(asked.method(), "CONNECT");
    assert_eq!(asked.uri().to_string(), echo.to_string());
    let fields: Vec<_> = asked.headers().iter().map(|(name, value)| (name.as_str(), value.to_str().unwrap())).collect();
    assert_eq!(fields, [("proxy-authorization", "Basic dXNlcjpwYXNzd29yZA==")]);
}

#[tokio::test]
async fn plain_requests_keep_to_http_1() {
    let ca = Authority::new();
    let behind = Origin::start().await;
    let proxy = ca.by_https(ca.serve("127.0.0.1", behind.address).await).start().await;

    let response = proxy.ask("GET http://a.test/ HTTP/1.1\r\nHost: a.test\r\n\r\n").await;

    assert_eq!(response.text(), "ok");
    assert!(behind.heads()[0].starts_with("GET http://a.test/ HTTP/1.1\r\n"));
}

#[tokio::test]
async fn a_gateway_that_prefers_http_1_is_spoken_to_in_it() {
    let ca = Authority::new();
    let (behind, echo) = (Gateway::start().await, echo().await);
    let proxy = ca.by_https(ca.serve("127.0.0.1", behind.address).await).start().await;

    for _ in 0..3 {
        let mut client = proxy.connected_to(echo).await;
        client.send("ping").await;
        assert_eq!(client.bytes(4).await, b"ping");
    }
    assert!(behind.heads().iter().all(|head| head.starts_with("CONNECT ")));
}

#[tokio::test]
async fn a_refusal_is_told_with_its_status() {
    for (status, code) in
        [(407, "ALUVIA_GATEWAY_REFUSED"), (403, "ALUVIA_GATEWAY_REFUSED"), (302, "ALUVIA_GATEWAY_REFUSED")]
    {
        let ca = Authority::new();
        let serve = move |asked: Asked| async move { asked.answer(status) };
        let gateway = Http2Gateway::serving(&ca, |builder| builder, serve).await;
        let proxy = ca.by_https(gateway.address).start().await;

        let response = ask(&proxy).await;

        assert_eq!((response.status, response.reason()), (502, code));
        assert!(response.field("proxy-status").unwrap().contains(&format!("received-status={status}")));
        assert_eq!(gateway.asked().len(), 1, "{status} is no reason to ask again");
    }
}

#[tokio::test]
async fn a_stream_that_the_gateway_has_not_looked_at_is_asked_for_again() {
    let ca = Authority::new();
    let serve = |mut asked: Asked| async move {
        match asked.connection {
            // The first connection serves one CONNECT and no more.
            0 if asked.request.uri().port_u16() == Some(1) => asked.respond.send_reset(Reason::REFUSED_STREAM),
            _ => asked.answer(200),
        }
    };
    let gateway = Http2Gateway::serving(&ca, |builder| builder, serve).await;
    let proxy = ca.by_https(gateway.address).start().await;

    proxy.connected_to("a.test:443").await;
    proxy.connected_to("a.test:1").await;

    let ports: Vec<_> = gateway.asked().iter().map(|asked| asked.uri().port_u16().unwrap()).collect();
    assert_eq!(ports[..2], [443, 1]);
    assert!(ports.len() > 2 && ports[2..].iter().all(|port| *port == 1), "{ports:?}");
}

#[tokio::test]
async fn a_stream_that_is_reset_instead_of_answered_is_not_asked_for_again() {
    let ca = Authority::new();
    let serve = |mut asked: Asked| async move { asked.respond.send_reset(Reason::INTERNAL_ERROR) };
    let gateway = Http2Gateway::serving(&ca, |builder| builder, serve).await;
    let proxy = ca.by_https(gateway.address).start().await;

    proxy.connect().await;
    let response = ask(&proxy).await;

    assert_eq!((response.status, response.reason()), (502, "ALUVIA_GATEWAY_CLOSED"));
    assert_eq!(gateway.asked().len(), 1);
}

#[tokio::test]
async fn more_connects_than_the_gateway_allows_on_one_connection_get_another() {
    let ca = Authority::new();
    let serve = |asked: Asked| async move { asked.connect().await };
    let gateway = Http2Gateway::serving(&ca, |builder| builder.max_concurrent_streams(3), serve).await;
    let (proxy, echo) = (ca.by_https(gateway.address).start().await, echo().await);

    let mut clients = Vec::new();
    for _ in 0..10 {
        clients.push(proxy.connected_to(echo).await);
    }

    assert_eq!(gateway.connections(), 4);
}

#[tokio::test]
async fn a_burst_never_asks_for_more_than_the_gateway_allows() {
    for (limit, count) in [(1, 30), (10, 100)] {
        let ca = Authority::new();
        let serve = |asked: Asked| async move { asked.connect().await };
        // It takes no closure that captures.
        let gateway = match limit {
            1 => Http2Gateway::serving(&ca, |builder| builder.max_concurrent_streams(1), serve).await,
            _ => Http2Gateway::serving(&ca, |builder| builder.max_concurrent_streams(10), serve).await,
        };
        let (proxy, echo) = (ca.by_https(gateway.address).start().await, echo().await);
        let _first = proxy.connected_to(echo).await;

        let clients = join_all((0..count).map(|_| proxy.connected_to(echo))).await;

        assert_eq!(clients.len(), count);
        assert_eq!(gateway.asked().len(), count + 1, "at {limit}: none is refused and asked for again");
    }
}

#[tokio::test]
async fn a_gateway_that_takes_its_time_for_everything_is_waited_for() {
    let ca = Authority::new();
    let (echo, relay) = (echo().await, Peer::start());
    let gateway = Http2Gateway::start(&ca).await;
    let setup = ca.by_https(relay.address).options(|options| options.connect_timeout_ms = Some(8_000.0));
    let proxy = setup.start().await;
    // After a while everything comes three seconds late, pings as well.
    let delay = async {
        loop {
            let mut front = relay.accept().await;
            let mut back = TcpStream::connect(gateway.address).await.unwrap();
            spawn(async move {
                let passed = tokio::io::copy_bidirectional(&mut front.stream, &mut back);
                let _ = timeout(Duration::from_millis(500), passed).await;
                sleep(Duration::from_secs(3)).await;
                let _ = tokio::io::copy_bidirectional(&mut front.stream, &mut back).await;
            });
        }
    };
    let ask = async {
        let _first = proxy.connected_to(echo).await;
        sleep(Duration::from_millis(700)).await;
        let _second = within(Duration::from_secs(7), "a connect", proxy.connected_to(echo)).await;
    };
    tokio::select! {
        () = ask => {}
        () = delay => {}
    }
}

#[tokio::test]
async fn a_gateway_that_refuses_each_stream_is_told_as_one_that_refuses() {
    let ca = Authority::new();
    let serve = |mut asked: Asked| async move { asked.respond.send_reset(Reason::REFUSED_STREAM) };
    let gateway = Http2Gateway::serving(&ca, |builder| builder, serve).await;
    let proxy = ca.by_https(gateway.address).start().await;

    let mut told = Vec::new();
    for _ in 0..2 {
        told.push(ask(&proxy).await.reason().to_owned());
    }

    assert_eq!(told, ["ALUVIA_GATEWAY_REFUSED", "ALUVIA_GATEWAY_REFUSED"]);
    assert!(gateway.asked().len() < 10, "{}", gateway.asked().len());
}

#[tokio::test]
async fn a_connection_that_was_closed_is_replaced() {
    let ca = Authority::new();
    let (echo, relay) = (echo().await, Peer::start());
    let gateway = Http2Gateway::start(&ca).await;
    let proxy = ca.by_https(relay.address).start().await;
    // What stands between can be cut.
    let cut_after_use = |number: usize| {
        let (relay, to) = (&relay, gateway.address);
        async move {
            let mut front = relay.accept().await;
            let mut back = TcpStream::connect(to).await.unwrap();
            let passed = tokio::io::copy_bidirectional(&mut front.stream, &mut back);
            let _ = timeout(Duration::from_millis(if number == 0 { 300 } else { 5_000 }), passed).await;
        }
    };
    let serve = async {
        cut_after_use(0).await;
        cut_after_use(1).await;
    };
    let ask = async {
        let mut first = proxy.connected_to(echo).await;
        assert!(first.error().await.is_some(), "what ran on it is cut, and the client is told");
        let mut second = proxy.connected_to(echo).await;
        second.send("ping").await;
        assert_eq!(second.bytes(4).await, b"ping");
    };
    tokio::select! {
        () = ask => {}
        () = serve => panic!("the connection was not replaced"),
    }
}

#[tokio::test]
async fn a_connection_that_has_fallen_silent_is_found_out_and_replaced() {
    let ca = Authority::new();
    let (echo, relay) = (echo().await, Peer::start());
    let gateway = Http2Gateway::start(&ca).await;
    let setup = ca.by_https(relay.address).options(|options| options.connect_timeout_ms = Some(8_000.0));
    let proxy = setup.start().await;
    // The first connection passes nothing on after a while, as behind a NAT that has forgotten it.
    let forget = async {
        let mut front = relay.accept().await;
        let mut back = TcpStream::connect(gateway.address).await.unwrap();
        let passed = tokio::io::copy_bidirectional(&mut front.stream, &mut back);
        let _ = timeout(Duration::from_millis(500), passed).await;
        let mut other = relay.accept().await;
        let mut back = TcpStream::connect(gateway.address).await.unwrap();
        let _ = tokio::io::copy_bidirectional(&mut other.stream, &mut back).await;
        drop(front);
    };
    let ask = async {
        let _first = proxy.connected_to(echo).await;
        sleep(Duration::from_millis(700)).await;
        let start = Instant::now();
        let mut second = within(Duration::from_secs(6), "a connect", proxy.connected_to(echo)).await;
        assert!(start.elapsed() > Duration::from_secs(1), "the silence was not there");
        second.send("ping").await;
        assert_eq!(second.bytes(4).await, b"ping");
    };
    tokio::select! {
        () = ask => {}
        () = forget => panic!("nobody has used the second connection"),
    }
}

#[tokio::test]
async fn a_gateway_that_is_only_slow_is_waited_for() {
    let ca = Authority::new();
    let serve = |asked: Asked| async move {
        sleep(Duration::from_millis(2_500)).await;
        asked.answer(200);
    };
    let gateway = Http2Gateway::serving(&ca, |builder| builder, serve).await;
    let setup = ca.by_https(gateway.address).options(|options| options.connect_timeout_ms = Some(8_000.0));
    let proxy = setup.start().await;

    proxy.connected_to("a.test:443").await;

    assert_eq!((gateway.connections(), gateway.asked().len()), (1, 1));
}

#[tokio::test]
async fn a_gateway_that_never_answers_is_a_timeout() {
    let ca = Authority::new();
    let kept = std::sync::Arc::new(std::sync::Mutex::new(Vec::new()));
    let serve = move |asked: Asked| {
        kept.lock().unwrap().push(asked);
        async {}
    };
    let gateway = Http2Gateway::serving(&ca, |builder| builder, serve).await;
    let setup = ca.by_https(gateway.address).options(|options| options.connect_timeout_ms = Some(300.0));
    let proxy = setup.start().await;

    let response = ask(&proxy).await;

    assert_eq!((response.status, response.reason()), (504, "ALUVIA_GATEWAY_TIMEOUT"));
}

#[tokio::test]
async fn the_end_of_a_session_ends_its_connections() {
    static ENDED: AtomicUsize = AtomicUsize::new(0);
    let ca = Authority::new();
    let (gateway, echo) = (
        Http2Gateway::start(&ca).await,
        origin(|mut connection| async move {
            connection.rest().await;
            ENDED.fetch_add(1, Relaxed);
        })
        .await,
    );
    let proxy = ca.by_https(gateway.address).start().await;
    let client = proxy.connected_to(echo).await;
    drop(client);
    support::until("the origin sees the end", || ENDED.load(Relaxed) == 1).await;

    let start = Instant::now();
    soon("the stop", proxy.session.stop()).await;

    assert!(start.elapsed() < Duration::from_millis(400), "an idle connection holds nothing up: {:?}", start.elapsed());
}

async fn ask(proxy: &Proxy) -> support::Response {
    proxy.ask("CONNECT a.test:443 HTTP/1.1\r\n\r\n").await
}

async fn echo() -> std::net::SocketAddr {
    origin(|mut connection: Raw| async move {
        loop {
            let bytes = connection.some().await;
            if bytes.is_empty() {
                return;
            }
            connection.send(bytes).await;
        }
    })
    .await
}
