//! Which way a host goes: pure decisions, without I/O, clock or async.
//!
//! [`Host`] is a host in its one canonical spelling, [`HostPattern`] one side of a rule, and [`RuleSet`] a compiled list
//! of rules that turns a host into a [`Decision`].

mod host;
mod pattern;
mod reach;
mod rules;
mod suffix;

pub use host::{Host, HostError};
pub use pattern::{HostPattern, PatternError};
pub use reach::{InvalidBlock, Reach};
pub use rules::{Decision, Reason, Route, RuleSet, UnusableRule};
