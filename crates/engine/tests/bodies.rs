//! Where a body ends, in both directions: what of its framing travels, what is written anew and what is refused.

mod support;

use std::io::ErrorKind::ConnectionReset;

use tokio::task::yield_now;

use support::{Origin, Peer, Scene, both_ways, proxy};

#[tokio::test]
async fn a_body_with_a_length_arrives_whole_in_both_directions() {
    for scene in both_ways().await {
        let (mut client, mut peer, head) = scene.request("POST", "content-LENGTH: 5\r\n\r\nhello").await;

        let sent = peer.bytes(5).await;
        peer.send("HTTP/1.1 200 OK\r\ncontent-LENGTH: 5\r\n\r\nworld").await;
        let response = client.response().await;

        assert_eq!(sent, b"hello", "{}", scene.way);
        assert!(head.contains("\r\ncontent-LENGTH: 5"), "{}: {head}", scene.way);
        assert_eq!(response.head, "HTTP/1.1 200 OK\r\ncontent-LENGTH: 5", "{}", scene.way);
        assert_eq!(response.text(), "world", "{}", scene.way);
    }
}

#[tokio::test]
async fn a_length_of_zero_travels_and_none_is_added() {
    let (proxy, origin) = (proxy().await, Origin::start().await);
    let at = origin.address;

    proxy.ask(format!("POST http://{at}/ HTTP/1.1\r\nHost: {at}\r\nContent-Length: 0\r\n\r\n")).await;
    proxy.ask(format!("POST http://{at}/ HTTP/1.1\r\nHost: {at}\r\n\r\n")).await;

    let without = format!("POST / HTTP/1.1\r\nHost: {at}");
    assert_eq!(origin.heads(), [format!("{without}\r\nContent-Length: 0"), without]);
}

