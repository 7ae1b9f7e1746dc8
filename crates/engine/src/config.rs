//! Validated settings, their defaults and their limits.
//!
//! [`Options`] is what a user wrote, all of it optional; [`Config`] is what the engine runs on, nothing missing. The names
//! in errors are the public option names of the npm package.

use std::borrow::Cow;
use std::fmt;
use std::ops::RangeInclusive;
use std::time::Duration;

use url::Url;

use crate::policy::Host;
use crate::secret::Secret;
use crate::tls::{InvalidPem, TlsRoots};

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
    /// Extra roots in PEM, which have to be readable.
    pub ca: Vec<String>,
    /// The content of `NODE_EXTRA_CA_CERTS`: extra roots in PEM, as far as they are readable.
    pub extra_ca: Option<Vec<u8>>,
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

impl Options {
    /// Checks every option and fills in the defaults.
    ///
    /// # Errors
    /// A [`ConfigError`] that names the first option that is wrong, and what it takes.
    pub fn validate(self) -> Result<Config, ConfigError> {
        let limits = self.limits()?;
        Ok(Config {
            api: ApiConfig {
                token: token(self.token)?,
                url: api_url(self.api_base_url.as_deref(), self.config_path.as_deref())?,
                timeout: timeout("apiTimeoutMs", self.api_timeout_ms, DEFAULT_API_TIMEOUT)?,
            },
            poll_interval: poll_interval(self.poll_interval_ms)?,
            gateway: gateway(self.gateway_protocol.as_deref(), self.gateway_host.as_deref(), self.gateway_port)?,
            local_port: self.local_port.map_or(Ok(0), |port| port_number("localPort", port, 0))?,
            connect_timeout: timeout("connectTimeoutMs", self.connect_timeout_ms, DEFAULT_CONNECT_TIMEOUT)?,
            drain_timeout: drain_timeout(self.drain_timeout_ms)?,
            limits,
            roots: roots(&self.ca, self.extra_ca.as_deref())?,
            splices: true,
        })
    }

    fn limits(&self) -> Result<Limits, ConfigError> {
        let default = Limits::default();
        let idle = self.idle_timeout_ms.map(|ms| timeout("idleTimeoutMs", Some(ms), default.http_idle)).transpose()?;
        Ok(Limits {
            connections: count("maxConnections", self.max_connections, default.connections, 1..=1_000_000)?,
            head_bytes: count("maxHeaderSize", self.max_header_size, default.head_bytes, 1024..=1024 * 1024)?,
            fields: count("maxHeadersCount", self.max_headers_count, default.fields, 16..=1024)?,
            http_idle: idle.unwrap_or(default.http_idle),
            relay_idle: idle.unwrap_or(default.relay_idle),
        })
    }
}

fn token(token: Option<String>) -> Result<Secret, ConfigError> {
    let token = token.unwrap_or_default();
    let token = token.trim();
    if token.is_empty() {
        return Err(ConfigError::MissingToken);
    }
    if !token.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(invalid("token", "visible ASCII characters without white space", None));
    }
    Ok(Secret::new(token))
}

fn api_url(base: Option<&str>, path: Option<&str>) -> Result<Url, ConfigError> {
    const BASE: &str = "an http or https URL without credentials, query or fragment";
    const PATH: &str = "a path such as '/user'";
    let base = base.unwrap_or(DEFAULT_API_BASE_URL).trim().trim_end_matches('/');
    // What may have credentials in it is not shown, here and below.
    let refused = || invalid("apiBaseUrl", BASE, None);
    let url = Url::parse(base).map_err(|_| refused())?;
    let is_plain = matches!(url.scheme(), "http" | "https")
        && url.username().is_empty()
        && url.password().is_none()
        && url.query().is_none()
        && url.fragment().is_none();
    if !is_plain {
        return Err(refused());
    }
    let path = path.unwrap_or(DEFAULT_CONFIG_PATH);
    let is_path =
        !path.is_empty() && !path.contains(|c: char| c.is_control() || c.is_whitespace() || matches!(c, '#' | '\\'));
    if !is_path {
        return Err(invalid("configPath", PATH, None));
    }
    let url = format!("{base}/{}", path.trim_start_matches('/'));
    Url::parse(&url).map_err(|_| invalid("configPath", PATH, None))
}

fn poll_interval(ms: Option<f64>) -> Result<Option<Duration>, ConfigError> {
    let Some(ms) = ms else { return Ok(Some(DEFAULT_POLL_INTERVAL)) };
    if ms == 0.0 {
        return Ok(None);
    }
    let expected = "a finite number of milliseconds, at least 50, or 0 for no polling";
    milliseconds("pollIntervalMs", ms, MIN_POLL_INTERVAL, expected).map(Some)
}

