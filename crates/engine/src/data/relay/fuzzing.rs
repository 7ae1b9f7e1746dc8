//! The fuzz target of one way of a relay, between two sides that follow a script.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::LazyLock;
use std::task::{Context, Poll, Waker};

use bytes::BytesMut;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

use super::direction::{Broken, Direction, Side};

/// What goes in comes out: in order, nothing twice, nothing lost before an end, and an end only as an end.
///
/// A digit lets the reader have so much (see [`SIZES`]), a letter from `A` on lets the writer take so much; `p` and `P` let
/// them wait, `e` ends the reader, `r` and `R` reset them, `K` closes the writer, `Z` takes nothing, `w` makes the shutdown
/// wait, `W` fails it, and each `+` is a byte that was read early. Where the script ends, the reader ends and the writer takes all.
pub(crate) fn relay(data: &[u8]) {
    let early = data.iter().filter(|byte| **byte == b'+').count().min(READ_SIZE);
    let course = Rc::new(RefCell::new(Course::of(data, early)));
    let mut reader = Scripted { course: Rc::clone(&course), is_reader: true };
    let mut writer = Scripted { course: Rc::clone(&course), is_reader: false };
    let mut direction = Direction::new(BytesMut::from(stream_from(0, early)));
    // It makes no difference but to plain sockets.
    let is_last = data.len().is_multiple_of(2);
    let mut cx = Context::from_waker(Waker::noop());
    // Each wait is an event of the script.
    for _ in 0..=data.len() {
        course.borrow_mut().has_waited = false;
        let end = direction.poll(&mut cx, &mut reader, &mut writer, is_last);
        course.borrow().check(&direction, end);
        if end.is_ready() {
            let before = course.borrow().calls;
            assert_eq!(direction.poll(&mut cx, &mut reader, &mut writer, is_last), end, "the end has changed");
            assert_eq!(course.borrow().calls, before, "a side was used after the end");
            return;
        }
    }
    panic!("it waits for nobody");
}

/// What has happened, and what is still to come.
#[derive(Debug)]
struct Course {
    reads: VecDeque<Event>,
    writes: VecDeque<Event>,
    shutdowns: VecDeque<Event>,
    given: usize,
    taken: usize,
    calls: usize,
    has_waited: bool,
    has_ended: bool,
    is_shut: bool,
    failure: Option<Broken>,
}

#[derive(Debug, Clone, Copy)]
enum Event {
    Move(usize),
    Wait,
    End,
    Fail(Broken),
}

impl Course {
    fn of(data: &[u8], early: usize) -> Self {
        let mut course = Self {
            reads: VecDeque::new(),
            writes: VecDeque::new(),
            shutdowns: VecDeque::new(),
            given: early,
            taken: 0,
            calls: 0,
            has_waited: false,
            has_ended: false,
            is_shut: false,
            failure: None,
        };
        for byte in data {
            match byte {
                b'0'..=b'9' => course.reads.push_back(Event::Move(SIZES[usize::from(byte - b'0')])),
                b'p' => course.reads.push_back(Event::Wait),
                b'e' => course.reads.push_back(Event::End),
                b'r' => course.reads.push_back(Event::Fail(Broken::Reset)),
                b'A'..=b'J' => course.writes.push_back(Event::Move(SIZES[usize::from(byte - b'A')])),
                b'P' => course.writes.push_back(Event::Wait),
                b'Z' => course.writes.push_back(Event::Move(0)),
                b'R' => course.writes.push_back(Event::Fail(Broken::Reset)),
                b'K' => course.writes.push_back(Event::Fail(Broken::Closed)),
                b'w' => course.shutdowns.push_back(Event::Wait),
                b'W' => course.shutdowns.push_back(Event::Fail(Broken::Reset)),
                _ => {}
            }
        }
        course
    }

    /// What holds after each poll.
    fn check(&self, direction: &Direction, end: Poll<Result<(), Broken>>) {
        assert_eq!(direction.moved(), self.taken as u64, "it has lost count");
        assert!(self.given - self.taken <= READ_SIZE, "it hoards");
        if self.failure.is_none() {
            assert_eq!(direction.is_blocked(), self.given > self.taken, "it does not know what waits");
        }
        match end {
            Poll::Pending => assert!(self.has_waited && self.failure.is_none(), "it waits for nobody"),
            Poll::Ready(Ok(())) => {
                assert!(self.has_ended && self.is_shut && self.failure.is_none(), "an end that is none");
                assert_eq!(self.taken, self.given, "bytes were lost before the end");
                assert!(direction.has_ended());
            }
            Poll::Ready(Err(broken)) => assert_eq!(Some(broken), self.failure, "a failure that is none"),
        }
    }

