//! Whatever waits has a timeout. The clock is paused once both sides have done what they do: it then moves on by itself
//! whenever everything waits.

mod support;

use std::io::{self, ErrorKind::ConnectionReset};
use std::time::Duration;

use tokio::time::{Instant, advance, pause, resume};

use support::{Origin, Raw, Scene, both_ways, proxy, within};

#[tokio::test]
async fn a_head_that_does_not_become_whole_is_answered_408_after_fifteen_seconds() {
    let (proxy, origin) = (proxy().await, Origin::start().await);
    let at = origin.address;
    let whole = format!("GET http://{at}/ HTTP/1.1\r\nHost: {at}\r\n\r\n");
    for half in ["G", "GET http://a.test/ HTTP/1.1\r\n", "CONNECT a.test:443 HTTP/1.1\r\nHost: a", "\r\nGET"] {
        let mut client = proxy.connect().await;
        // The answer to the first request shows that the half behind it has been read, too.
        client.send([&whole, half].concat()).await;
        assert_eq!(client.response().await.text(), "ok", "{half:?}");

        assert_silent(&client, HEAD_TIMEOUT, half).await.unwrap();
        let response = client.response().await;

        assert_eq!((response.status, response.reason()), (408, "ALUVIA_HEAD_TIMEOUT"), "{half:?}");
        assert!(client.has_ended().await, "{half:?}");
    }
}

#[tokio::test]
async fn a_head_that_comes_drop_by_drop_has_no_more_time() {
    let (proxy, origin) = (proxy().await, Origin::start().await);
    let at = origin.address;
    let mut client = proxy.connect().await;
    client.send(format!("GET http://{at}/ HTTP/1.1\r\nHost: {at}\r\n\r\nGET http://a.test/ HTTP/1.1\r\n")).await;
    client.response().await;

    for _ in 0..12 {
        client.send("A: b\r\n").await;
        pause();
        advance(Duration::from_secs(1)).await;
        resume();
    }

    assert_silent(&client, HEAD_TIMEOUT - Duration::from_secs(12), "").await.unwrap();
    assert_eq!(client.response().await.status, 408);
}

#[tokio::test]
async fn a_connection_that_never_says_a_word_is_closed_in_silence_after_ten_minutes() {
    let (proxy, origin) = (proxy().await, Origin::start().await);
    let at = origin.address;
    let mut never_asked = proxy.connect().await;
    let mut asked_once = proxy.connect().await;
    asked_once.send(format!("GET http://{at}/ HTTP/1.1\r\nHost: {at}\r\n\r\n")).await;
    asked_once.response().await;

    assert_silent(&never_asked, IDLE, "never asked").await.unwrap();
    assert_silent(&asked_once, Duration::ZERO, "asked once, at about the same time").await.unwrap();
    assert!(never_asked.has_ended().await);
    assert!(asked_once.has_ended().await);
}

#[tokio::test]
async fn idle_connections_serve_after_nine_minutes() {
    let (proxy, origin) = (proxy().await, Origin::start().await);
    let at = origin.address;
    let mut never_asked = proxy.connect().await;
    let mut asked_once = proxy.connect().await;
    let get = format!("GET http://{at}/ HTTP/1.1\r\nHost: {at}\r\n\r\n");
    asked_once.send(&get).await;
    asked_once.response().await;

    pause();
    advance(Duration::from_secs(9 * 60)).await;
    resume();

    for client in [&mut never_asked, &mut asked_once] {
        client.send(&get).await;
        assert_eq!(client.response().await.text(), "ok");
    }
}

#[tokio::test]
async fn an_answer_that_does_not_come_is_a_timeout_after_ten_minutes() {
    let scene = Scene::direct().await;
    let (mut client, _peer, _) = scene.request("GET", "\r\n").await;

    assert_silent(&client, IDLE, scene.way).await.unwrap();
    let response = client.response().await;

    assert_eq!((response.status, response.reason()), (504, "ALUVIA_RESPONSE_TIMEOUT"));
}

#[tokio::test]
async fn a_gateway_has_to_answer_within_the_connect_time_out() {
    let scene = Scene::by_gateway().await;
    let (mut client, _peer, _) = scene.request("GET", "\r\n").await;

    assert_silent(&client, CONNECT_TIMEOUT, scene.way).await.unwrap();
    let response = client.response().await;

    assert_eq!((response.status, response.reason()), (504, "ALUVIA_GATEWAY_TIMEOUT"));
}

