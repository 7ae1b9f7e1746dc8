//! The addresses that no request may lead to, unless the user allows them.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::IpNet;

/// Where requests may lead, by address. Everything may be reached but what is nobody's site and somebody's secret: link-local
/// addresses, behind which clouds keep the metadata of their machines, and those that are no single host.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Reach {
    allowed: Vec<IpNet>,
}

/// The text is neither an IP address nor a block of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("neither an IP address nor a CIDR block")]
pub struct InvalidBlock;

impl Reach {
    /// Allows addresses and CIDR blocks (RFC 4632) on top: `169.254.169.254`, `169.254.0.0/16`, `fe80::/10`.
    ///
    /// # Errors
    /// [`InvalidBlock`] where a text is neither.
    pub fn allowing(blocks: &[impl AsRef<str>]) -> Result<Self, InvalidBlock> {
        let allowed = blocks.iter().map(|block| parse(block.as_ref().trim())).collect::<Result<_, _>>()?;
        Ok(Self { allowed })
    }

    /// Whether a request may lead to the address.
    #[must_use]
    pub fn permits(&self, ip: IpAddr) -> bool {
        let ip = ip.to_canonical();
        !is_special(ip) || self.allowed.iter().any(|block| block.contains(&ip))
    }
}

fn parse(text: &str) -> Result<IpNet, InvalidBlock> {
    let block = text.parse::<IpNet>().or_else(|_| text.parse::<IpAddr>().map(IpNet::from));
    block.map_err(|_| InvalidBlock)
}

fn is_special(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => is_special_v4(ip),
        IpAddr::V6(ip) => {
            ip.is_unspecified()
                || ip.is_multicast()
                || ip.is_unicast_link_local()
                || CLOUD_METADATA.contains(&ip)
                || embedded(ip).is_some_and(is_special_v4)
        }
    }
}

/// "This network" (RFC 1122 §3.2.1.3), link-local (RFC 3927), multicast (RFC 5771), and the limited broadcast.
fn is_special_v4(ip: Ipv4Addr) -> bool {
    ip.octets()[0] == 0 || ip.is_link_local() || ip.is_multicast() || ip.is_broadcast()
}

/// The IPv4 address that a translator or a tunnel takes out of an IPv6 one: NAT64 (RFC 6052 §2.1, RFC 8215), SIIT (RFC 2765
/// §2.1), 6to4 (RFC 3056 §2), and the old compatible form (RFC 4291 §2.5.5.1).
fn embedded(ip: Ipv6Addr) -> Option<Ipv4Addr> {
    let last = |high: u16, low: u16| Some(Ipv4Addr::from_bits((u32::from(high) << 16) | u32::from(low)));
    match ip.segments() {
        [0x64, 0xff9b, 0, 0, 0, 0, high, low] | [0x64, 0xff9b, 1, _, _, _, high, low] => last(high, low),
        [0, 0, 0, 0, 0xffff, 0, high, low] => last(high, low),
        [0x2002, high, low, ..] => last(high, low),
        // ::1 is not meant.
        [0, 0, 0, 0, 0, 0, high, low] if high != 0 => last(high, low),
        _ => None,
    }
}

/// Where clouds have their metadata in IPv6: unique local addresses, of which the others are ordinary ones. Amazon's instances
/// and pods, and Google's.
const CLOUD_METADATA: [Ipv6Addr; 3] = [
    Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254),
    Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x23),
    Ipv6Addr::new(0xfd20, 0xce, 0, 0, 0, 0, 0, 0x254),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_site_is_out_of_reach() {
        let reach = Reach::default();
        let special = [
            "0.0.0.0",
            "0.1.2.3",
            "169.254.169.254",
            "169.254.0.1",
            "224.0.0.1",
            "239.255.255.250",
            "255.255.255.255",
            "::",
            "ff02::1",
            "fe80::1",
            "febf::1",
            "fd00:ec2::254",
            "::ffff:169.254.169.254",
            "64:ff9b::a9fe:a9fe",
            "2002:a9fe:a9fe::1",
            "64:ff9b:1::a9fe:a9fe",
            "::ffff:0:a9fe:a9fe",
            "fd20:ce::254",
            "::169.254.169.254",
        ];
        for ip in special {
            assert!(!reach.permits(ip.parse().unwrap()), "{ip}");
        }
        let ordinary = [
            "127.0.0.1",
            "10.0.0.1",
            "192.168.1.1",
            "172.16.0.1",
            "100.64.0.1",
            "1.1.1.1",
            "169.253.1.1",
            "::1",
            "fd00::1",
            "2606:4700::1111",
            "64:ff9b::101:101",
            "2002:101:101::1",
            "240.0.0.1",
        ];
        for ip in ordinary {
            assert!(reach.permits(ip.parse().unwrap()), "{ip}");
        }
    }

    #[test]
    fn what_the_user_allows_is_within_reach() {
        let reach = Reach::allowing(&["169.254.169.254", " 169.254.1.0/24 ", "fe80::/10"]).unwrap();

        for (ip, is_permitted) in [
            ("169.254.169.254", true),
            ("::ffff:169.254.169.254", true),
            ("169.254.1.9", true),
            ("169.254.2.9", false),
            ("fe80::9", true),
            ("ff02::1", false),
        ] {
            assert_eq!(reach.permits(ip.parse().unwrap()), is_permitted, "{ip}");
        }
        for text in ["", "localhost", "169.254.0.0/33", "*", "1.2.3", "::1%lo"] {
            assert_eq!(Reach::allowing(&[text]), Err(InvalidBlock), "{text}");
        }
    }
}
