//! Where one request wants to go (RFC 9112 §3.2).

use crate::policy::Host;

/// The host and port of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Target {
    pub(crate) host: Host,
    pub(crate) port: u16,
    /// Host and port as the client wrote them, for a `Host` field.
    pub(crate) authority: String,
    has_port: bool,
}

impl Target {
    /// Reads the target of a CONNECT: `host:port`, both required.
    pub(crate) fn from_authority_form(text: &str) -> Result<Self, &'static str> {
        Self::parse(text, None)
    }

    /// Reads the target of any other request: an `http` URL without user information and fragment. Returns the path and
    /// query too, which may be empty.
    pub(crate) fn from_absolute_form(text: &str) -> Result<(Self, &str), &'static str> {
        if text.starts_with('/') || text == "*" {
            return Err("This is a forward proxy: a request needs an absolute URL, or CONNECT");
        }
        let rest = match text.split_at_checked(SCHEME.len()) {
            Some((scheme, rest)) if scheme.eq_ignore_ascii_case(SCHEME) => rest,
            _ if text.get(..8).is_some_and(|scheme| scheme.eq_ignore_ascii_case("https://")) => {
                return Err("An https URL has to be asked for with CONNECT");
            }
            _ => {
                return Err("The request target is neither an http URL nor the authority of a CONNECT");
            }
        };
        let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
        let (authority, path) = rest.split_at(end);
        if path.contains('#') {
            return Err("A fragment belongs to the client, not into a request");
        }
        if !path.is_ascii() {
            return Err("The path has bytes that a URL has to escape");
        }
        Ok((Self::parse(authority, Some(HTTP_PORT))?, path))
    }

    /// Reads `host[:port]`. Without a default the port is required.
    fn parse(text: &str, default_port: Option<u16>) -> Result<Self, &'static str> {
        if !text.is_ascii() {
            return Err("A host outside of ASCII has to be sent in its A-label form");
        }
        if text.contains('@') {
            return Err("User information in the target is not supported");
        }
        let (host, port) = split_port(text)?;
        let host = match Host::parse(host) {
            Ok(parsed) if host.starts_with('[') || !host.contains(':') => parsed,
            _ => return Err("The host of the target is malformed"),
        };
        let written_port = port.map(parse_port).transpose()?;
        let port = written_port.or(default_port).ok_or("The target of a CONNECT needs a port")?;
        Ok(Self { host, port, authority: text.to_owned(), has_port: written_port.is_some() })
    }

    /// The authority with the host in its canonical spelling.
    pub(crate) fn canonical_authority(&self) -> String {
        if self.has_port { format!("{}:{}", self.host, self.port) } else { self.host.to_string() }
    }
}

/// Whether the value is, letter by letter, the authority of a request target in absolute-form.
pub(crate) fn is_authority_of(target: &str, value: &[u8]) -> bool {
    let rest = target.as_bytes().strip_prefix(SCHEME.as_bytes()).and_then(|rest| rest.strip_prefix(value));
    rest.is_some_and(|rest| matches!(rest.first(), None | Some(b'/' | b'?' | b'#')))
}

/// Whether the value of a `Host` field is well-formed (RFC 9110 §7.2). It need not agree with the target.
pub(crate) fn is_host_value(value: &[u8]) -> bool {
    std::str::from_utf8(value).is_ok_and(|text| Target::parse(text, Some(HTTP_PORT)).is_ok())
}

fn split_port(text: &str) -> Result<(&str, Option<&str>), &'static str> {
    const MALFORMED: &str = "The host of the target is malformed";
    if text.starts_with('[') {
        let end = text.find(']').ok_or(MALFORMED)? + 1;
        let (host, rest) = text.split_at(end);
        return match rest.strip_prefix(':') {
            Some(port) => Ok((host, Some(port))),
            None if rest.is_empty() => Ok((host, None)),
            None => Err(MALFORMED),
        };
    }
    Ok(text.split_once(':').map_or((text, None), |(host, port)| (host, Some(port))))
}

