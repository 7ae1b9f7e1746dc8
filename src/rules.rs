//! The rules for users' own tests: the same code that routes.

use aluvia_engine::policy::{Host, HostPattern, Route, RuleSet};
use napi_derive::napi;

/// Whether a pattern names a host name. False where one of the two is unusable.
#[napi(catch_unwind)]
pub fn match_pattern(hostname: String, pattern: String) -> bool {
    match (Host::parse(&hostname), HostPattern::parse(&pattern)) {
        (Ok(host), Ok(pattern)) => pattern.matches(&host),
        _ => false,
    }
}

/// Whether a host name goes through the gateway by these rules. False for what is no host name.
#[napi(catch_unwind)]
pub fn should_proxy(hostname: String, rules: Vec<String>) -> bool {
    Host::parse(&hostname).is_ok_and(|host| RuleSet::parse(&rules).decide(&host).route == Route::Gateway)
}
