//! The limits that a user sets.

mod support;

use std::time::Duration;

use tokio::time::timeout;

use support::{Origin, setup};

#[tokio::test]
async fn a_connection_above_the_limit_waits_until_there_is_room() {
    let proxy = setup(&[]).options(|options| options.max_connections = Some(2.0)).start().await;
    let origin = Origin::start().await;
    let request = format!("GET http://{0}/ HTTP/1.1\r\nHost: {0}\r\n\r\n", origin.address);
    let mut first = proxy.connect().await;
    first.send(&request).await;
    first.response().await;
    let mut connected = proxy.connect().await;
    connected.send(format!("CONNECT {} HTTP/1.1\r\n\r\n", origin.address)).await;
    connected.head().await;

    let mut waiting = proxy.connect().await;
    waiting.send(&request).await;

    assert!(timeout(Duration::from_millis(200), waiting.head()).await.is_err(), "it is served above the limit");
    drop(connected);
    assert!(waiting.head().await.starts_with("HTTP/1.1 200 "));
}

#[tokio::test]
async fn the_size_of_a_head_and_the_number_of_its_fields_are_limited() {
    let proxy = setup(&[])
        .options(|options| {
            options.max_header_size = Some(2048.0);
            options.max_headers_count = Some(20.0);
        })
        .start()
        .await;
    let origin = Origin::start().await;
    let request = |fields: &str| format!("GET http://{0}/ HTTP/1.1\r\nHost: {0}\r\n{fields}\r\n", origin.address);
    let cases = [
        (request(&format!("A: {}\r\n", "a".repeat(1900))), 200),
        (request(&format!("A: {}\r\n", "a".repeat(2048))), 431),
        (request(&"A: a\r\n".repeat(19)), 200),
        (request(&"A: a\r\n".repeat(20)), 431),
    ];
    for (request, status) in cases {
        assert_eq!(proxy.ask(&request).await.status, status, "{request:?}");
    }
}

#[tokio::test]
async fn a_silent_connection_is_closed_after_the_idle_time() {
    let proxy = setup(&[]).options(|options| options.idle_timeout_ms = Some(100.0)).start().await;
    let origin = Origin::start().await;
    let mut idle = proxy.connect().await;
    let mut connected = proxy.connect().await;
    connected.send(format!("CONNECT {} HTTP/1.1\r\n\r\n", origin.address)).await;
    connected.head().await;

    assert!(idle.has_ended().await);
    assert!(connected.error().await.is_some());
}
