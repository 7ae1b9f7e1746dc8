//! Where a message body ends (RFC 9112 §6).

use super::fields::{Name, list};
use super::head::{Field, Version};

/// How the length of a body is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Framing {
    /// There is no body.
    Empty,
    /// `Content-Length`, in bytes. Zero is a body too: its length travels on.
    Length(u64),
    /// `Transfer-Encoding: chunked`.
    Chunked,
    /// The connection's end is the body's. Responses only.
    UntilClose,
}

/// Why the end of a body cannot be known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FramingError {
    /// Both `Transfer-Encoding` and `Content-Length`.
    Both,
    /// A `Content-Length` that is no number, or more than one.
    Length,
    /// A `Transfer-Encoding` that is not `chunked` alone, or in HTTP/1.0.
    Encoding,
}

impl FramingError {
    /// The fault in words.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Both => "Transfer-Encoding and Content-Length exclude each other",
            Self::Length => "Content-Length is not one decimal number",
            Self::Encoding => "Transfer-Encoding is not chunked alone",
        }
    }
}

/// The framing of a request, in the strictest reading: whatever two servers could read in two ways is refused.
pub(crate) fn request_framing<'b>(
    version: Version,
    fields: impl Iterator<Item = Field<'b>>,
) -> Result<Framing, FramingError> {
    let mut length = None;
    let mut is_chunked = false;
    for field in fields {
        match field.name {
            Name::ContentLength if length.is_some() => return Err(FramingError::Length),
            Name::ContentLength => length = Some(decimal(field.value).ok_or(FramingError::Length)?),
            Name::TransferEncoding if is_chunked || version == Version::Http10 => {
                return Err(FramingError::Encoding);
            }
            Name::TransferEncoding if field.value.eq_ignore_ascii_case(b"chunked") => is_chunked = true,
            Name::TransferEncoding => return Err(FramingError::Encoding),
            _ => {}
        }
    }
    match (is_chunked, length) {
        (true, Some(_)) => Err(FramingError::Both),
        (true, None) => Ok(Framing::Chunked),
        (false, Some(length)) => Ok(Framing::Length(length)),
        (false, None) => Ok(Framing::Empty),
    }
}

/// The framing of a response to a request that was not HEAD.
///
/// `Transfer-Encoding` wins over `Content-Length`, and equal lengths are one (RFC 9112 §6.3). Another coding than `chunked`
/// is refused: it was not asked for, and would travel on without its name.
pub(crate) fn response_framing<'b>(
    status: u16,
    version: Version,
    fields: impl Iterator<Item = Field<'b>>,
) -> Result<Framing, FramingError> {
    if matches!(status, 100..=199 | 204 | 304) {
        return Ok(Framing::Empty);
    }
    let mut length = None;
    let mut last_coding: Option<&[u8]> = None;
    let mut codings = 0;
    for field in fields {
        match field.name {
            Name::ContentLength => {
                if list(field.value).next().is_none() {
                    return Err(FramingError::Length);
                }
                for member in list(field.value) {
                    let member = decimal(member).ok_or(FramingError::Length)?;
                    if length.is_some_and(|length| length != member) {
                        return Err(FramingError::Length);
                    }
                    length = Some(member);
                }
            }
            Name::TransferEncoding => {
                for coding in list(field.value) {
                    codings += 1;
                    last_coding = Some(coding);
                }
            }
            _ => {}
        }
    }
    match (last_coding, length) {
        (Some(coding), length) if coding.eq_ignore_ascii_case(b"identity") && codings == 1 => {
            Ok(length.map_or(Framing::UntilClose, Framing::Length))
        }
        // No sender of 1.0 knows what it is saying (RFC 9112 §6.1).
        (Some(_), _) if version == Version::Http10 => Err(FramingError::Encoding),
        (Some(coding), _) if coding.eq_ignore_ascii_case(b"chunked") && codings == 1 => Ok(Framing::Chunked),
        // A body in another coding would travel on without its name.
        (Some(_), _) => Err(FramingError::Encoding),
        (None, Some(length)) => Ok(Framing::Length(length)),
        (None, None) => Ok(Framing::UntilClose),
    }
}

