//! A connection to the other side.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use bytes::BytesMut;
use socket2::SockRef;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::client::TlsStream;

/// A byte stream to an origin or to the gateway.
#[derive(Debug)]
pub(crate) enum Upstream {
    Tcp(TcpStream),
    /// Boxed: TLS has a kilobyte of state, which plain connections shall not pay.
    Tls(Box<TlsStream<TcpStream>>),
}

/// An HTTP connection: the stream, and what was read from it but not used yet.
#[derive(Debug)]
pub(crate) struct UpstreamConnection {
    pub(crate) stream: Upstream,
    pub(crate) buffer: BytesMut,
    /// Whether it stood before the request came.
    pub(crate) is_reused: bool,
}

impl Upstream {
    /// The socket below.
    pub(crate) fn tcp(&self) -> &TcpStream {
        match self {
            Self::Tcp(stream) => stream,
            Self::Tls(stream) => stream.get_ref().0,
        }
    }

    /// Whether neither the end of the connection nor any byte of the other side waits to be read. What TLS says to itself,
    /// such as tickets, does not count. Where this is false, the stream is good for nothing any more.
    pub(crate) fn is_quiet(&mut self) -> bool {
        let mut byte = [0];
        let mut context = Context::from_waker(Waker::noop());
        Pin::new(self).poll_read(&mut context, &mut ReadBuf::new(&mut byte)).is_pending()
    }

    /// Makes the connection end with a reset instead of a regular end.
    pub(crate) fn reset(&self) {
        // Where that cannot be set any more, the connection is dead already.
        let _ = SockRef::from(self.tcp()).set_linger(Some(std::time::Duration::ZERO));
    }
}

impl UpstreamConnection {
    pub(crate) fn new(stream: Upstream) -> Self {
        Self { stream, buffer: BytesMut::new(), is_reused: false }
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
        }
    }
}

impl AsyncWrite for Upstream {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Tcp(stream) => Pin::new(stream).poll_write(cx, bytes),
            Self::Tls(stream) => Pin::new(stream).poll_write(cx, bytes),
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
        }
    }

    fn is_write_vectored(&self) -> bool {
        match self {
            Self::Tcp(stream) => stream.is_write_vectored(),
            Self::Tls(stream) => stream.is_write_vectored(),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Tcp(stream) => Pin::new(stream).poll_flush(cx),
            Self::Tls(stream) => Pin::new(stream).poll_flush(cx),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Tcp(stream) => Pin::new(stream).poll_shutdown(cx),
            Self::Tls(stream) => Pin::new(stream).poll_shutdown(cx),
        }
    }
}
