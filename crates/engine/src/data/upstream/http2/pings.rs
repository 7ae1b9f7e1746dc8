//! Pings of an HTTP/2 connection (RFC 9113 §6.7): whether the other side is still there.
//!
//! One task sends them and waits for each to its end, since a connection has room for one at a time. Whoever wants to know
//! watches the count of the answers, and may leave at any moment.

use std::time::Duration;

use h2::{Ping, PingPong};
use tokio::sync::{mpsc, watch};
use tokio::time::timeout;

/// For those who want to know.
#[derive(Debug, Clone)]
pub(super) struct Pings {
    wanted: mpsc::Sender<()>,
    pongs: watch::Receiver<u64>,
}

/// Sends the pings.
pub(super) struct Pinger {
    ping_pong: PingPong,
    wanted: mpsc::Receiver<()>,
    pongs: watch::Sender<u64>,
}

pub(super) fn new(ping_pong: PingPong) -> (Pings, Pinger) {
    let (want, wanted) = mpsc::channel(1);
    let (answered, pongs) = watch::channel(0);
    (Pings { wanted: want, pongs }, Pinger { ping_pong, wanted, pongs: answered })
}

impl Pings {
    /// Whether the first ping was answered.
    pub(super) fn has_ponged(&self) -> bool {
        *self.pongs.borrow() > 0
    }

    /// Ends when the first ping was answered, or when there will be no answer any more.
    pub(super) async fn first_pong(&self) {
        let _ = self.pongs.clone().wait_for(|pongs| *pongs > 0).await;
    }

    /// Ends when the other side has answered a ping from now on. Never, where the connection has ended.
    pub(super) async fn ping(&self) {
        let before = *self.pongs.borrow();
        // Where there is one waiting to be sent already, it will do.
        let _ = self.wanted.try_send(());
        if self.pongs.clone().wait_for(|pongs| *pongs > before).await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}

impl Pinger {
    /// Pings once, whenever somebody wants to know, and now and then while the connection is used. Ends when the other side
    /// has not answered for so long that it is taken for dead, or when nobody wants to know any more.
    pub(super) async fn run(&mut self, is_used: impl Fn() -> bool) {
        loop {
            if !matches!(timeout(DEAD, self.ping_pong.ping(Ping::opaque())).await, Ok(Ok(_))) {
                return;
            }
            self.pongs.send_modify(|pongs| *pongs += 1);
            loop {
                match timeout(KEEPALIVE, self.wanted.recv()).await {
                    Ok(Some(())) => break,
                    // No handle is left. What runs still does.
                    Ok(None) => std::future::pending::<()>().await,
                    Err(_) if is_used() => break,
                    Err(_) => {}
                }
            }
        }
    }
}

/// As for other upstream connections.
const KEEPALIVE: Duration = super::super::stream::KEEPALIVE;
/// Nobody takes so long to answer a ping. What runs on the connection is reset then.
const DEAD: Duration = Duration::from_secs(60);
