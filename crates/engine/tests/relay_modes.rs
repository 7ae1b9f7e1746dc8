//! The same cases in each mode of the relay: copying, within the kernel, over TLS, and as an HTTP/2 stream.

mod support;

use std::io::ErrorKind::{BrokenPipe, ConnectionReset};
use std::sync::LazyLock;
use std::time::Duration;

use futures_util::future::join_all;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::time::timeout;

use support::http2::Http2Gateway;
use support::tls::Authority;
use support::{EVERYTHING, Peer, Proxy, Raw, Setup, setup, soon, within};

/// A proxy that relays in one mode, and the origin that the test plays.
struct Mode {
    name: &'static str,
    proxy: Proxy,
    peer: Peer,
}

impl Mode {
    async fn copying() -> Self {
        Self::with("copying", setup(&[]).config(|config| config.splices = false)).await
    }

    async fn splicing() -> Self {
        Self::with("splicing", setup(&[])).await
    }

    async fn by_gateway() -> Self {
        Self::with("by gateway", setup(EVERYTHING)).await
    }

    async fn tls() -> Self {
        let ca = Authority::new();
        let front = ca.gateway().await;
        Self::with("over TLS", ca.by_https(front)).await
    }

    async fn http2() -> Self {
        let ca = Authority::new();
        let gateway = Http2Gateway::start(&ca).await;
        Self::with("over HTTP/2", ca.by_https(gateway.address)).await
    }

    async fn with(name: &'static str, setup: Setup) -> Self {
        Self { name, proxy: setup.start().await, peer: Peer::start() }
    }

    /// A client, and the origin that its CONNECT has led to.
    async fn connected(&self) -> (Raw, Raw) {
        tokio::join!(self.proxy.connected_to(self.peer.address), self.peer.accept())
    }
}

/// Runs a case in every mode, each as a test of its own.
macro_rules! in_every_mode {
    ($($case:ident)*) => {$(
        mod $case {
            use super::Mode;

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn copying() {
                super::$case(Mode::copying().await).await;
            }

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn splicing() {
                super::$case(Mode::splicing().await).await;
            }

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn by_gateway() {
                super::$case(Mode::by_gateway().await).await;
            }

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn tls() {
                super::$case(Mode::tls().await).await;
            }

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn http2() {
                super::$case(Mode::http2().await).await;
            }
        }
    )*};
}

in_every_mode! {
    early_bytes_arrive_first
    an_end_leaves_the_other_way_open
    a_client_that_resets_resets_the_origin
    an_origin_that_resets_resets_the_client
    a_reader_that_stops_costs_little
    a_gigabyte_arrives_as_it_was_sent
    a_thousand_connects_at_once_are_all_served
}

async fn early_bytes_arrive_first(mode: Mode) {
    let mut client = mode.proxy.connect().await;
    let target = mode.peer.address;
    client.send(format!("CONNECT {target} HTTP/1.1\r\n\r\nfirst")).await;
    let mut peer = mode.peer.accept().await;
    peer.send("220 hello").await;
    client.head().await;
    client.send(", second").await;

    assert_eq!(client.bytes(9).await, b"220 hello", "{}", mode.name);
    assert_eq!(peer.bytes(13).await, b"first, second", "{}", mode.name);
}

async fn an_end_leaves_the_other_way_open(mode: Mode) {
    let (mut client, mut peer) = mode.connected().await;
    client.send("question").await;
    client.end().await;
    assert_eq!(peer.rest().await, b"question", "{}", mode.name);
    let ((), answer) = tokio::join!(send_and_end(&mut peer, pattern(0).repeat(4)), client.rest());
    assert!(answer == pattern(0).repeat(4), "{}", mode.name);

    let (mut client, mut peer) = mode.connected().await;
    peer.send("greeting").await;
    peer.end().await;
    assert_eq!(client.rest().await, b"greeting", "{}", mode.name);
    let ((), sent) = tokio::join!(send_and_end(&mut client, pattern(1).repeat(4)), peer.rest());
    assert!(sent == pattern(1).repeat(4), "{}", mode.name);
}

async fn send_and_end(side: &mut Raw, bytes: Vec<u8>) {
    side.send(bytes).await;
    side.end().await;
}

async fn a_client_that_resets_resets_the_origin(mode: Mode) {
    for bulk in [false, true] {
        let (mut client, mut peer) = mode.connected().await;
        if bulk {
            pass(&mut client, &mut peer, 4).await;
            pass(&mut peer, &mut client, 4).await;
        }
        client.reset();
        assert_eq!(peer.error().await, Some(ConnectionReset), "{}, bulk: {bulk}", mode.name);
    }
}

