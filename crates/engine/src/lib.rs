//! The Aluvia engine: a forward proxy on loopback that carries each request direct to its origin or through the Aluvia
//! gateway, as hostname rules say. It is a tokio library and knows nothing of Node.js.
//!
//! Two planes meet in one immutable value:
//!
//! * [`control`] asks the Aluvia API for rules and credentials and publishes them as a [`snapshot`];
//! * `data` accepts connections, takes one snapshot for each request, and moves bytes.
//!
//! [`policy`] decides which way a host goes, without I/O. [`session`] wires the planes together; [`Client::start`] is where
//! to begin reading.
#![forbid(unsafe_code)]

pub mod config;
pub mod control;
mod data;
#[cfg(any(test, fuzzing))]
pub mod fuzzing;
pub mod policy;
pub mod secret;
pub mod session;
pub mod shutdown;
pub mod snapshot;
pub mod tls;

pub use config::{Config, ConfigError, Login, Options};
pub use control::{ApiError, Update};
pub use data::{Listeners, Resolution, Resolve, Resolved, SystemResolver};
pub use session::{Client, Explanation, Session, StartError};
