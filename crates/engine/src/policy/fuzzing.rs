//! The fuzz targets of hosts and rules.

use super::suffix::public_suffix;
use super::{Host, Reason, Route, RuleSet};

/// A host that is read has one spelling, which is read as the same host again.
pub(crate) fn host(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let Ok(host) = Host::parse(text) else { return };
    let canonical = host.as_str();
    assert_eq!(Host::parse(canonical).as_ref(), Ok(&host), "{text:?}");
    assert_eq!(Host::parse(&host.to_string()).as_ref(), Ok(&host), "{text:?}");
    assert_eq!(Host::parse(&text.to_ascii_uppercase()).as_ref(), Ok(&host), "{text:?}");
    if !text.contains(':') && !text.ends_with(DOTS) {
        assert_eq!(Host::parse(&format!("{text}.")).as_ref(), Ok(&host), "{text:?}");
    }
    assert_eq!(canonical.parse().ok(), host.ip(), "{canonical} is taken for an address, or is none");
    match host.ip() {
        Some(ip) => {
            assert_eq!(ip, ip.to_canonical(), "{text:?}");
            assert_eq!(Host::from(ip), host);
        }
        None => {
            let is_name_byte = |byte: u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.');
            assert!(canonical.bytes().all(is_name_byte), "{canonical:?}");
            assert!(canonical.len() <= 253 && canonical.split('.').all(|label| (1..=63).contains(&label.len())));
        }
    }
}

/// Rules decide as the slow reference does, in any order and for any spelling of the host.
pub(crate) fn rules(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let mut lines = text.lines();
    let Ok(host) = Host::parse(lines.next().unwrap_or_default()) else { return };
    let rules: Vec<&str> = lines.collect();
    let set = RuleSet::parse(&rules);

    let decision = set.decide(&host);
    let (route, rule, reason) = decide(&rules, &host);
    assert_eq!((decision.route, decision.rule, decision.reason), (route, rule, reason), "{rules:?} on {host}");
    let count = rules.iter().filter(|rule| !is_auto(rule)).count();
    assert_eq!(set.len() + set.unusable().len(), count, "a rule is lost");
    assert!(set.is_same(&RuleSet::parse(&rules)));

    let reversed = RuleSet::parse(rules.iter().rev());
    let reversed = reversed.decide(&host);
    assert_eq!((reversed.route, reversed.reason), (route, reason), "the order of {rules:?} matters for {host}");
    let written = RuleSet::parse(rules.iter().map(|rule| rule.to_ascii_uppercase()));
    assert_eq!(written.decide(&host).route, route, "the case of {rules:?} matters for {host}");
}

/// Goes through all rules one by one.
fn decide<'r>(rules: &[&'r str], host: &Host) -> (Route, Option<&'r str>, Reason) {
    let usable = rules.iter().map(|rule| rule.trim()).filter(|rule| !is_auto(rule)).filter_map(|rule| {
        let (is_negative, pattern) = rule.strip_prefix('-').map_or((false, rule), |pattern| (true, pattern.trim()));
        Some((rule, is_negative, pattern, rank(pattern, host)?))
    });
    let usable: Vec<_> = usable.collect();
    if usable.is_empty() {
        return (Route::Direct, None, Reason::NoRules);
    }
    let best = |of_sign: bool| {
        let mut best: Option<(&'r str, usize)> = None;
        for (rule, is_negative, _, rank) in &usable {
            if *is_negative == of_sign && *rank > best.map_or(0, |(_, rank)| rank) {
                best = Some((rule, *rank));
            }
        }
        best.map(|(rule, _)| rule)
    };
    if let Some(rule) = best(true) {
        return (Route::Direct, Some(rule), Reason::Excluded);
    }
    if let Some(rule) = best(false) {
        return (Route::Gateway, Some(rule), Reason::Included);
    }
    let has_any = usable.iter().any(|(_, is_negative, pattern, _)| !is_negative && *pattern == "*");
    let reason = if has_any && host.is_loopback() { Reason::Loopback } else { Reason::NoMatch };
    (Route::Direct, None, reason)
}

/// How closely a pattern names the host, from 1 on; 0 if it names another, and `None` if it is no pattern.
fn rank(pattern: &str, host: &Host) -> Option<usize> {
    const EXACT: usize = 2000;
    const SUFFIX: usize = 1000;
    if pattern.starts_with('-') {
        return None;
    }
    if pattern == "*" {
        return Some(usize::from(!host.is_loopback()));
    }
    let name = |text: &str| Host::parse(text).ok().filter(|base| base.ip().is_none() && !text.contains('*'));
    if let Some(base) = pattern.strip_prefix("*.") {
        let base = name(base)?;
        let is_below = host.ip().is_none() && host.as_str().ends_with(&format!(".{}", base.as_str()));
        return Some(if is_below { 1 + base.as_str().len() } else { 0 });
    }
    if let Some(start) = pattern.strip_suffix('.').unwrap_or(pattern).strip_suffix(".*") {
        // A top-level domain keeps digits from being an address.
        let start = name(&format!("{start}.test"))?;
        let start = start.as_str().strip_suffix("test").expect("it was put there");
        let is_followed_by_suffix = host.ip().is_none() && host.as_str().strip_prefix(start) == longest_suffix(host);
        return Some(if is_followed_by_suffix { SUFFIX } else { 0 });
    }
    let exact = Host::parse(pattern).ok()?;
    Some(if exact == *host { EXACT } else { 0 })
}

/// The longest end of the name that is a public suffix. Both sections of the list together know a suffix that is as long
/// or longer.
fn longest_suffix(host: &Host) -> Option<&str> {
    let name = host.as_str();
    let starts = name.match_indices('.').map(|(dot, _)| dot + 1);
    let mut ends = std::iter::once(0).chain(starts).map(|start| &name[start..]);
    let suffix = ends.find(|end| public_suffix(end) == *end)?;
    let of_both = public_suffix::DEFAULT_PROVIDER.public_suffix(name);
    assert!(of_both == suffix || of_both.ends_with(&format!(".{suffix}")), "{name}: {suffix} and {of_both}");
    Some(suffix)
}

fn is_auto(rule: &str) -> bool {
    rule.trim().eq_ignore_ascii_case("auto")
}

/// The full stops of UTS 46.
const DOTS: [char; 4] = ['.', '\u{3002}', '\u{ff0e}', '\u{ff61}'];
