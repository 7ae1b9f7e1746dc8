//! Properties of hosts and of the decisions on them, for any host in any spelling.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use proptest::prelude::{Just, ProptestConfig, Strategy, any, prop, prop_assert_eq, prop_oneof, proptest};
use proptest::test_runner::RngSeed;

use super::{Decision, Host, Reason, Route, RuleSet};

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 4096,
        // The same cases on each run: a failure is one for everybody.
        rng_seed: RngSeed::Fixed(1),
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn each_spelling_of_an_ipv4_address_is_the_address((address, spelling) in spelt_ipv4()) {
        prop_assert_eq!(Host::parse(&spelling), Ok(Host::from(address)), "{}", spelling);
    }

    #[test]
    fn each_spelling_of_an_ipv6_address_is_the_address((address, spelling) in spelt_ipv6()) {
        prop_assert_eq!(Host::parse(&spelling), Ok(Host::from(IpAddr::V6(address))), "{}", spelling);
    }

    #[test]
    fn each_spelling_of_a_name_is_the_name((name, spelling) in spelt_name()) {
        prop_assert_eq!(Host::parse(&spelling), Host::parse(&name), "{}", spelling);
        prop_assert_eq!(Host::parse(&spelling).unwrap().ip(), None);
    }

    #[test]
    fn a_canonical_host_is_its_own_spelling(text in prop_oneof![any::<String>(), spelling()]) {
        if let Ok(host) = Host::parse(&text) {
            prop_assert_eq!(Host::parse(host.as_str()), Ok(host.clone()), "{}", text);
            prop_assert_eq!(Host::parse(&host.to_string()), Ok(host), "{}", text);
        }
    }

    #[test]
    fn a_rule_names_a_host_in_whatever_spelling_both_are((rule, host) in two_spellings()) {
        let host = Host::parse(&host).unwrap();

        let included = RuleSet::parse([&rule]);
        let excluded = RuleSet::parse(["*", &format!("-{rule}")]);

        let decision = Decision { route: Route::Gateway, rule: Some(&*rule), reason: Reason::Included };
        prop_assert_eq!(included.decide(&host), decision);
        let (route, reason) = (excluded.decide(&host).route, excluded.decide(&host).reason);
        prop_assert_eq!((route, reason), (Route::Direct, Reason::Excluded));
    }

    #[test]
    fn a_rule_for_subdomains_names_them_in_whatever_spelling((base, below) in spelt_subdomain()) {
        let rules = RuleSet::parse([format!("*.{base}")]);

        prop_assert_eq!(rules.decide(&Host::parse(&below).unwrap()).route, Route::Gateway, "{}", below);
        prop_assert_eq!(rules.decide(&Host::parse(&base).unwrap()).route, Route::Direct, "{}", base);
    }

    #[test]
    fn loopback_stays_here_in_whatever_spelling(spelling in loopback()) {
        let host = Host::parse(&spelling).unwrap();

        prop_assert_eq!(RuleSet::parse(["*"]).decide(&host).reason, Reason::Loopback, "{}", spelling);
    }
}

/// The spelling of any host.
fn spelling() -> impl Strategy<Value = String> {
    two_spellings().prop_map(|(one, _)| one)
}

/// One host, spelt twice.
fn two_spellings() -> impl Strategy<Value = (String, String)> {
    prop_oneof![
        any::<Ipv4Addr>().prop_flat_map(|address| (ipv4(address), ipv4(address))),
        any::<Ipv6Addr>().prop_flat_map(|address| (ipv6(address), ipv6(address))),
        name().prop_flat_map(|name| (respelt(name.clone()), respelt(name))),
    ]
}

fn spelt_ipv4() -> impl Strategy<Value = (Ipv4Addr, String)> {
    any::<Ipv4Addr>().prop_flat_map(|address| (Just(address), ipv4(address)))
}

fn spelt_ipv6() -> impl Strategy<Value = (Ipv6Addr, String)> {
    any::<Ipv6Addr>().prop_flat_map(|address| (Just(address), ipv6(address)))
}

fn spelt_name() -> impl Strategy<Value = (String, String)> {
    name().prop_flat_map(|name| (Just(name.clone()), respelt(name)))
}

/// A name, and one below it.
fn spelt_subdomain() -> impl Strategy<Value = (String, String)> {
    (label(), name()).prop_flat_map(|(label, name)| (respelt(name.clone()), respelt(format!("{label}.{name}"))))
}

