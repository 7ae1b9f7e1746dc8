//! A compiled list of rules.
//!
//! Hash sets by kind of pattern and a walk over the labels of the host make a decision that costs the same for ten rules
//! and for a hundred thousand.

use rustc_hash::FxHashMap;

use super::host::Host;
use super::pattern::{HostPattern, PatternError, before_public_suffix};

/// The way of one request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Route {
    /// Straight to the origin.
    Direct,
    /// Through the Aluvia gateway.
    Gateway,
}

impl Route {
    /// `direct` or `gateway`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Direct => "direct",
            Self::Gateway => "gateway",
        }
    }
}

/// What the rules say of one host, and why.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Decision<'rules> {
    /// The way to take.
    pub route: Route,
    /// The rule that decided, as it was written, where one did.
    pub rule: Option<&'rules str>,
    /// Why the route is that.
    pub reason: Reason,
}

/// Why a route was taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    /// There are no usable rules: everything goes direct.
    NoRules,
    /// A rule names the host.
    Included,
    /// A negative rule names the host, which wins over every other.
    Excluded,
    /// Only `*` could match, and it leaves out loopback.
    Loopback,
    /// No rule names the host.
    NoMatch,
}

impl Reason {
    /// The reason as a sentence for people.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::NoRules => "there are no rules, so everything goes direct",
            Self::Included => "the rule names this host",
            Self::Excluded => "the rule excludes this host, and exclusions win",
            Self::Loopback => "`*` leaves out loopback, and no rule names this host",
            Self::NoMatch => "no rule names this host",
        }
    }
}

/// A rule that was skipped.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnusableRule {
    /// The rule as it was written.
    pub rule: Box<str>,
    /// What is wrong with it.
    pub error: PatternError,
}

/// A list of rules, compiled. The order of the rules does not matter; negatives win.
#[derive(Debug, Clone, Default)]
pub struct RuleSet {
    /// The rules as they were written; the pattern sets point in here.
    written: Vec<Box<str>>,
    include: PatternSet,
    exclude: PatternSet,
    unusable: Vec<UnusableRule>,
}

impl RuleSet {
    /// Compiles rules as the API and users write them. `AUTO` in any case is ignored; an unusable rule is set aside in
    /// [`unusable`](Self::unusable) and breaks no other.
    pub fn parse<I>(rules: I) -> Self
    where
        I: IntoIterator<Item: AsRef<str>>,
    {
        let mut set = Self::default();
        for rule in rules {
            set.add(rule.as_ref());
        }
        set
    }

    fn add(&mut self, rule: &str) {
        let text = rule.trim();
        if text.eq_ignore_ascii_case("AUTO") {
            return;
        }
        let (patterns, pattern) = match text.strip_prefix('-') {
            Some(pattern) => (&mut self.exclude, pattern),
            None => (&mut self.include, text),
        };
        match HostPattern::parse(pattern) {
            Ok(pattern) => {
                patterns.insert(pattern, self.written.len());
                self.written.push(text.into());
            }
            Err(error) => self.unusable.push(UnusableRule { rule: rule.into(), error }),
        }
    }

    /// Decides the way of one host.
    #[must_use]
    pub fn decide(&self, host: &Host) -> Decision<'_> {
        if self.written.is_empty() {
            return Decision { route: Route::Direct, rule: None, reason: Reason::NoRules };
        }
        let before_suffix =
            (self.include.needs_suffix() || self.exclude.needs_suffix()).then(|| before_public_suffix(host)).flatten();
        let (route, index, reason) = if let Some(index) = self.exclude.find(host, before_suffix) {
            (Route::Direct, Some(index), Reason::Excluded)
        } else if let Some(index) = self.include.find(host, before_suffix) {
            (Route::Gateway, Some(index), Reason::Included)
        } else if self.include.any.is_some() && host.is_loopback() {
            (Route::Direct, None, Reason::Loopback)
        } else {
            (Route::Direct, None, Reason::NoMatch)
        };
        Decision { route, rule: index.map(|index| &*self.written[index]), reason }
    }

    /// How many rules are in force.
    #[must_use]
    pub fn len(&self) -> usize {
        self.written.len()
    }

    /// Whether no rule is in force.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.written.is_empty()
    }

    /// The rules that were skipped.
    #[must_use]
    pub fn unusable(&self) -> &[UnusableRule] {
        &self.unusable
    }

    /// Whether both were compiled from the same rules in the same order, the unusable ones included.
    #[must_use]
    pub fn is_same(&self, other: &Self) -> bool {
        self.written == other.written && self.unusable == other.unusable
    }
}

