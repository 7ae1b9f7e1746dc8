//! A second reading of HTTP/1.1, from the RFC and not from the engine: strict, slow and simple.

use crate::data::http1::Framing;

/// A head in its strict form (RFC 9112 §2.1).
#[derive(Debug)]
pub(crate) struct Head<'b> {
    /// The three parts of the first line.
    pub(crate) start: [&'b str; 3],
    pub(crate) fields: Vec<Field<'b>>,
}

/// A field line, its name in lower case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Field<'b> {
    pub(crate) name: String,
    pub(crate) value: &'b [u8],
}

/// What bytes are as a chunked body.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Chunked<'b> {
    /// The data of all chunks, also of one that is not there as a whole.
    pub(crate) data: Vec<u8>,
    pub(crate) end: ChunkedEnd<'b>,
}

/// How a chunked body ends.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum ChunkedEnd<'b> {
    /// It is whole, this long, with these lines of trailers.
    Whole {
        length: usize,
        trailers: &'b [u8],
    },
    /// More could make it whole.
    Partial,
    Malformed,
}

impl<'b> Head<'b> {
    /// Reads a head that has to be in the strict form, and panics if it is not.
    pub(crate) fn read(bytes: &'b [u8]) -> Self {
        let shown = String::from_utf8_lossy(bytes);
        let lines = bytes.strip_suffix(b"\r\n\r\n").unwrap_or_else(|| panic!("no end: {shown:?}"));
        let mut lines = split_lines(lines);
        let start = lines.remove(0);
        assert!(start.is_ascii() && start.iter().all(|byte| is_text(*byte)), "a bad first line: {shown:?}");
        let start: Vec<&str> = std::str::from_utf8(start).expect("it is ASCII").splitn(3, ' ').collect();
        let start = start.try_into().unwrap_or_else(|_| panic!("not three parts: {shown:?}"));
        let fields = lines.into_iter().map(|line| Field::read(line).unwrap_or_else(|| panic!("no field: {shown:?}")));
        Self { start, fields: fields.collect() }
    }

    /// Reads the head of a request, whose first line has no more than two spaces.
    pub(crate) fn read_request(bytes: &'b [u8]) -> Self {
        let head = Self::read(bytes);
        let [method, target, version] = head.start;
        assert!(!method.is_empty() && method.bytes().all(is_token), "{method:?}");
        assert!(!target.is_empty() && target.bytes().all(|byte| byte.is_ascii_graphic()), "{target:?}");
        assert!(matches!(version, "HTTP/1.1" | "HTTP/1.0"), "{version:?}");
        head
    }

    /// Reads the head of a response.
    pub(crate) fn read_response(bytes: &'b [u8]) -> Self {
        let head = Self::read(bytes);
        let [version, status, _] = head.start;
        assert!(version == "HTTP/1.1" && status.len() == 3 && status.bytes().all(|byte| byte.is_ascii_digit()));
        head
    }

    /// The values of all fields of this name, which is in lower case.
    pub(crate) fn values(&self, name: &str) -> Vec<&'b [u8]> {
        self.fields.iter().filter(|field| field.name == name).map(|field| field.value).collect()
    }

    /// The members of all lists of this name, in lower case.
    pub(crate) fn members(&self, name: &str) -> Vec<String> {
        let lists = self.values(name).join(&b',').to_ascii_lowercase();
        let lists = String::from_utf8_lossy(&lists).into_owned();
        lists.split(',').map(|member| member.trim_ascii().to_owned()).filter(|member| !member.is_empty()).collect()
    }

    /// The fields whose names are none of these.
    pub(crate) fn without(&self, names: &[&str]) -> Vec<Field<'b>> {
        self.fields.iter().filter(|field| !names.contains(&&*field.name)).cloned().collect()
    }

    /// How the body is framed, if nothing but this head says so: panics where two readers could differ. `None` where
    /// there is no field that says it.
    pub(crate) fn framing(&self) -> Option<Framing> {
        match (&self.values("transfer-encoding")[..], &self.values("content-length")[..]) {
            ([], []) => None,
            ([b"chunked"], []) => Some(Framing::Chunked),
            ([], [length]) => {
                assert!(!length.is_empty() && length.iter().all(u8::is_ascii_digit), "{length:?}");
                let length = std::str::from_utf8(length).expect("it is digits");
                Some(Framing::Length(length.parse().expect("no length is that large")))
            }
            lengths => panic!("who knows where this body ends: {lengths:?}"),
        }
    }
}

