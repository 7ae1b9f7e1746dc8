//! Validated settings, their defaults and their limits.
//!
//! [`Options`] is what a user wrote, all of it optional; [`Config`] is what the engine runs on, nothing missing. The names
//! in errors are the public option names of the npm package.

mod validate;

use std::borrow::Cow;
use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use url::Url;

use crate::policy::{Host, Reach};
use crate::secret::Secret;
use crate::snapshot::Credentials;
use crate::tls::TlsRoots;

/// What a user wrote. Numbers are as JavaScript has them, times in milliseconds.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// The API token of the account.
    pub token: Option<String>,
    /// Where the API is: an `http` or `https` URL.
    pub api_base_url: Option<String>,
    /// The path of the configuration below the base URL.
    pub config_path: Option<String>,
    /// Between two polls; 0 for none.
    pub poll_interval_ms: Option<f64>,
    /// For one API exchange.
    pub api_timeout_ms: Option<f64>,
    /// `http` or `https`: how to speak to the gateway.
    pub gateway_protocol: Option<String>,
    /// The gateway's host.
    pub gateway_host: Option<String>,
    /// The gateway's port.
    pub gateway_port: Option<f64>,
    /// The port to listen on; a free one if none is named.
    pub local_port: Option<f64>,
    /// For the name look-up, TCP, TLS and the gateway's reply together.
    pub connect_timeout_ms: Option<f64>,
    /// What stopping waits for running exchanges.
    pub drain_timeout_ms: Option<f64>,
    /// Client connections at once; those above it wait in the listen queue.
    pub max_connections: Option<f64>,
    /// The largest head of a request, in bytes.
    pub max_header_size: Option<f64>,
    /// The most fields that a request may have.
    pub max_headers_count: Option<f64>,
    /// How long a connection may be silent.
    pub idle_timeout_ms: Option<f64>,
    /// What clients have to log in with.
    pub local_auth: Option<Login>,
    /// Addresses and CIDR blocks that requests may lead to although they are nobody's site.
    pub allow_targets: Vec<String>,
    /// `fail` or `direct`: what becomes of a request whose gateway is out of order.
    pub on_gateway_failure: Option<String>,
    /// `when-idle`, `keep` or `close`: what becomes of a running connect whose route has changed.
    pub on_route_change: Option<String>,
    /// Where to keep the last good configuration.
    pub state_file: Option<String>,
    /// How old that may be to start with.
    pub state_max_age_ms: Option<f64>,
    /// Extra roots in PEM, which have to be readable.
    pub ca: Vec<String>,
    /// The content of `NODE_EXTRA_CA_CERTS`: extra roots in PEM, as far as they are readable.
    pub extra_ca: Option<Vec<u8>>,
}

/// A user name and a password.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Login {
    /// Without a colon (RFC 7617 §2).
    pub username: String,
    /// What proves it.
    pub password: Secret,
}

/// What the engine runs on.
#[derive(Debug, Clone)]
pub struct Config {
    /// How to reach the API.
    pub api: ApiConfig,
    /// Between two polls; none if there is no polling.
    pub poll_interval: Option<Duration>,
    /// How to reach the gateway.
    pub gateway: GatewayConfig,
    /// The port to listen on, 0 for a free one.
    pub local_port: u16,
    /// For the name look-up, TCP, TLS and the gateway's reply together.
    pub connect_timeout: Duration,
    /// What stopping waits for running exchanges.
    pub drain_timeout: Duration,
    /// What clients may ask of the proxy.
    pub limits: Limits,
    /// What clients have to log in with, if they have to.
    pub login: Option<Credentials>,
    /// Which addresses requests may lead to.
    pub reach: Reach,
    /// What becomes of a request whose gateway is out of order.
    pub on_gateway_failure: OnGatewayFailure,
    /// What becomes of a running connect whose route has changed.
    pub on_route_change: OnRouteChange,
    /// Where the last good configuration is kept, if it is.
    pub state_file: Option<StateFileConfig>,
    /// Whom to trust on TLS connections of our own.
    pub roots: TlsRoots,
    /// Whether bulk moves within the kernel where the system can do that. No option: it is there for comparison.
    pub splices: bool,
}

/// What clients may ask of the proxy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Connections at once; those above it wait in the listen queue.
    pub connections: usize,
    /// The largest head of a request, in bytes.
    pub head_bytes: usize,
    /// The most fields that a request may have.
    pub fields: usize,
    /// How long a connection may be silent between requests, or an exchange in its middle.
    pub http_idle: Duration,
    /// How long a connect may be silent.
    pub relay_idle: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            // Each costs two file descriptors, of which a process rarely has more than some ten thousand.
            connections: 16_384,
            // Chromium takes 256 KiB, Node.js 16 KiB.
            head_bytes: 64 * 1024,
            // More than any browser sends.
            fields: 256,
            // Browsers keep idle connections for five minutes.
            http_idle: Duration::from_secs(600),
            // WebSockets ping more often, browsers close sooner.
            relay_idle: Duration::from_secs(3600),
        }
    }
}

/// How to reach the API.
#[derive(Debug, Clone)]
pub struct ApiConfig {
    /// The URL of the configuration.
    pub url: Url,
    /// The bearer token.
    pub token: Secret,
    /// For one exchange.
    pub timeout: Duration,
}

/// How to reach the gateway.
#[derive(Debug, Clone)]
pub struct GatewayConfig {
    /// Plain or TLS.
    pub protocol: GatewayProtocol,
    /// Its host.
    pub host: Host,
    /// Its port.
    pub port: u16,
}

/// How to speak to the gateway.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GatewayProtocol {
    /// In the clear.
    Http,
    /// Over TLS.
    Https,
}

/// What becomes of a request that the rules send to a gateway that is out of order: it cannot be reached, does not answer,
/// answers nonsense, or does not accept our credentials.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnGatewayFailure {
    /// It fails. The user's own address stays hidden.
    Fail,
    /// It goes direct.
    Direct,
}

/// What becomes of a running connect whose host would go another way by now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnRouteChange {
    /// It is closed as soon as nothing moves.
    WhenIdle,
    /// It stays as it is.
    Keep,
    /// It is closed at once.
    Close,
}

/// Where the last good configuration is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StateFileConfig {
    /// The file, which is the session's own.
    pub path: PathBuf,
    /// What is older is of no use.
    pub max_age: Duration,
}

/// Why options are refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    /// There is no token, or a blank one.
    #[error("token is missing: pass the API token of your Aluvia account as `token`")]
    MissingToken,
    /// An option has a value that it does not take.
    #[error("{option} must be {expected}{}", Got(.got.as_deref()))]
    InvalidOption {
        /// The public name of the option.
        option: &'static str,
        /// What it takes.
        expected: Cow<'static, str>,
        /// What it got, where that is fit to be shown.
        got: Option<String>,
    },
}

struct Got<'a>(Option<&'a str>);

impl fmt::Display for Got<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.map_or(Ok(()), |got| write!(f, ", not {got}"))
    }
}

#[cfg(test)]
mod tests;
