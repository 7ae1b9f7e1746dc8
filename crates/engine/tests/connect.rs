//! CONNECT: the way it is asked for, and bytes, ends and resets on the way that it opens.

mod support;

use std::io::ErrorKind::ConnectionReset;
use std::net::Ipv6Addr;
use std::time::Duration;

use tokio::time::{pause, resume, sleep};

use support::{Gateway, Origin, Peer, Raw, Scene, both_ways, has_ipv6, origin, proxy, proxy_by_gateway, setup};
use support::{soon, spawn, within};

#[tokio::test]
async fn a_connect_is_served_however_clients_ask_for_it() {
    let origin = Peer::start();
    let at = origin.address;
    let cases = [
        format!("CONNECT {at} HTTP/1.1\r\nHost: {at}\r\n\r\n"),
        format!("CONNECT {at} HTTP/1.0\r\n\r\n"),
        format!("CONNECT {at} HTTP/1.1\r\n\r\n"),
        format!("CONNECT {at} HTTP/1.1\r\nHost: other.test:1\r\n\r\n"),
        format!("CONNECT {at} HTTP/1.1\r\nHost: {at}\r\nConnection: close\r\n\r\n"),
        format!("CONNECT {at} HTTP/1.1\r\nHost: {at}\r\nProxy-Connection: keep-alive\r\nUser-Agent: a\r\n\r\n"),
        format!("CONNECT {at} HTTP/1.1\r\nHost: {at}\r\nContent-Length: 0\r\n\r\n"),
        format!("\r\nCONNECT {at} HTTP/1.1\r\nHost: {at}\r\n\r\n"),
    ];
    for proxy in [proxy().await, proxy_by_gateway().await] {
        for case in &cases {
            let mut client = proxy.connect().await;
            client.send(case).await;

            assert_eq!(client.head().await, "HTTP/1.1 200 Connection Established", "{case:?}");
            let mut peer = origin.accept().await;
            assert_passes(&mut client, &mut peer).await;
        }
    }
}

#[tokio::test]
async fn a_connect_reaches_this_machine_by_each_of_its_names() {
    let (proxy, origin) = (proxy().await, Peer::start());
    for host in ["localhost", "App.LocalHost.", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "127.1", "0x7f000001"] {
        let mut client = proxy.connected_to(format!("{host}:{}", origin.address.port())).await;
        let mut peer = origin.accept().await;
        assert_passes(&mut client, &mut peer).await;
    }
}

#[tokio::test]
async fn a_connect_to_an_ipv6_address_is_served() {
    if !has_ipv6() {
        return;
    }
    let origin = Peer::at((Ipv6Addr::LOCALHOST, 0).into());
    for proxy in [proxy().await, proxy_by_gateway().await] {
        let (mut client, mut peer) = tokio::join!(proxy.connected_to(origin.address), origin.accept());

        assert_passes(&mut client, &mut peer).await;
    }
}

#[tokio::test]
async fn a_connect_may_follow_another_request_on_its_connection() {
    let (proxy, origin, target) = (proxy().await, Origin::start().await, Peer::start());
    let (at, to) = (origin.address, target.address);
    let get = format!("GET http://{at}/ HTTP/1.1\r\nHost: {at}\r\n\r\n");
    let connect = format!("CONNECT {to} HTTP/1.1\r\nHost: {to}\r\n\r\nearly");

    let mut one_by_one = proxy.connect().await;
    one_by_one.send(&get).await;
    assert_eq!(one_by_one.response().await.text(), "ok");
    one_by_one.send(&connect).await;
    let mut pipelined = proxy.connect().await;
    pipelined.send(get + &connect).await;
    assert_eq!(pipelined.response().await.text(), "ok");

    for client in [&mut one_by_one, &mut pipelined] {
        assert!(client.head().await.starts_with("HTTP/1.1 200 "));
        let mut peer = target.accept().await;
        assert_eq!(peer.bytes(5).await, b"early");
        assert_passes(client, &mut peer).await;
    }
}

#[tokio::test]
async fn bytes_that_come_with_the_head_or_before_the_answer_are_not_lost() {
    for scene in both_ways().await {
        let mut client = scene.proxy.connect().await;
        client.send(format!("CONNECT {} HTTP/1.1\r\n\r\nwith the head", scene.authority)).await;
        let mut peer = scene.peer.asked().await;
        if scene.way == "by gateway" {
            peer.head().await;
        }
        client.send(" and before the answer").await;
        client.end().await;
        if scene.way == "by gateway" {
            peer.send("HTTP/1.1 200 OK\r\n\r\n").await;
        }

        assert!(client.head().await.starts_with("HTTP/1.1 200 "), "{}", scene.way);
        let received = String::from_utf8(peer.rest().await).unwrap();
        assert_eq!(received, "with the head and before the answer", "{}", scene.way);
        peer.send("still heard").await;
        assert_eq!(client.bytes(11).await, b"still heard", "{}", scene.way);
    }
}

#[tokio::test]
async fn more_than_is_kept_before_the_answer_waits_and_is_not_lost() {
    let scene = Scene::by_gateway().await;
    let early: Vec<u8> = (0..1_000_000_u32).map(|at| (at % 251) as u8).collect();
    let mut client = scene.proxy.connect().await;
    client.send(format!("CONNECT {} HTTP/1.1\r\n\r\n", scene.authority)).await;
    let mut peer = scene.peer.asked().await;
    peer.head().await;

    let ((), received) = tokio::join!(client.send(&early), async {
        peer.send("HTTP/1.1 200 OK\r\n\r\n").await;
        peer.bytes(early.len()).await
    });

    assert!(received == early);
}

