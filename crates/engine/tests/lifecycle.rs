//! From the start of a session to its end, and changes on the way.

mod support;

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use aluvia_engine::Update;
use tokio::time::{Instant, pause, resume, sleep};

use support::names::SILENT;
use support::{
    Gateway, Names, Origin, Peer, Proxy, Raw, Scene, both_ways, both_ways_with, closed, field, setup, until,
};

const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

#[tokio::test]
async fn stop_lets_exchanges_in_flight_finish_whole() {
    for scene in both_ways_with(|options| options.drain_timeout_ms = Some(10_000.0)).await {
        let (mut early_client, mut early_peer, _) = scene.request("GET", "\r\n").await;
        let (mut late_client, mut late_peer, _) = scene.request("POST", "Content-Length: 4\r\n\r\nwo").await;
        late_peer.send("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nwo").await;
        late_client.head().await;

        tokio::join!(scene.proxy.session.stop(), async {
            until("nothing more is accepted", || !is_listening(&scene.proxy)).await;

            early_peer.send(OK).await;
            let response = early_client.response().await;
            assert_eq!((response.text(), response.field("connection")), ("ok", Some("close")), "{}", scene.way);
            assert!(early_client.has_ended().await, "{}", scene.way);

            late_client.send("od").await;
            assert_eq!(late_peer.bytes(4).await, b"wood", "{}", scene.way);
            late_peer.send("rd").await;
            assert_eq!(late_client.rest().await, b"word", "{}", scene.way);
            drop((early_client, late_client));
        });
    }
}

#[tokio::test]
async fn stop_closes_idle_connections_at_once() {
    for scene in both_ways_with(|options| options.drain_timeout_ms = Some(10_000.0)).await {
        let (mut idle, mut kept, _) = scene.request("GET", "\r\n").await;
        kept.send(OK).await;
        idle.response().await;
        let mut silent = scene.proxy.connect().await;
        let (holding_up, mut other) = scene.connected().await;

        tokio::join!(scene.proxy.session.stop(), async {
            assert!(idle.has_ended().await, "{}", scene.way);
            assert!(silent.has_ended().await, "{}", scene.way);
            assert!(kept.has_ended().await, "{}", scene.way);
            drop(holding_up);
            assert!(other.has_ended().await, "{}", scene.way);
            drop(other);
        });
    }
}

#[tokio::test]
async fn stop_with_nothing_under_way_takes_no_time() {
    for scene in both_ways().await {
        let (mut client, mut kept, _) = scene.request("GET", "\r\n").await;
        kept.send(OK).await;
        client.response().await;
        drop(scene.connected().await);
        let _silent = scene.proxy.connect().await;
        // Whatever has ended is known to have ended when this is answered.
        scene.proxy.ask("GET / HTTP/1.1\r\nHost: a\r\n\r\n").await;

        assert_eq!(time_to_stop(&scene.proxy).await, Duration::ZERO, "{}", scene.way);
    }
}

#[tokio::test]
async fn what_does_not_end_by_itself_is_cut_when_the_drain_ends() {
    for scene in both_ways().await {
        let (mut client, mut other) = scene.connected().await;
        assert_cut(&scene.proxy, "a connect").await;
        assert!(client.has_ended().await, "{}", scene.way);
        assert!(other.has_ended().await, "{}", scene.way);
    }
    for scene in both_ways().await {
        let (mut client, mut other, _) =
            scene.request("GET", "Connection: upgrade\r\nUpgrade: websocket\r\n\r\n").await;
        other.send("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: upgrade\r\n\r\n").await;
        client.head().await;
        assert_cut(&scene.proxy, "a websocket").await;
        assert!(client.has_ended().await, "{}", scene.way);
        assert!(other.has_ended().await, "{}", scene.way);
    }
    for scene in both_ways().await {
        let (mut client, mut other, _) = scene.request("GET", "\r\n").await;
        assert_cut(&scene.proxy, "a request without an answer").await;
        assert!(client.has_ended().await, "{}", scene.way);
        assert!(other.has_ended().await, "{}", scene.way);
    }
    let proxy = setup(&[]).resolver(&Names::new(&[])).start().await;
    let mut client = proxy.connect().await;
    client.send(format!("CONNECT {SILENT}:443 HTTP/1.1\r\n\r\n")).await;
    // Whatever was sent before has been read when this is answered.
    proxy.ask("GET / HTTP/1.1\r\nHost: a\r\n\r\n").await;
    assert_cut(&proxy, "a dial").await;
    assert!(client.has_ended().await);
}

