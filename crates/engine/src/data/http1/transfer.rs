//! Carries one message from one connection to another: a head that is already written, then the body as it comes.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Buf as _, BytesMut};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_util::io::poll_read_buf;

use super::chunked::ChunkedDecoder;
use super::fields::Name;
use super::framing::Framing;

/// A message on its way. It never holds more than one buffer: it reads on only when all of the last read is written.
#[derive(Debug)]
pub(crate) struct Transfer {
    source: Source,
    /// Whether the data leaves in chunks.
    is_chunked_out: bool,
    is_source_done: bool,
    /// Whether anything of the message was written.
    is_begun: bool,
    segment: Segment,
    /// How much to ask for at once.
    read_size: usize,
}

/// Why a message did not arrive whole, which also says on whose side the fault is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TransferError {
    /// The sending side failed.
    Read,
    /// The sending side ended in the middle of the message.
    Truncated,
    /// The sending side broke the framing of its body.
    Framing,
    /// The receiving side failed.
    Write,
}

#[derive(Debug)]
enum Source {
    Length(u64),
    Chunked(ChunkedDecoder),
    UntilClose,
}

/// What is being written: `lead`, the first `data` bytes of the read buffer, and `tail`, as one.
#[derive(Debug, Default)]
struct Segment {
    lead: Vec<u8>,
    data: usize,
    tail: Vec<u8>,
    written: usize,
    /// How much of the read buffer is used up with it.
    consumed: usize,
}

impl Transfer {
    /// A message whose rewritten head is `head` and whose body is framed as `framing` where it comes from. A chunked body
    /// leaves chunked if `keeps_chunks`, and as bare data otherwise.
    pub(crate) fn new(head: Vec<u8>, framing: Framing, keeps_chunks: bool) -> Self {
        let source = match framing {
            Framing::Empty => Source::Length(0),
            Framing::Length(length) => Source::Length(length),
            Framing::Chunked => Source::Chunked(ChunkedDecoder::new()),
            Framing::UntilClose => Source::UntilClose,
        };
        Self {
            is_source_done: matches!(source, Source::Length(0)),
            is_chunked_out: keeps_chunks && framing == Framing::Chunked,
            source,
            is_begun: false,
            segment: Segment { lead: head, ..Segment::default() },
            read_size: FIRST_READ,
        }
    }

    /// Whether the receiving side has seen anything of the message.
    pub(crate) fn is_begun(&self) -> bool {
        self.is_begun
    }

    /// Whether all of it was read.
    pub(crate) fn is_source_done(&self) -> bool {
        self.is_source_done
    }

    /// Carries on until the whole message is written. `buffer` holds what was read from `from` already.
    pub(crate) fn poll<R, W>(
        &mut self,
        cx: &mut Context<'_>,
        mut from: Pin<&mut R>,
        buffer: &mut BytesMut,
        mut to: Pin<&mut W>,
    ) -> Poll<Result<(), TransferError>>
    where
        R: AsyncRead + ?Sized,
        W: AsyncWrite + ?Sized,
    {
        loop {
            if self.segment.consumed == 0 && !self.is_source_done && !buffer.is_empty() {
                self.take(buffer)?;
            }
            self.is_begun |= !self.segment.is_empty();
            ready!(self.segment.poll_write(cx, to.as_mut(), buffer)).map_err(|_| TransferError::Write)?;
            if self.is_source_done {
                return to.poll_flush(cx).map_err(|_| TransferError::Write);
            }
            let Poll::Ready(filled) = poll_fill(cx, from.as_mut(), buffer, self.read_size) else {
                // A TLS stream may hold bytes back until it is told to send them.
                return match to.poll_flush(cx) {
                    Poll::Ready(Err(_)) => Poll::Ready(Err(TransferError::Write)),
                    _ => Poll::Pending,
                };
            };
            match filled.map_err(|_| TransferError::Read)? {
                0 if matches!(self.source, Source::UntilClose) => self.is_source_done = true,
                0 => return Poll::Ready(Err(TransferError::Truncated)),
                _ if buffer.len() == buffer.capacity() => self.read_size = BULK_READ,
                _ => {}
            }
        }
    }