/// The patterns of one sign, by kind. The numbers are places in [`RuleSet::written`].
#[derive(Debug, Clone, Default)]
struct PatternSet {
    any: Option<usize>,
    exact: FxHashMap<Box<str>, usize>,
    subdomains: FxHashMap<Box<str>, usize>,
    any_public_suffix: FxHashMap<Box<str>, usize>,
}

impl PatternSet {
    /// The first of equal patterns keeps its place.
    fn insert(&mut self, pattern: HostPattern, index: usize) {
        match pattern {
            HostPattern::Any => {
                self.any.get_or_insert(index);
            }
            HostPattern::Exact(host) => {
                self.exact.entry(host.as_str().into()).or_insert(index);
            }
            HostPattern::Subdomains(base) => {
                self.subdomains.entry(base).or_insert(index);
            }
            HostPattern::AnyPublicSuffix(name) => {
                self.any_public_suffix.entry(name).or_insert(index);
            }
        }
    }

    fn needs_suffix(&self) -> bool {
        !self.any_public_suffix.is_empty()
    }

    /// The most specific pattern that names the host.
    fn find(&self, host: &Host, before_suffix: Option<&str>) -> Option<usize> {
        let exact = || self.exact.get(host.as_str()).copied();
        let any_public_suffix = || before_suffix.and_then(|name| self.any_public_suffix.get(name)).copied();
        let any = || self.any.filter(|_| !host.is_loopback());
        exact().or_else(any_public_suffix).or_else(|| self.find_subdomain(host)).or_else(any)
    }

    fn find_subdomain(&self, host: &Host) -> Option<usize> {
        if self.subdomains.is_empty() || host.ip().is_some() {
            return None;
        }
        let mut rest = host.as_str();
        while let Some((_, parent)) = rest.split_once('.') {
            if let Some(index) = self.subdomains.get(parent) {
                return Some(*index);
            }
            rest = parent;
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decide(rules: &[&str], host: &str) -> (Route, Option<String>, Reason) {
        let rules = RuleSet::parse(rules);
        let decision = rules.decide(&Host::parse(host).unwrap());
        (decision.route, decision.rule.map(str::to_owned), decision.reason)
    }

    #[test]
    fn rules_decide_as_the_table_says() {
        use Reason::{Excluded, Included, Loopback, NoMatch, NoRules};
        use Route::{Direct, Gateway};
        type Case = (&'static [&'static str], &'static str, Route, Option<&'static str>, Reason);
        let cases: &[Case] = &[
            (&[], "example.com", Direct, None, NoRules),
            (&["AUTO", " auto "], "example.com", Direct, None, NoRules),
            (&["*"], "example.com", Gateway, Some("*"), Included),
            (&["*"], "localhost", Direct, None, Loopback),
            (&["*", "localhost"], "localhost", Gateway, Some("localhost"), Included),
            (&["*", "*.localhost"], "a.localhost", Gateway, Some("*.localhost"), Included),
            (&["*", "127.0.0.1"], "127.1", Gateway, Some("127.0.0.1"), Included),
            (&["-example.com", "*"], "example.com", Direct, Some("-example.com"), Excluded),
            (&["example.com", "-*.example.com"], "example.com", Gateway, Some("example.com"), Included),
            (&["*.example.com", "- a.example.com"], "a.example.com", Direct, Some("- a.example.com"), Excluded),
            (&["*", "-google.*"], "google.co.uk", Direct, Some("-google.*"), Excluded),
            (&["google.*"], "google.evil.com", Direct, None, NoMatch),
            (&["*", "example.com"], "example.com", Gateway, Some("example.com"), Included),
            (&["*.com", "*.example.com"], "www.example.com", Gateway, Some("*.example.com"), Included),
            (&["-*", "example.com"], "example.com", Direct, Some("-*"), Excluded),
            (&["-example.com"], "example.org", Direct, None, NoMatch),
            (&["https://x", "example.com"], "example.com", Gateway, Some("example.com"), Included),
        ];
        for (rules, host, route, rule, reason) in cases {
            let expected = (*route, rule.map(str::to_owned), *reason);
            assert_eq!(decide(rules, host), expected, "{rules:?} on {host}");
        }
    }

    #[test]
    fn an_unusable_rule_is_named_and_breaks_no_other() {
        let rules = RuleSet::parse(["example.com", "https://x", "-", " * . x"]);

        let unusable: Vec<&str> = rules.unusable().iter().map(|unusable| &*unusable.rule).collect();

        assert_eq!(rules.len(), 1);
        assert_eq!(unusable, ["https://x", "-", " * . x"]);
    }
}
