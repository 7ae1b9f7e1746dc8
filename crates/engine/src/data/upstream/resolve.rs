//! From a host to its addresses.

use std::fmt;
use std::future::Future;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use crate::policy::Host;

/// Looks up names. The engine asks only for names that go direct: the gateway looks up its own.
pub trait Resolve: fmt::Debug + Send + Sync {
    /// Looks up a name. Must not block the calling thread.
    fn resolve<'a>(&'a self, name: &'a str) -> Resolution<'a>;
}

/// A look-up under way.
pub type Resolution<'a> = Pin<Box<dyn Future<Output = io::Result<Resolved>> + Send + 'a>>;

/// What a look-up has found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resolved {
    /// The addresses, best first.
    pub addresses: Vec<IpAddr>,
    /// How long they hold, where the resolver knows.
    pub ttl: Option<Duration>,
}

impl From<Vec<IpAddr>> for Resolved {
    fn from(addresses: Vec<IpAddr>) -> Self {
        Self { addresses, ttl: None }
    }
}

/// The operating system's resolver, on threads of its own: getaddrinfo blocks. It does not tell how long an answer holds.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemResolver;

impl Resolve for SystemResolver {
    fn resolve<'a>(&'a self, name: &'a str) -> Resolution<'a> {
        Box::pin(async move {
            let found = tokio::net::lookup_host((name, 0)).await?;
            Ok(found.map(|address| address.ip()).collect::<Vec<_>>().into())
        })
    }
}

/// The addresses of a host that no resolver has to be asked for: an address, or this machine.
pub(super) fn without_look_up(host: &Host) -> Option<Arc<[IpAddr]>> {
    match host.ip() {
        Some(ip) => Some([ip].into()),
        None => host.is_localhost().then(|| LOOPBACK.into()),
    }
}

/// The resolver's order is kept within each family, and its first choice stays the first.
pub(super) fn alternate_families(addresses: Vec<IpAddr>) -> Vec<IpAddr> {
    let first_is_ipv6 = addresses.first().is_some_and(IpAddr::is_ipv6);
    let (first, second): (Vec<_>, Vec<_>) =
        addresses.into_iter().partition(|address| address.is_ipv6() == first_is_ipv6);
    let (mut first, mut second) = (first.into_iter(), second.into_iter());
    let mut turns = Vec::new();
    loop {
        let turn = [first.next(), second.next()];
        if turn == [None, None] {
            return turns;
        }
        turns.extend(turn.into_iter().flatten());
    }
}

/// `localhost` and every name below it is this machine, and no resolver is asked (RFC 6761 §6.3).
const LOOPBACK: [IpAddr; 2] = [IpAddr::V4(Ipv4Addr::LOCALHOST), IpAddr::V6(Ipv6Addr::LOCALHOST)];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn families_take_turns_and_the_first_choice_stays_first() {
        let parse = |texts: &[&str]| texts.iter().map(|text| text.parse().unwrap()).collect::<Vec<IpAddr>>();
        let cases: &[(&[&str], &[&str])] = &[
            (&["::1", "::2", "1.1.1.1", "2.2.2.2"], &["::1", "1.1.1.1", "::2", "2.2.2.2"]),
            (&["1.1.1.1", "::1", "::2", "::3"], &["1.1.1.1", "::1", "::2", "::3"]),
            (&["1.1.1.1"], &["1.1.1.1"]),
        ];
        for (found, expected) in cases {
            assert_eq!(alternate_families(parse(found)), parse(expected));
        }
    }
}