    /// Makes a segment of what was read.
    fn take(&mut self, buffer: &mut BytesMut) -> Result<(), TransferError> {
        let segment = &mut self.segment;
        match &mut self.source {
            Source::UntilClose => (segment.data, segment.consumed) = (buffer.len(), buffer.len()),
            Source::Length(left) => {
                let length = usize::try_from(*left).unwrap_or(usize::MAX).min(buffer.len());
                (segment.data, segment.consumed) = (length, length);
                *left -= length as u64;
                self.is_source_done = *left == 0;
            }
            Source::Chunked(decoder) => {
                let decoded = decoder.decode(buffer).map_err(|_| TransferError::Framing)?;
                (segment.data, segment.consumed) = (decoded.data, decoded.consumed);
                self.is_source_done = decoder.is_at_end();
                if self.is_chunked_out {
                    segment.frame_as_chunk(self.is_source_done.then(|| decoder.trailers()))?;
                }
            }
        }
        Ok(())
    }
}

impl Segment {
    fn is_empty(&self) -> bool {
        self.lead.is_empty() && self.data == 0 && self.tail.is_empty()
    }

    /// Puts the data in a chunk, and the last chunk with the trailers behind it if the body ends here.
    fn frame_as_chunk(&mut self, trailers: Option<&[u8]>) -> Result<(), TransferError> {
        if self.data > 0 {
            self.lead.extend_from_slice(format!("{:x}\r\n", self.data).as_bytes());
            self.tail.extend_from_slice(b"\r\n");
        }
        if let Some(trailers) = trailers {
            self.tail.extend_from_slice(b"0\r\n");
            write_trailers(trailers, &mut self.tail)?;
            self.tail.extend_from_slice(b"\r\n");
        }
        Ok(())
    }

    fn count(&mut self, written: usize) -> io::Result<()> {
        self.written += written;
        if written == 0 { Err(io::ErrorKind::WriteZero.into()) } else { Ok(()) }
    }

    /// Writes the segment, then frees its part of the buffer.
    fn poll_write<W: AsyncWrite + ?Sized>(
        &mut self,
        cx: &mut Context<'_>,
        mut to: Pin<&mut W>,
        buffer: &mut BytesMut,
    ) -> Poll<io::Result<()>> {
        let whole = self.lead.len() + self.data + self.tail.len();
        while self.written < whole {
            if self.lead.is_empty() && self.tail.is_empty() {
                let written = ready!(to.as_mut().poll_write(cx, &buffer[self.written..self.data]))?;
                self.count(written)?;
                continue;
            }
            let mut skip = self.written;
            let parts = [&self.lead[..], &buffer[..self.data], &self.tail].map(|part| {
                let skipped = skip.min(part.len());
                skip -= skipped;
                IoSlice::new(&part[skipped..])
            });
            let written = ready!(to.as_mut().poll_write_vectored(cx, &parts))?;
            self.count(written)?;
        }
        buffer.advance(self.consumed);
        self.lead.clear();
        self.tail.clear();
        (self.data, self.written, self.consumed) = (0, 0, 0);
        Poll::Ready(Ok(()))
    }
}

/// Reads once, into `size` bytes of room or what is left of it.
pub(crate) fn poll_fill<R: AsyncRead + ?Sized>(
    cx: &mut Context<'_>,
    from: Pin<&mut R>,
    buffer: &mut BytesMut,
    size: usize,
) -> Poll<io::Result<usize>> {
    if buffer.is_empty() || buffer.len() == buffer.capacity() {
        buffer.reserve(size);
    }
    poll_read_buf(from, cx, buffer)
}

/// Trailers that may travel: framing, routing and hop-by-hop fields may not (RFC 9110 §6.5.1).
fn write_trailers(trailers: &[u8], out: &mut Vec<u8>) -> Result<(), TransferError> {
    if trailers.is_empty() {
        return Ok(());
    }
    let mut whole = trailers.to_vec();
    whole.extend_from_slice(b"\r\n");
    let mut fields = [httparse::EMPTY_HEADER; MAX_TRAILERS];
    let Ok(httparse::Status::Complete((_, fields))) = httparse::parse_headers(&whole, &mut fields) else {
        return Err(TransferError::Framing);
    };
    for field in fields {
        if Name::of(field.name) == Name::Other {
            out.extend_from_slice(field.name.as_bytes());
            out.extend_from_slice(b": ");
            out.extend_from_slice(field.value);
            out.extend_from_slice(b"\r\n");
        }
    }
    Ok(())
}

/// Holds almost every head, and most bodies behind one.
pub(crate) const FIRST_READ: usize = 8 * 1024;
/// For a body that has filled its first read: fewer system calls.
const BULK_READ: usize = 64 * 1024;
const MAX_TRAILERS: usize = 64;
