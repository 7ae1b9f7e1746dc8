//! What rules cost: time to load, time of a decision, memory.

use std::hint::black_box;
use std::io;

use aluvia_engine::policy::{Host, RuleSet};
use serde_json::json;
use tokio::time::Instant;

use crate::args::Args;
use crate::io::say;
use crate::process::resident;

/// The rules of a large account, the same for each count. The first is what the other scenarios go by.
pub(crate) fn written(count: usize, kinds: Kinds) -> Vec<String> {
    let rule = |index: usize| match (index, index % 10) {
        (0, _) => "*.test".to_owned(),
        (_, 9) if kinds == Kinds::All => format!("brand-{index}.*"),
        (_, 6..=9) => format!("*.site-{index}.com"),
        _ => format!("www.site-{index}.com"),
    };
    (0..count).map(rule).collect()
}

/// Which kinds of patterns there are among the rules.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kinds {
    /// Exact hosts, `*.host` and `name.*`: the last needs the Public Suffix List.
    All,
    /// Exact hosts and `*.host`.
    WithoutSuffixes,
}

/// `rules --count N`: compiles and asks rules in this process.
pub(crate) fn measure(args: &Args) -> io::Result<()> {
    let count = args.value_or("count", 1000)?;
    let hosts = hosts(count)?;
    let plain = decision(&RuleSet::parse(written(count, Kinds::WithoutSuffixes)), &hosts);
    let written = written(count, Kinds::All);
    let before = resident("self")?;
    let start = Instant::now();
    let rules = RuleSet::parse(&written);
    let load = start.elapsed();
    let memory = resident("self")?.saturating_sub(before);
    say(&json!({
        "event": "result",
        "rules": rules.len(),
        "loadSeconds": load.as_secs_f64(),
        "residentBytes": memory,
        "decisionNanoseconds": decision(&rules, &hosts),
        "plainDecisionNanoseconds": plain,
    }));
    Ok(())
}

/// Nanoseconds of one decision: the least of several passes, since others use this machine too.
#[expect(clippy::cast_precision_loss, reason = "a few thousand hosts")]
fn decision(rules: &RuleSet, hosts: &[Host]) -> f64 {
    let pass = || {
        let start = Instant::now();
        for host in hosts {
            black_box(rules.decide(black_box(host)));
        }
        start.elapsed().as_nanos() as f64 / hosts.len() as f64
    };
    (0..PASSES).map(|_| pass()).fold(f64::INFINITY, f64::min)
}

/// Hosts in no order, half of which have a rule.
fn hosts(rules: usize) -> io::Result<Vec<Host>> {
    let host = |turn: usize| {
        // A multiplicative generator: no two runs differ.
        let index = turn.wrapping_mul(7_919).wrapping_add(104_729) % rules.max(1);
        let name = match turn % 6 {
            0 => format!("www.site-{index}.com"),
            1 => format!("a.b.site-{index}.com"),
            2 => format!("brand-{index}.co.uk"),
            3 => format!("cdn.unknown-{turn}.net"),
            4 => format!("unknown-{turn}.example.org"),
            _ => format!("{turn}.static.assets.unknown.io"),
        };
        Host::parse(&name).map_err(|error| io::Error::other(format!("{name}: {error}")))
    };
    (0..HOSTS).map(host).collect()
}

const HOSTS: usize = 4096;
const PASSES: usize = 50;