#[tokio::test]
async fn a_server_that_speaks_first_is_heard() {
    let origin = origin(|mut connection| async move { connection.send("220 hello\r\n").await }).await;
    let gateway = Gateway::serving(|mut client, _| async move {
        client.send("HTTP/1.1 200 OK\r\n\r\n220 hello\r\n").await;
    });
    let at_once = setup(support::EVERYTHING).gateway(gateway.await).start().await;

    for proxy in [proxy().await, proxy_by_gateway().await, at_once] {
        let mut client = proxy.connected_to(origin).await;
        assert_eq!(client.line().await, "220 hello");
        assert!(client.has_ended().await);
    }
}

#[tokio::test]
async fn an_end_is_passed_on_and_the_other_direction_goes_on() {
    for scene in both_ways().await {
        let (mut client, mut peer) = scene.connected().await;
        client.send("question").await;
        client.end().await;
        assert_eq!(peer.rest().await, b"question", "{}", scene.way);
        peer.send("answer").await;
        drop(peer);
        assert_eq!(client.rest().await, b"answer", "{}", scene.way);

        let (mut client, mut peer) = scene.connected().await;
        peer.send("farewell").await;
        peer.end().await;
        assert_eq!(client.rest().await, b"farewell", "{}", scene.way);
        client.send("reply").await;
        drop(client);
        assert_eq!(peer.rest().await, b"reply", "{}", scene.way);
    }
}

#[tokio::test]
async fn a_reset_on_one_side_reaches_the_other() {
    for scene in both_ways().await {
        let (client, mut peer) = scene.connected().await;
        client.reset();
        assert_eq!(peer.error().await, Some(ConnectionReset), "{}: of the client", scene.way);

        let (mut client, peer) = scene.connected().await;
        peer.reset();
        assert_eq!(client.error().await, Some(ConnectionReset), "{}: of the other side", scene.way);
    }
}

#[tokio::test]
async fn a_reset_after_an_end_reaches_the_other_side() {
    for scene in both_ways().await {
        let (mut client, mut peer) = scene.connected().await;
        client.end().await;
        assert!(peer.has_ended().await, "{}", scene.way);
        peer.reset();
        assert_eq!(client.error().await, Some(ConnectionReset), "{}: of the other side", scene.way);

        let (mut client, mut peer) = scene.connected().await;
        peer.end().await;
        assert!(client.has_ended().await, "{}", scene.way);
        client.reset();
        assert_eq!(peer.error().await, Some(ConnectionReset), "{}: of the client", scene.way);
    }
}

#[tokio::test]
async fn a_reset_by_the_side_that_has_ended_before_reaches_the_other_side() {
    for scene in both_ways().await {
        let (mut client, mut peer) = scene.connected().await;
        client.end().await;
        assert!(peer.has_ended().await, "{}", scene.way);
        client.reset();
        // It has read the end before; what is left to see is that nothing can be written any more.
        pause();
        within(Duration::from_secs(60), "the reset", async {
            while peer.stream.take_error().unwrap().is_none() {
                sleep(Duration::from_millis(100)).await;
            }
        })
        .await;
        resume();
    }
}

#[tokio::test]
async fn the_dial_is_dropped_when_the_client_leaves_before_the_answer() {
    let scene = Scene::by_gateway_with(|options| options.connect_timeout_ms = Some(60_000.0)).await;
    for leave in [drop::<Raw>, Raw::reset] {
        let mut client = scene.proxy.connect().await;
        client.send("CONNECT origin.test:443 HTTP/1.1\r\n\r\n").await;
        let mut peer = scene.peer.asked().await;
        peer.head().await;

        leave(client);

        assert!(peer.has_ended().await);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_connects_at_once_are_all_served() {
    let echo = origin(|mut connection| async move {
        let bytes = connection.bytes(4).await;
        connection.send(bytes).await;
    });
    let (proxy, at) = (std::sync::Arc::new(proxy().await), echo.await);
    let (done, mut results) = tokio::sync::mpsc::unbounded_channel();

    let mut clients = Vec::new();
    for _ in 0..1000 {
        let mut client = proxy.connect().await;
        client.send(format!("CONNECT {at} HTTP/1.1\r\n\r\n")).await;
        clients.push(client);
    }
    for (number, mut client) in clients.into_iter().enumerate() {
        let done = done.clone();
        spawn(async move {
            assert!(client.head().await.starts_with("HTTP/1.1 200 "));
            client.send(format!("{number:04}")).await;
            let echoed = client.bytes(4).await;
            let _ = done.send((number, String::from_utf8(echoed).unwrap()));
        });
    }

    for _ in 0..1000 {
        let (number, echoed) = soon("an echo", results.recv()).await.unwrap();
        assert_eq!(echoed, format!("{number:04}"));
    }
}

/// A word from each side reaches the other.
async fn assert_passes(client: &mut Raw, peer: &mut Raw) {
    client.send("from the client").await;
    assert_eq!(peer.bytes(15).await, b"from the client");
    peer.send("from the other side").await;
    assert_eq!(client.bytes(19).await, b"from the other side");
}
