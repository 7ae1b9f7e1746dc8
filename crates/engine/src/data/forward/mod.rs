//! The forward proxy: reads the requests of one client connection and sees each to its end.

mod connect;
mod exchange;
mod fallback;
#[cfg(any(test, fuzzing))]
pub(super) mod fuzzing;
mod request;
mod response;
mod target;

use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use bytes::{Buf as _, BytesMut};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout, timeout_at};
use tracing::debug;

pub(crate) use self::fallback::Fallback;
pub(crate) use self::request::Access;
use self::request::{Action, Request};
use super::error::Failure;
use super::http1::{FIRST_READ, HeadScanner, Scan, poll_fill};
use super::relay::Relay;
use super::server::{Permit, Proxy};
use super::upstream::{Upstream, UpstreamConnection};
use super::watchdog::{ResetCheck, Watchdog};
use crate::policy::Host;
use crate::snapshot::Snapshot;

/// A client's connection.
#[derive(Debug)]
pub(crate) struct Downstream {
    pub(crate) stream: TcpStream,
    /// What was read, but not used yet.
    pub(crate) buffer: BytesMut,
    pub(crate) watchdog: Watchdog,
    permit: Permit,
}

/// What becomes of a client's connection after a request.
#[derive(Debug)]
enum Next {
    /// It waits for the next request.
    Persist,
    /// It ends in peace: all that was written is to arrive.
    Close,
    /// It ends at once.
    Abandon,
    /// Both sides have agreed on another protocol: it is relayed to this connection.
    Relay(Box<Upgraded>),
}

/// An upstream connection that does not speak HTTP any more.
#[derive(Debug)]
struct Upgraded {
    up: UpstreamConnection,
    host: Host,
}

/// Serves a client's connection to its end, or until a CONNECT takes it over.
pub(crate) async fn serve(proxy: Arc<Proxy>, stream: TcpStream, permit: Permit) {
    let watchdog = Watchdog::new(proxy.limits.http_idle);
    let mut down = Downstream { stream, buffer: BytesMut::new(), watchdog, permit };
    loop {
        let length = match down.read_head(&proxy).await {
            Ok(Some(length)) => length,
            Ok(None) => return,
            Err(failure) => {
                down.refuse(&proxy, failure).await;
                return;
            }
        };
        let snapshot = proxy.snapshots.current();
        let action = Request::read(&down.buffer[..length], &snapshot, &proxy.access);
        down.buffer.advance(length);
        let next = match action {
            Ok(Action::Connect(request)) => {
                return connect::serve(&proxy, down, request, &snapshot).await;
            }
            Ok(Action::Exchange(request)) => exchange::serve(&proxy, &mut down, request).await,
            Ok(Action::Answer { response, is_persistent }) => match down.answer(&response).await {
                true if is_persistent => Next::Persist,
                true => Next::Close,
                false => Next::Abandon,
            },
            Err(failure) => {
                down.refuse(&proxy, failure).await;
                return;
            }
        };
        match next {
            Next::Persist => {}
            Next::Close => return down.close(&proxy).await,
            Next::Abandon => return,
            Next::Relay(upgraded) => {
                let Upgraded { up, host } = *upgraded;
                return start_relay(&proxy, down, (up.stream, up.buffer), host, &snapshot);
            }
        }
    }
}

/// Lets go of everything that HTTP needed: what stays is a small task that moves bytes.
fn start_relay(proxy: &Proxy, down: Downstream, up: (Upstream, BytesMut), host: Host, snapshot: &Arc<Snapshot>) {
    let Downstream { stream, buffer: early_up, permit, .. } = down;
    let mut relay = Relay::new((stream, early_up), up, proxy.limits.relay_idle, permit);
    if let Some(routes) = &proxy.routes {
        let route = snapshot.rules.decide(&host).route;
        relay = relay.watching(routes.add(host, route, snapshot, &proxy.snapshots));
    }
    proxy.shutdown.spawn(if proxy.splices { relay } else { relay.without_splice() });
}

