//! Answers before the answer: 100, 103 and the like, and requests that wait for them.

mod support;

use support::{Peer, both_ways, proxy};

#[tokio::test]
async fn a_client_that_waits_for_100_gets_it_from_the_other_side() {
    for scene in both_ways().await {
        let fields = "Expect: 100-continue\r\nContent-Length: 5\r\n\r\n";
        let (mut client, mut peer, head) = scene.request("POST", fields).await;

        peer.send("HTTP/1.1 100 Continue\r\n\r\n").await;
        let interim = client.head().await;
        client.send("hello").await;
        let body = peer.bytes(5).await;
        peer.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok").await;
        let response = client.response().await;

        assert!(head.contains("\r\nExpect: 100-continue"), "{}: {head}", scene.way);
        assert_eq!(interim, "HTTP/1.1 100 Continue", "{}", scene.way);
        assert_eq!(body, b"hello", "{}", scene.way);
        assert_eq!(response.text(), "ok", "{}", scene.way);
    }
}

#[tokio::test]
async fn a_refused_expectation_is_told_at_once_and_ends_the_connection() {
    for scene in both_ways().await {
        let fields = "Expect: 100-continue\r\nContent-Length: 5\r\n\r\n";
        let (mut client, mut peer, _) = scene.request("POST", fields).await;

        peer.send("HTTP/1.1 417 Expectation Failed\r\nContent-Length: 2\r\n\r\nno").await;
        let response = client.response().await;

        assert_eq!((response.status, response.text()), (417, "no"), "{}", scene.way);
        // Whether the body still comes cannot be known, and what follows could be taken for a request.
        assert!(client.has_ended().await, "{}", scene.way);
    }
}

#[tokio::test]
async fn a_client_that_expects_100_but_does_not_wait_is_served() {
    for scene in both_ways().await {
        let body = "Expect: 100-continue\r\nContent-Length: 5\r\n\r\nhello";
        let (mut client, mut peer, _) = scene.request("POST", body).await;

        let body = peer.bytes(5).await;
        peer.send("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok").await;

        assert_eq!(body, b"hello", "{}", scene.way);
        assert_eq!(client.head().await, "HTTP/1.1 100 Continue", "{}", scene.way);
        assert_eq!(client.response().await.text(), "ok", "{}", scene.way);
    }
}

#[tokio::test]
async fn early_hints_travel_before_the_response_is_there() {
    for scene in both_ways().await {
        let (mut client, mut peer, _) = scene.request("GET", "\r\n").await;

        peer.send("HTTP/1.1 103 Early Hints\r\nLink: </a>\r\nConnection: x\r\nX: 1\r\nContent-Length: 9\r\n\r\n").await;
        let first = client.head().await;
        peer.send("HTTP/1.1 103 Early Hints\r\nLink: </b>\r\n\r\n").await;
        let second = client.head().await;
        peer.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok").await;

        assert_eq!(first, "HTTP/1.1 103 Early Hints\r\nLink: </a>", "{}", scene.way);
        assert_eq!(second, "HTTP/1.1 103 Early Hints\r\nLink: </b>", "{}", scene.way);
        assert_eq!(client.response().await.text(), "ok", "{}", scene.way);
    }
}

#[tokio::test]
async fn a_client_of_http_1_0_is_spared_interim_responses() {
    let (proxy, origin) = (proxy().await, Peer::start());
    let at = origin.address;
    let mut client = proxy.connect().await;
    client.send(format!("POST http://{at}/ HTTP/1.0\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\nhi")).await;
    let mut peer = origin.accept().await;

    let head = peer.head().await;
    peer.send("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\n\r\n").await;
    peer.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok").await;
    let response = client.response().await;

    assert_eq!(head, format!("POST / HTTP/1.1\r\nHost: {at}\r\nContent-Length: 2"));
    assert_eq!((response.status, response.text()), (200, "ok"));
}

#[tokio::test]
async fn interim_responses_without_end_are_a_bad_response() {
    for scene in both_ways().await {
        let (mut client, mut peer, _) = scene.request("GET", "\r\n").await;

        peer.send("HTTP/1.1 103 Early Hints\r\n\r\n".repeat(100)).await;
        let last = loop {
            let head = client.head().await;
            if !head.starts_with("HTTP/1.1 103") {
                break head;
            }
        };

        assert!(last.starts_with(&format!("HTTP/1.1 502 {}\r\n", scene.bad_response)), "{}: {last}", scene.way);
    }
}
