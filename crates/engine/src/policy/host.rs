//! A host in its one canonical spelling.
//!
//! Rules, loop checks and connections all work on this type, so that no two spellings of one host can be treated
//! differently: case, a trailing dot, U-labels and A-labels, and each way to write an IP address fall together.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// A canonical host: an IP address, or a DNS name in lower-case A-labels without a trailing dot.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Host {
    text: Box<str>,
    ip: Option<IpAddr>,
}

/// Why a text is no host.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum HostError {
    /// Nothing is left of the host.
    #[error("the host is empty")]
    Empty,
    /// A label is empty or above 63 bytes, or the name is above 253 (RFC 1035 §2.3.4).
    #[error("a label of the host is empty or too long")]
    Length,
    /// A character that no host name has, or a name that UTS 46 refuses.
    #[error("the host has a character that no host name can have")]
    Character,
    /// It looks like an IP address, but is none.
    #[error("the host is a malformed IP address")]
    Address,
}

impl Host {
    /// Reads a host as URLs, rules and users spell it: a name (also internationalised), an IPv4 address in any of the
    /// spellings of the WHATWG URL Standard (§3.5), or an IPv6 address with or without brackets.
    ///
    /// IPv4-mapped IPv6 addresses become their IPv4 address. Percent escapes and IPv6 zones are refused.
    ///
    /// # Errors
    /// A [`HostError`] that says what is wrong with the text.
    pub fn parse(text: &str) -> Result<Self, HostError> {
        if text.is_empty() {
            return Err(HostError::Empty);
        }
        if let Some(inner) = text.strip_prefix('[') {
            let inner = inner.strip_suffix(']').ok_or(HostError::Address)?;
            return Self::parse_ipv6(inner);
        }
        if text.contains(':') {
            return Self::parse_ipv6(text);
        }
        let name = text.strip_suffix('.').unwrap_or(text);
        if name.ends_with('.') {
            return Err(HostError::Length);
        }
        if is_plain_name(name) {
            check_lengths(name)?;
            return Ok(Self { text: name.to_ascii_lowercase().into(), ip: None });
        }
        // The usual spelling of an address needs no look at the others.
        match name.parse::<Ipv4Addr>() {
            Ok(address) => Ok(address.into()),
            Err(_) => Self::parse_uncommon(name),
        }
    }

    fn parse_ipv6(text: &str) -> Result<Self, HostError> {
        let address: Ipv6Addr = text.parse().map_err(|_| HostError::Address)?;
        Ok(IpAddr::V6(address).into())
    }

    /// Numeric spellings, internationalised names, and everything that is wrong.
    fn parse_uncommon(name: &str) -> Result<Self, HostError> {
        if name.contains('%') {
            return Err(HostError::Character);
        }
        match url::Host::parse(name) {
            Ok(url::Host::Ipv4(address)) => Ok(IpAddr::V4(address).into()),
            Ok(url::Host::Ipv6(address)) => Ok(IpAddr::V6(address).into()),
            Ok(url::Host::Domain(domain)) => {
                // UTS 46 maps ideographic full stops to dots, so that one may stand at the end only now.
                let domain = domain.strip_suffix('.').unwrap_or(&domain);
                if !domain.bytes().all(is_name_byte) {
                    return Err(HostError::Character);
                }
                check_lengths(domain)?;
                Ok(Self { text: domain.into(), ip: None })
            }
            Err(url::ParseError::EmptyHost) => Err(HostError::Empty),
            Err(url::ParseError::InvalidIpv4Address) => Err(HostError::Address),
            Err(_) => Err(HostError::Character),
        }
    }

    /// The canonical text: a name without a trailing dot, or an address without brackets.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The address, where the host is one.
    #[must_use]
    pub fn ip(&self) -> Option<IpAddr> {
        self.ip
    }

    /// Whether the host is this machine: `localhost` and below (RFC 6761 §6.3), `127.0.0.0/8`, `::1`, and the
    /// unspecified addresses, which systems connect to loopback.
    #[must_use]
    pub fn is_loopback(&self) -> bool {
        match self.ip {
            Some(ip) => ip.is_loopback() || ip.is_unspecified(),
            None => self.is_localhost(),
        }
    }

    /// Whether the host is the name `localhost` or a name below it.
    #[must_use]
    pub fn is_localhost(&self) -> bool {
        self.ip.is_none()
            && self.text.strip_suffix("localhost").is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
    }
}

impl From<IpAddr> for Host {
    fn from(ip: IpAddr) -> Self {
        let ip = ip.to_canonical();
        Self { text: ip.to_string().into(), ip: Some(ip) }
    }
}

impl From<Ipv4Addr> for Host {
    fn from(ip: Ipv4Addr) -> Self {
        IpAddr::V4(ip).into()
    }
}

