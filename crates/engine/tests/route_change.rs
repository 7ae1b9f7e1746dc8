//! Running connects whose host would go another way by new rules.

mod support;

use std::io::ErrorKind::ConnectionReset;
use std::time::Duration;

use aluvia_engine::Update;
use tokio::time::{Instant, sleep, timeout};

use support::{Names, Peer, Proxy, Raw, setup, within};

/// A proxy that sends a.test direct, and a connect to it.
async fn connected(on_route_change: Option<&str>) -> (Proxy, Raw, Raw) {
    let (names, origin) = (Names::new(&[("a.test", &["127.0.0.1"])]), Peer::start());
    let setup = setup(&[]).resolver(&names);
    let proxy = setup.options(|options| options.on_route_change = on_route_change.map(str::to_owned)).start().await;
    let target = format!("a.test:{}", origin.address.port());
    let (client, peer) = tokio::join!(proxy.connected_to(target), origin.accept());
    (proxy, client, peer)
}

async fn set_rules(proxy: &Proxy, rules: &[&str]) {
    let rules = rules.iter().map(ToString::to_string).collect();
    proxy.session.update(&Update { rules: Some(rules), session_id: None }).await.expect("the API takes it");
}

async fn exchange(client: &mut Raw, peer: &mut Raw) {
    client.send("question").await;
    assert_eq!(peer.bytes(8).await, b"question");
    peer.send("answer").await;
    assert_eq!(client.bytes(6).await, b"answer");
}

#[tokio::test]
async fn an_idle_connect_is_closed_in_peace() {
    let (proxy, mut client, mut peer) = connected(None).await;
    exchange(&mut client, &mut peer).await;

    set_rules(&proxy, &["a.test"]).await;

    let start = Instant::now();
    assert!(within(Duration::from_secs(5), "the end", client.has_ended()).await);
    assert!(peer.has_ended().await);
    assert!(start.elapsed() > Duration::from_millis(1500), "{:?}", start.elapsed());
}

#[tokio::test]
async fn a_transfer_is_not_cut_and_its_connect_is_closed_when_it_is_done() {
    let (proxy, mut client, mut peer) = connected(None).await;
    exchange(&mut client, &mut peer).await;

    set_rules(&proxy, &["a.test"]).await;
    for _ in 0..8 {
        peer.send("some more").await;
        assert_eq!(client.bytes(9).await, b"some more");
        sleep(Duration::from_millis(600)).await;
    }

    assert!(within(Duration::from_secs(5), "the end", client.has_ended()).await);
}

#[tokio::test]
async fn an_answer_that_is_due_is_waited_for() {
    let (proxy, mut client, mut peer) = connected(None).await;
    client.send("question").await;
    peer.bytes(8).await;

    set_rules(&proxy, &["a.test"]).await;
    sleep(Duration::from_millis(3500)).await;
    peer.send("answer").await;

    assert_eq!(client.bytes(6).await, b"answer");
    assert!(within(Duration::from_secs(5), "the end", client.has_ended()).await);
}

#[tokio::test]
async fn a_client_that_has_not_taken_everything_is_not_cut() {
    let (proxy, mut client, mut peer) = connected(None).await;
    let sent = vec![b'x'; 32 * 1024 * 1024];
    let sending = async {
        peer.send(&sent).await;
        peer.end().await;
    };
    let receiving = async {
        sleep(Duration::from_millis(100)).await;
        set_rules(&proxy, &["a.test"]).await;
        sleep(Duration::from_millis(3500)).await;
        client.rest().await.len()
    };

    assert_eq!(tokio::join!(sending, receiving).1, sent.len());
}

#[tokio::test]
async fn an_idle_time_out_stays_a_reset() {
    let (names, origin) = (Names::new(&[("a.test", &["127.0.0.1"])]), Peer::start());
    let setup = setup(&[]).resolver(&names).options(|options| options.idle_timeout_ms = Some(1000.0));
    let proxy = setup.start().await;
    let target = format!("a.test:{}", origin.address.port());
    let (mut client, mut peer) = tokio::join!(proxy.connected_to(target), origin.accept());
    client.send("question").await;
    peer.bytes(8).await;

    set_rules(&proxy, &["a.test"]).await;

    assert_eq!(within(Duration::from_secs(3), "the end", client.error()).await, Some(ConnectionReset));
}

#[tokio::test]
async fn rules_that_change_back_leave_it_alone() {
    let (proxy, mut client, mut peer) = connected(None).await;
    exchange(&mut client, &mut peer).await;

    set_rules(&proxy, &["a.test"]).await;
    set_rules(&proxy, &["b.test"]).await;
    sleep(Duration::from_millis(3000)).await;

    exchange(&mut client, &mut peer).await;
}

#[tokio::test]
async fn rules_that_change_there_and_back_and_there_again_close_it() {
    let (proxy, mut client, mut peer) = connected(None).await;
    exchange(&mut client, &mut peer).await;

    for rules in [["a.test"], ["b.test"], ["a.test"]] {
        set_rules(&proxy, &rules).await;
        sleep(Duration::from_millis(300)).await;
    }

    assert!(within(Duration::from_secs(5), "the end", client.has_ended()).await);
}

#[tokio::test]
async fn the_first_bytes_that_a_tls_server_says_are_no_answer_yet() {
    let (proxy, mut client, mut peer) = connected(None).await;
    // A ClientHello, its answer, a request, and the tickets that come before its answer.
    for (sent, answered) in [(&b"\x16\x03\x01hello"[..], 3000), (b"\x17\x03\x03request", 500)] {
        client.send(sent).await;
        peer.bytes(sent.len()).await;
        peer.send(vec![b'x'; answered]).await;
        client.bytes(answered).await;
    }

    set_rules(&proxy, &["a.test"]).await;
    sleep(Duration::from_millis(4000)).await;
    peer.send("answer").await;

    assert_eq!(client.bytes(6).await, b"answer");
}

#[tokio::test]
async fn rules_that_say_the_same_of_it_leave_it_alone() {
    let (proxy, mut client, mut peer) = connected(None).await;
    exchange(&mut client, &mut peer).await;

    set_rules(&proxy, &["b.test", "*.a.test"]).await;
    sleep(Duration::from_millis(3000)).await;

    exchange(&mut client, &mut peer).await;
}

#[tokio::test]
async fn keep_keeps_it() {
    let (proxy, mut client, mut peer) = connected(Some("keep")).await;
    exchange(&mut client, &mut peer).await;

    set_rules(&proxy, &["a.test"]).await;
    sleep(Duration::from_millis(3000)).await;

    exchange(&mut client, &mut peer).await;
}

#[tokio::test]
async fn close_resets_it_at_once() {
    let (proxy, mut client, mut peer) = connected(Some("close")).await;
    client.send("question").await;
    peer.bytes(8).await;

    set_rules(&proxy, &["a.test"]).await;

    let ended = timeout(Duration::from_millis(500), client.error()).await;
    assert_eq!(ended, Ok(Some(ConnectionReset)));
    assert_eq!(peer.error().await, Some(ConnectionReset));
}
