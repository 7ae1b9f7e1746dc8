//! One way of a relay.

use std::cell::RefCell;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Buf as _, BytesMut};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

#[cfg(target_os = "linux")]
use super::splice::{Splice, Spliced};
use crate::data::upstream::Upstream;

/// A stream that can be relayed.
pub(super) trait Side: AsyncRead + AsyncWrite + Unpin {
    /// The socket whose bytes are the stream's own: none where TLS stands between.
    fn plain(&self) -> Option<&TcpStream>;
}

impl Side for TcpStream {
    fn plain(&self) -> Option<&TcpStream> {
        Some(self)
    }
}

impl Side for Upstream {
    fn plain(&self) -> Option<&TcpStream> {
        match self {
            Self::Tcp(stream) => Some(stream),
            Self::Tls(_) | Self::Http2(_) => None,
        }
    }
}

/// One way of a relay.
#[derive(Debug)]
pub(super) struct Direction {
    /// Read, but not written yet.
    unwritten: BytesMut,
    state: State,
    moved: u64,
    first_byte: Option<u8>,
    /// What large reads have brought since the last small one.
    bulk: usize,
    #[cfg(target_os = "linux")]
    splice: Splice,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Copying,
    #[cfg(target_os = "linux")]
    Splicing,
    /// The reader has ended; the writer has to be told.
    Ending,
    Ended,
    Broken(Broken),
}

/// Why a direction goes no further.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Broken {
    /// One of the connections has failed.
    Reset,
    /// The writer's other side has closed. What it sent before may still wait to be read.
    Closed,
}

impl Broken {
    /// Of an error in writing.
    pub(super) fn by(error: &io::Error) -> Self {
        if error.kind() == io::ErrorKind::BrokenPipe { Self::Closed } else { Self::Reset }
    }
}

impl Direction {
    pub(super) fn new(early: BytesMut) -> Self {
        Self {
            first_byte: early.first().copied(),
            // An empty buffer may still have room, which nobody needs any more.
            unwritten: if early.is_empty() { BytesMut::new() } else { early },
            state: State::Copying,
            moved: 0,
            bulk: 0,
            #[cfg(target_os = "linux")]
            splice: Splice::default(),
        }
    }

    /// Keeps to copying.
    #[cfg(target_os = "linux")]
    pub(super) fn refuse_splice(&mut self) {
        self.splice.refuse();
    }

    /// How many bytes were written so far.
    pub(super) fn moved(&self) -> u64 {
        self.moved
    }

    /// Whether this was the first byte of all.
    pub(super) fn begins_with(&self, byte: u8) -> bool {
        self.first_byte == Some(byte)
    }

    /// Whether the end was passed on.
    pub(super) fn has_ended(&self) -> bool {
        self.state == State::Ended
    }

    /// Whether bytes wait for the writer.
    pub(super) fn is_blocked(&self) -> bool {
        #[cfg(target_os = "linux")]
        if self.splice.is_blocked() {
            return true;
        }
        !self.unwritten.is_empty()
    }

    /// Moves what there is to move. Ready once, and then again and again, when the direction has ended. The last direction to
    /// end need not say so on a plain socket, which is closed then.
    pub(super) fn poll<R: Side, W: Side>(
        &mut self,
        cx: &mut Context<'_>,
        from: &mut R,
        to: &mut W,
        is_last: bool,
    ) -> Poll<Result<(), Broken>> {
        loop {
            let step = match self.state {
                State::Ended => return Poll::Ready(Ok(())),
                State::Broken(broken) => return Poll::Ready(Err(broken)),
                _ if !self.unwritten.is_empty() => ready!(self.poll_write_rest(cx, to)),
                State::Copying => ready!(self.poll_copy(cx, from, to)),
                #[cfg(target_os = "linux")]
                State::Splicing => ready!(self.poll_splice(cx, from, to)),
                State::Ending if is_last && to.plain().is_some() => Ok(State::Ended),
                State::Ending => ready!(Pin::new(&mut *to).poll_shutdown(cx))
                    .map(|()| State::Ended)
                    .map_err(|error| Broken::by(&error)),
            };
            self.state = step.unwrap_or_else(State::Broken);
        }
    }

