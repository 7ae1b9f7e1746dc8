//! Hosts with more than one address (RFC 8305): which is tried when, and which wins.
#![cfg(target_os = "linux")] // Other systems have no 127.0.0.2, and treat a full queue in their own ways.

mod support;

use std::iter::{once, repeat_n};
use std::net::{Ipv4Addr, Ipv6Addr};
use std::time::Duration;

use tokio::time::Instant;

use support::{Names, Peer, Proxy, Raw, black_hole, has_ipv6, setup};

#[tokio::test]
async fn an_address_that_does_not_answer_costs_a_quarter_of_a_second() {
    let origin = Peer::start();
    let port = origin.address.port();
    let _hole = black_hole((SECOND, port)).await;
    let proxy = proxy_that_knows(&["127.0.0.2", "127.0.0.1"]).await;

    let requests = [
        format!("CONNECT site.test:{port} HTTP/1.1\r\n\r\n"),
        format!("GET http://site.test:{port}/ HTTP/1.1\r\nHost: site.test\r\n\r\n"),
    ];
    for request in requests {
        let start = Instant::now();
        let mut client = proxy.connect().await;
        client.send(&request).await;
        origin.accept().await;

        // Less than the two seconds of the time-out, too: nobody comes after those.
        assert!(start.elapsed() >= Duration::from_millis(250), "{request:?} {:?}", start.elapsed());
    }
}

#[tokio::test]
async fn a_refused_address_costs_no_time() {
    let origin = Peer::start();
    // At a quarter of a second each, these would take longer than a connect may.
    let addresses: Vec<&str> = repeat_n("127.0.0.2", 20).chain(once("127.0.0.1")).collect();
    let proxy = proxy_that_knows(&addresses).await;

    assert_connects(&proxy, &origin).await;
}

#[tokio::test]
async fn families_take_turns() {
    if !has_ipv6() {
        return;
    }
    let origin = Peer::at((Ipv6Addr::LOCALHOST, 0).into());
    let _hole = black_hole((SECOND, origin.address.port())).await;
    // If all of one family came first, these would take longer than a connect may.
    let addresses: Vec<&str> = repeat_n("127.0.0.2", 20).chain(once("::1")).collect();
    let proxy = proxy_that_knows(&addresses).await;

    assert_connects(&proxy, &origin).await;
}

#[tokio::test]
async fn the_resolvers_first_choice_is_the_only_one_tried_where_it_answers() {
    if !has_ipv6() {
        return;
    }
    let ipv4 = Peer::start();
    let ipv6 = Peer::at((Ipv6Addr::LOCALHOST, ipv4.address.port()).into());
    for (addresses, first, second) in [(["::1", "127.0.0.1"], &ipv6, &ipv4), (["127.0.0.1", "::1"], &ipv4, &ipv6)] {
        let proxy = proxy_that_knows(&addresses).await;

        assert_connects(&proxy, first).await;

        // The next connection that the second gets is the test's own.
        let own = Raw::connect(second.address).await;
        let accepted = second.accept().await;
        assert_eq!(accepted.stream.peer_addr().unwrap(), own.stream.local_addr().unwrap(), "{addresses:?}");
    }
}

#[tokio::test]
async fn ipv4_steps_in_where_ipv6_is_refused() {
    let origin = Peer::start();
    let proxy = proxy_that_knows(&["::1", "127.0.0.1"]).await;

    assert_connects(&proxy, &origin).await;
}

/// A proxy whose resolver has these addresses for `site.test`.
async fn proxy_that_knows(addresses: &[&str]) -> Proxy {
    setup(&[]).resolver(&Names::new(&[("site.test", addresses)])).start().await
}

async fn assert_connects(proxy: &Proxy, origin: &Peer) {
    let target = format!("site.test:{}", origin.address.port());
    let (mut client, mut peer) = tokio::join!(proxy.connected_to(target), origin.accept());
    peer.send("hello").await;
    assert_eq!(client.bytes(5).await, b"hello");
}

const SECOND: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 2);