async fn an_origin_that_resets_resets_the_client(mode: Mode) {
    for bulk in [false, true] {
        let (mut client, mut peer) = mode.connected().await;
        if bulk {
            pass(&mut client, &mut peer, 4).await;
            pass(&mut peer, &mut client, 4).await;
        }
        peer.reset();
        assert_eq!(client.error().await, Some(ConnectionReset), "{}, bulk: {bulk}", mode.name);
    }
}

/// What the kernel holds does not count.
async fn a_reader_that_stops_costs_little(mode: Mode) {
    for is_upload in [false, true] {
        let (mut client, mut peer) = mode.connected().await;
        pass(&mut client, &mut peer, 1).await;
        pass(&mut peer, &mut client, 1).await;
        let before = resident_kib();
        let writer = if is_upload { &mut client.stream } else { &mut peer.stream };
        let (mut sent, block) = (0, pattern(0));
        while let Ok(written) = timeout(Duration::from_millis(500), writer.write(&block)).await {
            sent += written.expect("the connection stands");
            assert!(sent < 256 * BLOCK, "{}: nothing holds the sender up", mode.name);
        }
        let cost = resident_kib().saturating_sub(before);
        // A fake gateway of this process holds something, too.
        assert!(cost < 2 * 1024, "{}: {cost} KiB for a reader that has stopped", mode.name);

        let (writer, reader) = if is_upload { (&mut client, &mut peer) } else { (&mut peer, &mut client) };
        writer.end().await;
        let received = within(Duration::from_secs(60), "the rest", reader.rest()).await;
        assert_eq!(received.len(), sent, "{}", mode.name);
    }
}

async fn a_gigabyte_arrives_as_it_was_sent(mode: Mode) {
    let (mut client, mut peer) = mode.connected().await;
    within(Duration::from_secs(300), "a gigabyte down", pass(&mut peer, &mut client, 512)).await;
    within(Duration::from_secs(300), "a gigabyte up", pass(&mut client, &mut peer, 512)).await;
}

async fn a_thousand_connects_at_once_are_all_served(mode: Mode) {
    let serve = async {
        let mut peers = Vec::new();
        for _ in 0..1000 {
            let mut peer = mode.peer.accept().await;
            peer.send("hello").await;
            peers.push(peer);
        }
        peers
    };
    let clients = join_all((0..1000).map(|_| async {
        let mut client = mode.proxy.connected_to(mode.peer.address).await;
        assert_eq!(client.bytes(5).await, b"hello");
        client
    }));

    let (peers, clients) = within(Duration::from_secs(120), "all", async { tokio::join!(serve, clients) }).await;

    drop(clients);
    for mut peer in peers {
        assert!(soon("the end", peer.has_ended()).await, "{}", mode.name);
    }
}

/// Sends so many blocks from one side to the other, and checks every byte of them.
async fn pass(from: &mut Raw, to: &mut Raw, blocks: usize) {
    let send = async {
        for number in 0..blocks {
            match from.stream.write_all(&pattern(number)).await {
                Ok(()) => {}
                Err(error) if [BrokenPipe, ConnectionReset].contains(&error.kind()) => panic!("cut at block {number}"),
                Err(error) => panic!("{error}"),
            }
        }
    };
    let receive = async {
        let mut received = vec![0; BLOCK];
        for number in 0..blocks {
            to.stream.read_exact(&mut received).await.expect("the connection stands");
            assert!(received == pattern(number), "block {number} is damaged");
        }
    };
    tokio::join!(send, receive);
}

/// A block that no other is like.
fn pattern(number: usize) -> Vec<u8> {
    static LONG_NOISE: LazyLock<Vec<u8>> = LazyLock::new(|| NOISE.repeat(2 + BLOCK / NOISE.len()));
    let mut block = LONG_NOISE[number % NOISE.len()..][..BLOCK].to_vec();
    block[..8].copy_from_slice(&(number as u64).to_le_bytes());
    block
}

/// Its length has no divisor in common with that of any buffer.
static NOISE: [u8; 8191] = {
    let (mut noise, mut state, mut at) = ([0; 8191], 1_u32, 0);
    while at < noise.len() {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        noise[at] = (state >> 24) as u8;
        at += 1;
    }
    noise
};

/// Of this process. The tests of a file share one where they do not run under nextest.
fn resident_kib() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap_or("0 kB");
    line.trim().trim_end_matches(" kB").parse().expect("a number")
}

const BLOCK: usize = 1024 * 1024;