fn timeout(option: &'static str, ms: Option<f64>, default: Duration) -> Result<Duration, ConfigError> {
    let expected = "a finite number of milliseconds, at least 1";
    ms.map_or(Ok(default), |ms| milliseconds(option, ms, Duration::from_millis(1), expected))
}

fn drain_timeout(ms: Option<f64>) -> Result<Duration, ConfigError> {
    let expected = "a finite number of milliseconds, 0 or more";
    ms.map_or(Ok(DEFAULT_DRAIN_TIMEOUT), |ms| milliseconds("drainTimeoutMs", ms, Duration::ZERO, expected))
}

fn milliseconds(
    option: &'static str,
    ms: f64,
    least: Duration,
    expected: &'static str,
) -> Result<Duration, ConfigError> {
    if ms.is_finite() && ms >= 0.0 {
        let duration = Duration::from_secs_f64(ms.min(LONGEST_MILLISECONDS) / 1000.0);
        if duration >= least {
            return Ok(duration);
        }
    }
    Err(invalid(option, expected, Some(ms.to_string())))
}

fn gateway(protocol: Option<&str>, host: Option<&str>, port: Option<f64>) -> Result<GatewayConfig, ConfigError> {
    let (protocol, default_port) = match protocol {
        None | Some("http") => (GatewayProtocol::Http, DEFAULT_GATEWAY_PORT),
        Some("https") => (GatewayProtocol::Https, DEFAULT_GATEWAY_TLS_PORT),
        Some(other) => {
            return Err(invalid("gatewayProtocol", "'http' or 'https'", Some(format!("{other:?}"))));
        }
    };
    let host = host.unwrap_or(DEFAULT_GATEWAY_HOST);
    let host = Host::parse(host)
        .map_err(|_| invalid("gatewayHost", "a host name or an IP address, without scheme or port", None))?;
    let port = port.map_or(Ok(default_port), |port| port_number("gatewayPort", port, 1))?;
    Ok(GatewayConfig { protocol, host, port })
}

fn port_number(option: &'static str, port: f64, least: u16) -> Result<u16, ConfigError> {
    let is_port = port.fract() == 0.0 && port >= f64::from(least) && port <= f64::from(u16::MAX);
    if !is_port {
        let expected = if least == 0 { "a whole number from 0 to 65535" } else { "a whole number from 1 to 65535" };
        return Err(invalid(option, expected, Some(port.to_string())));
    }
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "checked above")]
    Ok(port as u16)
}

fn count(
    option: &'static str,
    value: Option<f64>,
    default: usize,
    range: RangeInclusive<usize>,
) -> Result<usize, ConfigError> {
    let Some(value) = value else { return Ok(default) };
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a cast of floats saturates")]
    let whole = value as usize;
    if value.fract() == 0.0 && value >= 0.0 && range.contains(&whole) {
        return Ok(whole);
    }
    let expected = format!("a whole number from {} to {}", range.start(), range.end());
    Err(invalid(option, expected, Some(value.to_string())))
}

fn roots(ca: &[String], extra_ca: Option<&[u8]>) -> Result<TlsRoots, ConfigError> {
    let mut roots = TlsRoots::bundled();
    for pem in ca {
        roots
            .add_pem(pem.as_bytes())
            .map_err(|InvalidPem| invalid("ca", "certificates in PEM, at least one in each string", None))?;
    }
    if let Some(pem) = extra_ca {
        roots.add_readable_pem(pem);
    }
    Ok(roots)
}

fn invalid(option: &'static str, expected: impl Into<Cow<'static, str>>, got: Option<String>) -> ConfigError {
    ConfigError::InvalidOption { option, expected: expected.into(), got }
}

const DEFAULT_API_BASE_URL: &str = "https://api.aluvia.io/v1";
const DEFAULT_CONFIG_PATH: &str = "/user";
const DEFAULT_GATEWAY_HOST: &str = "gateway.aluvia.io";
const DEFAULT_GATEWAY_PORT: u16 = 8080;
const DEFAULT_GATEWAY_TLS_PORT: u16 = 8443;
const DEFAULT_POLL_INTERVAL: Duration = Duration::from_secs(5);
const DEFAULT_API_TIMEOUT: Duration = Duration::from_secs(10);
const DEFAULT_CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
const DEFAULT_DRAIN_TIMEOUT: Duration = Duration::from_secs(2);
/// Below this a client would be a burden to the API.
const MIN_POLL_INTERVAL: Duration = Duration::from_millis(50);
/// A year: longer times are as good as this one.
const LONGEST_MILLISECONDS: f64 = 365.0 * 24.0 * 3600.0 * 1000.0;

#[cfg(test)]
mod tests {
    use super::*;

