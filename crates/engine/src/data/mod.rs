//! The data plane: carries bytes and obeys the snapshot.
//!
//! A connection's way through the modules: [`server`] accepts it, [`forward`] reads each request, decides its route by the
//! snapshot in force and asks [`upstream`] for a connection; a CONNECT ends in [`relay`], any other request in an exchange
//! of HTTP messages framed by [`http1`]. What fails on the way becomes a response in [`error`], and only there.

mod error;
mod forward;
#[cfg(any(test, fuzzing))]
pub(crate) mod fuzzing;
mod http1;
mod listeners;
mod relay;
mod server;
mod upstream;
mod watchdog;

pub use listeners::Listeners;
pub(crate) use server::{Proxy, ProxySettings};
pub use upstream::{Resolution, Resolve, Resolved, SystemResolver};
