//! The chunked transfer coding (RFC 9112 §7.1), decoded in place.

/// Decodes a chunked body that arrives piece by piece.
#[derive(Debug)]
pub(crate) struct ChunkedDecoder {
    state: State,
    /// What chunk extensions have cost so far, over the whole body.
    extension_bytes: usize,
    trailers: Vec<u8>,
}

/// What one call has decoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Decoded {
    /// How many bytes at the front of the input are used up.
    pub(crate) consumed: usize,
    /// How many bytes of data stand at the front of the input now, moved together.
    pub(crate) data: usize,
}

/// The bytes are no chunked body, or one with an absurd amount of extensions or trailers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ChunkedError;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// Before the first digit of a size.
    SizeStart,
    Size(u64),
    /// White space behind the size, which only an extension may follow.
    SizeSpace(u64),
    Extension(u64),
    SizeLf(u64),
    Data(u64),
    DataCr,
    DataLf,
    /// At the start of a trailer line, or of the empty line that ends them.
    TrailerStart,
    Trailer,
    TrailerLf,
    EndLf,
    End,
}

impl ChunkedDecoder {
    pub(crate) fn new() -> Self {
        Self { state: State::SizeStart, extension_bytes: 0, trailers: Vec::new() }
    }

    pub(crate) fn is_at_end(&self) -> bool {
        self.state == State::End
    }

    /// The trailer section as it came: whole lines, each ending in CR LF, without the empty line at the end.
    pub(crate) fn trailers(&self) -> &[u8] {
        &self.trailers
    }

    /// Decodes as much as there is and moves the data to the front of `bytes`.
    pub(crate) fn decode(&mut self, bytes: &mut [u8]) -> Result<Decoded, ChunkedError> {
        let mut at = 0;
        let mut data = 0;
        while at < bytes.len() && self.state != State::End {
            if let State::Data(left) = self.state {
                let length = usize::try_from(left).unwrap_or(usize::MAX).min(bytes.len() - at);
                if data != at {
                    bytes.copy_within(at..at + length, data);
                }
                (at, data) = (at + length, data + length);
                let left = left - length as u64;
                self.state = if left == 0 { State::DataCr } else { State::Data(left) };
            } else {
                self.state = self.step(bytes[at])?;
                at += 1;
            }
        }
        Ok(Decoded { consumed: at, data })
    }

    /// Takes one byte outside of the data.
    fn step(&mut self, byte: u8) -> Result<State, ChunkedError> {
        Ok(match (self.state, byte) {
            (State::SizeStart, _) => State::Size(hex_digit(byte).ok_or(ChunkedError)?),
            (State::Size(size), b'\r') => State::SizeLf(size),
            (State::Size(size), b';') => State::Extension(size),
            (State::Size(size), b' ' | b'\t') => State::SizeSpace(size),
            (State::Size(size), _) => State::Size(longer(size, byte)?),
            (State::SizeSpace(size), b' ' | b'\t') => State::SizeSpace(self.extension(size)?),
            (State::SizeSpace(size), b';') => State::Extension(size),
            (State::Extension(size), b'\r') => State::SizeLf(size),
            (State::Extension(size), b'\t' | b' '..=b'~' | 0x80..) => State::Extension(self.extension(size)?),
            (State::SizeLf(0), b'\n') => State::TrailerStart,
            (State::SizeLf(size), b'\n') => State::Data(size),
            (State::DataCr, b'\r') => State::DataLf,
            (State::DataLf, b'\n') => State::SizeStart,
            (State::TrailerStart, b'\r') => State::EndLf,
            (State::TrailerStart | State::Trailer, b'\t' | b' '..=b'~' | 0x80..) => {
                self.trailer(byte, State::Trailer)?
            }
            (State::Trailer, b'\r') => self.trailer(byte, State::TrailerLf)?,
            (State::TrailerLf, b'\n') => self.trailer(byte, State::TrailerStart)?,
            (State::EndLf, b'\n') => State::End,
            _ => return Err(ChunkedError),
        })
    }

    fn extension(&mut self, size: u64) -> Result<u64, ChunkedError> {
        self.extension_bytes += 1;
        if self.extension_bytes > MAX_EXTENSIONS { Err(ChunkedError) } else { Ok(size) }
    }

