//! The fuzz target of chunked bodies and transfers, and what others need to judge heads.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use bytes::BytesMut;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::chunked::ChunkedDecoder;
use super::{Framing, HeadScanner, Scan, Transfer, TransferError};
use crate::data::fuzzing::strict::{ChunkedEnd, read_chunked, read_trailers};
use crate::fuzzing::Chance;

/// Scans at once, byte by byte and in two pieces: the verdict must be the same.
pub(crate) fn scan(scanner: fn() -> HeadScanner, bytes: &[u8]) -> Scan {
    let at_once = scanner().scan(bytes);
    let mut one_by_one = scanner();
    let mut verdicts = (1..=bytes.len()).map(|end| one_by_one.scan(&bytes[..end]));
    let verdict = verdicts.find(|verdict| *verdict != Scan::Partial).unwrap_or(Scan::Partial);
    assert_eq!(verdict, at_once, "byte by byte");
    let mut chance = Chance::of(bytes);
    for _ in 0..4 {
        let mut in_two = scanner();
        let first = in_two.scan(&bytes[..chance.below(bytes.len() + 1)]);
        let verdict = if first == Scan::Partial { in_two.scan(bytes) } else { first };
        assert_eq!(verdict, at_once, "in two pieces");
    }
    at_once
}

/// A chunked body is decoded as the slow reference does it, however it is cut; and what a transfer writes means the same
/// as what it has read, or is no whole message.
pub(crate) fn chunked_body(data: &[u8]) {
    if data.len() > MAX_BODY {
        return;
    }
    let mut chance = Chance::of(data);
    let expected = read_chunked(data);
    for largest in [usize::MAX, 1, 16] {
        let decoded = decode(data, largest, &mut chance);
        match expected.end {
            ChunkedEnd::Whole { length, trailers } => {
                assert_eq!(decoded, Ok(Some((expected.data.clone(), length, trailers.to_vec()))));
            }
            ChunkedEnd::Partial => assert!(!matches!(decoded, Ok(Some(_))), "it is taken to be whole"),
            ChunkedEnd::Malformed => assert_eq!(decoded, Err(()), "it is taken to be well-formed"),
        }
    }
    transfer_chunks(data, &mut chance);
    transfer_bare(data, &mut chance);
    transfer_length(data, &mut chance);
}

/// Data, length and trailers of a whole body, or nothing where it goes on.
type Decoded = Option<(Vec<u8>, usize, Vec<u8>)>;

fn decode(body: &[u8], largest: usize, chance: &mut Chance) -> Result<Decoded, ()> {
    let mut decoder = ChunkedDecoder::new();
    let (mut data, mut used) = (Vec::new(), 0);
    while used < body.len() && !decoder.is_at_end() {
        let size = (body.len() - used).min(largest);
        let mut piece = body[used..used + 1 + chance.below(size)].to_vec();
        let decoded = decoder.decode(&mut piece).map_err(|_| ())?;
        assert!(decoded.data <= decoded.consumed && decoded.consumed <= piece.len());
        assert!(decoded.consumed == piece.len() || decoder.is_at_end(), "it has stopped on the way");
        data.extend_from_slice(&piece[..decoded.data]);
        used += decoded.consumed;
    }
    Ok(decoder.is_at_end().then(|| (data, used, decoder.trailers().to_vec())))
}

/// Chunks that leave as chunks.
fn transfer_chunks(data: &[u8], chance: &mut Chance) {
    let expected = read_chunked(data);
    let (result, written, rest) = transfer(Framing::Chunked, true, data, chance);
    let body = written.strip_prefix(HEAD).or_else(|| HEAD.starts_with(&written).then_some(b""));
    let sent = read_chunked(body.expect("the head comes first"));
    let trailers = match expected.end {
        ChunkedEnd::Whole { trailers, .. } => read_trailers(trailers).filter(|fields| fields.len() <= MAX_TRAILERS),
        _ => None,
    };
    if let (ChunkedEnd::Whole { length, .. }, Some(mut trailers)) = (&expected.end, trailers) {
        assert_eq!(result, Ok(()));
        assert_eq!(sent.data, expected.data);
        assert_eq!(rest, data[*length..], "what follows the body is lost");
        let ChunkedEnd::Whole { length, trailers: sent_trailers } = sent.end else { panic!("it is not whole") };
        assert_eq!(length + HEAD.len(), written.len(), "something follows the body");
        trailers.retain(|field| !NEVER_A_TRAILER.contains(&&*field.name));
        assert_eq!(read_trailers(sent_trailers), Some(trailers));
    } else {
        assert!(matches!(result, Err(TransferError::Truncated | TransferError::Framing)), "{result:?}");
        assert_eq!(sent.end, ChunkedEnd::Partial, "a broken message looks whole, or is broken otherwise");
        assert!(expected.data.starts_with(&sent.data));
    }
}

