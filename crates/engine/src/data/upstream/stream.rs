//! A connection to the other side.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use bytes::BytesMut;
use socket2::{SockRef, TcpKeepalive};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::Instant;
use tokio_rustls::client::TlsStream;

use super::Http2Stream;

/// A byte stream to an origin or to the gateway.
#[derive(Debug)]
pub(crate) enum Upstream {
    Tcp(TcpStream),
    /// Boxed: TLS has a kilobyte of state, which plain connections shall not pay.
    Tls(Box<TlsStream<TcpStream>>),
    /// A CONNECT among others on one connection to the gateway.
    Http2(Box<Http2Stream>),
}

/// An HTTP connection: the stream, and what was read from it but not used yet.
#[derive(Debug)]
pub(crate) struct UpstreamConnection {
    pub(crate) stream: Upstream,
    pub(crate) buffer: BytesMut,
    /// Whether it stood before the request came.
    pub(crate) is_reused: bool,
    /// When the last message of the other side was read to its end, or the connection was made.
    pub(crate) heard: Instant,
}

impl Upstream {
    /// The socket below, where the stream has one of its own.
    fn socket(&self) -> Option<&TcpStream> {
        match self {
            Self::Tcp(stream) => Some(stream),
            Self::Tls(stream) => Some(stream.get_ref().0),
            Self::Http2(_) => None,
        }
    }

    /// Whether the connection has failed, which somebody has to ask for who does not read. Wakes the task if it can tell.
    pub(crate) fn has_failed(&mut self, cx: &mut Context<'_>) -> bool {
        match self {
            Self::Http2(stream) => stream.poll_reset(cx).is_ready(),
            Self::Tcp(_) | Self::Tls(_) => self.socket().is_some_and(has_failed),
        }
    }

    /// Whether neither the end of the connection nor any byte of the other side waits to be read. What TLS says to itself,
    /// such as tickets, does not count. Where this is false, the stream is good for nothing any more.
    pub(crate) fn is_quiet(&mut self) -> bool {
        let mut byte = [0];
        let mut context = Context::from_waker(Waker::noop());
        Pin::new(self).poll_read(&mut context, &mut ReadBuf::new(&mut byte)).is_pending()
    }

    /// Has the system find out whether the other side is still there, while nothing is said. For HTTP/2, its connection
    /// does.
    pub(crate) fn keep_alive(&self) {
        let probes = TcpKeepalive::new().with_time(KEEPALIVE);
        if let Some(socket) = self.socket() {
            // Where that cannot be set any more, the connection is dead already.
            let _ = SockRef::from(socket).set_tcp_keepalive(&probes);
        }
    }

    /// Ends regularly what is about to be dropped. Sockets do that by themselves.
    pub(crate) fn finish(&mut self) {
        if let Self::Http2(stream) = self {
            stream.finish();
        }
    }

    /// Makes the connection end with a reset instead of a regular end.
    pub(crate) fn reset(&mut self) {
        match self {
            Self::Http2(stream) => stream.reset(),
            Self::Tcp(_) | Self::Tls(_) => self.socket().into_iter().for_each(reset_on_close),
        }
    }
}

/// Whether the socket has failed since somebody has asked.
pub(crate) fn has_failed(socket: &TcpStream) -> bool {
    !matches!(socket.take_error(), Ok(None))
}

/// Makes the connection end with a reset instead of a regular end.
pub(crate) fn reset_on_close(socket: &TcpStream) {
    // Where that cannot be set any more, the connection is dead already.
    let _ = SockRef::from(socket).set_linger(Some(Duration::ZERO));
}

impl UpstreamConnection {
    pub(crate) fn new(stream: Upstream) -> Self {
        Self { stream, buffer: BytesMut::new(), is_reused: false, heard: Instant::now() }
    }

    /// One that has stood for a while, and may have been closed meanwhile.
    pub(crate) fn used(stream: Upstream) -> Self {
        Self { is_reused: true, ..Self::new(stream) }
    }

    /// Whether nothing has come since the last exchange: neither the end of the connection nor bytes nobody asked for.
    pub(crate) fn is_quiet(&mut self) -> bool {
        self.buffer.is_empty() && self.stream.is_quiet()
    }
}

impl AsyncRead for Upstream {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Tcp(stream) => Pin::new(stream).poll_read(cx, buffer),
            Self::Tls(stream) => Pin::new(stream).poll_read(cx, buffer),
            Self::Http2(stream) => Pin::new(stream).poll_read(cx, buffer),
        }
    }
}

impl AsyncWrite for Upstream {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Tcp(stream) => Pin::new(stream).poll_write(cx, bytes),
            Self::Tls(stream) => Pin::new(stream).poll_write(cx, bytes),
            Self::Http2(stream) => Pin::new(stream).poll_write(cx, bytes),
        }
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        parts: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Tcp(stream) => Pin::new(stream).poll_write_vectored(cx, parts),
            Self::Tls(stream) => Pin::new(stream).poll_write_vectored(cx, parts),
            Self::Http2(stream) => Pin::new(stream).poll_write_vectored(cx, parts),
        }
    }

    fn is_write_vectored(&self) -> bool {
        match self {
            Self::Tcp(stream) => stream.is_write_vectored(),
            Self::Tls(stream) => stream.is_write_vectored(),
            Self::Http2(stream) => stream.is_write_vectored(),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Tcp(stream) => Pin::new(stream).poll_flush(cx),
            Self::Tls(stream) => Pin::new(stream).poll_flush(cx),
            Self::Http2(stream) => Pin::new(stream).poll_flush(cx),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Tcp(stream) => Pin::new(stream).poll_shutdown(cx),
            Self::Tls(stream) => Pin::new(stream).poll_shutdown(cx),
            Self::Http2(stream) => Pin::new(stream).poll_shutdown(cx),
        }
    }
}

/// Below the idle time-outs of most NATs and load balancers.
pub(crate) const KEEPALIVE: Duration = Duration::from_secs(60);
