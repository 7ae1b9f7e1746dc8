//! The field names that mean something to a proxy.

/// A field name that a proxy acts upon, or any other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Name {
    Connection,
    ContentLength,
    Expect,
    Host,
    Http2Settings,
    KeepAlive,
    MaxForwards,
    ProxyAuthenticate,
    ProxyAuthenticationInfo,
    ProxyAuthorization,
    ProxyConnection,
    Te,
    TransferEncoding,
    Upgrade,
    Other,
}

impl Name {
    /// Reads a field name, whatever its case.
    pub(crate) fn of(name: &str) -> Self {
        let is = |known: &str| name.eq_ignore_ascii_case(known);
        match name.len() {
            2 if is("te") => Self::Te,
            4 if is("host") => Self::Host,
            6 if is("expect") => Self::Expect,
            7 if is("upgrade") => Self::Upgrade,
            10 if is("connection") => Self::Connection,
            10 if is("keep-alive") => Self::KeepAlive,
            12 if is("max-forwards") => Self::MaxForwards,
            14 if is("content-length") => Self::ContentLength,
            14 if is("http2-settings") => Self::Http2Settings,
            16 if is("proxy-connection") => Self::ProxyConnection,
            17 if is("transfer-encoding") => Self::TransferEncoding,
            18 if is("proxy-authenticate") => Self::ProxyAuthenticate,
            19 if is("proxy-authorization") => Self::ProxyAuthorization,
            25 if is("proxy-authentication-info") => Self::ProxyAuthenticationInfo,
            _ => Self::Other,
        }
    }

    /// Whether a field of this name is for the next hop only (RFC 9110 §7.6.1, RFC 9113 §3.2.1). `Transfer-Encoding` and
    /// `Upgrade` are too, but are written anew where the next hop needs them.
    pub(crate) fn is_hop_by_hop(self) -> bool {
        matches!(
            self,
            Self::Connection
                | Self::Http2Settings
                | Self::KeepAlive
                | Self::ProxyAuthenticate
                | Self::ProxyAuthenticationInfo
                | Self::ProxyAuthorization
                | Self::ProxyConnection
                | Self::Te
                | Self::TransferEncoding
                | Self::Upgrade
        )
    }
}

/// The members of a comma-separated list, without white space and empty members (RFC 9110 §5.6.1).
pub(crate) fn list(value: &[u8]) -> impl Iterator<Item = &[u8]> {
    value.split(|byte| *byte == b',').map(<[u8]>::trim_ascii).filter(|member| !member.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_known_in_any_case() {
        assert_eq!(Name::of("hOsT"), Name::Host);
        assert_eq!(Name::of("TRANSFER-ENCODING"), Name::TransferEncoding);
        assert_eq!(Name::of("transfer_encoding"), Name::Other);
    }

    #[test]
    fn a_list_has_no_empty_members() {
        let members: Vec<&[u8]> = list(b" close,\t,keep-alive , ").collect();
        assert_eq!(members, [&b"close"[..], b"keep-alive"]);
    }
}