impl<'b> Field<'b> {
    fn read(line: &'b [u8]) -> Option<Self> {
        let colon = line.iter().position(|byte| *byte == b':')?;
        let (name, value) = (&line[..colon], &line[colon + 1..]);
        if name.is_empty() || !name.iter().copied().all(is_token) || !value.iter().copied().all(is_text) {
            return None;
        }
        Some(Self { name: String::from_utf8_lossy(name).to_ascii_lowercase(), value: trim(value) })
    }
}

/// Reads lines of trailers, each of which ends in CR LF; `None` if one is no field.
pub(crate) fn read_trailers(lines: &[u8]) -> Option<Vec<Field<'_>>> {
    let Some(lines) = lines.strip_suffix(b"\r\n") else { return Some(Vec::new()) };
    split_lines(lines).into_iter().map(Field::read).collect()
}

/// Reads a chunked body (RFC 9112 §7.1).
pub(crate) fn read_chunked(bytes: &[u8]) -> Chunked<'_> {
    let mut data = Vec::new();
    let end = read_chunks(bytes, &mut data);
    Chunked { data, end }
}

fn read_chunks<'b>(bytes: &'b [u8], data: &mut Vec<u8>) -> ChunkedEnd<'b> {
    let mut at = 0;
    loop {
        let Some(line) = next_line(&bytes[at..]) else { return ChunkedEnd::Partial };
        let Some(size) = chunk_size(line) else { return ChunkedEnd::Malformed };
        at += line.len() + 2;
        if size == 0 {
            return read_last(bytes, at);
        }
        let left = &bytes[at..];
        let there = usize::try_from(size).unwrap_or(usize::MAX).min(left.len());
        data.extend_from_slice(&left[..there]);
        at += there;
        match &bytes[at..] {
            [b'\r', b'\n', ..] => at += 2,
            [] | [b'\r'] => return ChunkedEnd::Partial,
            _ => return ChunkedEnd::Malformed,
        }
    }
}

fn read_last(bytes: &[u8], start: usize) -> ChunkedEnd<'_> {
    let mut at = start;
    loop {
        let Some(line) = next_line(&bytes[at..]) else { return ChunkedEnd::Partial };
        if line.is_empty() {
            return ChunkedEnd::Whole { length: at + 2, trailers: &bytes[start..at] };
        }
        if !line.iter().copied().all(is_text) {
            return ChunkedEnd::Malformed;
        }
        at += line.len() + 2;
    }
}

/// The size that a line tells, in hexadecimal digits, with or without extensions.
fn chunk_size(line: &[u8]) -> Option<u64> {
    let (size, extension) = match line.iter().position(|byte| *byte == b';') {
        Some(semicolon) => (trim_end(&line[..semicolon]), &line[semicolon..]),
        None => (line, &[][..]),
    };
    let is_size = !size.is_empty() && size.iter().all(u8::is_ascii_hexdigit);
    if !is_size || !extension.iter().copied().all(is_text) {
        return None;
    }
    u64::from_str_radix(std::str::from_utf8(size).ok()?, 16).ok()
}

fn next_line(bytes: &[u8]) -> Option<&[u8]> {
    let end = bytes.windows(2).position(|pair| pair == b"\r\n")?;
    Some(&bytes[..end])
}

/// The lines between the line ends, of which the last has none.
fn split_lines(bytes: &[u8]) -> Vec<&[u8]> {
    let mut lines = Vec::new();
    let mut rest = bytes;
    while let Some(line) = next_line(rest) {
        lines.push(line);
        rest = &rest[line.len() + 2..];
    }
    lines.push(rest);
    lines
}

fn trim(value: &[u8]) -> &[u8] {
    let start = value.iter().position(|byte| !is_space(*byte)).unwrap_or(value.len());
    trim_end(&value[start..])
}

fn trim_end(value: &[u8]) -> &[u8] {
    let end = value.iter().rposition(|byte| !is_space(*byte)).map_or(0, |last| last + 1);
    &value[..end]
}

fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t')
}

/// RFC 9110 §5.6.2.
fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

/// What may stand in a line: no control character but the tab (RFC 9110 §5.5).
fn is_text(byte: u8) -> bool {
    byte == b'\t' || (b' '..=b'~').contains(&byte) || byte >= 0x80
}