    fn poll_write_rest<W: Side>(&mut self, cx: &mut Context<'_>, to: &mut W) -> Poll<Result<State, Broken>> {
        let written = match ready!(Pin::new(to).poll_write(cx, &self.unwritten)) {
            Ok(0) => return Poll::Ready(Err(Broken::Reset)),
            Ok(written) => written,
            Err(error) => return Poll::Ready(Err(Broken::by(&error))),
        };
        self.moved += written as u64;
        self.unwritten.advance(written);
        if self.unwritten.is_empty() {
            self.unwritten = BytesMut::new();
        }
        Poll::Ready(Ok(self.state))
    }

    /// Reads once and writes what was read, as far as it goes.
    fn poll_copy<R: Side, W: Side>(
        &mut self,
        cx: &mut Context<'_>,
        from: &mut R,
        to: &mut W,
    ) -> Poll<Result<State, Broken>> {
        BUFFER.with_borrow_mut(|buffer| {
            if buffer.is_empty() {
                buffer.resize(READ_SIZE, 0);
            }
            let mut read = ReadBuf::new(buffer);
            match Pin::new(&mut *from).poll_read(cx, &mut read) {
                Poll::Pending => {
                    // A TLS stream may hold bytes back until it is told to send them.
                    return match Pin::new(to).poll_flush(cx) {
                        Poll::Ready(Err(error)) => Poll::Ready(Err(Broken::by(&error))),
                        _ => Poll::Pending,
                    };
                }
                // A gateway that ends its TLS without saying so. What is inside has an end of its own, and its last bytes must
                // not be lost to a reset.
                Poll::Ready(Err(error)) if error.kind() == io::ErrorKind::UnexpectedEof => {
                    return Poll::Ready(Ok(State::Ending));
                }
                Poll::Ready(Err(_)) => return Poll::Ready(Err(Broken::Reset)),
                Poll::Ready(Ok(())) => {}
            }
            let filled = read.filled();
            let Some(first) = filled.first() else { return Poll::Ready(Ok(State::Ending)) };
            self.first_byte.get_or_insert(*first);
            let written = match Pin::new(&mut *to).poll_write(cx, filled) {
                Poll::Ready(Ok(0)) => return Poll::Ready(Err(Broken::Reset)),
                Poll::Ready(Ok(written)) => written,
                Poll::Ready(Err(error)) => return Poll::Ready(Err(Broken::by(&error))),
                Poll::Pending => 0,
            };
            self.moved += written as u64;
            self.unwritten.extend_from_slice(&filled[written..]);
            let length = filled.len();
            Poll::Ready(Ok(self.after_copy(length, from, to)))
        })
    }

    #[cfg(not(target_os = "linux"))]
    fn after_copy<R: Side, W: Side>(&mut self, _: usize, _: &R, _: &W) -> State {
        State::Copying
    }

    /// Goes over to splicing when enough has come in large reads.
    #[cfg(target_os = "linux")]
    fn after_copy<R: Side, W: Side>(&mut self, length: usize, from: &R, to: &W) -> State {
        self.bulk = if length < SMALL_READ { 0 } else { self.bulk + length };
        let is_possible = from.plain().is_some() && to.plain().is_some() && self.splice.is_possible();
        if self.bulk >= BULK && is_possible { State::Splicing } else { State::Copying }
    }

    /// Moves bytes within the kernel, until the flow turns small or the system refuses.
    #[cfg(target_os = "linux")]
    fn poll_splice<R: Side, W: Side>(&mut self, cx: &mut Context<'_>, from: &R, to: &W) -> Poll<Result<State, Broken>> {
        let (Some(from), Some(to)) = (from.plain(), to.plain()) else { return Poll::Ready(Ok(State::Copying)) };
        let spliced = ready!(self.splice.poll(cx, from, to, &mut self.moved));
        Poll::Ready(match spliced {
            Spliced::Ended => Ok(State::Ending),
            Spliced::Broken(broken) => Err(broken),
            Spliced::TurnedSmall | Spliced::Refused => {
                self.bulk = 0;
                Ok(State::Copying)
            }
        })
    }
}

thread_local! {
    /// What a worker thread reads into. Nothing stays in it from one poll to the next.
    static BUFFER: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

/// Fewer system calls for bulk; larger ones measured no better.
const READ_SIZE: usize = 256 * 1024;
/// A read below this is no bulk: splicing costs more than copying there.
#[cfg(target_os = "linux")]
pub(super) const SMALL_READ: usize = 8 * 1024;
/// From here on a direction has proved to be bulk.
#[cfg(target_os = "linux")]
const BULK: usize = 512 * 1024;
