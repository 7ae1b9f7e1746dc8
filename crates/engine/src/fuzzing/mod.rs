//! What the fuzzer and the corpus tests run: one function for each parser and state machine that meets foreign bytes.
//!
//! A target takes any bytes and panics when the engine breaks a promise. It lives beside what it tests; this is the list.
//! Wherever there is a right answer, a second, slow and simple implementation gives it.

mod chance;
#[cfg(test)]
mod tests;

use crate::{control, data, policy};

pub(crate) use chance::Chance;

/// A target and the name of its corpus.
pub type Target = (&'static str, fn(&[u8]));

/// Each target.
pub const TARGETS: &[Target] = &[
    ("api_body", api_body),
    ("chunked_body", chunked_body),
    ("connect_authority", connect_authority),
    ("gateway_reply", gateway_reply),
    ("host", host),
    ("relay", relay),
    ("request_head", request_head),
    ("rules", rules),
];

/// The body of an answer of the API.
pub fn api_body(data: &[u8]) {
    control::fuzzing::api_body(data);
}

/// A chunked body, and what a transfer makes of it.
pub fn chunked_body(data: &[u8]) {
    data::fuzzing::chunked_body(data);
}

/// The target of a CONNECT.
pub fn connect_authority(data: &[u8]) {
    data::fuzzing::connect_authority(data);
}

/// The head of a response, from the gateway or from an origin.
pub fn gateway_reply(data: &[u8]) {
    data::fuzzing::gateway_reply(data);
}

/// A host, however it is spelt.
pub fn host(data: &[u8]) {
    policy::fuzzing::host(data);
}

/// A script of what the two sides of one way of a relay do.
pub fn relay(data: &[u8]) {
    data::fuzzing::relay(data);
}

/// The head of a request, as a client sends it.
pub fn request_head(data: &[u8]) {
    data::fuzzing::request_head(data);
}

/// A host on the first line, and rules on the others.
pub fn rules(data: &[u8]) {
    policy::fuzzing::rules(data);
}
