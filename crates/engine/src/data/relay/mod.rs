//! Two byte streams, both ways, until both have ended.
//!
//! Each direction copies through a buffer that belongs to the worker thread, and keeps only what could not be written, so
//! that an idle relay costs its task and its sockets. A direction that has proved to be bulk moves its bytes within the
//! kernel, where the system can do that. An end is passed on as an end (half-close), a reset as a reset.

mod direction;
#[cfg(target_os = "linux")]
mod splice;

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::BytesMut;
use socket2::SockRef;
use tokio::net::TcpStream;
use tokio::time::{Instant, Sleep, sleep};
use tracing::trace;

use self::direction::{Broken, Direction};
use super::server::Permit;
use super::upstream::Upstream;
use super::watchdog::Watchdog;

/// A relay: a future that ends when both directions have ended, one side is reset, or nothing has moved for too long.
///
/// It is written out because it is most of what an idle connect costs: an `async fn` would hold its arguments twice.
#[derive(Debug)]
pub(crate) struct Relay {
    down: TcpStream,
    up: Upstream,
    to_up: Direction,
    to_down: Direction,
    watchdog: Watchdog,
    half_closed: HalfClosed,
    /// The client's place among the connections.
    _permit: Permit,
}

impl Relay {
    /// Begins with the bytes that either side has sent early.
    pub(crate) fn new(
        down: TcpStream,
        up: Upstream,
        early_up: BytesMut,
        early_down: BytesMut,
        idle: Duration,
        permit: Permit,
    ) -> Self {
        Self {
            down,
            up,
            to_up: Direction::new(early_up),
            to_down: Direction::new(early_down),
            watchdog: Watchdog::new(idle),
            half_closed: HalfClosed::default(),
            _permit: permit,
        }
    }

    /// Ready with whether the end is a regular one.
    fn poll_end(&mut self, cx: &mut Context<'_>) -> Poll<bool> {
        if self.watchdog.poll_idle(cx).is_ready() {
            return Poll::Ready(false);
        }
        let sent = self.to_up.poll(cx, &mut self.down, &mut self.up);
        let received = self.to_down.poll(cx, &mut self.up, &mut self.down);
        match (sent, received) {
            (Poll::Ready(Ok(())), Poll::Ready(Ok(()))) => Poll::Ready(true),
            (Poll::Ready(Err(Broken::Reading)), _) | (_, Poll::Ready(Err(_))) => Poll::Ready(false),
            // The other side takes no more, but what it said before may still wait in its socket.
            (Poll::Ready(Err(Broken::Writing)), Poll::Ready(Ok(()))) => Poll::Ready(false),
            (Poll::Pending, Poll::Pending) => Poll::Pending,
            _ => self.half_closed.poll_reset(cx, &self.down, self.up.tcp()).map(|()| false),
        }
    }
}

impl Future for Relay {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let relay = self.get_mut();
        let is_regular_end = ready!(relay.poll_end(cx));
        if !is_regular_end {
            // Whoever is still there learns that this was no regular end. Where the option cannot be set, nobody is.
            let _ = SockRef::from(&relay.down).set_linger(Some(Duration::ZERO));
            relay.up.reset();
        }
        trace!(sent = relay.to_up.moved(), received = relay.to_down.moved(), is_regular_end, "relay ended");
        Poll::Ready(())
    }
}

/// Looks after a relay of which one direction has ended: a side whose end was read is not read any more, and nobody would
/// learn that it has been reset since.
#[derive(Debug, Default)]
struct HalfClosed {
    timer: Option<Pin<Box<Sleep>>>,
}

impl HalfClosed {
    /// Ready when one of the sockets was reset.
    fn poll_reset(&mut self, cx: &mut Context<'_>, down: &TcpStream, up: &TcpStream) -> Poll<()> {
        let timer = self.timer.get_or_insert_with(|| Box::pin(sleep(RESET_CHECK)));
        while timer.as_mut().poll(cx).is_ready() {
            let is_reset = |socket: &TcpStream| !matches!(socket.take_error(), Ok(None));
            if is_reset(down) || is_reset(up) {
                return Poll::Ready(());
            }
            timer.as_mut().reset(Instant::now() + RESET_CHECK);
        }
        Poll::Pending
    }
}

/// How often a half-closed relay is looked at. There are few of them, and they do not last.
const RESET_CHECK: Duration = Duration::from_secs(2);
#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_idle_relay_is_small() {
        assert!(size_of::<Relay>() <= 320, "{}", size_of::<Relay>());
    }
}