#[tokio::test]
async fn a_chunked_body_arrives_whole_in_both_directions() {
    let large = "x".repeat(300_000);
    let one_large_chunk = format!("493e0\r\n{large}\r\n0\r\n\r\n");
    let many_small_chunks = format!("{}0\r\n\r\n", "1\r\nx\r\n".repeat(1000));
    let cases = [
        ("0\r\n\r\n", ""),
        ("5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n", "hello world"),
        ("000A\r\n0123456789\r\n000\r\n\r\n", "0123456789"),
        ("5;name=value;other=\"a b\"\r\nhello\r\n0;last\r\n\r\n", "hello"),
        ("5 ; name\r\nhello\r\n0\r\n\r\n", "hello"),
        (&many_small_chunks, &large[..1000]),
        (&one_large_chunk, &large),
    ];
    for scene in both_ways().await {
        for (wire, data) in &cases {
            let case = format!("{}: {:.40}", scene.way, wire);
            let mut client = scene.proxy.connect().await;

            let (sent, response) = tokio::join!(
                async {
                    let mut peer = scene.peer.asked().await;
                    assert!(peer.head().await.contains("\r\nTransfer-Encoding: chunked"), "{case}");
                    let sent = peer.chunks().await;
                    peer.send("HTTP/1.1 200 OK\r\nConnection: close\r\nTransfer-Encoding: Chunked\r\n\r\n").await;
                    peer.send(wire).await;
                    sent
                },
                async {
                    client.send(scene.head("POST", format!("Transfer-Encoding: Chunked\r\n\r\n{wire}"))).await;
                    client.response().await
                }
            );

            assert!(sent.0 == data.as_bytes(), "{case}");
            assert!(response.body == data.as_bytes(), "{case}");
            assert_eq!(response.head, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked", "{case}");
        }
    }
}

#[tokio::test]
async fn messages_may_come_byte_by_byte() {
    let body = "Transfer-Encoding: chunked\r\n\r\n5;a\r\nhello\r\n6\r\n world\r\n0\r\nA: b\r\n\r\n";
    for scene in both_ways().await {
        let mut client = scene.proxy.connect().await;
        for byte in scene.head("POST", body) {
            client.send([byte]).await;
            yield_now().await;
        }
        let mut peer = scene.peer.asked().await;
        peer.head().await;
        let sent = peer.chunks().await;
        for byte in format!("HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 200 OK\r\n{body}").bytes() {
            peer.send([byte]).await;
            yield_now().await;
        }

        let expected = (b"hello world".to_vec(), "A: b\r\n".to_owned());
        assert_eq!(sent, expected, "{}", scene.way);
        assert_eq!(client.head().await, "HTTP/1.1 103 Early Hints", "{}", scene.way);
        let response = client.response().await;
        assert_eq!((response.body, response.trailers), expected, "{}", scene.way);
    }
}

#[tokio::test]
async fn trailers_travel_in_both_directions_unless_they_frame_or_route() {
    let trailers = "0\r\nDigest: abc\r\nContent-Length: 9\r\nX-Second:   2  \r\nTransfer-Encoding: gzip\r\nHost: a\r\n\
                    Connection: close\r\nProxy-Authorization: Basic eA==\r\nKeep-Alive: 1\r\nTE: x\r\nUpgrade: h2c\r\n\r\n";
    for scene in both_ways().await {
        let body = format!("Trailer: Digest\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n{trailers}");

        let (mut client, mut peer, head) = scene.request("POST", &body).await;
        let sent = peer.chunks().await;
        peer.send(format!("HTTP/1.1 200 OK\r\n{body}")).await;
        let response = client.response().await;

        let expected = "Digest: abc\r\nX-Second: 2\r\n";
        assert!(head.contains("\r\nTrailer: Digest\r\n"), "{}: {head}", scene.way);
        assert_eq!(sent, (b"hello".to_vec(), expected.to_owned()), "{}", scene.way);
        assert_eq!((response.text(), &*response.trailers), ("hello", expected), "{}", scene.way);
    }
}

#[tokio::test]
async fn a_body_without_a_length_ends_with_both_connections() {
    for scene in both_ways().await {
        let (mut client, mut peer, _) = scene.request("GET", "\r\n").await;

        peer.send("HTTP/1.1 200 OK\r\n\r\nhello").await;
        let head = client.head().await;
        let first = client.bytes(5).await;
        peer.send(" world").await;
        peer.end().await;

        assert_eq!(head, "HTTP/1.1 200 OK\r\nConnection: close", "{}", scene.way);
        assert_eq!(first, b"hello", "{}", scene.way);
        assert_eq!(client.rest().await, b" world", "{}", scene.way);
    }
}

#[tokio::test]
async fn a_response_that_breaks_off_never_looks_complete() {
    let (length, chunked) = ("Content-Length: 11", "Transfer-Encoding: chunked");
    let cases = [
        (length, "hello", "", "hello"),
        (chunked, "5\r\nhello\r\n", "", "5\r\nhello\r\n"),
        (chunked, "b\r\nhello", "", "5\r\nhello\r\n"),
        (chunked, "5\r\nhello\r\n", "0\r\n", "5\r\nhello\r\n"),
        (chunked, "5\r\nhello\r\n", "nonsense\r\n", "5\r\nhello\r\n"),
        (chunked, "5\r\nhello\r\n", "0\r\nno field\r\n\r\n", "5\r\nhello\r\n"),
    ];
    let scene = Scene::direct().await;
    for (framing, begin, end, expected) in cases {
        let (mut client, mut peer, _) = scene.request("GET", "\r\n").await;

        peer.send(format!("HTTP/1.1 200 OK\r\n{framing}\r\n\r\n{begin}")).await;
        client.head().await;
        let received = client.bytes(expected.len()).await;
        peer.send(end).await;
        peer.end().await;

        assert_eq!(String::from_utf8(received).unwrap(), expected, "{begin:?} {end:?}");
        assert!(client.has_ended().await, "{begin:?} {end:?}");
    }
}

#[tokio::test]
async fn a_body_that_is_broken_before_anything_was_passed_on_is_a_bad_response() {
    for scene in both_ways().await {
        let (mut client, mut peer, _) = scene.request("GET", "\r\n").await;

        peer.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nnonsense\r\n").await;
        let response = client.response().await;

        assert_eq!((response.status, response.reason()), (502, scene.bad_response), "{}", scene.way);
    }
}

#[tokio::test]
async fn a_response_that_ends_with_its_connection_and_breaks_off_reaches_the_client_as_a_reset() {
    // A client of HTTP/1.0 gets the bare data of chunks, whose end is that of the connection.
    let cases = [
        ("HTTP/1.1", "HTTP/1.1 200 OK\r\n\r\nhello"),
        ("HTTP/1.0", "HTTP/1.1 200 OK\r\n\r\nhello"),
        ("HTTP/1.0", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n"),
    ];
    for (version, response) in cases {
        let (proxy, origin) = (proxy().await, Peer::start());
        let at = origin.address;
        let mut client = proxy.connect().await;
        client.send(format!("GET http://{at}/ {version}\r\nHost: {at}\r\n\r\n")).await;
        let mut peer = origin.accept().await;
        peer.head().await;

        peer.send(response).await;
        client.head().await;
        let received = client.bytes(5).await;
        peer.reset();

        assert_eq!(received, b"hello", "{version} {response:?}");
        assert_eq!(client.error().await, Some(ConnectionReset), "{version} {response:?}");
    }
}

#[tokio::test]
async fn responses_without_a_body_leave_both_connections_usable() {
    let cases = [
        ("HEAD", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 5"),
        ("HEAD", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", "HTTP/1.1 200 OK"),
        ("HEAD", "HTTP/1.1 200 OK\r\n\r\n", "HTTP/1.1 200 OK"),
        ("GET", "HTTP/1.1 204 No Content\r\n\r\n", "HTTP/1.1 204 No Content"),
        ("GET", "HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n\r\n", "HTTP/1.1 204 No Content"),
        ("GET", "HTTP/1.1 204 No Content\r\nTransfer-Encoding: chunked\r\n\r\n", "HTTP/1.1 204 No Content"),
        ("GET", "HTTP/1.1 304 Not Modified\r\nETag: \"a\"\r\n\r\n", "HTTP/1.1 304 Not Modified\r\nETag: \"a\""),
        (
            "GET",
            "HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n",
            "HTTP/1.1 304 Not Modified\r\nContent-Length: 5",
        ),
        ("GET", "HTTP/1.1 304 Not Modified\r\nContent-Length: many\r\n\r\n", "HTTP/1.1 304 Not Modified"),
        ("POST", "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 0"),
    ];
    let scenes = both_ways().await;
    for scene in &scenes {
        let (mut client, mut peer, _) = scene.request("GET", "\r\n").await;
        peer.send("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n").await;
        client.response().await;
        for (method, response, expected) in cases {
            client.send(scene.head(method, "\r\n")).await;
            peer.head().await;
            peer.send(response).await;
            assert_eq!(client.head().await, expected, "{} {method} {response:?}", scene.way);
        }
    }
}

#[tokio::test]
async fn a_client_of_http_1_0_gets_the_bare_data_of_chunks() {
    let (proxy, origin) = (proxy().await, Peer::start());
    let at = origin.address;
    let mut client = proxy.connect().await;
    client.send(format!("GET http://{at}/ HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")).await;
    let mut peer = origin.accept().await;
    peer.head().await;

    peer.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n6;x\r\n world\r\n0\r\nA: b\r\n\r\n")
        .await;

    assert_eq!(client.head().await, "HTTP/1.1 200 OK\r\nConnection: close");
    assert_eq!(client.rest().await, b"hello world");
}

#[tokio::test]
async fn a_client_of_http_1_0_keeps_its_connection_only_where_it_asks_for_that() {
    let (proxy, origin) = (proxy().await, Origin::start().await);
    let at = origin.address;
    let mut client = proxy.connect().await;

    for fields in ["Connection: Keep-Alive\r\n", "Proxy-Connection: keep-alive\r\n"] {
        client.send(format!("GET http://{at}/ HTTP/1.0\r\n{fields}\r\n")).await;
        let response = client.response().await;
        assert_eq!((response.field("connection"), response.text()), (Some("keep-alive"), "ok"), "{fields}");
    }
    client.send(format!("GET http://{at}/ HTTP/1.0\r\n\r\n")).await;
    let response = client.response().await;

    assert_eq!((response.field("connection"), response.text()), (Some("close"), "ok"));
    assert!(client.has_ended().await);
}

#[tokio::test]
async fn what_follows_a_body_is_the_next_request() {
    let scene = Scene::direct().await;
    let bodies = ["Content-Length: 5\r\n\r\nhello", "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n"];
    for body in bodies {
        let next = String::from_utf8(scene.head("GET", "X-Next: 1\r\n\r\n")).unwrap();

        let (mut client, mut peer, _) = scene.request("POST", format!("{body}{next}")).await;
        if body.starts_with('C') {
            peer.bytes(5).await
        } else {
            peer.chunks().await.0
        };
        peer.send("HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n1").await;
        let next_head = peer.head().await;
        peer.send("HTTP/1.1 200 OK\r\nContent-Length: 1\r\nConnection: close\r\n\r\n2").await;

        assert!(next_head.ends_with("\r\nX-Next: 1"), "{body:?}: {next_head}");
        assert_eq!(client.response().await.text(), "1", "{body:?}");
        assert_eq!(client.response().await.text(), "2", "{body:?}");
    }
}

#[tokio::test]
async fn a_broken_chunked_body_is_the_clients_fault_and_never_completes_at_the_other_side() {
    let broken =
        ["nonsense\r\n", "-1\r\n", "1\nx\r\n", "1\r\nxx\r\n", "1;\0\r\nx\r\n", "0\r\nno field\r\n\r\n", "1;\r\r\n"];
    for scene in both_ways().await {
        for broken in broken {
            let case = format!("{} {broken:?}", scene.way);
            let start = "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n";

            let (mut client, mut peer, _) = scene.request("POST", start).await;
            let first = peer.chunk().await;
            client.send(broken).await;
            let response = client.response().await;

            assert_eq!(first, b"hello", "{case}");
            assert_eq!((response.status, response.reason()), (400, "ALUVIA_BAD_REQUEST"), "{case}");
            assert!(client.has_ended().await, "{case}");
            let rest = peer.rest().await;
            assert!([&b""[..], b"1\r\nx\r\n"].contains(&&rest[..]), "{case}: {rest:?}");
        }
    }
}

#[tokio::test]
async fn a_body_that_its_client_does_not_finish_never_completes_at_the_other_side() {
    for scene in both_ways().await {
        for (body, seen) in [
            ("Content-Length: 6\r\n\r\nhello", "hello"),
            ("Transfer-Encoding: chunked\r\n\r\n6\r\nhello", "5\r\nhello\r\n"),
            ("Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n", "5\r\nhello\r\n"),
        ] {
            let (mut client, mut peer, _) = scene.request("POST", body).await;

            client.end().await;

            assert_eq!(String::from_utf8(peer.rest().await).unwrap(), seen, "{} {body:?}", scene.way);
            client.rest().await;
        }
    }
}
