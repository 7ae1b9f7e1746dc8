//! Everything at once, on threads as a real session has them.

mod support;

use std::net::SocketAddr;

use futures_util::future::join_all;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use support::tls::Authority;
use support::{EVERYTHING, Gateway, Proxy, Raw, field, origin, proxy, setup, within};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_of_many_clients_gets_back_what_it_has_sent() {
    let (echo, raw_echo) = (origin(echo_requests).await, origin(echo_bytes).await);
    let (gateway, behind) = (Gateway::serving(serve_as_gateway).await, Gateway::serving(serve_as_gateway).await);
    let ca = Authority::new();
    let front = ca.serve("127.0.0.1", behind.address).await;
    let by_gateway = [echo, raw_echo].map(|address| format!("origin.test:{}", address.port()));
    let cases = [
        ("direct", proxy().await, [echo, raw_echo].map(|address: SocketAddr| address.to_string())),
        ("by gateway", setup(EVERYTHING).gateway(gateway).start().await, by_gateway.clone()),
        ("by https gateway", ca.by_https(front).start().await, by_gateway),
    ];
    for (way, proxy, [echo, raw_echo]) in &cases {
        let clients = (0..30).map(|number| exchange_much(proxy, echo, raw_echo, number));
        within(std::time::Duration::from_secs(60), way, join_all(clients)).await;
    }
}

/// Sends this and that by POST on one connection, and by CONNECT on connections of their own.
async fn exchange_much(proxy: &Proxy, echo: &str, raw_echo: &str, number: usize) {
    let sizes = [0, 1, 1000, 65_536, 300_000, 1_500_000];
    let mut http = proxy.connect().await;
    for round in 0..6 {
        let size = sizes[(number + round) % sizes.len()];
        let sent: Vec<u8> = (0..size).map(|at| (at * (2 * number + 3) / (round + 1) % 251) as u8).collect();
        let received = if number.is_multiple_of(2) {
            http.send(format!("POST http://{echo}/ HTTP/1.1\r\nHost: {echo}\r\nContent-Length: {size}\r\n\r\n")).await;
            http.send(&sent).await;
            http.response().await.body
        } else {
            let mut connected = proxy.connected_to(raw_echo).await;
            let (mut reader, mut writer) = connected.stream.split();
            let mut received = vec![0; size];
            let (written, read) = tokio::join!(writer.write_all(&sent), reader.read_exact(&mut received));
            written.and(read.map(|_| ())).expect("the connection stands");
            connected.end().await;
            assert!(connected.has_ended().await, "client {number}, round {round}");
            received
        };
        assert!(received == sent, "client {number}, round {round}, {size} bytes");
    }
}

async fn serve_as_gateway(mut connection: Raw, head: String) {
    if head.starts_with("CONNECT ") {
        connection.send("HTTP/1.1 200 OK\r\n\r\n").await;
        echo_bytes(connection).await;
    } else {
        echo_request(&mut connection, &head).await;
        echo_requests(connection).await;
    }
}

async fn echo_requests(mut connection: Raw) {
    while connection.is_spoken_to().await {
        let head = connection.head().await;
        echo_request(&mut connection, &head).await;
    }
}

async fn echo_request(connection: &mut Raw, head: &str) {
    let length: usize = field(head, "content-length").and_then(|length| length.parse().ok()).unwrap_or(0);
    let body = connection.bytes(length).await;
    connection.send(format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n")).await;
    connection.send(body).await;
}

async fn echo_bytes(mut connection: Raw) {
    loop {
        let bytes = connection.some().await;
        if bytes.is_empty() {
            return;
        }
        connection.send(bytes).await;
    }
}
