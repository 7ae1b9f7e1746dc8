//! The pattern of a rule: which hosts it names.

use super::host::{Host, HostError};
use super::suffix::public_suffix;

/// Which hosts a rule names. One that exists is valid.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HostPattern {
    /// `*`: any host but loopback.
    Any,
    /// `example.com`, `192.0.2.1`, `[2001:db8::1]`: that host.
    Exact(Host),
    /// `*.example.com`: its subdomains at any depth, not itself. Holds `example.com`.
    Subdomains(Box<str>),
    /// `google.*`: the name followed by one public suffix. Holds `google`.
    AnyPublicSuffix(Box<str>),
}

/// Why a text is no pattern.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PatternError {
    /// A `*` that is neither the whole pattern nor its first or last label.
    #[error("`*` may stand alone, as the first label or as the last one")]
    Wildcard,
    /// A URL, a port or a path where a host name belongs.
    #[error("a rule is a host name alone, without scheme, port or path")]
    NotAHost,
    /// A `-`, which is the sign of a rule and no part of a pattern.
    #[error("`-` makes a rule an exclusion; it is no part of a host name's start")]
    Sign,
    /// What stands for the host is none.
    #[error(transparent)]
    Host(#[from] HostError),
}

impl HostPattern {
    /// Reads `*`, `example.com`, `*.example.com`, `google.*` or an IP address. Case, white space around it and a
    /// trailing dot do not matter.
    ///
    /// # Errors
    /// A [`PatternError`] that says what the pattern cannot be.
    pub fn parse(text: &str) -> Result<Self, PatternError> {
        let text = text.trim();
        if text.starts_with('-') {
            return Err(PatternError::Sign);
        }
        if text == "*" {
            return Ok(Self::Any);
        }
        if let Some(base) = text.strip_prefix("*.") {
            return Ok(Self::Subdomains(parse_name(base)?));
        }
        if let Some(name) = text.strip_suffix(".*").or_else(|| text.strip_suffix(".*.")) {
            return parse_before_suffix(name);
        }
        parse_host(text).map(Self::Exact)
    }

    /// Whether the pattern names the host. `*` names every host but loopback.
    #[must_use]
    pub fn matches(&self, host: &Host) -> bool {
        match self {
            Self::Any => !host.is_loopback(),
            Self::Exact(exact) => exact == host,
            Self::Subdomains(base) => {
                host.ip().is_none() && host.as_str().strip_suffix(&**base).is_some_and(|rest| rest.ends_with('.'))
            }
            Self::AnyPublicSuffix(name) => before_public_suffix(host) == Some(&**name),
        }
    }
}

/// What stands before the public suffix of a name: `google` for `google.co.uk`, `www.google` for `www.google.com`.
pub(super) fn before_public_suffix(host: &Host) -> Option<&str> {
    if host.ip().is_some() {
        return None;
    }
    let name = host.as_str();
    name.strip_suffix(public_suffix(name))?.strip_suffix('.')
}

fn parse_host(text: &str) -> Result<Host, PatternError> {
    if text.contains('*') {
        return Err(PatternError::Wildcard);
    }
    Host::parse(text).map_err(|error| {
        let is_bare_name = !text.contains('/') && text.parse::<std::net::Ipv6Addr>().is_err();
        let has_port = text.rsplit_once(':').is_some_and(|(_, port)| port.bytes().all(|b| b.is_ascii_digit()));
        if is_bare_name && !has_port { error.into() } else { PatternError::NotAHost }
    })
}

fn parse_name(text: &str) -> Result<Box<str>, PatternError> {
    let host = parse_host(text)?;
    if host.ip().is_some() {
        return Err(HostError::Address.into());
    }
    Ok(host.as_str().into())
}

/// The name before `.*`, which may be made of digits only: a top-level domain behind it keeps it from being read as an
/// IPv4 address.
fn parse_before_suffix(name: &str) -> Result<HostPattern, PatternError> {
    let placeholder = ".test";
    let host = parse_host(&format!("{name}{placeholder}"))?;
    let name = host.as_str().strip_suffix(placeholder).unwrap_or_default();
    Ok(HostPattern::AnyPublicSuffix(name.into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matches(pattern: &str, host: &str) -> bool {
        HostPattern::parse(pattern).unwrap().matches(&Host::parse(host).unwrap())
    }

    #[test]
    fn patterns_name_the_hosts_of_the_table() {
        let cases = [
            ("*", "example.com", true),
            ("*", "192.0.2.1", true),
            ("*", "localhost", false),
            ("*", "dev.localhost", false),
            ("*", "127.0.0.2", false),
            ("*", "::1", false),
            ("example.com", "EXAMPLE.com.", true),
            ("example.com", "www.example.com", false),
            ("example.com", "notexample.com", false),
            ("*.example.com", "www.example.com", true),
            ("*.example.com", "a.b.example.com", true),
            ("*.example.com", "example.com", false),
            ("*.example.com", "notexample.com", false),
            ("*.localhost", "dev.localhost", true),
            ("google.*", "google.com", true),
            ("google.*", "google.co.uk", true),
            ("google.*", "google.test", true),
            ("google.*", "google.evil.com", false),
            ("google.*", "www.google.com", false),
            ("google.*", "google.github.io", false),
            ("google.*", "google", false),
            ("www.google.*", "www.google.co.uk", true),
            ("10.*", "10.com", true),
            ("10.*", "10.0.0.1", false),
            ("127.0.0.1", "0x7f.1", true),
            ("[::1]", "0:0:0:0:0:0:0:1", true),
            ("::ffff:192.0.2.1", "192.0.2.1", true),
            ("bücher.*", "xn--bcher-kva.de", true),
            ("*.xn--bcher-kva.de", "www.BÜCHER.de", true),
            ("  Example.COM.  ", "example.com", true),
        ];
        for (pattern, host, expected) in cases {
            assert_eq!(matches(pattern, host), expected, "{pattern} on {host}");
        }
    }

    #[test]
    fn what_is_no_pattern_says_why() {
        let cases = [
            ("", PatternError::Host(HostError::Empty)),
            ("*.", PatternError::Host(HostError::Empty)),
            ("-example.com", PatternError::Sign),
            ("**", PatternError::Wildcard),
            ("*example.com", PatternError::Wildcard),
            ("ex*mple.com", PatternError::Wildcard),
            ("*.google.*", PatternError::Wildcard),
            ("https://example.com", PatternError::NotAHost),
            ("example.com/path", PatternError::NotAHost),
            ("example.com:443", PatternError::NotAHost),
            ("exam ple.com", PatternError::Host(HostError::Character)),
            ("*.127.0.0.1", PatternError::Host(HostError::Address)),
        ];
        for (text, expected) in cases {
            assert_eq!(HostPattern::parse(text), Err(expected), "{text}");
        }
    }
}
