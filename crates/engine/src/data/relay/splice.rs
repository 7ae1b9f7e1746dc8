//! From one socket to another within the kernel: splice(2) through a pipe.

use std::cell::RefCell;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::task::{Context, Poll, ready};

use rustix::pipe::{PipeFlags, SpliceFlags, fcntl_setpipe_size, pipe_with, splice};
use tokio::io::Interest;
use tokio::net::TcpStream;

use super::direction::{Broken, SMALL_READ};

/// One direction's use of splice(2).
#[derive(Debug, Default)]
pub(super) struct Splice {
    /// There while bytes are in it, or about to be.
    pipe: Option<Pipe>,
    /// How many bytes are in the pipe.
    waiting: usize,
    /// How many small reads have come in a row.
    small_reads: u32,
    is_refused: bool,
}

/// Why splicing has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Spliced {
    /// The reader has ended.
    Ended,
    Broken(Broken),
    /// The flow is no bulk any more.
    TurnedSmall,
    /// The system does not splice these sockets, or has no pipe left. Nothing is lost.
    Refused,
}

impl Splice {
    /// Whether the system has not refused so far.
    pub(super) fn is_possible(&self) -> bool {
        !self.is_refused
    }

    /// As if the system had refused.
    pub(super) fn refuse(&mut self) {
        self.is_refused = true;
    }

    /// Whether bytes wait in the pipe.
    pub(super) fn is_blocked(&self) -> bool {
        self.waiting > 0
    }

    /// Moves bytes and counts those that were written. The pipe is empty, and given back, when this is ready or waits for
    /// the reader.
    pub(super) fn poll(
        &mut self,
        cx: &mut Context<'_>,
        from: &TcpStream,
        to: &TcpStream,
        moved: &mut u64,
    ) -> Poll<Spliced> {
        for _ in 0..TURNS {
            let turn = if self.waiting > 0 { self.poll_out(cx, to, moved) } else { self.poll_in(cx, from) };
            if let Some(end) = ready!(turn) {
                self.give_back();
                return Poll::Ready(end);
            }
        }
        // Other tasks of this worker have their turn too.
        cx.waker().wake_by_ref();
        Poll::Pending
    }

    /// From the reader into the pipe.
    fn poll_in(&mut self, cx: &mut Context<'_>, from: &TcpStream) -> Poll<Option<Spliced>> {
        let readable = from.poll_read_ready(cx);
        if readable.is_pending() {
            self.give_back();
            return Poll::Pending;
        }
        let Some(pipe) = self.pipe.take().or_else(Pipe::take) else {
            self.is_refused = true;
            return Poll::Ready(Some(Spliced::Refused));
        };
        let read = from.try_io(Interest::READABLE, || move_bytes(from, &pipe.write, CAPACITY));
        self.pipe = Some(pipe);
        Poll::Ready(match read {
            Ok(0) => Some(Spliced::Ended),
            Ok(length) => {
                self.waiting = length;
                self.small_reads = if length < SMALL_READ { self.small_reads + 1 } else { 0 };
                None
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => None,
            Err(error) if error.kind() == io::ErrorKind::InvalidInput => {
                self.is_refused = true;
                Some(Spliced::Refused)
            }
            Err(_) => Some(Spliced::Broken(Broken::Reset)),
        })
    }

    /// From the pipe to the writer.
    fn poll_out(&mut self, cx: &mut Context<'_>, to: &TcpStream, moved: &mut u64) -> Poll<Option<Spliced>> {
        let Some(pipe) = &self.pipe else { return Poll::Ready(Some(Spliced::Broken(Broken::Reset))) };
        if ready!(to.poll_write_ready(cx)).is_err() {
            return Poll::Ready(Some(Spliced::Broken(Broken::Reset)));
        }
        match to.try_io(Interest::WRITABLE, || move_bytes(&pipe.read, to, self.waiting)) {
            Ok(length) if length > 0 => {
                self.waiting -= length;
                *moved += length as u64;
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(error) => return Poll::Ready(Some(Spliced::Broken(Broken::by(&error)))),
            Ok(_) => return Poll::Ready(Some(Spliced::Broken(Broken::Reset))),
        }
        if self.waiting == 0 && self.small_reads >= SMALL_READS {
            self.small_reads = 0;
            return Poll::Ready(Some(Spliced::TurnedSmall));
        }
        Poll::Ready(None)
    }

    /// An empty pipe goes back to the others; one with bytes in it is good for nothing any more.
    fn give_back(&mut self) {
        if let Some(pipe) = self.pipe.take()
            && self.waiting == 0
        {
            pipe.give_back();
        }
    }
}

/// A pipe with nothing in it.
#[derive(Debug)]
struct Pipe {
    read: OwnedFd,
    write: OwnedFd,
}

impl Pipe {
    /// One that is kept, or a new one; none where the process has no descriptors left.
    fn take() -> Option<Self> {
        let kept = PIPES.with_borrow_mut(Vec::pop);
        kept.or_else(|| {
            let (read, write) = pipe_with(PipeFlags::NONBLOCK | PipeFlags::CLOEXEC).ok()?;
            // Refused above the user's limit; a small pipe does too.
            let _ = fcntl_setpipe_size(&write, CAPACITY);
            Some(Self { read, write })
        })
    }

    fn give_back(self) {
        PIPES.with_borrow_mut(|pipes| {
            if pipes.len() < MAX_KEPT {
                pipes.push(self);
            }
        });
    }
}

fn move_bytes(from: impl AsFd, to: impl AsFd, length: usize) -> io::Result<usize> {
    Ok(splice(from, None, to, None, length, SpliceFlags::MOVE | SpliceFlags::NONBLOCK)?)
}

thread_local! {
    /// Empty pipes of this worker. They are closed with its thread.
    static PIPES: RefCell<Vec<Pipe>> = const { RefCell::new(Vec::new()) };
}

/// Of a pipe, in bytes.
const CAPACITY: usize = 256 * 1024;
/// Pipes that a worker keeps: two for each of a few downloads at once.
const MAX_KEPT: usize = 8;
/// So many small reads in a row are a flow that has turned small.
const SMALL_READS: u32 = 8;
/// Reads and writes before others have their turn: some megabytes.
const TURNS: usize = 32;