    fn trailer(&mut self, byte: u8, next: State) -> Result<State, ChunkedError> {
        if self.trailers.len() == super::MAX_HEAD {
            return Err(ChunkedError);
        }
        self.trailers.push(byte);
        Ok(next)
    }
}

fn hex_digit(byte: u8) -> Option<u64> {
    char::from(byte).to_digit(16).map(u64::from)
}

fn longer(size: u64, byte: u8) -> Result<u64, ChunkedError> {
    let digit = hex_digit(byte).ok_or(ChunkedError)?;
    size.checked_mul(16).and_then(|size| size.checked_add(digit)).ok_or(ChunkedError)
}

/// Nobody uses extensions; one byte each per chunk would make a body many times its size.
const MAX_EXTENSIONS: usize = 16 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    /// Data, bytes used and trailers, the same however the bytes are cut; or `None` for a malformed body.
    fn decode(body: &[u8]) -> Option<(Vec<u8>, usize, Vec<u8>)> {
        let at_once = decode_in_pieces(body, body.len().max(1));
        for size in 1..body.len() {
            assert_eq!(decode_in_pieces(body, size), at_once, "pieces of {size}");
        }
        at_once
    }

    fn decode_in_pieces(body: &[u8], size: usize) -> Option<(Vec<u8>, usize, Vec<u8>)> {
        let mut decoder = ChunkedDecoder::new();
        let (mut data, mut used) = (Vec::new(), 0);
        for piece in body.chunks(size) {
            let mut piece = piece.to_vec();
            let decoded = decoder.decode(&mut piece).ok()?;
            data.extend_from_slice(&piece[..decoded.data]);
            used += decoded.consumed;
            if decoder.is_at_end() {
                break;
            }
        }
        decoder.is_at_end().then(|| (data, used, decoder.trailers().to_vec()))
    }

    #[test]
    fn chunks_become_their_data_and_what_follows_is_left() {
        let (data, used, trailers) = decode(b"5\r\nhello\r\n06\r\n world\r\n0\r\n\r\nGET").unwrap();

        assert_eq!(data, b"hello world");
        assert_eq!(used, 27);
        assert!(trailers.is_empty());
    }

    #[test]
    fn extensions_are_dropped_and_trailers_kept() {
        let (data, _, trailers) = decode(b"1;a=\"b\" ; c\r\nx\r\n0 ;d\r\nA: b\r\nC: d\r\n\r\n").unwrap();

        assert_eq!(data, b"x");
        assert_eq!(trailers, b"A: b\r\nC: d\r\n");
    }

    #[test]
    fn what_is_not_quite_chunked_is_refused() {
        let cases: &[&[u8]] = &[
            b"\r\n",
            b"g\r\n",
            b"0x5\r\nhello\r\n0\r\n\r\n",
            b"+5\r\nhello\r\n0\r\n\r\n",
            b" 5\r\nhello\r\n0\r\n\r\n",
            b"5 \r\nhello\r\n0\r\n\r\n",
            b"5\nhello\r\n0\r\n\r\n",
            b"5\r\nhelloXX0\r\n\r\n",
            b"5\r\nhello\n0\r\n\r\n",
            b"5\r\nhello0\r\n\r\n",
            b"5;a\nb\r\nhello\r\n0\r\n\r\n",
            b"5;a\rb\r\nhello\r\n0\r\n\r\n",
            b"5;a\0\r\nhello\r\n0\r\n\r\n",
            b"0\r\nA: b\n\r\n",
            b"0\r\nA: b\rc\r\n\r\n",
            b"0\r\n\n",
            b"10000000000000000\r\n",
        ];
        for body in cases {
            assert_eq!(decode(body), None, "{:?}", String::from_utf8_lossy(body));
        }
    }

    #[test]
    fn extensions_and_trailers_have_limits() {
        let mut extension = [&b"1;"[..], &vec![b'a'; MAX_EXTENSIONS + 1]].concat();
        let mut trailer = [&b"0\r\nA: "[..], &vec![b'a'; crate::data::http1::MAX_HEAD]].concat();

        assert_eq!(ChunkedDecoder::new().decode(&mut extension), Err(ChunkedError));
        assert_eq!(ChunkedDecoder::new().decode(&mut trailer), Err(ChunkedError));
    }
}
