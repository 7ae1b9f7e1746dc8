//! From the bytes of a response's head to the head that the client gets: one pure step, without I/O.

use super::super::error::Failure;
use super::super::http1::{Framing, HeadStorage, Name, ResponseHead, Version, decimal, list, response_framing};
use super::super::upstream::{ConnectError, GatewayError};
use super::request::Request;
use crate::policy::Route;

/// The head of a response, and what it means.
#[derive(Debug)]
pub(super) struct Response {
    pub(super) status: u16,
    /// The head as the client gets it.
    pub(super) head: Vec<u8>,
    pub(super) framing: Framing,
    /// Whether the client's connection can be used again, as far as the response goes.
    pub(super) is_persistent: bool,
    /// Whether the end of the client's connection is that of the body.
    pub(super) ends_with_connection: bool,
    /// Whether the upstream connection can be used again, as far as the response goes.
    pub(super) is_reusable: bool,
}

impl Response {
    /// Whether a final response is still to come (RFC 9110 §15.2). 101 is final: what follows it is no HTTP.
    pub(super) fn is_interim(&self) -> bool {
        matches!(self.status, 100..=199) && self.status != 101
    }

    /// Reads a whole head and writes the one for the client.
    ///
    /// An other side that answers and closes before it has the whole request (`is_sent`) will not get the rest of it: it
    /// stays on the client's connection, which cannot be used again then. A client that waits to be told to go on may never
    /// send it.
    pub(super) fn read(bytes: &[u8], request: &Request, may_persist: bool, is_sent: bool) -> Result<Self, Failure> {
        let mut storage = HeadStorage::new();
        let head = ResponseHead::parse(bytes, &mut storage).map_err(|_| Failure::BadResponse)?;
        if request.route == Route::Gateway && head.status == 407 {
            // The credentials are ours, and so is the fault.
            return Err(Failure::Connect(ConnectError::Refusal(GatewayError::Status(407))));
        }
        if head.status == 407 {
            // Only a proxy may ask that, and there is none behind us on this route.
            return Err(Failure::BadResponse);
        }
        if head.status == 101 && !request.wants_websocket {
            return Err(Failure::BadResponse);
        }
        let framing = response_framing(head.status, head.version, head.fields()).map_err(|_| Failure::BadResponse)?;
        let framing = if request.is_head { Framing::Empty } else { framing };
        // Chunks are unknown to HTTP/1.0: the end of the connection has to do.
        let is_dechunked = framing == Framing::Chunked && request.version == Version::Http10;
        let ends_with_connection = framing == Framing::UntilClose || is_dechunked;
        let is_reusable = is_reusable(&head) && framing != Framing::UntilClose && head.status != 101;
        let is_persistent = may_persist
            && request.is_persistent
            && !ends_with_connection
            && head.status != 101
            && (is_sent || is_reusable && !request.expects_continue);
        let head_out = write_head(&head, framing, request, is_persistent, is_dechunked);
        Ok(Self { status: head.status, head: head_out, framing, is_persistent, ends_with_connection, is_reusable })
    }
}

fn is_reusable(head: &ResponseHead<'_, '_>) -> bool {
    let mut is_reusable = head.version == Version::Http11;
    let (mut has_length, mut has_encoding) = (false, false);
    for field in head.fields() {
        match field.name {
            Name::Connection => {
                for member in list(field.value) {
                    if member.eq_ignore_ascii_case(b"close") {
                        return false;
                    }
                    is_reusable |= member.eq_ignore_ascii_case(b"keep-alive");
                }
            }
            Name::ContentLength => has_length = true,
            Name::TransferEncoding => has_encoding = true,
            _ => {}
        }
    }
    // A sender that tells two lengths cannot be trusted with a second message (RFC 9112 §6.3).
    is_reusable && !(has_length && has_encoding)
}

fn write_head(
    head: &ResponseHead<'_, '_>,
    framing: Framing,
    request: &Request,
    is_persistent: bool,
    is_dechunked: bool,
) -> Vec<u8> {
    let mut out = Vec::with_capacity(HEAD_ROOM);
    let mut line = |parts: &[&[u8]]| parts.iter().for_each(|part| out.extend_from_slice(part));
    let nominated: Vec<&[u8]> = head
        .fields()
        .filter(|field| field.name == Name::Connection)
        .flat_map(|field| list(field.value).collect::<Vec<_>>())
        .collect();
    line(&[b"HTTP/1.1 ", head.status.to_string().as_bytes(), b" ", head.reason.as_bytes(), b"\r\n"]);
    let may_have_length =
        !matches!(head.status, 100..=199 | 204) && matches!(framing, Framing::Length(_) | Framing::Empty);
    let mut has_length = false;
    let mut has_encoding = false;
    for field in head.fields() {
        let name = field.written.as_bytes();
        match field.name {
            // Equal lengths become one; beside chunks there is none (RFC 9112 §6.3).
            Name::ContentLength if may_have_length && !has_length => {
                // That of a 304 frames nothing, so that nobody has looked at it yet.
                if let Some(length) = list(field.value).next().filter(|length| decimal(length).is_some()) {
                    has_length = true;
                    line(&[name, b": ", length, b"\r\n"]);
                }
            }
            Name::ContentLength => {}
            Name::TransferEncoding if framing == Framing::Chunked && !is_dechunked && !has_encoding => {
                has_encoding = true;
                line(&[name, b": chunked\r\n"]);
            }
            Name::Upgrade if head.status == 101 => write_field(&mut line, name, field.value),
            _ if field.name.is_hop_by_hop() => {}
            _ if nominated.iter().any(|member| member.eq_ignore_ascii_case(name)) => {}
            _ => write_field(&mut line, name, field.value),
        }
    }
    match head.status {
        101 => line(&[b"Connection: Upgrade\r\n"]),
        100..=199 => {}
        _ if !is_persistent => line(&[b"Connection: close\r\n"]),
        _ if request.version == Version::Http10 => line(&[b"Connection: keep-alive\r\n"]),
        _ => {}
    }
    line(&[b"\r\n"]);
    out
}

/// A value that was folded over lines becomes one line (RFC 9112 §5.2).
fn write_field(line: &mut impl FnMut(&[&[u8]]), name: &[u8], value: &[u8]) {
    if !value.contains(&b'\n') && !value.contains(&b'\r') {
        return line(&[name, b": ", value, b"\r\n"]);
    }
    let unfolded: Vec<&[u8]> = value.split(|byte| matches!(byte, b'\r' | b'\n')).map(<[u8]>::trim_ascii).collect();
    line(&[name, b": ", &unfolded.join(&b' '), b"\r\n"]);
}

/// Holds the head of most servers without growing.
const HEAD_ROOM: usize = 1024;
