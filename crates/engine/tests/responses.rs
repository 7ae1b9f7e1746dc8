//! Heads of responses: what of them reaches the client, what is put in order on the way, and what is no response at all.

mod support;

use tokio::io::AsyncWriteExt as _;

use support::{Gateway, Peer, Proxy, Response, Scene, both_ways, proxy, setup};

#[tokio::test]
async fn field_names_reach_the_client_as_written_and_in_order() {
    let response = answer_to(
        "HTTP/1.1 299 As You Like\r\nX-fIRST: 1\r\nset-cookie: a\r\nx-second:2\r\nSet-Cookie: b\r\nCONTENT-length: 2\r\n\r\n",
    )
    .await;

    let expected =
        "HTTP/1.1 299 As You Like\r\nX-fIRST: 1\r\nset-cookie: a\r\nx-second: 2\r\nSet-Cookie: b\r\nCONTENT-length: 2";
    assert_eq!((&*response.head, response.text()), (expected, "ok"));
}

#[tokio::test]
async fn fields_for_one_hop_do_not_reach_the_client() {
    let response = answer_to(
        "HTTP/1.1 200 OK\r\nConnection: keep-alive, X-Named\r\nX-Named: 1\r\nKeep-Alive: timeout=5\r\nUpgrade: h2c\r\n\
         Proxy-Authenticate: Basic\r\nProxy-Authentication-Info: a\r\nProxy-Connection: close\r\nTE: trailers\r\n\
         Content-Length: 2\r\nServer: a\r\n\r\n",
    )
    .await;

    assert_eq!(response.head, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nServer: a");
}

#[tokio::test]
async fn what_browsers_forgive_is_put_in_order() {
    let cases = [
        ("HTTP/1.1 200 OK\nContent-Length: 2\nA: b\n\n", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nA: b"),
        ("HTTP/1.1 200 OK\r\nA: b\n c\r\nContent-Length: 2\r\n\n", "HTTP/1.1 200 OK\r\nA: b c\r\nContent-Length: 2"),
        (
            "HTTP/1.1 200 OK\r\nA: b\r\n  c\r\n\td\r\nContent-Length: 2\r\n\r\n",
            "HTTP/1.1 200 OK\r\nA: b c d\r\nContent-Length: 2",
        ),
        ("HTTP/1.1 200 OK\r\nA : b\r\nContent-Length: 2\r\n\r\n", "HTTP/1.1 200 OK\r\nA: b\r\nContent-Length: 2"),
        ("HTTP/1.1 200 OK\r\nno field\r\n: b\r\nContent-Length: 2\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 2"),
        ("HTTP/1.1  200  OK\r\nContent-Length: 2\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 2"),
        ("HTTP/1.1 200\r\nContent-Length: 2\r\n\r\n", "HTTP/1.1 200 \r\nContent-Length: 2"),
        ("HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 2"),
        ("HTTP/1.1 200 OK\r\nContent-Length: 2, 2\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 2"),
        (
            "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nA: b\r\ncontent-length: 2\r\n\r\n",
            "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nA: b",
        ),
        ("HTTP/1.1 777 ?\r\nContent-Length: 2\r\n\r\n", "HTTP/1.1 777 ?\r\nContent-Length: 2"),
    ];
    for (head, expected) in cases {
        let response = answer_to(head).await;
        // A fold may become one space, or some (RFC 9112 §5.2).
        assert_eq!((&*response.head.replace("  ", " "), response.text()), (expected, "ok"), "{head:?}");
    }
}

#[tokio::test]
async fn of_chunks_and_a_length_the_chunks_win_and_the_connection_is_not_used_again() {
    for scene in both_ways().await {
        let (mut client, mut peer, _) = scene.request("GET", "\r\n").await;

        peer.send("HTTP/1.1 200 OK\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n")
            .await;
        let response = client.response().await;
        client.send(scene.head("GET", "X-Next: 1\r\n\r\n")).await;
        let next = scene.peer.asked().await.head().await;

        assert_eq!(response.head, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked", "{}", scene.way);
        assert_eq!(response.text(), "hello", "{}", scene.way);
        assert!(peer.has_ended().await, "{}", scene.way);
        assert!(next.contains("\r\nX-Next: 1"), "{}: {next}", scene.way);
    }
}

#[tokio::test]
async fn a_head_of_which_two_readings_are_possible_is_a_bad_response() {
    let cases = [
        "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 2, 3\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: +2\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 0x2\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked, chunked\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n",
        "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
    ];
    for head in cases {
        let response = answer_to(head).await;
        assert_eq!((response.status, response.reason()), (502, "ALUVIA_BAD_RESPONSE"), "{head:?}");
    }
}

#[tokio::test]
async fn an_empty_length_is_a_bad_response() {
    let response = answer_to("HTTP/1.1 200 OK\r\nContent-Length: \r\n\r\n").await;

    assert_eq!((response.status, response.reason()), (502, "ALUVIA_BAD_RESPONSE"));
}

#[tokio::test]
async fn what_is_no_response_is_answered_502_without_waiting_for_more() {
    let long_line = format!("HTTP/1.1 200 OK\r\nA: {}\r\n\r\n", "a".repeat(70_000));
    let endless_line = format!("HTTP/1.1 200 OK\r\nA: {}", "a".repeat(70_000));
    let many_fields = format!("HTTP/1.1 200 OK\r\n{}\r\n", "A: b\r\n".repeat(1_100));
    let cases: &[&[u8]] = &[
        b"nonsense\r\n\r\n",
        b"HTTP/1.1 20 OK\r\n\r\n",
        b"HTTP/1.1 2000 OK\r\n\r\n",
        b"HTTP/1.1 099 OK\r\n\r\n",
        b"HTTP/2 200\r\n\r\n",
        b"HTTP/3.0 200 OK\r\n\r\n",
        long_line.as_bytes(),
        endless_line.as_bytes(),
        many_fields.as_bytes(),
        // Servers of other protocols, which say this much and then wait.
        b"220 mail.test ESMTP\r\n",
        b"SSH-2.0-OpenSSH_9.9\r\n",
        b"\x15\x03\x01\x00\x02\x02\x46",
        b"<html>no head</html>",
        b"\0\0\0\0",
    ];
    for scene in both_ways().await {
        for case in cases {
            let (mut client, mut peer, _) = scene.request("GET", "\r\n").await;

            // It may be refused before it is whole.
            let _ = peer.stream.write_all(case).await;
            let response = client.response().await;

            let shown = String::from_utf8_lossy(&case[..case.len().min(60)]);
            let told = (response.status, response.reason());
            assert_eq!(told, (502, scene.bad_response), "{} {shown:?}", scene.way);
        }
    }
}

#[tokio::test]
async fn an_end_instead_of_a_response_is_told_as_such() {
    for (begin, is_reset) in [("", false), ("", true), ("HTTP/1.1 200 OK\r\nA: ", false), ("HTTP/1.1 2", true)] {
        let gateway = Gateway::serving(move |mut client, _| async move {
            client.send(begin).await;
            if is_reset {
                client.reset();
            }
        });
        let proxy = setup(&["gateway.test"]).gateway(gateway.await).start().await;
        let direct = format!("http://{}/", proxy.gateway.address);

        for (url, code) in [(&*direct, "ALUVIA_CONNECTION_RESET"), ("http://gateway.test/", "ALUVIA_GATEWAY_CLOSED")] {
            let response = proxy.ask(format!("GET {url} HTTP/1.1\r\nHost: a\r\n\r\n")).await;
            assert_eq!((response.status, response.reason()), (502, code), "{url} {begin:?} {is_reset}");
        }
    }
}

#[tokio::test]
async fn a_client_can_go_on_after_an_answer_of_the_proxy_itself() {
    let scene = Scene::direct().await;
    let (mut client, mut peer, _) = scene.request("GET", "\r\n").await;
    peer.send("nonsense\r\n\r\n").await;
    let failed = client.response().await;

    client.send(scene.head("GET", "\r\n")).await;
    let mut peer = scene.peer.asked().await;
    peer.head().await;
    peer.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok").await;

    assert_eq!((failed.status, failed.field("connection")), (502, Some("keep-alive")));
    assert_eq!(client.response().await.text(), "ok");
}

/// What a client gets where an origin answers with this head and `ok`, and keeps its connection open.
async fn answer_to(head: &str) -> Response {
    let (proxy, origin): (Proxy, _) = (proxy().await, Peer::start());
    let at = origin.address;
    let mut client = proxy.connect().await;
    client.send(format!("GET http://{at}/ HTTP/1.1\r\nHost: {at}\r\n\r\n")).await;
    let mut peer = origin.accept().await;
    peer.head().await;
    peer.send(format!("{head}ok")).await;
    client.response().await
}

#[tokio::test]
async fn a_407_of_an_origin_never_reaches_the_client() {
    let scene = Scene::direct().await;
    let (mut client, mut peer, _) = scene.request("GET", "\r\n").await;

    peer.send("HTTP/1.1 407 Give\r\nProxy-Authenticate: Basic\r\nContent-Length: 0\r\n\r\n").await;
    let response = client.response().await;

    assert_eq!((response.status, response.reason()), (502, "ALUVIA_BAD_RESPONSE"));
    assert_eq!(response.field("proxy-authenticate"), None);
}
