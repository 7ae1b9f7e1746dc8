//! The fuzz targets of what the forward proxy reads.

mod request;
mod response;
mod target;

pub(crate) use request::request_head;
pub(crate) use response::gateway_reply;
pub(crate) use target::connect_authority;

use super::request::Access;
use crate::policy::RuleSet;
use crate::snapshot::{Credentials, Snapshot, Source};

fn snapshot(rules: &[&str]) -> Snapshot {
    Snapshot {
        rules: RuleSet::parse(rules),
        credentials: Credentials::basic("user", "password"),
        session_id: None,
        target_geo: None,
        source: Source::Api,
    }
}

/// For everyone.
fn access(max_fields: usize) -> Access {
    Access { max_fields, login: None, falls_back: false }
}

/// Everything through the gateway, the most usual names of loopback too.
const ALL_GATEWAY: &[&str] = &["*", "localhost", "127.0.0.1", "[::1]"];

/// Fields that are for one hop, framing apart (RFC 9110 §7.6.1, RFC 9113 §3.2.1).
const HOP_BY_HOP: &[&str] = &[
    "connection",
    "http2-settings",
    "keep-alive",
    "proxy-authenticate",
    "proxy-authentication-info",
    "proxy-authorization",
    "proxy-connection",
    "te",
    "upgrade",
];