#[tokio::test]
async fn a_gateway_that_drips_its_answer_has_to_be_done_within_the_connect_time_out() {
    let scene = Scene::by_gateway().await;
    let (mut client, mut peer, _) = scene.request("GET", "\r\n").await;

    let drip = async {
        for byte in b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n".iter().cycle() {
            peer.send([*byte]).await;
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    let start = Instant::now();
    let response = tokio::select! {
        response = client.response() => response,
        () = drip => unreachable!("it goes on for ever"),
    };

    assert_eq!((response.status, response.reason()), (504, "ALUVIA_GATEWAY_TIMEOUT"));
    assert!(start.elapsed() < CONNECT_TIMEOUT * 2, "{:?}", start.elapsed());
}

#[tokio::test]
async fn a_gateway_that_has_begun_to_answer_may_take_its_time() {
    let scene = Scene::by_gateway().await;
    let (mut client, mut peer, _) = scene.request("GET", "\r\n").await;

    peer.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\na").await;
    client.head().await;
    client.bytes(1).await;
    tokio::time::sleep(CONNECT_TIMEOUT + Duration::from_millis(500)).await;
    peer.send("b").await;

    assert_eq!(client.bytes(1).await, b"b");
}

#[tokio::test]
async fn a_response_that_stops_half_way_is_cut_after_ten_minutes() {
    for scene in both_ways().await {
        let (mut client, mut peer, _) = scene.request("GET", "\r\n").await;
        peer.send("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello").await;
        client.head().await;
        client.bytes(5).await;

        assert_silent(&client, IDLE, scene.way).await.unwrap();

        assert!(client.has_ended().await, "{}", scene.way);
        assert!(peer.has_ended().await, "{}", scene.way);
    }
}

#[tokio::test]
async fn events_that_come_now_and_then_keep_a_response_alive() {
    let scene = Scene::direct().await;
    let (mut client, mut peer, _) = scene.request("GET", "\r\n").await;
    peer.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n").await;
    client.head().await;

    for _ in 0..10 {
        pause();
        advance(Duration::from_secs(9 * 60)).await;
        resume();
        peer.send("6\r\n: ping\r\n").await;
        assert_eq!(client.chunk().await, b": ping");
    }
}

#[tokio::test]
async fn a_connect_that_was_idle_goes_on_and_one_that_was_forgotten_is_reset_after_an_hour() {
    for scene in both_ways().await {
        let (mut client, mut peer) = scene.connected().await;
        peer.send("hello").await;
        client.bytes(5).await;

        pause();
        advance(Duration::from_secs(59 * 60)).await;
        resume();
        client.send("still there?").await;
        assert_eq!(peer.bytes(12).await, b"still there?", "{}", scene.way);

        let end = assert_silent(&client, RELAY_IDLE, scene.way).await;
        assert_eq!(end.map_err(|error| error.kind()), Err(ConnectionReset), "{}", scene.way);
    }
}

#[tokio::test]
async fn a_connect_of_which_one_side_has_ended_is_forgotten_as_soon() {
    for scene in both_ways().await {
        let (mut client, mut peer) = scene.connected().await;
        peer.end().await;
        assert!(client.has_ended().await, "{}", scene.way);

        assert_silent(&peer, RELAY_IDLE, scene.way).await.unwrap_err();
    }
}

/// What the engine grants, from the first byte of a head on.
const HEAD_TIMEOUT: Duration = Duration::from_secs(15);
/// What the tests set.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);
/// What it grants to connections and exchanges.
const IDLE: Duration = Duration::from_secs(600);
/// What it grants to connects.
const RELAY_IDLE: Duration = Duration::from_secs(3600);

/// Nothing comes for about so long on a paused clock, and then something does. Returns what it is: the number of bytes, none
/// for an end.
async fn assert_silent(client: &Raw, expected: Duration, case: &str) -> io::Result<usize> {
    pause();
    let start = Instant::now();
    let something = within(Duration::from_secs(7200), "anything", client.stream.peek(&mut [0])).await;
    let waited = start.elapsed();
    resume();
    // The proxy has begun to wait a moment before.
    let least = expected.saturating_sub(Duration::from_secs(1));
    assert!((least..=expected + Duration::from_secs(1)).contains(&waited), "{case}: {waited:?}");
    something
}
