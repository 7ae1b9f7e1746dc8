//! Two byte streams, both ways, until both have ended.
//!
//! Each direction copies through a buffer that belongs to the worker thread, and keeps only what could not be written, so
//! that an idle relay costs its task and its sockets. A direction that has proved to be bulk moves its bytes within the
//! kernel, where the system can do that. An end is passed on as an end (half-close), a reset as a reset.

mod direction;
#[cfg(any(test, fuzzing))]
pub(super) mod fuzzing;
mod route_watch;
#[cfg(target_os = "linux")]
mod splice;

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::BytesMut;
use tokio::net::TcpStream;
use tracing::{debug, trace};

use self::direction::{Broken, Direction};
pub(crate) use self::route_watch::{RouteWatch, WatchedRoute};
use super::server::Permit;
use super::upstream::{KEEPALIVE, Upstream, reset_on_close};
use super::watchdog::{ResetCheck, Watchdog};

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
    idle: Duration,
    route: Option<WatchedRoute>,
    /// What the other side has said since the client spoke last; none where it has not answered.
    answered: Option<u64>,
    reset_check: ResetCheck,
    /// The client's place among the connections.
    _permit: Permit,
}

impl Relay {
    /// Begins with the bytes that either side has sent early.
    pub(crate) fn new(
        (down, early_up): (TcpStream, BytesMut),
        (up, early_down): (Upstream, BytesMut),
        idle: Duration,
        permit: Permit,
    ) -> Self {
        Self {
            down,
            up,
            to_up: Direction::new(early_up),
            to_down: Direction::new(early_down),
            watchdog: Watchdog::new(idle.min(KEEPALIVE)),
            idle,
            route: None,
            answered: Some(0),
            reset_check: ResetCheck::default(),
            _permit: permit,
        }
    }

    /// The same, but it ends at its first idle moment once its route is outdated.
    pub(crate) fn watching(mut self, route: WatchedRoute) -> Self {
        self.route = Some(route);
        self
    }

    /// The same, but bulk does not move within the kernel.
    #[cfg_attr(not(target_os = "linux"), expect(unused_mut, reason = "elsewhere it never does"))]
    pub(crate) fn without_splice(mut self) -> Self {
        #[cfg(target_os = "linux")]
        for direction in [&mut self.to_up, &mut self.to_down] {
            direction.refuse_splice();
        }
        self
    }

    /// Ready with whether the end is a regular one.
    fn poll_end(&mut self, cx: &mut Context<'_>) -> Poll<bool> {
        while self.watchdog.poll_idle(cx, &self.reset_check).is_ready() {
            if self.is_idle_and_outdated() {
                debug!("a connect that the rules send another way by now was idle, and is closed");
                return Poll::Ready(true);
            }
            if !self.watchdog.extend(self.idle) {
                return Poll::Ready(false);
            }
            // Most connects never come here, and need not be set up for it.
            self.up.keep_alive();
        }
        let sent_before = self.to_up.moved();
        let sent = self.to_up.poll(cx, &mut self.down, &mut self.up, self.to_down.has_ended());
        if sent == Poll::Ready(Err(Broken::Reset)) {
            // To go on would pass a regular end on to the client: the system tells of a reset only once.
            return Poll::Ready(false);
        }
        let received_before = self.to_down.moved();
        let received = self.to_down.poll(cx, &mut self.up, &mut self.down, self.to_up.has_ended());
        if self.to_up.moved() != sent_before {
            self.answered = None;
        }
        match self.to_down.moved() - received_before {
            0 => {}
            bytes => *self.answered.get_or_insert(0) += bytes,
        }
        if self.watch_route(cx) {
            return Poll::Ready(false);
        }
        match (sent, received) {
            (Poll::Ready(Ok(())), Poll::Ready(Ok(()))) => Poll::Ready(true),
            (_, Poll::Ready(Err(_))) => Poll::Ready(false),
            // The other side has closed, and what it said before has reached the client.
            (Poll::Ready(Err(Broken::Closed)), Poll::Ready(Ok(()))) => Poll::Ready(true),
            // A side that is not read at the moment, or not any more, has nobody who would learn of its reset.
            (Poll::Pending, Poll::Pending) if !self.to_up.is_blocked() && !self.to_down.is_blocked() => Poll::Pending,
            _ => self.reset_check.poll_reset(cx, &self.down, &mut self.up).map(|_| false),
        }
    }
}

impl Relay {
    /// Lets silence end this soon when its route is outdated. True if it is to end at once.
    fn watch_route(&mut self, cx: &Context<'_>) -> bool {
        let Some(route) = &self.route else { return false };
        // Each time: to be woken uses it up.
        route.register(cx.waker());
        if route.is_outdated() {
            self.watchdog.expect_within(self.idle_moment());
        }
        route.ends_at_once()
    }

    /// For how long nothing has to be said for the connect to be idle. Where something is on its way, or an answer is due, that
    /// is no sooner than for any other connect.
    fn idle_moment(&self) -> Duration {
        let is_blocked = self.to_up.is_blocked() || self.to_down.is_blocked();
        let moment = match self.answered {
            None => ANSWER,
            Some(bytes) if bytes < SMALL_ANSWER && self.to_up.begins_with(TLS_HANDSHAKE) => UNCLEAR,
            Some(_) => IDLE_MOMENT,
        };
        if is_blocked { self.idle } else { moment.min(self.idle) }
    }

    fn is_idle_and_outdated(&self) -> bool {
        self.route.as_ref().is_some_and(WatchedRoute::is_outdated) && self.idle_moment() < self.idle
    }
}

impl Future for Relay {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let relay = self.get_mut();
        let is_regular_end = ready!(relay.poll_end(cx));
        if !is_regular_end {
            // Whoever is still there learns that this was no regular end.
            reset_on_close(&relay.down);
            relay.up.reset();
        } else {
            relay.up.finish();
        }
        trace!(sent = relay.to_up.moved(), received = relay.to_down.moved(), is_regular_end, "relay ended");
        Poll::Ready(())
    }
}

/// Nothing is said for so long between two exchanges, and hardly ever within one whose answer has begun.
const IDLE_MOMENT: Duration = Duration::from_secs(2);
/// What was asked may take its time to be answered.
const ANSWER: Duration = Duration::from_secs(60);
/// Within TLS, a few bytes may be an answer, or the tickets and settings that come before one.
const UNCLEAR: Duration = Duration::from_secs(10);
const SMALL_ANSWER: u64 = 1024;
/// The content type of a TLS record that begins a handshake (RFC 8446 §5.1).
const TLS_HANDSHAKE: u8 = 0x16;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_idle_relay_is_small() {
        assert!(size_of::<Relay>() <= 384, "{}", size_of::<Relay>());
    }
}
