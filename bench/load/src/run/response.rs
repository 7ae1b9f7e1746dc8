//! Reads responses as they come, as cheaply as their framing allows (RFC 9112 §6.3).

use std::io;

/// Reads one response after another from the pieces that a connection delivers.
#[derive(Debug, Default)]
pub(crate) struct ResponseReader {
    /// As long as the head is not whole.
    head: Vec<u8>,
    body: Body,
    status: u16,
    length: u64,
    persists: bool,
}

/// A response that has been read to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Response {
    pub(crate) status: u16,
    /// Bytes of the body, without its framing.
    pub(crate) length: u64,
    /// Whether the connection can be used again.
    pub(crate) persists: bool,
}

#[derive(Debug, Default, Clone, Copy)]
enum Body {
    /// The head is still being read.
    #[default]
    Unknown,
    Length(u64),
    Chunk(Chunk),
    UntilClose,
}

#[derive(Debug, Clone, Copy)]
enum Chunk {
    Size { value: u64, is_extension: bool },
    Data(u64),
    DataEnd,
    Trailer { is_empty: bool },
}

impl ResponseReader {
    /// Takes what has come; nothing stands for the end of the connection. Says when the response is whole: no client here
    /// sends its next request earlier, so that nothing can follow.
    pub(crate) fn feed(&mut self, mut bytes: &[u8]) -> io::Result<Option<Response>> {
        if bytes.is_empty() {
            return match self.body {
                Body::UntilClose => Ok(Some(self.take())),
                _ => Err(io::ErrorKind::UnexpectedEof.into()),
            };
        }
        if matches!(self.body, Body::Unknown) {
            let before = self.head.len();
            self.head.extend_from_slice(bytes);
            let Some(end) = memchr::memmem::find(&self.head, b"\r\n\r\n") else { return Ok(None) };
            bytes = &bytes[end + 4 - before..];
            self.read_head(end + 4)?;
        }
        let is_whole = match self.body {
            Body::Unknown => false,
            Body::UntilClose => {
                self.length += bytes.len() as u64;
                false
            }
            Body::Length(rest) => {
                let rest = rest.saturating_sub(bytes.len() as u64);
                self.length += bytes.len() as u64;
                self.body = Body::Length(rest);
                rest == 0
            }
            Body::Chunk(chunk) => self.feed_chunks(chunk, bytes)?,
        };
        Ok(is_whole.then(|| self.take()))
    }

    fn take(&mut self) -> Response {
        let response = Response { status: self.status, length: self.length, persists: self.persists };
        self.head.clear();
        self.body = Body::Unknown;
        response
    }

    fn read_head(&mut self, length: usize) -> io::Result<()> {
        let mut fields = [httparse::EMPTY_HEADER; 64];
        let mut head = httparse::Response::new(&mut fields);
        head.parse(&self.head[..length]).map_err(io::Error::other)?;
        self.status = head.code.unwrap_or_default();
        self.length = 0;
        self.persists = head.version == Some(1);
        self.body = Body::UntilClose;
        for field in head.headers.iter() {
            if field.name.eq_ignore_ascii_case("content-length") {
                let length = std::str::from_utf8(field.value).ok().and_then(|text| text.parse().ok());
                self.body = Body::Length(length.ok_or_else(|| io::Error::other("no length in Content-Length"))?);
            } else if field.name.eq_ignore_ascii_case("transfer-encoding") {
                self.body = Body::Chunk(Chunk::Size { value: 0, is_extension: false });
            } else if field.name.eq_ignore_ascii_case("connection") {
                self.persists = !field.value.eq_ignore_ascii_case(b"close");
            }
        }
        Ok(())
    }

    fn feed_chunks(&mut self, mut chunk: Chunk, mut bytes: &[u8]) -> io::Result<bool> {
        while let Some((first, rest)) = bytes.split_first() {
            if let Chunk::Data(left) = chunk {
                let taken = usize::try_from(left).unwrap_or(usize::MAX).min(bytes.len());
                self.length += taken as u64;
                bytes = &bytes[taken..];
                chunk = if left == taken as u64 { Chunk::DataEnd } else { Chunk::Data(left - taken as u64) };
                continue;
            }
            bytes = rest;
            chunk = match (chunk, first) {
                (Chunk::Size { value: 0, .. }, b'\n') => Chunk::Trailer { is_empty: true },
                (Chunk::Size { value, .. }, b'\n') => Chunk::Data(value),
                (Chunk::Size { value, is_extension }, byte) => match char::from(*byte).to_digit(16) {
                    Some(digit) if !is_extension => Chunk::Size { value: value * 16 + u64::from(digit), is_extension },
                    Some(_) => Chunk::Size { value, is_extension },
                    None if matches!(byte, b'\r' | b';' | b' ') || is_extension => {
                        Chunk::Size { value, is_extension: true }
                    }
                    None => return Err(io::Error::other("no chunk size")),
                },
                (Chunk::DataEnd, b'\n') => Chunk::Size { value: 0, is_extension: false },
                (Chunk::DataEnd, _) => Chunk::DataEnd,
                (Chunk::Trailer { is_empty: true }, b'\n') => return Ok(true),
                (Chunk::Trailer { is_empty }, b'\r') => Chunk::Trailer { is_empty },
                (Chunk::Trailer { .. }, byte) => Chunk::Trailer { is_empty: *byte == b'\n' },
                (Chunk::Data(_), _) => unreachable!("taken above"),
            };
        }
        self.body = Body::Chunk(chunk);
        Ok(false)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Feeds a response in pieces of each size.
    fn read(text: &str) -> Vec<Option<Response>> {
        let read_in = |size: usize| {
            let mut reader = ResponseReader::default();
            text.as_bytes().chunks(size).fold(None, |_, piece| reader.feed(piece).unwrap())
        };
        (1..=text.len()).map(read_in).collect()
    }

    #[test]
    fn responses_are_read_whatever_the_pieces() {
        let cases = [
            ("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc", 200, 3, true),
            ("HTTP/1.1 404 No\r\nContent-Length: 0\r\nConnection: close\r\n\r\n", 404, 0, false),
            (
                "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\nA;x=1\r\n0123456789\r\n0\r\n\r\n",
                200,
                13,
                true,
            ),
            ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n00\r\nTrailer: x\r\n\r\n", 200, 0, true),
        ];
        for (text, status, length, persists) in cases {
            let expected = Some(Response { status, length, persists });
            assert!(read(text).iter().all(|response| *response == expected), "{text}");
        }
    }

    #[test]
    fn the_end_of_the_connection_ends_a_body_without_length_and_no_other() {
        let mut reader = ResponseReader::default();
        assert_eq!(reader.feed(b"HTTP/1.0 200 OK\r\n\r\nabc").unwrap(), None);
        assert_eq!(reader.feed(b"").unwrap().map(|response| response.length), Some(3));

        assert!(reader.feed(b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\na").unwrap().is_none());
        assert!(reader.feed(b"").is_err());
    }
}
