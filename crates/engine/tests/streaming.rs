//! Bodies on their way: passed on as they come, both ways at once, no faster than they are taken, and unharmed.

mod support;

use std::io::ErrorKind::ConnectionReset;
use std::sync::LazyLock;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;

use support::tls::Authority;
use support::{Gateway, Peer, Raw, both_ways, proxy, proxy_by_gateway, soon};

#[tokio::test]
async fn events_arrive_one_by_one_as_they_are_sent() {
    for scene in both_ways().await {
        for framing in ["Transfer-Encoding: chunked\r\n", ""] {
            let case = format!("{} {framing:?}", scene.way);
            let is_chunked = !framing.is_empty();
            let (mut client, mut peer, _) = scene.request("GET", "Accept: text/event-stream\r\n\r\n").await;

            peer.send(format!("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n{framing}\r\n")).await;
            assert!(client.head().await.contains("\r\nContent-Type: text/event-stream"), "{case}");
            for number in 0..10 {
                let event = format!("data: {number}\n\n");
                peer.send(if is_chunked { format!("9\r\n{event}\r\n") } else { event.clone() }).await;
                let received = if is_chunked { client.chunk().await } else { client.bytes(9).await };
                assert_eq!(String::from_utf8(received).unwrap(), event, "{case}");
            }
            drop(peer);
            client.rest().await;
        }
    }
}

#[tokio::test]
async fn a_request_and_its_response_may_be_under_way_at_once() {
    for scene in both_ways().await {
        let (mut client, mut peer, _) = scene.request("POST", "Transfer-Encoding: chunked\r\n\r\n").await;
        peer.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n").await;
        client.head().await;

        for chunk in ["3\r\none\r\n", "3\r\ntwo\r\n", "5\r\nthree\r\n", "0\r\n\r\n"] {
            client.send(chunk).await;
            let asked = peer.chunk().await;
            peer.send(chunk).await;
            assert_eq!(client.chunk().await, asked, "{}: {chunk:?}", scene.way);
        }
        peer.line().await;
        client.line().await;

        // Both have ended well, so that both connections serve the next request.
        client.send(scene.head("GET", "\r\n")).await;
        peer.head().await;
        peer.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok").await;
        assert_eq!(client.response().await.text(), "ok", "{}", scene.way);
    }
}

#[tokio::test]
async fn an_upload_goes_on_after_an_early_answer_and_the_connections_with_it() {
    for scene in both_ways().await {
        let (mut client, mut peer, _) = scene.request("POST", "Content-Length: 8000000\r\n\r\nhello").await;
        peer.bytes(5).await;

        peer.send("HTTP/1.1 413 Content Too Large\r\nContent-Length: 2\r\n\r\nno").await;
        let response = client.response().await;
        let (rest, ()) = tokio::join!(peer.bytes(7_999_995), client.send(vec![b'x'; 7_999_995]));

        assert_eq!((response.status, response.text()), (413, "no"), "{}", scene.way);
        assert_eq!(response.field("connection"), None, "{}", scene.way);
        assert!(rest.iter().all(|byte| *byte == b'x'), "{}", scene.way);
        client.send(scene.head("GET", "\r\n")).await;
        peer.head().await;
        peer.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok").await;
        assert_eq!(client.response().await.text(), "ok", "{}", scene.way);
    }
}

#[tokio::test]
async fn a_server_that_closes_after_an_early_answer_ends_the_upload() {
    for scene in both_ways().await {
        let (mut client, mut peer, _) = scene.request("POST", "Content-Length: 8000000\r\n\r\nhello").await;
        peer.bytes(5).await;

        peer.send("HTTP/1.1 413 Content Too Large\r\nContent-Length: 2\r\n\r\nno").await;
        let response = client.response().await;
        peer.end().await;

        assert_eq!((response.status, response.text()), (413, "no"), "{}", scene.way);
        assert!(client.has_ended().await, "{}", scene.way);
        assert!(peer.has_ended().await, "{}", scene.way);
    }
}

#[tokio::test]
async fn an_early_answer_to_a_client_that_waits_to_go_on_says_that_it_is_the_last() {
    for scene in both_ways().await {
        let (mut client, mut peer, _) = scene.request("PUT", "Expect: 100-continue\r\nContent-Length: 5\r\n\r\n").await;

        peer.send("HTTP/1.1 413 Content Too Large\r\nContent-Length: 2\r\n\r\nno").await;
        let response = client.response().await;

        assert_eq!((response.status, response.field("connection")), (413, Some("close")), "{}", scene.way);
        assert!(client.has_ended().await, "{}", scene.way);
    }
}

