//! One CONNECT on an HTTP/2 connection, as a byte stream.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Buf as _, Bytes};
use h2::{Reason, RecvStream, SendStream};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::sync::OwnedSemaphorePermit;

/// Its end is END_STREAM, its reset RST_STREAM. Dropping it before its end resets it.
#[derive(Debug)]
pub(crate) struct Http2Stream {
    send: SendStream<Bytes>,
    receive: RecvStream,
    /// Received, but not read yet.
    unread: Bytes,
    /// The place on the connection.
    _permit: OwnedSemaphorePermit,
}

impl Http2Stream {
    pub(super) fn new(send: SendStream<Bytes>, receive: RecvStream, permit: OwnedSemaphorePermit) -> Self {
        Self { send, receive, unread: Bytes::new(), _permit: permit }
    }

    /// Ready when the other side has reset the stream, or the connection has ended.
    pub(crate) fn poll_reset(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        self.send.poll_reset(cx).map(|_| ())
    }

    /// Tells the other side that no more will come. Where it knows, or has gone, nothing is lost.
    pub(crate) fn finish(&mut self) {
        let _ = self.send.send_data(Bytes::new(), true);
    }

    /// Tells the other side that the client's connection has failed (RFC 9113 §8.5).
    pub(crate) fn reset(&mut self) {
        self.send.send_reset(Reason::CONNECT_ERROR);
    }
}

impl AsyncRead for Http2Stream {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        while this.unread.is_empty() {
            match ready!(this.receive.poll_data(cx)) {
                Some(data) => this.unread = data.map_err(|_| io::ErrorKind::ConnectionReset)?,
                None => return Poll::Ready(Ok(())),
            }
        }
        let length = this.unread.len().min(buffer.remaining());
        buffer.put_slice(&this.unread[..length]);
        this.unread.advance(length);
        // The other side may send as much as was read. Where the stream has ended meanwhile, nobody wants to know.
        let _ = this.receive.flow_control().release_capacity(length);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Http2Stream {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let send = &mut self.get_mut().send;
        if bytes.is_empty() {
            return Poll::Ready(Ok(0));
        }
        send.reserve_capacity(bytes.len());
        while send.capacity() == 0 {
            match ready!(send.poll_capacity(cx)) {
                Some(Ok(_)) => {}
                Some(Err(_)) | None => return Poll::Ready(Err(failure(send, cx))),
            }
        }
        let length = send.capacity().min(bytes.len());
        match send.send_data(Bytes::copy_from_slice(&bytes[..length]), false) {
            Ok(()) => Poll::Ready(Ok(length)),
            Err(_) => Poll::Ready(Err(failure(send, cx))),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let send = &mut self.get_mut().send;
        match send.send_data(Bytes::new(), true) {
            Ok(()) => Poll::Ready(Ok(())),
            Err(_) => Poll::Ready(Err(failure(send, cx))),
        }
    }
}

/// Why nothing more can be sent: the other side wants no more, which is no failure, or it has failed.
fn failure(send: &mut SendStream<Bytes>, cx: &mut Context<'_>) -> io::Error {
    match send.poll_reset(cx) {
        Poll::Ready(Ok(Reason::NO_ERROR)) => io::ErrorKind::BrokenPipe.into(),
        _ => io::ErrorKind::ConnectionReset.into(),
    }
}
