//! Two byte streams, both ways, until both have ended.
//!
//! Each direction reads into a buffer that belongs to the worker thread and writes from there at once; only what could not
//! be written is kept, so that an idle relay costs its task and its sockets. An end is passed on as an end (half-close), a
//! reset as a reset.

use std::cell::RefCell;
use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::{Buf as _, BytesMut};
use socket2::SockRef;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

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
    let is_regular_end = poll_fn(|cx| {
        if watchdog.poll_idle(cx).is_ready() {
            return Poll::Ready(false);
        }
        let sent = to_up.poll(cx, Pin::new(&mut down), Pin::new(&mut up));
        let received = to_down.poll(cx, Pin::new(&mut up), Pin::new(&mut down));
        match (sent, received) {
            (Poll::Ready(Ok(())), Poll::Ready(Ok(()))) => Poll::Ready(true),
            (Poll::Ready(Err(Broken::Reading)), _) | (_, Poll::Ready(Err(_))) => Poll::Ready(false),
            // The other side takes no more, but what it said before may still wait in its socket.
            (Poll::Ready(Err(Broken::Writing)), Poll::Ready(Ok(()))) => Poll::Ready(false),
            _ => Poll::Pending,
        }
    })
    .await;
    if !is_regular_end {
        // Whoever is still there learns that this was no regular end. Where the option cannot be set, nobody is.
        let _ = SockRef::from(&down).set_linger(Some(Duration::ZERO));
        up.reset();
    }
    Moved { up: to_up.moved, down: to_down.moved }
}

/// One way of a relay.
#[derive(Debug)]
struct Direction {
    /// Read, but not written yet.
    unwritten: BytesMut,
    state: State,
    moved: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Moving,
    /// The reader has ended; the writer has to be told.
    Ending,
    Ended,
    Broken(Broken),
}

/// Which end of a direction has failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Broken {
    Reading,
    Writing,
}

impl Direction {
    fn new(early: BytesMut) -> Self {
        Self { unwritten: early, state: State::Moving, moved: 0 }
    }

    /// Moves what there is to move. Ready once, and then again and again, when the direction has ended.
    fn poll<R, W>(
        &mut self,
        cx: &mut Context<'_>,
        mut from: Pin<&mut R>,
        mut to: Pin<&mut W>,
    ) -> Poll<Result<(), Broken>>
    where
        R: AsyncRead,
        W: AsyncWrite,
    {
        loop {
            let step = match self.state {
                State::Ended => return Poll::Ready(Ok(())),
                State::Broken(broken) => return Poll::Ready(Err(broken)),
                _ if !self.unwritten.is_empty() => ready!(self.poll_write_rest(cx, to.as_mut())),
                State::Moving => ready!(self.poll_move(cx, from.as_mut(), to.as_mut())),
                State::Ending => {
                    ready!(to.as_mut().poll_shutdown(cx)).map(|()| State::Ended).map_err(|_| Broken::Writing)
                }
            };
            self.state = step.unwrap_or_else(State::Broken);
        }
    }

    fn poll_write_rest<W: AsyncWrite>(&mut self, cx: &mut Context<'_>, to: Pin<&mut W>) -> Poll<Result<State, Broken>> {
        let written = ready!(to.poll_write(cx, &self.unwritten)).unwrap_or(0);
        if written == 0 {
            return Poll::Ready(Err(Broken::Writing));
        }
        self.moved += written as u64;
        self.unwritten.advance(written);
        if self.unwritten.is_empty() {
            self.unwritten = BytesMut::new();
        }
        Poll::Ready(Ok(self.state))
    }

    /// Reads once and writes what was read, as far as it goes.
    fn poll_move<R, W>(
        &mut self,
        cx: &mut Context<'_>,
        from: Pin<&mut R>,
        mut to: Pin<&mut W>,
    ) -> Poll<Result<State, Broken>>
    where
        R: AsyncRead,
        W: AsyncWrite,
    {
        BUFFER.with_borrow_mut(|buffer| {
            if buffer.is_empty() {
                buffer.resize(READ_SIZE, 0);
            }
            let mut read = ReadBuf::new(buffer);
            match from.poll_read(cx, &mut read) {
                Poll::Pending => {
                    // A TLS stream may hold bytes back until it is told to send them.
                    return match to.poll_flush(cx) {
                        Poll::Ready(Err(_)) => Poll::Ready(Err(Broken::Writing)),
                        _ => Poll::Pending,
                    };
                }
                Poll::Ready(Err(_)) => return Poll::Ready(Err(Broken::Reading)),
                Poll::Ready(Ok(())) => {}
            }
            let filled = read.filled();
            if filled.is_empty() {
                return Poll::Ready(Ok(State::Ending));
            }
            let written = match to.as_mut().poll_write(cx, filled) {
                Poll::Ready(Ok(written)) if written > 0 => written,
                Poll::Ready(_) => return Poll::Ready(Err(Broken::Writing)),
                Poll::Pending => 0,
            };
            self.moved += written as u64;
            self.unwritten.extend_from_slice(&filled[written..]);
            Poll::Ready(Ok(State::Moving))
        })
    }
}

thread_local! {
    /// What a worker thread reads into. Nothing stays in it from one poll to the next.
    static BUFFER: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

/// Fewer system calls for bulk; larger ones measured no better.
const READ_SIZE: usize = 256 * 1024;
/// A relay in which nothing moves for this long has been forgotten: WebSockets ping more often, browsers close sooner.
const IDLE: Duration = Duration::from_secs(3600);
