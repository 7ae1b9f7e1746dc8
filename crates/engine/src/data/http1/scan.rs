//! Finds the end of a head in bytes that arrive piece by piece.

use memchr::memchr2;

/// Looks for the empty line that ends a head, and goes over no byte twice.
///
/// In strict mode each line ends in CR LF: a CR or LF alone, which others may take for a line's end (RFC 9112 §2.2), makes
/// the head malformed as soon as it is seen. In lenient mode a bare LF ends a line.
#[derive(Debug)]
pub(crate) struct HeadScanner {
    is_strict: bool,
    /// Everything before is scanned, and does not end the head.
    scanned: usize,
    line_start: usize,
}

/// What the bytes so far are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Scan {
    /// A head of this many bytes, its empty line included.
    Whole(usize),
    /// The start of a head.
    Partial,
    /// Nothing that could become a head.
    Malformed,
}

impl HeadScanner {
    /// For heads that clients send.
    pub(crate) fn strict() -> Self {
        Self { is_strict: true, scanned: 0, line_start: 0 }
    }

    /// For heads that servers send.
    pub(crate) fn lenient() -> Self {
        Self { is_strict: false, scanned: 0, line_start: 0 }
    }

    /// Scans on. `bytes` starts with those of the last call.
    pub(crate) fn scan(&mut self, bytes: &[u8]) -> Scan {
        while let Some(found) = memchr2(b'\r', b'\n', &bytes[self.scanned..]) {
            let at = self.scanned + found;
            let end = match (bytes[at], bytes.get(at + 1)) {
                (b'\r', Some(b'\n')) => at + 2,
                (b'\r', None) => return Scan::Partial,
                (b'\n', _) if !self.is_strict => at + 1,
                (b'\r', Some(_)) if !self.is_strict => {
                    self.scanned = at + 1;
                    continue;
                }
                _ => return Scan::Malformed,
            };
            if at == self.line_start && self.line_start > 0 {
                return Scan::Whole(end);
            }
            (self.scanned, self.line_start) = (end, end);
        }
        self.scanned = bytes.len();
        Scan::Partial
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The verdict must not depend on how the bytes are cut.
    fn scan(mut scanner: impl FnMut() -> HeadScanner, bytes: &[u8]) -> Scan {
        let at_once = scanner().scan(bytes);
        let mut one_by_one = scanner();
        let mut last = Scan::Partial;
        for end in 1..=bytes.len() {
            last = one_by_one.scan(&bytes[..end]);
            if last != Scan::Partial {
                break;
            }
        }
        assert_eq!(last, at_once, "{:?}", String::from_utf8_lossy(bytes));
        at_once
    }

    #[test]
    fn a_head_ends_at_its_empty_line() {
        let head = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n";
        assert_eq!(scan(HeadScanner::strict, head), Scan::Whole(head.len()));
        assert_eq!(scan(HeadScanner::strict, &[head, &b"body\n"[..]].concat()), Scan::Whole(head.len()));
        assert_eq!(scan(HeadScanner::strict, &head[..head.len() - 1]), Scan::Partial);
    }

    #[test]
    fn a_bare_line_break_is_refused_at_once_from_clients() {
        for bytes in ["GET / HTTP/1.1\n", "GET / HTTP/1.1\r\nA: b\n", "GET / HTTP/1.1\rA", "A\r\r\n", "\n"] {
            assert_eq!(scan(HeadScanner::strict, bytes.as_bytes()), Scan::Malformed, "{bytes:?}");
        }
    }

    #[test]
    fn a_bare_lf_ends_a_line_of_a_server() {
        let head = b"HTTP/1.1 200 OK\nA: b\r\n\n";
        assert_eq!(scan(HeadScanner::lenient, head), Scan::Whole(head.len()));
    }
}