/// Digits alone, and no more than fit (RFC 9110 §8.6).
pub(crate) fn decimal(value: &[u8]) -> Option<u64> {
    if value.is_empty() || !value.iter().all(u8::is_ascii_digit) {
        return None;
    }
    std::str::from_utf8(value).ok()?.parse().ok().filter(|length| *length <= MAX_LENGTH)
}

/// What a signed number of 64 bits holds: others would read a negative length.
const MAX_LENGTH: u64 = i64::MAX as u64;

#[cfg(test)]
mod tests {
    use super::super::head::{HeadStorage, RequestHead, ResponseHead};
    use super::*;

    fn request(fields: &str) -> Result<Framing, FramingError> {
        let head = format!("POST / HTTP/1.1\r\n{fields}\r\n");
        let mut storage = HeadStorage::new();
        let head = RequestHead::parse(head.as_bytes(), &mut storage, 16).unwrap();
        request_framing(head.version, head.fields())
    }

    fn response(head: &str) -> Result<Framing, FramingError> {
        let mut storage = HeadStorage::new();
        let head = ResponseHead::parse(head.as_bytes(), &mut storage).unwrap();
        response_framing(head.status, head.version, head.fields())
    }

    #[test]
    fn a_request_is_framed_in_the_strictest_reading() {
        let cases = [
            ("", Ok(Framing::Empty)),
            ("Content-Length: 5\r\n", Ok(Framing::Length(5))),
            ("Content-Length: 0\r\n", Ok(Framing::Length(0))),
            ("Transfer-Encoding: Chunked\r\n", Ok(Framing::Chunked)),
            ("Content-Length: 5\r\nContent-Length: 5\r\n", Err(FramingError::Length)),
            ("Content-Length: 5, 5\r\n", Err(FramingError::Length)),
            ("Content-Length: +5\r\n", Err(FramingError::Length)),
            ("Content-Length:\r\n", Err(FramingError::Length)),
            ("Content-Length: 0x5\r\n", Err(FramingError::Length)),
            ("Content-Length: 9223372036854775808\r\n", Err(FramingError::Length)),
            ("Content-Length: 18446744073709551616\r\n", Err(FramingError::Length)),
            ("Transfer-Encoding: gzip, chunked\r\n", Err(FramingError::Encoding)),
            ("Transfer-Encoding: chunked, chunked\r\n", Err(FramingError::Encoding)),
            ("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n", Err(FramingError::Encoding)),
            ("Transfer-Encoding: identity\r\n", Err(FramingError::Encoding)),
            ("Transfer-Encoding: chunked\r\nContent-Length: 5\r\n", Err(FramingError::Both)),
        ];
        for (fields, expected) in cases {
            assert_eq!(request(fields), expected, "{fields:?}");
        }
    }

    #[test]
    fn a_response_is_framed_as_rfc_9112_says() {
        let cases = [
            ("HTTP/1.1 200 OK\r\n\r\n", Ok(Framing::UntilClose)),
            ("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", Ok(Framing::Length(5))),
            ("HTTP/1.1 200 OK\r\nContent-Length: 5, 5\r\n\r\n", Ok(Framing::Length(5))),
            ("HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n", Err(FramingError::Length)),
            ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n", Ok(Framing::Chunked)),
            ("HTTP/1.1 200 OK\r\nContent-Length:\r\n\r\n", Err(FramingError::Length)),
            ("HTTP/1.1 200 OK\r\nContent-Length: ,\r\n\r\n", Err(FramingError::Length)),
            ("HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n", Err(FramingError::Encoding)),
            ("HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", Err(FramingError::Encoding)),
            ("HTTP/1.1 204 No\r\nContent-Length: 5\r\n\r\n", Ok(Framing::Empty)),
            ("HTTP/1.1 304 No\r\nTransfer-Encoding: chunked\r\n\r\n", Ok(Framing::Empty)),
        ];
        for (head, expected) in cases {
            assert_eq!(response(head), expected, "{head:?}");
        }
    }
}
