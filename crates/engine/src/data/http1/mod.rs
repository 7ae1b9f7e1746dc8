//! HTTP/1.1 on the wire (RFC 9112): all of the framing, and nothing else.
//!
//! Strict towards clients, because what we let through is what an origin or a gateway has to agree on; forgiving towards
//! servers as browsers are, but what leaves here is always written anew in its strict form. The parsers are plain
//! functions on bytes: no I/O, and nothing that comes in can make them panic.

mod chunked;
mod fields;
mod framing;
#[cfg(any(test, fuzzing))]
pub(super) mod fuzzing;
mod head;
mod scan;
mod transfer;

pub(crate) use fields::{Name, list};
pub(crate) use framing::{Framing, decimal, request_framing, response_framing};
pub(crate) use head::{Field, HeadStorage, RequestHead, ResponseHead, Version, may_be_response};
pub(crate) use scan::{HeadScanner, Scan};
pub(crate) use transfer::{FIRST_READ, Transfer, TransferError, poll_fill};

/// The longest head of a response, and the longest section of trailers.
pub(crate) const MAX_HEAD: usize = 64 * 1024;