#[tokio::test]
async fn an_answer_reaches_a_client_that_still_uploads_to_a_server_that_has_gone() {
    for scene in both_ways().await {
        let mut client = scene.proxy.connect().await;
        client.send(scene.head("POST", format!("Content-Length: {LARGE}\r\n\r\n"))).await;

        let serving = async {
            let mut peer = scene.peer.asked().await;
            peer.head().await;
            peer.send("HTTP/1.1 413 Content Too Large\r\nContent-Length: 2\r\n\r\nno").await;
            // Closed with bytes unread: what was written to it is answered with a reset.
        };
        let uploading = fill(&mut client.stream);
        tokio::join!(uploading, serving);
        let response = client.response().await;

        assert_eq!((response.status, response.text()), (413, "no"), "{}", scene.way);
    }
}

#[tokio::test]
async fn a_slow_reader_slows_its_writer_down() {
    for scene in both_ways().await {
        let framing = format!("Content-Length: {LARGE}\r\n\r\n");

        let (mut client, mut peer, _) = scene.request("GET", "\r\n").await;
        peer.send(format!("HTTP/1.1 200 OK\r\n{framing}")).await;
        client.head().await;
        assert_backpressure(&format!("{}, a response", scene.way), &mut peer, &mut client).await;

        let (mut client, mut peer, _) = scene.request("POST", &framing).await;
        assert_backpressure(&format!("{}, a request", scene.way), &mut client, &mut peer).await;

        let (mut client, mut peer) = scene.connected().await;
        assert_backpressure(&format!("{}, a connect, down", scene.way), &mut peer, &mut client).await;

        let (mut client, mut peer) = scene.connected().await;
        assert_backpressure(&format!("{}, a connect, up", scene.way), &mut client, &mut peer).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn large_bodies_with_a_length_arrive_unharmed() {
    for scene in both_ways().await {
        let framing = format!("Content-Length: {LARGE}\r\n\r\n");
        let (mut client, mut peer, _) = scene.request("POST", &framing).await;

        tokio::join!(send_pattern(&mut client), receive_pattern(&mut peer));
        peer.send(format!("HTTP/1.1 200 OK\r\n{framing}")).await;
        client.head().await;
        tokio::join!(send_pattern(&mut peer), receive_pattern(&mut client));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn large_bodies_of_one_chunk_arrive_unharmed() {
    for scene in both_ways().await {
        let framing = format!("Transfer-Encoding: chunked\r\n\r\n{LARGE:x}\r\n");
        let (mut client, mut peer, _) = scene.request("POST", &framing).await;

        tokio::join!(send_pattern_and_last_chunk(&mut client), receive_pattern_in_chunks(&mut peer));
        peer.send(format!("HTTP/1.1 200 OK\r\n{framing}")).await;
        client.head().await;
        tokio::join!(send_pattern_and_last_chunk(&mut peer), receive_pattern_in_chunks(&mut client));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn large_amounts_pass_a_connect_unharmed_both_ways_at_once() {
    let ca = Authority::new();
    let front = ca.serve("127.0.0.1", Gateway::start().await.address).await;
    for proxy in [proxy().await, proxy_by_gateway().await, ca.by_https(front).start().await] {
        let origin = Peer::start();
        let (mut client, mut peer) = tokio::join!(proxy.connected_to(origin.address), origin.accept());
        let (client, peer) = (&mut client.stream, &mut peer.stream);
        let ((mut client_in, mut client_out), (mut peer_in, mut peer_out)) = (client.split(), peer.split());

        tokio::join!(
            write_pattern(&mut client_out),
            write_pattern(&mut peer_out),
            read_pattern(&mut client_in),
            read_pattern(&mut peer_in),
        );
    }
}

#[tokio::test]
async fn what_was_sent_in_bulk_arrives_before_what_follows_it() {
    for scene in both_ways().await {
        let (mut client, mut peer) = scene.connected().await;
        for _ in 0..3 {
            bulk(&mut client, &mut peer).await;
            bulk(&mut peer, &mut client).await;
            for _ in 0..50 {
                client.send("ping").await;
                assert_eq!(peer.bytes(4).await, b"ping", "{}", scene.way);
                peer.send("pong").await;
                assert_eq!(client.bytes(4).await, b"pong", "{}", scene.way);
            }
        }
    }
}

#[tokio::test]
async fn an_end_after_bulk_is_passed_on_behind_it() {
    for scene in both_ways().await {
        let (mut client, mut peer) = scene.connected().await;
        bulk(&mut client, &mut peer).await;

        let sent = &pattern_at(0)[..BLOCK];
        tokio::join!(
            async {
                for _ in 0..BULK / BLOCK {
                    client.send(sent).await;
                }
                client.end().await;
            },
            async {
                let received = peer.rest().await;
                assert_eq!(received.len(), BULK, "{}", scene.way);
                assert!(received.chunks(BLOCK).all(|block| block == sent), "{}", scene.way);
            }
        );
        peer.send("thanks").await;
        drop(peer);
        assert_eq!(client.rest().await, b"thanks", "{}", scene.way);
    }
}

#[tokio::test]
async fn a_reset_in_the_middle_of_bulk_reaches_the_other_side() {
    for scene in both_ways().await {
        let (mut client, mut peer) = scene.connected().await;
        bulk(&mut client, &mut peer).await;
        client.reset();
        assert_eq!(peer.error().await, Some(ConnectionReset), "{}: of the sender", scene.way);

        let (mut client, mut peer) = scene.connected().await;
        bulk(&mut client, &mut peer).await;
        peer.reset();
        assert_eq!(client.error().await, Some(ConnectionReset), "{}: of the receiver", scene.way);

        let (mut client, mut peer) = scene.connected().await;
        bulk(&mut client, &mut peer).await;
        fill(&mut client.stream).await;
        peer.reset();
        assert_eq!(client.error().await, Some(ConnectionReset), "{}: of a receiver that reads no more", scene.way);
    }
}

/// Sends so much that nobody takes it for small talk.
async fn bulk(from: &mut Raw, to: &mut Raw) {
    let sent = pattern_at(0).repeat(BULK / BLOCK);
    let ((), received) = tokio::join!(from.send(&sent), to.bytes(BULK));
    assert!(received == sent);
}

/// The writer can only write so much while the reader takes nothing, and all of it arrives when the reader goes on.
async fn assert_backpressure(case: &str, writer: &mut Raw, reader: &mut Raw) {
    let written = fill(&mut writer.stream).await;
    assert!(written < MOST_IN_FLIGHT, "{case}: {written} bytes were taken in advance");

    let mut received = 0;
    while received < written {
        let piece = reader.some().await;
        assert!(!piece.is_empty(), "{case}: the connection ended after {received} of {written} bytes");
        assert_is_pattern(&piece, received);
        received += piece.len();
    }
}

/// Writes the pattern until it is all written, nothing more is taken for a while, or the other side has gone. Returns how
/// much was written.
async fn fill(stream: &mut TcpStream) -> usize {
    let mut written = 0;
    while written < LARGE {
        match timeout(STALLED, stream.write(pattern_at(written))).await {
            Ok(Ok(more)) => written += more,
            Ok(Err(_)) | Err(_) => break,
        }
    }
    written
}

async fn send_pattern(raw: &mut Raw) {
    write_pattern(&mut raw.stream).await;
}

async fn write_pattern(out: &mut (impl AsyncWrite + Unpin)) {
    let mut written = 0;
    while written < LARGE {
        let write = out.write(pattern_at(written));
        written += soon("room", write).await.expect("the connection is open");
    }
}

async fn receive_pattern(raw: &mut Raw) {
    let mut received = 0;
    while received < LARGE {
        let piece = raw.some().await;
        assert!(!piece.is_empty(), "the connection ended after {received} bytes");
        assert_is_pattern(&piece, received);
        received += piece.len();
    }
}

async fn read_pattern(from: &mut (impl AsyncRead + Unpin)) {
    let mut buffer = vec![0; BLOCK];
    let mut received = 0;
    while received < LARGE {
        let length = soon("bytes", from.read(&mut buffer)).await.expect("the connection is open");
        assert!(length > 0, "the connection ended after {received} bytes");
        assert_is_pattern(&buffer[..length], received);
        received += length;
    }
}

async fn send_pattern_and_last_chunk(raw: &mut Raw) {
    send_pattern(raw).await;
    raw.send("\r\n0\r\n\r\n").await;
}

async fn receive_pattern_in_chunks(raw: &mut Raw) {
    let mut received = 0;
    loop {
        let chunk = raw.chunk().await;
        if chunk.is_empty() {
            break;
        }
        assert_is_pattern(&chunk, received);
        received += chunk.len();
    }
    assert_eq!(raw.line().await, "");
    assert_eq!(received, LARGE);
}

/// At most a block of the pattern, from an offset in the whole.
fn pattern_at(offset: usize) -> &'static [u8] {
    let start = offset % PERIOD;
    &PATTERN[start..start + BLOCK.min(LARGE - offset)]
}

fn assert_is_pattern(bytes: &[u8], offset: usize) {
    let mut offset = offset;
    for part in bytes.chunks(BLOCK) {
        let expected = pattern_at(offset).get(..part.len());
        assert!(expected == Some(part), "a byte is wrong within {} bytes from {offset} on", part.len());
        offset += part.len();
    }
}

/// One period, and so much of the next that a block can start anywhere in the first.
static PATTERN: LazyLock<Vec<u8>> = LazyLock::new(|| {
    let period: Vec<u8> = (0..PERIOD as u64).map(|at| (at.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 56) as u8).collect();
    [&period[..], &period[..BLOCK]].concat()
});
/// Prime, so that no block that is lost, doubled or moved goes unseen.
const PERIOD: usize = 65_521;
const BLOCK: usize = 32 * 1024;
const BULK: usize = 4 * 1024 * 1024;
const LARGE: usize = 64 * 1024 * 1024;
/// What the buffers of four sockets and one of the proxy's own may hold; Linux lets the sockets' grow to some megabytes.
const MOST_IN_FLIGHT: usize = 32 * 1024 * 1024;
/// A writer that gets rid of nothing for this long has to wait for its reader.
const STALLED: Duration = Duration::from_millis(300);