    fn with(change: impl FnOnce(&mut Options)) -> Result<Config, String> {
        let mut options = Options { token: Some("token".to_owned()), ..Options::default() };
        change(&mut options);
        options.validate().map_err(|error| error.to_string())
    }

    #[test]
    fn defaults_are_those_of_the_documentation() {
        let config = with(|_| {}).unwrap();

        assert_eq!(config.api.url.as_str(), "https://api.aluvia.io/v1/user");
        assert_eq!(config.poll_interval, Some(Duration::from_secs(5)));
        assert_eq!(config.gateway.host.as_str(), "gateway.aluvia.io");
        assert_eq!(config.gateway.port, 8080);
        assert_eq!(config.local_port, 0);
    }

    #[test]
    fn an_https_gateway_has_a_port_of_its_own() {
        let config = with(|options| options.gateway_protocol = Some("https".to_owned())).unwrap();

        assert_eq!(config.gateway.port, 8443);
    }

    #[test]
    fn base_url_and_path_are_joined_whatever_their_slashes() {
        for (base, path) in [("http://h/v1", "/me"), ("http://h/v1///", "me"), (" http://h/v1/ ", "//me")] {
            let config = with(|options| {
                options.api_base_url = Some(base.to_owned());
                options.config_path = Some(path.to_owned());
            });
            assert_eq!(config.unwrap().api.url.as_str(), "http://h/v1/me", "{base} {path}");
        }
    }

    #[test]
    fn a_blank_token_is_a_missing_one() {
        for token in [None, Some(""), Some(" \n\t")] {
            let options = Options { token: token.map(str::to_owned), ..Options::default() };
            assert_eq!(options.validate().unwrap_err(), ConfigError::MissingToken);
        }
    }

    #[test]
    fn each_bad_option_is_named_with_what_it_takes() {
        type Change = fn(&mut Options);
        let cases: &[(&str, Change)] = &[
            ("token must be visible", |o| o.token = Some("a\nb".to_owned())),
            ("apiBaseUrl must be an http or https URL", |o| o.api_base_url = Some("ftp://h".to_owned())),
            ("apiBaseUrl must be", |o| o.api_base_url = Some("http://u:p@h".to_owned())),
            ("apiBaseUrl must be", |o| o.api_base_url = Some("api.aluvia.io".to_owned())),
            ("configPath must be", |o| o.config_path = Some("a b".to_owned())),
            ("pollIntervalMs must be a finite number of milliseconds, at least 50, or 0 for no polling, not 49", |o| {
                o.poll_interval_ms = Some(49.0);
            }),
            ("pollIntervalMs must be", |o| o.poll_interval_ms = Some(f64::NAN)),
            ("pollIntervalMs must be", |o| o.poll_interval_ms = Some(f64::INFINITY)),
            ("pollIntervalMs must be", |o| o.poll_interval_ms = Some(-1.0)),
            ("gatewayProtocol must be 'http' or 'https', not \"socks5\"", |o| {
                o.gateway_protocol = Some("socks5".to_owned());
            }),
            ("gatewayHost must be", |o| o.gateway_host = Some("http://gw".to_owned())),
            ("gatewayHost must be", |o| o.gateway_host = Some("gw:80".to_owned())),
            ("gatewayPort must be a whole number from 1 to 65535, not 0", |o| o.gateway_port = Some(0.0)),
            ("gatewayPort must be", |o| o.gateway_port = Some(80.5)),
            ("localPort must be a whole number from 0 to 65535, not 65536", |o| o.local_port = Some(65536.0)),
            ("apiTimeoutMs must be", |o| o.api_timeout_ms = Some(0.0)),
            ("connectTimeoutMs must be", |o| o.connect_timeout_ms = Some(f64::INFINITY)),
            ("maxConnections must be a whole number from 1 to 1000000, not 0", |o| o.max_connections = Some(0.0)),
            ("maxHeaderSize must be", |o| o.max_header_size = Some(1023.0)),
            ("maxHeaderSize must be", |o| o.max_header_size = Some(f64::NAN)),
            ("maxHeadersCount must be", |o| o.max_headers_count = Some(16.5)),
            ("maxHeadersCount must be", |o| o.max_headers_count = Some(1e300)),
            ("idleTimeoutMs must be", |o| o.idle_timeout_ms = Some(0.0)),
            ("drainTimeoutMs must be", |o| o.drain_timeout_ms = Some(-1.0)),
            ("ca must be certificates in PEM", |o| o.ca = vec!["nonsense".to_owned()]),
        ];
        for (expected, change) in cases {
            let message = with(*change).unwrap_err();
            assert!(message.starts_with(expected), "{message} does not start with {expected}");
        }
    }
}
