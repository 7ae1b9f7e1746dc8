//! What a connect costs through a gateway that is 50 ms of round trip away, in each way to speak to it.
//!
//! `cargo run --release -p aluvia-engine --example far_gateway` prints the table of docs/decisions/0003.

#![allow(clippy::print_stdout, reason = "it is a program")]

#[path = "../tests/support/mod.rs"]
mod support;

use std::net::SocketAddr;
use std::time::Duration;

use futures_util::future::join_all;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep, sleep_until};

use support::http2::Http2Gateway;
use support::tls::Authority;
use support::{EVERYTHING, Gateway, Proxy, listen, origin, setup, spawn};

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() {
    let echo = origin(|mut connection| async move {
        connection.rest().await;
    })
    .await;
    println!(
        "| gateway | one connect, cold | 16 at once, cold | one after another, p50 | 16 at once, p50 | TCP connections |"
    );
    println!("|---|---|---|---|---|---|");
    for way in ["http", "https, HTTP/1.1", "https, HTTP/2"] {
        measure(way, echo).await;
    }
}

/// One row, in round trips.
async fn measure(way: &str, echo: SocketAddr) {
    let one_cold = {
        let (proxy, _) = far(way).await;
        connect(&proxy, echo).await
    };
    let (proxy, dials) = far(way).await;
    let many_cold = median(join_all((0..16).map(|_| connect(&proxy, echo))).await);
    let mut steady = Vec::new();
    for _ in 0..40 {
        steady.push(connect(&proxy, echo).await);
    }
    let mut bursts = Vec::new();
    for _ in 0..10 {
        bursts.extend(join_all((0..16).map(|_| connect(&proxy, echo))).await);
        sleep(Duration::from_millis(100)).await;
    }
    println!(
        "| {way} | {one_cold:.2} | {many_cold:.2} | {:.2} | {:.2} | {} |",
        median(steady),
        median(bursts),
        dials.load(std::sync::atomic::Ordering::Relaxed)
    );
}

/// A proxy whose gateway is far away, and a counter of the connections to it.
async fn far(way: &str) -> (Proxy, std::sync::Arc<std::sync::atomic::AtomicUsize>) {
    let ca = Authority::new();
    let near = match way {
        "http" => Gateway::start().await.address,
        "https, HTTP/1.1" => ca.gateway().await,
        _ => Http2Gateway::start(&ca).await.address,
    };
    let dials = std::sync::Arc::new(std::sync::atomic::AtomicUsize::new(0));
    let count = std::sync::Arc::clone(&dials);
    let address = listen(move |stream| {
        count.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        carry(stream, near)
    })
    .await;
    let setup = if way == "http" { setup(EVERYTHING).gateway(Gateway::at(address)) } else { ca.by_https(address) };
    (setup.start().await, dials)
}

/// Round trips until a connect stands.
async fn connect(proxy: &Proxy, echo: SocketAddr) -> f64 {
    let start = Instant::now();
    proxy.connected_to(echo).await;
    start.elapsed().as_secs_f64() / ROUND_TRIP.as_secs_f64()
}

/// Passes everything on, half a round trip late. On loopback a TCP handshake takes no time: what is said on a new
/// connection waits for the round trip that it would take.
async fn carry(near: TcpStream, to: SocketAddr) {
    let stands = Instant::now() + ROUND_TRIP;
    let far = TcpStream::connect(to).await.expect("the gateway is there");
    for stream in [&near, &far] {
        stream.set_nodelay(true).expect("it stands");
    }
    let ((near_in, near_out), (far_in, far_out)) = (near.into_split(), far.into_split());
    spawn(late(near_in, far_out, stands));
    late(far_in, near_out, stands).await;
}

async fn late(mut from: tokio::net::tcp::OwnedReadHalf, mut to: tokio::net::tcp::OwnedWriteHalf, stands: Instant) {
    let (sender, mut receiver) = mpsc::unbounded_channel::<(Instant, Vec<u8>)>();
    spawn(async move {
        while let Some((due, bytes)) = receiver.recv().await {
            sleep_until(due).await;
            // The other side may have closed.
            if to.write_all(&bytes).await.is_err() {
                return;
            }
        }
    });
    let mut buffer = vec![0; 64 * 1024];
    while let Ok(length @ 1..) = from.read(&mut buffer).await {
        let due = Instant::now().max(stands) + ROUND_TRIP / 2;
        if sender.send((due, buffer[..length].to_vec())).is_err() {
            return;
        }
    }
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

const ROUND_TRIP: Duration = Duration::from_millis(50);