/// Writes the host as the authority of a URL has it: an IPv6 address in brackets.
impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.ip {
            Some(IpAddr::V6(address)) => write!(f, "[{address}]"),
            _ => f.write_str(&self.text),
        }
    }
}

/// Whether the name needs neither UTS 46 nor the IPv4 parser, which is so for almost all: plain ASCII, no A-label, and
/// a last label that starts with a letter.
fn is_plain_name(name: &str) -> bool {
    let last_label = name.rsplit('.').next().unwrap_or(name);
    last_label.starts_with(|first: char| first.is_ascii_alphabetic())
        && name.bytes().all(is_name_byte)
        && !name
            .split('.')
            .any(|label| label.as_bytes().get(..4).is_some_and(|start| start.eq_ignore_ascii_case(b"xn--")))
}

/// Letters, digits and hyphens (RFC 952), and the underscore, which real names have.
fn is_name_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.')
}

fn check_lengths(name: &str) -> Result<(), HostError> {
    if name.is_empty() {
        return Err(HostError::Empty);
    }
    if name.len() > MAX_NAME || name.split('.').any(|label| !(1..=MAX_LABEL).contains(&label.len())) {
        return Err(HostError::Length);
    }
    Ok(())
}

/// RFC 1035 §2.3.4 allows 255 octets on the wire, which are 253 in text.
const MAX_NAME: usize = 253;
const MAX_LABEL: usize = 63;

#[cfg(test)]
mod tests {
    use super::*;

    fn canonical(text: &str) -> String {
        Host::parse(text).map_or_else(|error| format!("{error:?}"), |host| host.to_string())
    }

    #[test]
    fn every_spelling_of_a_host_becomes_the_canonical_one() {
        let cases = [
            ("example.com", "example.com"),
            ("EXAMPLE.com", "example.com"),
            ("example.com.", "example.com"),
            ("a_b.example", "a_b.example"),
            ("münchen.example", "xn--mnchen-3ya.example"),
            ("MÜNCHEN.example", "xn--mnchen-3ya.example"),
            ("XN--MNCHEN-3YA.example", "xn--mnchen-3ya.example"),
            ("ｅxample.com", "example.com"),
            ("exam\u{ad}ple.com", "example.com"),
            ("example。com。", "example.com"),
            ("127.0.0.1", "127.0.0.1"),
            ("127.0.0.1.", "127.0.0.1"),
            ("127.1", "127.0.0.1"),
            ("2130706433", "127.0.0.1"),
            ("0x7f000001", "127.0.0.1"),
            ("0177.0.0.1", "127.0.0.1"),
            ("0", "0.0.0.0"),
            ("::1", "[::1]"),
            ("[::1]", "[::1]"),
            ("0:0:0:0:0:0:0:1", "[::1]"),
            ("[2001:DB8::1]", "[2001:db8::1]"),
            ("::ffff:127.0.0.1", "127.0.0.1"),
            ("[::ffff:7f00:1]", "127.0.0.1"),
            ("10.example.com", "10.example.com"),
            ("3com", "3com"),
        ];
        for (text, expected) in cases {
            assert_eq!(canonical(text), expected, "{text}");
        }
    }

    #[test]
    fn what_has_no_canonical_spelling_is_refused() {
        let long_label = format!("{}.example", "a".repeat(64));
        let long_name = "a.".repeat(130) + "example";
        let cases = [
            ("", HostError::Empty),
            (".", HostError::Empty),
            ("example..com", HostError::Length),
            (".example.com", HostError::Length),
            ("example.com..", HostError::Length),
            (&long_label, HostError::Length),
            (&long_name, HostError::Length),
            ("example.com ", HostError::Character),
            ("exam ple.com", HostError::Character),
            ("example.com/", HostError::Character),
            ("user@example.com", HostError::Character),
            ("127.0.0.1%3a80", HostError::Character),
            ("ex*mple.com", HostError::Character),
            ("exa\0mple.com", HostError::Character),
            ("xn--a", HostError::Character),
            ("256.0.0.1", HostError::Address),
            ("1.2.3.4.5", HostError::Address),
            ("example.0x", HostError::Address),
            ("[::1", HostError::Address),
            ("[fe80::1%25eth0]", HostError::Address),
            ("example.com:80", HostError::Address),
        ];
        for (text, expected) in cases {
            assert_eq!(Host::parse(text), Err(expected), "{text}");
        }
    }

    #[test]
    fn loopback_is_known_by_name_and_by_address() {
        for text in ["localhost", "LOCALHOST.", "a.b.localhost", "127.8.9.1", "::1", "0.0.0.0", "[::]"] {
            assert!(Host::parse(text).unwrap().is_loopback(), "{text}");
        }
        for text in ["notlocalhost", "localhost.example", "128.0.0.1", "::2"] {
            assert!(!Host::parse(text).unwrap().is_loopback(), "{text}");
        }
    }
}