impl Downstream {
    /// Waits for a whole head at the front of the buffer and returns its length; `None` if the connection is to end
    /// without a word.
    async fn read_head(&mut self, proxy: &Proxy) -> Result<Option<usize>, Failure> {
        if self.buffer.is_empty() && !self.wait_for_request(proxy).await {
            return Ok(None);
        }
        let limit = proxy.limits.head_bytes;
        let deadline = Instant::now() + HEAD_TIMEOUT;
        let mut scanner = HeadScanner::strict();
        let mut empty_lines = 0;
        loop {
            // Old clients end a body with an empty line too many (RFC 9112 §2.2).
            while self.buffer.starts_with(b"\r\n") {
                self.buffer.advance(2);
                empty_lines += 1;
            }
            if empty_lines > MAX_EMPTY_LINES {
                return Err(Failure::Malformed("The request starts with too many empty lines"));
            }
            if !(self.buffer.is_empty() || self.buffer[..] == *b"\r") {
                match scanner.scan(&self.buffer) {
                    Scan::Whole(length) if length <= limit => return Ok(Some(length)),
                    Scan::Partial if self.buffer.len() <= limit => {}
                    Scan::Malformed => {
                        return Err(Failure::Malformed("A line of the head does not end in CR LF"));
                    }
                    Scan::Whole(_) | Scan::Partial => return Err(Failure::HeadTooLarge),
                }
            }
            if let Some(byte) = self.buffer.first()
                && !is_start_of_request(*byte)
            {
                return Err(Failure::Malformed(if *byte == TLS_HANDSHAKE { SPOKEN_TO_IN_TLS } else { NO_REQUEST }));
            }
            let filled = tokio::select! {
                filled = timeout_at(deadline, self.fill()) => filled,
                // What is no whole head yet is no running exchange.
                () = proxy.shutdown.draining() => return Ok(None),
            };
            match filled {
                Ok(Ok(0) | Err(_)) => return Ok(None),
                Ok(Ok(_)) => {}
                // A connection without any request may have been opened just in case: no answer is expected on it.
                Err(_) if self.buffer.is_empty() => return Ok(None),
                Err(_) => return Err(Failure::HeadTimedOut),
            }
        }
    }

    /// Waits for the first bytes of a request. False if the connection is to end: the client has closed it, has said
    /// nothing for too long, or the session stops.
    async fn wait_for_request(&mut self, proxy: &Proxy) -> bool {
        if self.buffer.capacity() > FIRST_READ {
            self.buffer = BytesMut::new();
        }
        self.watchdog.restart(proxy.limits.http_idle);
        let Self { stream, buffer, watchdog, .. } = self;
        let first_bytes = poll_fn(|cx| {
            if watchdog.poll_idle(cx, &ResetCheck::default()).is_ready() {
                return Poll::Ready(Ok(0));
            }
            std::task::ready!(stream.poll_read_ready(cx))?;
            poll_fill(cx, Pin::new(&mut *stream), buffer, FIRST_READ)
        });
        tokio::select! {
            read = first_bytes => matches!(read, Ok(length) if length > 0),
            () = proxy.shutdown.draining() => false,
        }
    }

    async fn fill(&mut self) -> io::Result<usize> {
        poll_fn(|cx| poll_fill(cx, Pin::new(&mut self.stream), &mut self.buffer, FIRST_READ)).await
    }

    /// Writes an answer of the proxy's own. False if the client does not take it.
    async fn answer(&mut self, response: &[u8]) -> bool {
        matches!(timeout(WRITE_TIMEOUT, self.stream.write_all(response)).await, Ok(Ok(())))
    }

    /// Answers a request that cannot be served, and ends the connection: what follows on it cannot be trusted.
    async fn refuse(self, proxy: &Proxy, failure: Failure) {
        debug!(code = failure.code(), "request refused");
        self.answer_and_close(proxy, failure).await;
    }

    async fn answer_and_close(mut self, proxy: &Proxy, failure: Failure) {
        if self.answer(&failure.response(true, false)).await {
            self.close(proxy).await;
        }
    }

    /// Closes our side first, and reads on for a moment: a socket that is closed with unread bytes in it is reset, and the
    /// reset may overtake the answer (RFC 9112 §9.6).
    async fn close(mut self, proxy: &Proxy) {
        if self.stream.shutdown().await.is_err() {
            return;
        }
        let read_on = async {
            let mut scrap = vec![0; FIRST_READ];
            let mut length = 0;
            while length < LINGER_BYTES {
                match self.stream.read(&mut scrap).await {
                    Ok(0) | Err(_) => break,
                    Ok(read) => length += read,
                }
            }
        };
        // The client may keep its side open for ever; nothing is lost by not waiting for it.
        tokio::select! {
            _ = timeout(LINGER, read_on) => {}
            () = proxy.shutdown.draining() => {}
        }
    }
}

/// The first byte of a method, or of an empty line before it.
fn is_start_of_request(byte: u8) -> bool {
    byte.is_ascii_graphic() || byte == b'\r'
}

/// The content type of a TLS record that begins a handshake (RFC 8446 §5.1).
const TLS_HANDSHAKE: u8 = 0x16;
const SPOKEN_TO_IN_TLS: &str =
    "This proxy is spoken to in plain HTTP: its URL begins with http://, also for https sites";
const NO_REQUEST: &str = "The request does not begin with a method";
/// For a head to arrive, from its first byte on.
const HEAD_TIMEOUT: Duration = Duration::from_secs(15);
/// For an answer of our own, which fits any socket buffer unless its reader has stopped.
const WRITE_TIMEOUT: Duration = Duration::from_secs(10);
/// How long and how much is read on after the last answer.
const LINGER: Duration = Duration::from_secs(2);
const LINGER_BYTES: usize = 64 * 1024 * 1024;
const MAX_EMPTY_LINES: usize = 8;
