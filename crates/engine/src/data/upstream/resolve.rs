//! From a host to its addresses.

use std::fmt;
use std::future::Future;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::pin::Pin;

use super::DialError;
use crate::policy::Host;

/// Looks up names. The engine asks only for names that go direct: the gateway looks up its own.
pub trait Resolve: fmt::Debug + Send + Sync {
    /// The addresses of a name, best first. Must not block the calling thread.
    fn resolve<'a>(&'a self, name: &'a str) -> Pin<Box<dyn Future<Output = io::Result<Vec<IpAddr>>> + Send + 'a>>;
}

/// The operating system's resolver, on threads of its own: getaddrinfo blocks.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemResolver;

impl Resolve for SystemResolver {
    fn resolve<'a>(&'a self, name: &'a str) -> Pin<Box<dyn Future<Output = io::Result<Vec<IpAddr>>> + Send + 'a>> {
        Box::pin(async move {
            let found = tokio::net::lookup_host((name, 0)).await?;
            Ok(found.map(|address| address.ip()).collect())
        })
    }
}

/// The addresses to try, in order: families take turns (RFC 8305 §4).
pub(super) async fn addresses(resolver: &dyn Resolve, host: &Host) -> Result<Vec<IpAddr>, DialError> {
    if let Some(ip) = host.ip() {
        return Ok(vec![ip]);
    }
    if host.is_localhost() {
        return Ok(LOOPBACK.to_vec());
    }
    match resolver.resolve(host.as_str()).await {
        Ok(found) if found.is_empty() => Err(DialError::NameNotFound),
        Ok(found) => Ok(alternate_families(found)),
        Err(_) => Err(DialError::NameNotFound),
    }
}

/// The resolver's order is kept within each family, and its first choice stays the first.
fn alternate_families(addresses: Vec<IpAddr>) -> Vec<IpAddr> {
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
