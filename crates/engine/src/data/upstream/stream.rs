//! A connection to the other side.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll};

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
    /// Whether an exchange was made on it before.
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

    /// Whether nothing has come since the last exchange: neither the end of the connection nor bytes nobody asked for.
    pub(crate) fn is_quiet(&self) -> bool {
        let mut byte = [0];
        self.buffer.is_empty()
            && matches!(self.stream.tcp().try_read(&mut byte), Err(error) if error.kind() == io::ErrorKind::WouldBlock)
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