    fn fail(&mut self, broken: Broken) -> io::Error {
        self.failure = Some(broken);
        match broken {
            Broken::Closed => io::ErrorKind::BrokenPipe.into(),
            Broken::Reset => io::ErrorKind::ConnectionReset.into(),
        }
    }
}

/// One of the two sides.
#[derive(Debug)]
struct Scripted {
    course: Rc<RefCell<Course>>,
    is_reader: bool,
}

impl AsyncRead for Scripted {
    fn poll_read(self: Pin<&mut Self>, _: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let mut course = self.course.borrow_mut();
        course.calls += 1;
        assert!(self.is_reader, "the writer is read");
        assert!(!course.has_ended && course.failure.is_none(), "a read after the end");
        assert_eq!(course.given, course.taken, "a read while bytes wait");
        match course.reads.pop_front().unwrap_or(Event::End) {
            Event::Move(size) => {
                let size = size.min(buffer.remaining());
                assert!(size > 0, "a read into nothing");
                let room = buffer.initialize_unfilled_to(size);
                room.copy_from_slice(stream_from(course.given, size));
                buffer.advance(size);
                course.given += size;
            }
            Event::Wait => {
                course.has_waited = true;
                return Poll::Pending;
            }
            Event::End => course.has_ended = true,
            Event::Fail(broken) => return Poll::Ready(Err(course.fail(broken))),
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Scripted {
    fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let mut course = self.course.borrow_mut();
        course.calls += 1;
        assert!(!self.is_reader, "the reader is written to");
        assert!(!course.is_shut && course.failure.is_none(), "a write after the end");
        assert!(!bytes.is_empty(), "a write of nothing");
        assert!(course.taken + bytes.len() <= course.given, "bytes from nowhere");
        match course.writes.pop_front().unwrap_or(Event::Move(bytes.len())) {
            Event::Move(size) => {
                let size = size.min(bytes.len());
                assert!(bytes[..size] == *stream_from(course.taken, size), "other bytes, or in another order");
                course.taken += size;
                if size == 0 {
                    course.failure = Some(Broken::Reset);
                }
                Poll::Ready(Ok(size))
            }
            Event::Wait => {
                course.has_waited = true;
                Poll::Pending
            }
            Event::End => Poll::Ready(Ok(bytes.len())),
            Event::Fail(broken) => Poll::Ready(Err(course.fail(broken))),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut course = self.course.borrow_mut();
        course.calls += 1;
        assert!(!self.is_reader && !course.is_shut, "a flush of nothing");
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut course = self.course.borrow_mut();
        course.calls += 1;
        assert!(!self.is_reader && !course.is_shut && course.failure.is_none(), "an end too many");
        assert!(course.has_ended, "an end that nobody has said");
        assert_eq!(course.taken, course.given, "an end before the last byte");
        match course.shutdowns.pop_front() {
            Some(Event::Wait) => {
                course.has_waited = true;
                return Poll::Pending;
            }
            Some(Event::Fail(broken)) => return Poll::Ready(Err(course.fail(broken))),
            _ => course.is_shut = true,
        }
        Poll::Ready(Ok(()))
    }
}

impl Side for Scripted {
    fn plain(&self) -> Option<&TcpStream> {
        None
    }
}

/// What the stream has from this place on. Its period is no power of two, so that a shift shows.
fn stream_from(place: usize, length: usize) -> &'static [u8] {
    static STREAM: LazyLock<Vec<u8>> = LazyLock::new(|| (0..=PERIOD).cycle().take(READ_SIZE + 256).collect());
    let start = place % (usize::from(PERIOD) + 1);
    &STREAM[start..start + length]
}

/// From a single byte to more than one read holds, around the sizes where the relay decides something.
const SIZES: [usize; 10] = [1, 2, 7, 100, 1_000, 8_191, 8_192, 65_536, READ_SIZE, 300_000];
/// As much as the relay reads at once.
const READ_SIZE: usize = 256 * 1024;
/// The last byte before the stream begins anew.
const PERIOD: u8 = 250;