#[tokio::test]
async fn what_is_no_whole_request_does_not_hold_up_a_stop() {
    let proxy = setup(&[]).start().await;
    let mut unfinished = proxy.connect().await;
    unfinished.send("GET http://a.test/ HTTP/1.1\r\nHost:").await;
    let mut refused = proxy.connect().await;
    refused.send("nonsense\r\n\r\n").await;
    assert_eq!(refused.response().await.status, 400);

    assert_eq!(time_to_stop(&proxy).await, Duration::ZERO);

    assert!(unfinished.has_ended().await);
}

#[tokio::test]
async fn stop_may_be_called_again_and_at_once() {
    let scene = Scene::direct().await;
    let (_client, _other) = scene.connected().await;
    let session = &scene.proxy.session;

    pause();
    let start = Instant::now();
    tokio::join!(session.stop(), session.stop(), async {
        sleep(Duration::from_millis(100)).await;
        session.stop().await;
    });
    let first = start.elapsed();
    session.stop().await;
    let again = start.elapsed() - first;
    resume();

    assert!(first >= DRAIN && first <= DRAIN + SLACK, "{first:?}");
    assert_eq!(again, Duration::ZERO);
}

#[tokio::test]
async fn nothing_listens_after_stop_and_the_port_can_be_used_again() {
    let (reserved, origin) = (closed(), Origin::start().await);
    let at = origin.address;
    for _ in 0..3 {
        let port = f64::from(reserved.address.port());
        let proxy = setup(&[]).options(|options| options.local_port = Some(port)).start().await;
        let response = proxy.ask(format!("GET http://{at}/ HTTP/1.1\r\nHost: {at}\r\n\r\n")).await;
        assert_eq!(response.text(), "ok");

        proxy.session.stop().await;

        assert!(!is_listening(&proxy));
    }
}

#[tokio::test]
async fn a_session_that_is_dropped_cuts_everything() {
    for scene in both_ways().await {
        let (mut idle, mut kept, _) = scene.request("GET", "\r\n").await;
        kept.send(OK).await;
        idle.response().await;
        // The last one to be served: by then the silent one has been accepted, too.
        let mut silent = scene.proxy.connect().await;
        let (mut connected, mut other) = scene.connected().await;
        let address = scene.proxy.session.address();

        drop(scene.proxy.session);

        for (what, connection) in [
            ("idle client", &mut idle),
            ("kept connection", &mut kept),
            ("client of a connect", &mut connected),
            ("other side of a connect", &mut other),
            ("silent client", &mut silent),
        ] {
            assert!(connection.has_ended().await, "{}: {what}", scene.way);
        }
        until("nothing listens", || std::net::TcpStream::connect(address).is_err()).await;
    }
}

#[tokio::test]
async fn a_request_keeps_the_snapshot_it_started_with_and_the_next_one_follows_the_new_rules() {
    let (origin, gateway) = (Peer::start(), Peer::start());
    let names = Names::new(&[("moving.test", &["127.0.0.1"])]);
    let proxy = setup(&["moving.test"]).resolver(&names).gateway(Gateway::at(gateway.address)).start().await;
    let moving = format!("moving.test:{}", origin.address.port());
    let get = format!("GET http://{moving}/ HTTP/1.1\r\nHost: {moving}\r\n\r\n");
    let connect = format!("CONNECT {moving} HTTP/1.1\r\n\r\n");

    // Both are under way when their host moves from the gateway to a direct route.
    let (mut get_client, mut get_gateway) = sent(&proxy, &get, &gateway).await;
    let (mut connect_client, mut connect_gateway) = sent(&proxy, &connect, &gateway).await;
    update(&proxy, &[]).await;
    get_gateway.send(OK).await;
    assert_eq!(get_client.response().await.text(), "ok");
    connect_gateway.send("HTTP/1.1 200 OK\r\n\r\nhello").await;
    connect_client.head().await;
    assert_eq!(connect_client.bytes(5).await, b"hello");

    // The next ones go direct, also on a connection that was there before.
    get_client.send(&get).await;
    let mut get_origin = origin.asked().await;
    assert!(get_origin.head().await.starts_with("GET / "));
    let (mut late_client, mut late_origin) = tokio::join!(proxy.connected_to(&moving), origin.accept());

    // And stay so when the host moves back.
    update(&proxy, &["moving.test"]).await;
    get_origin.send(OK).await;
    assert_eq!(get_client.response().await.text(), "ok");
    late_origin.send("still here").await;
    assert_eq!(late_client.bytes(10).await, b"still here");
    connect_client.send("still there").await;
    assert_eq!(connect_gateway.bytes(11).await, b"still there");

    get_client.send(&get).await;
    assert!(get_gateway.head().await.starts_with("GET http://"));
    get_gateway.send(OK).await;
    assert_eq!(get_client.response().await.text(), "ok");
}

