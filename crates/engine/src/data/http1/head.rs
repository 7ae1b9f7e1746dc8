//! The heads of requests and responses, read by httparse.

use std::mem::MaybeUninit;

use httparse::ParserConfig;

use super::fields::Name;

/// Room for the fields of a head, on the caller's stack.
pub(crate) struct HeadStorage<'b> {
    fields: [MaybeUninit<httparse::Header<'b>>; MAX_FIELDS],
}

/// The version of a message. A proxy speaks 1.1 itself, whatever comes in (RFC 9110 §2.5).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Version {
    Http10,
    Http11,
}

/// The head of a request. Its syntax is checked; its meaning is not.
#[derive(Debug)]
pub(crate) struct RequestHead<'b, 's> {
    pub(crate) method: &'b str,
    pub(crate) target: &'b str,
    pub(crate) version: Version,
    fields: &'s [httparse::Header<'b>],
}

/// The head of a response. Its syntax is checked; its meaning is not.
#[derive(Debug)]
pub(crate) struct ResponseHead<'b, 's> {
    pub(crate) status: u16,
    pub(crate) reason: &'b str,
    pub(crate) version: Version,
    fields: &'s [httparse::Header<'b>],
}

/// One field line: its name as it was written, and its value without the white space around it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Field<'b> {
    pub(crate) name: Name,
    pub(crate) written: &'b str,
    pub(crate) value: &'b [u8],
}

impl HeadStorage<'_> {
    pub(crate) fn new() -> Self {
        Self { fields: [const { MaybeUninit::uninit() }; MAX_FIELDS] }
    }
}

impl<'b, 's> RequestHead<'b, 's> {
    /// Reads a whole head, whose lines end in CR LF, with no more than so many fields.
    pub(crate) fn parse(
        bytes: &'b [u8],
        storage: &'s mut HeadStorage<'b>,
        max_fields: usize,
    ) -> Result<Self, httparse::Error> {
        let mut request = httparse::Request::new(&mut []);
        request.parse_with_uninit_headers(bytes, &mut storage.fields[..max_fields.min(MAX_FIELDS)])?;
        let (Some(method), Some(target), Some(minor)) = (request.method, request.path, request.version) else {
            return Err(httparse::Error::Token);
        };
        Ok(Self { method, target, version: Version::of(minor), fields: request.headers })
    }

    pub(crate) fn fields(&self) -> impl Iterator<Item = Field<'b>> {
        self.fields.iter().map(Field::of)
    }
}

impl<'b, 's> ResponseHead<'b, 's> {
    /// Reads a whole head, with the tolerance of browsers: folded lines, white space before a colon, and lines that are
    /// no fields (they are left out).
    pub(crate) fn parse(bytes: &'b [u8], storage: &'s mut HeadStorage<'b>) -> Result<Self, httparse::Error> {
        let mut response = httparse::Response::new(&mut []);
        ParserConfig::default()
            .allow_spaces_after_header_name_in_responses(true)
            .allow_obsolete_multiline_headers_in_responses(true)
            .allow_multiple_spaces_in_response_status_delimiters(true)
            .ignore_invalid_headers_in_responses(true)
            .parse_response_with_uninit_headers(&mut response, bytes, &mut storage.fields)?;
        let (Some(status), Some(minor)) = (response.code, response.version) else {
            return Err(httparse::Error::Status);
        };
        if status < 100 {
            return Err(httparse::Error::Status);
        }
        let reason = response.reason.unwrap_or_default();
        Ok(Self { status, reason, version: Version::of(minor), fields: response.headers })
    }

    pub(crate) fn fields(&self) -> impl Iterator<Item = Field<'b>> {
        self.fields.iter().map(Field::of)
    }
}

impl<'b> Field<'b> {
    fn of(header: &httparse::Header<'b>) -> Self {
        Self { name: Name::of(header.name), written: header.name, value: header.value }
    }
}

impl Version {
    fn of(minor: u8) -> Self {
        if minor == 0 { Self::Http10 } else { Self::Http11 }
    }
}

/// Whether the bytes can still become the head of a response. What cannot need not be waited for.
pub(crate) fn may_be_response(bytes: &[u8]) -> bool {
    const START: &[u8] = b"HTTP/1.";
    let length = bytes.len().min(START.len());
    bytes[..length] == START[..length]
}

/// More fields than anyone sends or takes; each costs 32 bytes of stack while a head is read.
const MAX_FIELDS: usize = 1024;
