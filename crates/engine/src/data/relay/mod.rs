//! Two byte streams, both ways, until both have ended.
//!
//! Each direction copies through a buffer that belongs to the worker thread, and keeps only what could not be written, so
//! that an idle relay costs its task and its sockets. A direction that has proved to be bulk moves its bytes within the
//! kernel, where the system can do that. An end is passed on as an end (half-close), a reset as a reset.

mod direction;
#[cfg(target_os = "linux")]
mod splice;

use std::future::{Future as _, poll_fn};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::BytesMut;
use socket2::SockRef;
use tokio::net::TcpStream;
use tokio::time::{Instant, Sleep, sleep};

use self::direction::{Broken, Direction};
use super::upstream::Upstream;
use super::watchdog::Watchdog;

/// How many bytes went each way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Moved {
    pub(crate) up: u64,
    pub(crate) down: u64,
}

/// Relays until both directions have ended, one side is reset, or nothing has moved for an hour. The early bytes go first.
pub(crate) async fn run(mut down: TcpStream, mut up: Upstream, early_up: BytesMut, early_down: BytesMut) -> Moved {
    let mut to_up = Direction::new(early_up);
    let mut to_down = Direction::new(early_down);
    let mut watchdog = Watchdog::new(IDLE);
    let mut half_closed = HalfClosed::default();
    let is_regular_end = poll_fn(|cx| {
        if watchdog.poll_idle(cx).is_ready() {
            return Poll::Ready(false);
        }
        let sent = to_up.poll(cx, &mut down, &mut up);
        let received = to_down.poll(cx, &mut up, &mut down);
        match (sent, received) {
            (Poll::Ready(Ok(())), Poll::Ready(Ok(()))) => Poll::Ready(true),
            (Poll::Ready(Err(Broken::Reading)), _) | (_, Poll::Ready(Err(_))) => Poll::Ready(false),
            // The other side takes no more, but what it said before may still wait in its socket.
            (Poll::Ready(Err(Broken::Writing)), Poll::Ready(Ok(()))) => Poll::Ready(false),
            (Poll::Pending, Poll::Pending) => Poll::Pending,
            _ => half_closed.poll_reset(cx, &down, up.tcp()).map(|()| false),
        }
    })
    .await;
    if !is_regular_end {
        // Whoever is still there learns that this was no regular end. Where the option cannot be set, nobody is.
        let _ = SockRef::from(&down).set_linger(Some(Duration::ZERO));
        up.reset();
    }
    Moved { up: to_up.moved(), down: to_down.moved() }
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
/// A relay in which nothing moves for this long has been forgotten: WebSockets ping more often, browsers close sooner.
const IDLE: Duration = Duration::from_secs(3600);
