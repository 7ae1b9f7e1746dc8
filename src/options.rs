//! The options of the JavaScript API. The shim has checked their JavaScript types; their values are the engine's business.

use aluvia_engine::secret::Secret;
use aluvia_engine::{Login, Options};
use napi_derive::napi;

/// What the shim hands over.
#[napi(object, object_to_js = false)]
#[derive(Debug)]
pub struct NativeOptions {
    pub token: Option<String>,
    pub api_base_url: Option<String>,
    pub config_path: Option<String>,
    pub poll_interval_ms: Option<f64>,
    pub api_timeout_ms: Option<f64>,
    pub gateway_protocol: Option<String>,
    pub gateway_host: Option<String>,
    pub gateway_port: Option<f64>,
    pub local_port: Option<f64>,
    pub connect_timeout_ms: Option<f64>,
    pub drain_timeout_ms: Option<f64>,
    pub max_connections: Option<f64>,
    pub max_header_size: Option<f64>,
    pub max_headers_count: Option<f64>,
    pub idle_timeout_ms: Option<f64>,
    pub local_auth: Option<NativeLogin>,
    pub allow_targets: Option<Vec<String>>,
    pub on_gateway_failure: Option<String>,
    pub on_route_change: Option<String>,
    pub state_file: Option<String>,
    pub state_max_age_ms: Option<f64>,
    pub ca: Option<Vec<String>>,
}

/// What clients log in with.
#[napi(object, object_to_js = false)]
pub struct NativeLogin {
    pub username: String,
    pub password: String,
}

impl std::fmt::Debug for NativeLogin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("NativeLogin").field("username", &self.username).finish_non_exhaustive()
    }
}

impl From<NativeOptions> for Options {
    fn from(native: NativeOptions) -> Self {
        Self {
            token: native.token,
            api_base_url: native.api_base_url,
            config_path: native.config_path,
            poll_interval_ms: native.poll_interval_ms,
            api_timeout_ms: native.api_timeout_ms,
            gateway_protocol: native.gateway_protocol,
            gateway_host: native.gateway_host,
            gateway_port: native.gateway_port,
            local_port: native.local_port,
            connect_timeout_ms: native.connect_timeout_ms,
            drain_timeout_ms: native.drain_timeout_ms,
            max_connections: native.max_connections,
            max_header_size: native.max_header_size,
            max_headers_count: native.max_headers_count,
            idle_timeout_ms: native.idle_timeout_ms,
            local_auth: native
                .local_auth
                .map(|login| Login { username: login.username, password: Secret::new(login.password) }),
            allow_targets: native.allow_targets.unwrap_or_default(),
            on_gateway_failure: native.on_gateway_failure,
            on_route_change: native.on_route_change,
            state_file: native.state_file,
            state_max_age_ms: native.state_max_age_ms,
            ca: native.ca.unwrap_or_default(),
            extra_ca: extra_ca(),
        }
    }
}

/// `NODE_EXTRA_CA_CERTS`, as Node.js itself reads it: a file that cannot be read adds nothing.
fn extra_ca() -> Option<Vec<u8>> {
    std::fs::read(std::env::var_os("NODE_EXTRA_CA_CERTS")?).ok()
}