/// Chunks that leave as bare data.
fn transfer_bare(data: &[u8], chance: &mut Chance) {
    let expected = read_chunked(data);
    let (result, written, _) = transfer(Framing::Chunked, false, data, chance);
    if matches!(expected.end, ChunkedEnd::Whole { .. }) {
        assert_eq!((result, written), (Ok(()), [HEAD, &expected.data].concat()));
    } else {
        assert!(result.is_err() && [HEAD, &expected.data].concat().starts_with(&written));
    }
}

/// Bodies that are as long as their head says, or as their connection.
fn transfer_length(data: &[u8], chance: &mut Chance) {
    let length = chance.below(data.len() + 2);
    let (result, written, rest) = transfer(Framing::Length(length as u64), true, data, chance);
    if length <= data.len() {
        assert_eq!((result, written), (Ok(()), [HEAD, &data[..length]].concat()));
        assert_eq!(rest, data[length..], "what follows the body is lost");
    } else {
        assert_eq!((result, written), (Err(TransferError::Truncated), [HEAD, data].concat()));
    }
    let (result, written, _) = transfer(Framing::UntilClose, true, data, chance);
    assert_eq!((result, written), (Ok(()), [HEAD, data].concat()));
}

/// Carries a message whose first bytes have come with its head. Returns the result, what was written, and what was left.
fn transfer(
    framing: Framing,
    keeps_chunks: bool,
    data: &[u8],
    chance: &mut Chance,
) -> (Result<(), TransferError>, Vec<u8>, Vec<u8>) {
    let (early, late) = data.split_at(chance.below(data.len() + 1));
    let mut buffer = BytesMut::from(early);
    let mut from = Pieces { left: late, chance: Chance::of(early) };
    let mut to = Hesitant { written: Vec::new(), chance: Chance::of(late) };
    let mut transfer = Transfer::new(HEAD.to_vec(), framing, keeps_chunks);
    let mut cx = Context::from_waker(Waker::noop());
    let result = loop {
        let poll = transfer.poll(&mut cx, Pin::new(&mut from), &mut buffer, Pin::new(&mut to));
        assert!(buffer.capacity() <= MAX_BODY + MAX_BUFFER, "it hoards");
        assert!(transfer.is_begun() || to.written.is_empty());
        if let Poll::Ready(result) = poll {
            break result;
        }
    };
    (result, to.written, [&buffer[..], from.left].concat())
}

/// Gives some bytes at a time, and nothing at times.
#[derive(Debug)]
struct Pieces<'b> {
    left: &'b [u8],
    chance: Chance,
}

impl AsyncRead for Pieces<'_> {
    fn poll_read(mut self: Pin<&mut Self>, _: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        if self.chance.below(4) == 0 {
            return Poll::Pending;
        }
        let most = self.left.len().min(buffer.remaining());
        let size = if most == 0 { 0 } else { 1 + self.chance.below(most) };
        let (piece, left) = self.left.split_at(size);
        buffer.put_slice(piece);
        self.left = left;
        Poll::Ready(Ok(()))
    }
}

/// Takes some bytes at a time, and nothing at times.
#[derive(Debug)]
struct Hesitant {
    written: Vec<u8>,
    chance: Chance,
}

impl AsyncWrite for Hesitant {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.poll_write_vectored(cx, &[io::IoSlice::new(bytes)])
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        parts: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        if self.chance.below(4) == 0 {
            return Poll::Pending;
        }
        let bytes = parts.iter().flat_map(|part| part.iter().copied()).collect::<Vec<u8>>();
        assert!(!bytes.is_empty(), "a write of nothing");
        let size = 1 + self.chance.below(bytes.len());
        self.written.extend_from_slice(&bytes[..size]);
        Poll::Ready(Ok(size))
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

/// What stands before each body.
const HEAD: &[u8] = b"HEAD\r\n\r\n";
/// Below every limit on extensions and trailers, which the reference does not know.
const MAX_BODY: usize = 16 * 1024;
/// What a transfer may hold: one large read, and what is left of the one before.
const MAX_BUFFER: usize = 128 * 1024;
const MAX_TRAILERS: usize = 64;
/// Framing, routing, and what is for one hop (RFC 9110 §6.5.1, §7.6.1).
const NEVER_A_TRAILER: &[&str] = &[
    "connection",
    "content-length",
    "expect",
    "host",
    "http2-settings",
    "keep-alive",
    "max-forwards",
    "proxy-authenticate",
    "proxy-authentication-info",
    "proxy-authorization",
    "proxy-connection",
    "te",
    "transfer-encoding",
    "upgrade",
];
