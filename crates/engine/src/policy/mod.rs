//! Which way a host goes: pure decisions, without I/O, clock or async.
//!
//! [`Host`] is a host in its one canonical spelling, [`HostPattern`] one side of a rule, and [`RuleSet`] a compiled list
//! of rules that turns a host into a [`Decision`].

#[cfg(any(test, fuzzing))]
pub(crate) mod fuzzing;
mod host;
mod pattern;
#[cfg(test)]
mod properties;
mod reach;
mod rules;
mod suffix;

pub use host::{Host, HostError};
pub use pattern::{HostPattern, PatternError};
pub use reach::{InvalidBlock, Reach};
pub use rules::{Decision, Reason, Route, RuleSet, UnusableRule};
