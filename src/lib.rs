//! The Node.js binding: translates types and errors between JavaScript and the engine, and decides nothing.
//!
//! `client` holds the two classes that the shim in `lib/` works with, `promise` carries a future to a JavaScript promise,
//! `runtime` is the tokio runtime of all sessions, `log` brings the engine's records to a JavaScript function, `failure`
//! describes errors in plain data (the shim makes the classes, so that stacks show the caller's line), and `rules` exports
//! the rule functions.
//!
//! Every synchronous function says `catch_unwind`: a panic must never abort the host.
#![cfg_attr(test, allow(dead_code, reason = "napi exports nothing in a test build"))]
#![expect(unreachable_pub, reason = "what `#[napi]` exports has to be public and is reached from JavaScript")]

mod client;
mod failure;
mod log;
mod options;
mod promise;
mod rules;
mod runtime;