fn loopback() -> impl Strategy<Value = String> {
    prop_oneof![
        any::<[u8; 3]>().prop_flat_map(|[b, c, d]| ipv4(Ipv4Addr::new(127, b, c, d))),
        ipv4(Ipv4Addr::UNSPECIFIED),
        ipv6(Ipv6Addr::LOCALHOST),
        ipv6(Ipv6Addr::UNSPECIFIED),
        respelt("localhost".to_owned()),
        label().prop_flat_map(|label| respelt(format!("{label}.localhost"))),
    ]
}

/// One to four numbers, each decimal, octal or hexadecimal with or without zeros before it, or an IPv4-mapped IPv6 address.
fn ipv4(address: Ipv4Addr) -> impl Strategy<Value = String> {
    let in_parts = (1..=4_usize, any::<[(u8, u8); 4]>(), any::<bool>()).prop_map(move |(count, choices, has_dot)| {
        let octets = address.octets();
        let (own, rest) = octets.split_at(count - 1);
        // The last number stands for all the octets that are left.
        let last = rest.iter().fold(0, |number, octet| number << 8 | u32::from(*octet));
        let numbers = own.iter().map(|octet| u32::from(*octet)).chain([last]);
        let parts: Vec<String> = numbers.zip(choices).map(|(number, choice)| in_radix(number, choice)).collect();
        parts.join(".") + if has_dot { "." } else { "" }
    });
    prop_oneof![4 => in_parts, 1 => ipv6(address.to_ipv6_mapped())]
}

fn in_radix(number: u32, (radix, zeros): (u8, u8)) -> String {
    let zeros = "0".repeat(usize::from(zeros % 4));
    match radix % 4 {
        0 => number.to_string(),
        1 => format!("0{zeros}{number:o}"),
        2 => format!("0x{zeros}{number:x}"),
        _ => format!("0X{zeros}{number:X}"),
    }
}

/// Short, in full, with the last four octets as an IPv4 address, in either case, with and without brackets.
fn ipv6(address: Ipv6Addr) -> impl Strategy<Value = String> {
    (0..4_u8, any::<bool>(), any::<bool>()).prop_map(move |(form, is_upper, has_brackets)| {
        let groups = address.segments();
        let [.., a, b, c, d] = address.octets();
        let join = |groups: &[u16]| groups.iter().map(|group| format!("{group:x}")).collect::<Vec<_>>().join(":");
        let text = match form {
            0 => address.to_string(),
            1 => join(&groups),
            2 => groups.map(|group| format!("{group:04x}")).join(":"),
            _ => format!("{}:{a}.{b}.{c}.{d}", join(&groups[..6])),
        };
        let text = if is_upper { text.to_uppercase() } else { text };
        if has_brackets { format!("[{text}]") } else { text }
    })
}

/// One to four labels in lower case, the last of which is no number.
fn name() -> impl Strategy<Value = String> {
    (prop::collection::vec(label(), 0..=3), "[a-z]{1,10}").prop_map(|(mut labels, last)| {
        labels.push(last);
        labels.join(".")
    })
}

/// Letters of several scripts that have one capital each, digits, and hyphens within.
fn label() -> impl Strategy<Value = String> {
    prop_oneof![3 => "[a-z0-9_]{1,10}", 1 => "[a-z0-9]-[a-z0-9]{1,10}", 2 => "[a-zäöüéñžабвгд]{1,10}"]
}

/// A name with other letters, full stops and invisible characters that mean the same (UTS 46).
fn respelt(name: String) -> impl Strategy<Value = String> {
    let choices = prop::collection::vec(0..8_u8, name.chars().count());
    (choices, 0..4_u8, any::<bool>()).prop_map(move |(choices, end, is_ascii)| {
        let canonical = Host::parse(&name).unwrap().as_str().to_owned();
        let name = if is_ascii { canonical } else { name.clone() };
        let letters = name.chars().zip(choices.into_iter().cycle());
        let spelt: String = letters.flat_map(|(letter, choice)| respelt_letter(letter, choice, is_ascii)).collect();
        spelt + ["", "", ".", if is_ascii { "." } else { "。" }][usize::from(end)]
    })
}

fn respelt_letter(letter: char, choice: u8, is_ascii: bool) -> Vec<char> {
    match (choice, letter) {
        (0 | 1, _) => letter.to_uppercase().collect(),
        (2, '.') if !is_ascii => vec!['。'],
        (3, '.') if !is_ascii => vec!['．'],
        // Full-width forms stand as far from ASCII throughout.
        (4, '!'..='~') if !is_ascii => char::from_u32(u32::from(letter) + 0xfee0).into_iter().collect(),
        (5, _) if !is_ascii => vec![letter, SOFT_HYPHEN],
        _ => vec![letter],
    }
}

const SOFT_HYPHEN: char = '\u{ad}';
