//! From HTTP to another protocol: WebSocket by an absolute-form request, and offers that are not taken on.

mod support;

use std::io::ErrorKind::ConnectionReset;

use support::{Raw, Scene, both_ways, proxy};

const OFFER: &str = "Connection: keep-alive, Upgrade\r\nupgrade: websocket\r\nSec-WebSocket-Key: a\r\n\r\n";
const ACCEPTED: &str = "HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nConnection: upgrade, X-Hop\r\nX-Hop: 1\r\n\
                        Sec-WebSocket-Accept: b\r\n\r\n";

#[tokio::test]
async fn an_accepted_websocket_becomes_a_relay() {
    for scene in both_ways().await {
        let (mut client, mut peer, head) = scene.request("GET", [OFFER, "early from the client"].concat()).await;
        peer.send([ACCEPTED, "early from the server"].concat()).await;

        let answer = client.head().await;

        let offered = "\r\nConnection: Upgrade\r\nupgrade: websocket\r\nSec-WebSocket-Key: a";
        assert!(head.contains(offered), "{}: {head}", scene.way);
        let expected = "HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nSec-WebSocket-Accept: b\r\n\
                        Connection: Upgrade";
        assert_eq!(answer, expected, "{}", scene.way);
        assert_eq!(client.bytes(21).await, b"early from the server", "{}", scene.way);
        assert_eq!(peer.bytes(21).await, b"early from the client", "{}", scene.way);
        for _ in 0..3 {
            client.send("ping").await;
            assert_eq!(peer.bytes(4).await, b"ping", "{}", scene.way);
            peer.send("pong").await;
            assert_eq!(client.bytes(4).await, b"pong", "{}", scene.way);
        }
        client.end().await;
        assert!(peer.has_ended().await, "{}", scene.way);
        peer.send("last words").await;
        drop(peer);
        assert_eq!(client.rest().await, b"last words", "{}", scene.way);
    }
}

#[tokio::test]
async fn a_reset_of_a_websocket_reaches_the_other_side() {
    for scene in both_ways().await {
        let (client, mut peer) = upgraded(&scene).await;
        client.reset();
        assert_eq!(peer.error().await, Some(ConnectionReset), "{}: of the client", scene.way);

        let (mut client, peer) = upgraded(&scene).await;
        peer.reset();
        assert_eq!(client.error().await, Some(ConnectionReset), "{}: of the other side", scene.way);
    }
}

#[tokio::test]
async fn hints_may_come_before_a_websocket_is_accepted() {
    for scene in both_ways().await {
        let (mut client, mut peer, _) = scene.request("GET", OFFER).await;

        peer.send(["HTTP/1.1 103 Early Hints\r\n\r\n", ACCEPTED, "hello"].concat()).await;

        assert_eq!(client.head().await, "HTTP/1.1 103 Early Hints", "{}", scene.way);
        assert!(client.head().await.starts_with("HTTP/1.1 101 "), "{}", scene.way);
        assert_eq!(client.bytes(5).await, b"hello", "{}", scene.way);
    }
}

#[tokio::test]
async fn a_refused_websocket_is_a_response_like_any_other() {
    for scene in both_ways().await {
        for status in ["200 OK", "403 Forbidden", "426 Upgrade Required"] {
            let (mut client, mut peer, _) = scene.request("GET", OFFER).await;
            peer.send(format!("HTTP/1.1 {status}\r\nUpgrade: websocket\r\nContent-Length: 2\r\n\r\nno")).await;
            let refused = client.response().await;
            client.send(scene.head("GET", "\r\n")).await;
            peer.head().await;
            peer.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok").await;

            assert_eq!(refused.head, format!("HTTP/1.1 {status}\r\nContent-Length: 2"), "{}", scene.way);
            assert_eq!(refused.text(), "no", "{}", scene.way);
            assert_eq!(client.response().await.text(), "ok", "{}", scene.way);
        }
    }
}

#[tokio::test]
async fn an_offer_that_is_not_taken_on_is_dropped_and_the_request_served() {
    let with_settings =
        "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\nX: 1\r\n\r\n";
    let cases = [
        ("GET", "HTTP/1.1", with_settings),
        ("GET", "HTTP/1.1", "Upgrade: websocket\r\nX: 1\r\n\r\n"),
        ("GET", "HTTP/1.1", "Connection: keep-alive\r\nUpgrade: websocket\r\nX: 1\r\n\r\n"),
        ("GET", "HTTP/1.1", "Proxy-Connection: Upgrade\r\nUpgrade: websocket\r\nX: 1\r\n\r\n"),
        ("GET", "HTTP/1.1", "Connection: Upgrade\r\nUpgrade: TLS/1.0\r\nX: 1\r\n\r\n"),
        ("GET", "HTTP/1.0", "Connection: Upgrade, keep-alive\r\nUpgrade: websocket\r\nX: 1\r\n\r\n"),
        ("POST", "HTTP/1.1", "Connection: Upgrade\r\nUpgrade: websocket\r\nX: 1\r\n\r\n"),
    ];
    let origin = support::Origin::start().await;
    let (proxy, at) = (proxy().await, origin.address);
    for (method, version, rest) in cases {
        let response = proxy.ask(format!("{method} http://{at}/ {version}\r\nHost: {at}\r\n{rest}")).await;

        assert_eq!(response.text(), "ok", "{method} {version} {rest:?}");
        let head = format!("{method} / HTTP/1.1\r\nHost: {at}\r\nX: 1");
        assert_eq!(origin.heads().last(), Some(&head), "{method} {version} {rest:?}");
    }
}

#[tokio::test]
async fn of_several_offers_only_websocket_travels() {
    for scene in both_ways().await {
        let (_, _, head) = scene.request("GET", "Connection: upgrade\r\nUpgrade: h2c, WebSocket\r\n\r\n").await;

        assert!(head.contains("\r\nConnection: Upgrade\r\nUpgrade: websocket"), "{}: {head}", scene.way);
    }
}

#[tokio::test]
async fn the_answer_to_an_offer_is_put_in_order() {
    for scene in both_ways().await {
        let (mut client, mut peer, _) = scene.request("GET", OFFER).await;
        peer.send("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\n\t, a\r\n\r\n").await;

        let expected = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket , a\r\nConnection: Upgrade";
        assert_eq!(client.head().await, expected, "{}", scene.way);
    }
}

#[tokio::test]
async fn a_switch_that_nobody_asked_for_is_a_bad_response() {
    for scene in both_ways().await {
        for rest in ["\r\n", "Connection: Upgrade\r\nUpgrade: h2c\r\n\r\n"] {
            let (mut client, mut peer, _) = scene.request("GET", rest).await;
            peer.send(ACCEPTED).await;
            let response = client.response().await;

            assert_eq!((response.status, response.reason()), (502, scene.bad_response), "{} {rest:?}", scene.way);
        }
    }
}

/// A client and the other side, which have agreed on a WebSocket.
async fn upgraded(scene: &Scene) -> (Raw, Raw) {
    let (mut client, mut peer, _) = scene.request("GET", OFFER).await;
    peer.send(ACCEPTED).await;
    assert!(client.head().await.starts_with("HTTP/1.1 101 "));
    (client, peer)
}