fn parse_port(text: &str) -> Result<u16, &'static str> {
    let is_number = (1..=5).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
    match text.parse() {
        Ok(port) if is_number && port > 0 => Ok(port),
        _ => Err("The port of the target is not a number from 1 to 65535"),
    }
}

const SCHEME: &str = "http://";
const HTTP_PORT: u16 = 80;

#[cfg(test)]
mod tests {
    use super::*;

    fn absolute(text: &str) -> Option<(String, u16, String, String)> {
        let (target, path) = Target::from_absolute_form(text).ok()?;
        Some((target.host.to_string(), target.port, target.authority, path.to_owned()))
    }

    #[test]
    fn an_absolute_form_is_taken_apart() {
        let cases = [
            ("http://example.com", ("example.com", 80, "example.com", "")),
            ("HTTP://Example.COM:8080/a?b", ("example.com", 8080, "Example.COM:8080", "/a?b")),
            ("http://example.com.?q", ("example.com", 80, "example.com.", "?q")),
            ("http://[::1]:80/", ("[::1]", 80, "[::1]:80", "/")),
            ("http://0x7f.1/", ("127.0.0.1", 80, "0x7f.1", "/")),
            ("http://[::ffff:127.0.0.1]:81/", ("127.0.0.1", 81, "[::ffff:127.0.0.1]:81", "/")),
            ("http://a/http://b", ("a", 80, "a", "/http://b")),
            ("http://a/@:80", ("a", 80, "a", "/@:80")),
        ];
        for (text, (host, port, authority, path)) in cases {
            let expected = (host.to_owned(), port, authority.to_owned(), path.to_owned());
            assert_eq!(absolute(text), Some(expected), "{text}");
        }
    }

    #[test]
    fn a_malformed_target_is_refused() {
        let absolute_forms = [
            "/",
            "*",
            "",
            "http://",
            "http:///a",
            "http://:80/",
            "https://a/",
            "ftp://a/",
            "http:/a",
            "http://a:/",
            "http://a:0/",
            "http://a:65536/",
            "http://a:99999/",
            "http://a:+80/",
            "http://a:80:80/",
            "http://u@a/",
            "http://u:p@a/",
            "http://a/#f",
            "http://a#f",
            "http://a\\@b/",
            "http://[::1/",
            "http://[::1]x/",
            "http://::1/",
            "http://a%2eb/",
            "http://ü/",
            "http://a..b/",
            "http://[fe80::1%25lo]/",
            "http://[v1.a]/",
            "http://a b/",
            "http://a/ü",
        ];
        for text in absolute_forms {
            assert_eq!(absolute(text), None, "{text}");
        }
        for text in ["a", "a:", "a:0", ":443", "a:b", "a:1/x", "http://a:1", "u@a:1", "::1:443", "*", "/"] {
            assert!(Target::from_authority_form(text).is_err(), "{text}");
        }
    }

    #[test]
    fn an_authority_is_told_from_what_only_begins_like_it() {
        for target in ["http://a.test", "http://a.test/x", "http://a.test?q"] {
            assert!(is_authority_of(target, b"a.test"), "{target}");
        }
        for target in
            ["http://a.test:80/", "http://a.test.b/", "http://b/a.test", "https://a.test/", "a.test", "HTTP://a.test"]
        {
            assert!(!is_authority_of(target, b"a.test"), "{target}");
        }
    }

    #[test]
    fn a_connect_has_host_and_port() {
        let target = Target::from_authority_form("Example.com:443").unwrap();
        assert_eq!((target.host.as_str(), target.port), ("example.com", 443));
        let target = Target::from_authority_form("[2001:db8::1]:443").unwrap();
        assert_eq!((target.host.as_str(), target.port), ("2001:db8::1", 443));
    }
}