#[tokio::test]
async fn rules_that_a_poll_has_brought_decide_the_next_request() {
    let origin = Origin::start().await;
    let names = Names::new(&[("moving.test", &["127.0.0.1"])]);
    let proxy = setup(&[]).resolver(&names).options(|options| options.poll_interval_ms = Some(50.0)).start().await;
    let moving = format!("moving.test:{}", origin.address.port());
    let get = format!("GET http://{moving}/ HTTP/1.1\r\nHost: {moving}\r\n\r\n");
    let mut client = proxy.connect().await;

    for (rules, expected) in
        [(&["*"][..], "via gateway"), (&["*", "-moving.test"], "ok"), (&["moving.*"], "via gateway")]
    {
        proxy.api.set_rules(rules);
        let start = Instant::now();
        loop {
            client.send(&get).await;
            if client.response().await.text() == expected {
                break;
            }
            assert!(start.elapsed() < Duration::from_secs(10), "{rules:?} did not come into force");
            sleep(Duration::from_millis(10)).await;
        }
    }
}

#[tokio::test]
async fn credentials_that_have_changed_go_with_the_next_request() {
    let (first, second) = ("Basic dXNlcjpwYXNzd29yZA==", "Basic dXNlcjpvdGhlcg==");
    let gateway = Peer::start();
    let proxy = setup(&["*"]).gateway(Gateway::at(gateway.address)).start().await;
    let mut client = proxy.connect().await;
    client.send("GET http://a.test/ HTTP/1.1\r\nHost: a.test\r\n\r\n").await;
    let mut kept = gateway.asked().await;
    let before = kept.head().await;

    proxy.api.set_password("other");
    update(&proxy, &["*", "-b.test"]).await;
    kept.send(OK).await;
    client.response().await;
    client.send("GET http://a.test/ HTTP/1.1\r\nHost: a.test\r\n\r\n").await;
    let after = kept.head().await;
    let (_client, mut asked) = {
        let mut client = proxy.connect().await;
        client.send("CONNECT a.test:443 HTTP/1.1\r\n\r\n").await;
        (client, gateway.asked().await)
    };
    let connect = asked.head().await;

    let sent = [&before, &after, &connect].map(|head| field(head, "proxy-authorization"));
    assert_eq!(sent, [Some(first), Some(second), Some(second)]);
}

#[tokio::test]
async fn only_the_ipv4_loopback_address_listens() {
    let proxy = setup(&[]).start().await;
    let port = proxy.session.address().port();

    assert_eq!(proxy.session.address().ip(), IpAddr::V4(Ipv4Addr::LOCALHOST));
    for other in ["127.0.0.2", "::1"] {
        let address = SocketAddr::new(other.parse().unwrap(), port);
        assert!(std::net::TcpStream::connect(address).is_err(), "{other}");
    }
}

/// What `setup` grants.
const DRAIN: Duration = Duration::from_millis(500);
/// What a stop may take beyond the drain.
const SLACK: Duration = Duration::from_millis(250);

async fn assert_cut(proxy: &Proxy, what: &str) {
    let waited = time_to_stop(proxy).await;
    assert!(waited >= DRAIN && waited <= DRAIN + SLACK, "{what}: {waited:?}");
}

/// How long a stop takes, on a clock that only moves when everything waits.
async fn time_to_stop(proxy: &Proxy) -> Duration {
    pause();
    let start = Instant::now();
    proxy.session.stop().await;
    let waited = start.elapsed();
    resume();
    waited
}

/// Sends a request on a new connection. Returns the client, and the hop that was asked.
async fn sent(proxy: &Proxy, request: &str, hop: &Peer) -> (Raw, Raw) {
    let mut client = proxy.connect().await;
    client.send(request).await;
    let mut asked = hop.asked().await;
    asked.head().await;
    (client, asked)
}

async fn update(proxy: &Proxy, rules: &[&str]) {
    let rules = rules.iter().map(ToString::to_string).collect();
    let update = Update { rules: Some(rules), session_id: None };
    proxy.session.update(&update).await.expect("the API takes any rules");
}

fn is_listening(proxy: &Proxy) -> bool {
    std::net::TcpStream::connect(proxy.session.address()).is_ok()
}
