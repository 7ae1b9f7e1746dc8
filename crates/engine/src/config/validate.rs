//! From options to a configuration: every value is checked, every default filled in.

use std::borrow::Cow;
use std::ops::RangeInclusive;
use std::time::Duration;

use url::Url;

use super::{
    ApiConfig, Config, ConfigError, GatewayConfig, GatewayProtocol, Limits, Login, OnGatewayFailure, OnRouteChange,
    Options, StateFileConfig,
};
use crate::policy::{Host, InvalidBlock, Reach};
use crate::secret::Secret;
use crate::snapshot::Credentials;
use crate::tls::{InvalidPem, TlsRoots};

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
            login: self.local_auth.map(login).transpose()?,
            reach: reach(&self.allow_targets)?,
            on_gateway_failure: on_gateway_failure(self.on_gateway_failure.as_deref())?,
            on_route_change: on_route_change(self.on_route_change.as_deref())?,
            state_file: state_file(self.state_file.as_deref(), self.state_max_age_ms)?,
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

fn login(login: Login) -> Result<Credentials, ConfigError> {
    let is_text = |text: &str| !text.is_empty() && !text.chars().any(char::is_control);
    let Login { username, password } = login;
    if !is_text(&username) || username.contains(':') {
        return Err(invalid("localAuth.username", "a text without colons and control characters", None));
    }
    if !is_text(password.expose()) {
        return Err(invalid("localAuth.password", "a text without control characters", None));
    }
    Ok(Credentials::basic(&username, password.expose()))
}

fn reach(allowed: &[String]) -> Result<Reach, ConfigError> {
    let expected = "IP addresses and CIDR blocks, such as '169.254.169.254' or 'fe80::/10'";
    Reach::allowing(allowed).map_err(|InvalidBlock| {
        let got = allowed.iter().find(|block| Reach::allowing(&[block]).is_err());
        invalid("allowTargets", expected, got.map(|block| format!("{block:?}")))
    })
}

fn on_gateway_failure(text: Option<&str>) -> Result<OnGatewayFailure, ConfigError> {
    match text {
        None | Some("fail") => Ok(OnGatewayFailure::Fail),
        Some("direct") => Ok(OnGatewayFailure::Direct),
        Some(other) => Err(invalid("onGatewayFailure", "'fail' or 'direct'", Some(format!("{other:?}")))),
    }
}

fn on_route_change(text: Option<&str>) -> Result<OnRouteChange, ConfigError> {
    match text {
        None | Some("when-idle") => Ok(OnRouteChange::WhenIdle),
        Some("keep") => Ok(OnRouteChange::Keep),
        Some("close") => Ok(OnRouteChange::Close),
        Some(other) => Err(invalid("onRouteChange", "'when-idle', 'keep' or 'close'", Some(format!("{other:?}")))),
    }
}

fn state_file(path: Option<&str>, max_age_ms: Option<f64>) -> Result<Option<StateFileConfig>, ConfigError> {
    let max_age = timeout("stateMaxAgeMs", max_age_ms, DEFAULT_STATE_MAX_AGE)?;
    match path {
        None => Ok(None),
        Some(path) if path.trim().is_empty() || path.contains('\0') || path.ends_with(['/', '\\']) => {
            Err(invalid("stateFile", "the path of a file", None))
        }
        Some(path) => Ok(Some(StateFileConfig { path: path.into(), max_age })),
    }
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
/// Long enough for a weekend, too short for a configuration that nobody remembers.
const DEFAULT_STATE_MAX_AGE: Duration = Duration::from_secs(7 * 24 * 3600);
const DEFAULT_DRAIN_TIMEOUT: Duration = Duration::from_secs(2);
/// Below this a client would be a burden to the API.
const MIN_POLL_INTERVAL: Duration = Duration::from_millis(50);
/// A year: longer times are as good as this one.
const LONGEST_MILLISECONDS: f64 = 365.0 * 24.0 * 3600.0 * 1000.0;
