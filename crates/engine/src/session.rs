//! The composition root: wires the planes together and owns their lifetime.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tracing::{info, warn};

use crate::config::{Config, GatewayConfig, GatewayProtocol};
use crate::control::{self, Api, ApiError, Control, Update};
use crate::data::{Listeners, Proxy, ProxySettings, Resolve, SystemResolver};
use crate::policy::{Host, HostError};
use crate::shutdown::Shutdown;
use crate::snapshot::{Reader, Snapshot};

/// What is validated and ready to start sessions.
#[derive(Debug, Clone)]
pub struct Client {
    config: Arc<Config>,
    resolver: Arc<dyn Resolve>,
    listeners: Listeners,
    has_warned: Arc<AtomicBool>,
}

/// One running proxy. Dropping it cuts everything; [`stop`](Self::stop) ends it in peace.
#[derive(Debug)]
pub struct Session {
    address: SocketAddr,
    /// Gone once the session has stopped: its HTTP client holds on to the runtime.
    control: Mutex<Option<Arc<Control>>>,
    snapshots: Reader,
    shutdown: Shutdown,
    config: Arc<Config>,
}

/// Why a session did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The configuration could not be fetched.
    #[error(transparent)]
    Api(#[from] ApiError),
    /// The port could not be listened on.
    #[error("cannot listen on 127.0.0.1:{port}: {source}")]
    Listen {
        /// The port that was asked for, 0 for any.
        port: u16,
        /// What the system said.
        source: io::Error,
    },
}

/// What would become of a request to a host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Explanation {
    /// The host in its canonical spelling.
    pub host: String,
    /// `direct` or `gateway`.
    pub route: &'static str,
    /// The rule that decides, as it was written.
    pub rule: Option<String>,
    /// Why, as a sentence.
    pub reason: &'static str,
    /// Where the rules are from: `api` or `state-file`.
    pub source: &'static str,
}

impl Client {
    /// Prepares a client. Nothing is sent yet.
    #[must_use]
    pub fn new(config: Config) -> Self {
        Self {
            config: Arc::new(config),
            resolver: Arc::new(SystemResolver),
            listeners: Listeners::default(),
            has_warned: Arc::default(),
        }
    }

    /// Looks up names of direct targets with this instead of the system's resolver.
    #[must_use]
    pub fn with_resolver(mut self, resolver: Arc<dyn Resolve>) -> Self {
        self.resolver = resolver;
        self
    }

    /// Shares the list of ports that no session may connect to with the other clients of the program.
    #[must_use]
    pub fn with_listeners(mut self, listeners: Listeners) -> Self {
        self.listeners = listeners;
        self
    }

    /// Fetches the configuration, listens, and starts to poll. Must be called in a tokio runtime. Where this future is
    /// dropped, nothing is left behind.
    ///
    /// # Errors
    /// A [`StartError`]; nothing runs then.
    pub async fn start(&self) -> Result<Session, StartError> {
        let config = Arc::clone(&self.config);
        self.warn_of_plain_gateway();
        let (control, snapshots) =
            Control::start(Api::new(&config.api, &config.roots), config.state_file.as_ref()).await?;
        info!(rules = snapshots.current().rules.len(), "configuration loaded");
        let shutdown = Shutdown::default();
        let settings = ProxySettings {
            snapshots: snapshots.clone(),
            resolver: Arc::clone(&self.resolver),
            gateway: &config.gateway,
            roots: &config.roots,
            listeners: self.listeners.clone(),
            login: config.login.clone(),
            reach: config.reach.clone(),
            on_gateway_failure: config.on_gateway_failure,
            on_route_change: config.on_route_change,
            connect_timeout: config.connect_timeout,
            limits: config.limits,
            splices: config.splices,
            shutdown: shutdown.clone(),
        };
        let address = Proxy::start(config.local_port, settings)
            .map_err(|source| StartError::Listen { port: config.local_port, source })?;
        info!("listening on http://{address}");
        let control = Arc::new(control);
        if let Some(interval) = config.poll_interval {
            let (control, shutdown) = (Arc::clone(&control), shutdown.clone());
            shutdown.clone().spawn(async move { control.poll_until_drained(interval, &shutdown).await });
        }
        Ok(Session { address, control: Mutex::new(Some(control)), snapshots, shutdown, config })
    }

    /// Says once that whoever is on the way to the gateway can read the credentials.
    fn warn_of_plain_gateway(&self) {
        let GatewayConfig { protocol, host, .. } = &self.config.gateway;
        if *protocol == GatewayProtocol::Http && !host.is_loopback() && !self.has_warned.swap(true, Ordering::Relaxed) {
            warn!(
                gateway = host.as_str(),
                "the credentials travel to the gateway in the clear; gatewayProtocol: 'https' hides them"
            );
        }
    }

    /// Sends an update while no session runs.
    ///
    /// # Errors
    /// An [`ApiError`] where the API refuses it or cannot be reached; nothing has changed then.
    pub async fn update(&self, update: &Update) -> Result<(), ApiError> {
        update_without_session(&self.config, update).await
    }
}

impl Session {
    /// Where the proxy listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Sends an update. It is in force for every request that starts after this returns.
    ///
    /// # Errors
    /// An [`ApiError`] where the API refuses it or cannot be reached; what was in force stays so.
    pub async fn update(&self, update: &Update) -> Result<(), ApiError> {
        let control = self.control().clone();
        match control {
            Some(control) => control.update(update).await,
            None => update_without_session(&self.config, update).await,
        }
    }

    /// What would become of a request to a host or a URL, by the rules in force.
    ///
    /// # Errors
    /// A [`HostError`] where the text has no host.
    pub fn explain(&self, url_or_host: &str) -> Result<Explanation, HostError> {
        explain(&self.snapshots.current(), url_or_host)
    }

    /// Stops: no new connection is taken, running exchanges may finish within the drain time-out, and what is left then is
    /// cut. Ends when no task and no socket is left. Calling it again waits for the same end.
    pub async fn stop(&self) {
        let was_running = !self.shutdown.is_draining();
        let cut = self.shutdown.stop(self.config.drain_timeout).await;
        self.control().take();
        if cut > 0 {
            warn!(connections = cut, "connections cut at the end of the drain time-out");
        }
        if was_running {
            info!("stopped");
        }
    }
}

impl Session {
    fn control(&self) -> MutexGuard<'_, Option<Arc<Control>>> {
        self.control.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// An HTTP client of its own: one that outlived its runtime would use connections whose tasks are gone.
async fn update_without_session(config: &Config, update: &Update) -> Result<(), ApiError> {
    control::update_alone(&Api::new(&config.api, &config.roots), config.state_file.as_ref(), update).await
}

impl Drop for Session {
    fn drop(&mut self) {
        self.shutdown.cut();
    }
}

impl fmt::Display for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "http://{}", self.address)
    }
}

fn explain(snapshot: &Snapshot, url_or_host: &str) -> Result<Explanation, HostError> {
    let host = Host::parse(host_of(url_or_host.trim()))?;
    let decision = snapshot.rules.decide(&host);
    Ok(Explanation {
        host: host.to_string(),
        route: decision.route.as_str(),
        rule: decision.rule.map(str::to_owned),
        reason: decision.reason.as_str(),
        source: snapshot.source.as_str(),
    })
}

/// The host in a URL, or in `host`, `host:port` or an IPv6 address.
fn host_of(text: &str) -> &str {
    let (is_url, rest) = match text.split_once("://") {
        Some((_, rest)) => (true, rest),
        None => (false, text),
    };
    let authority = rest.split(['/', '?', '#']).next().unwrap_or(rest);
    let authority = if is_url { authority.rsplit('@').next().unwrap_or(authority) } else { authority };
    if authority.starts_with('[') {
        return authority.split_inclusive(']').next().unwrap_or(authority);
    }
    match authority.split_once(':') {
        Some((host, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => host,
        _ => authority,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_host_is_found_in_urls_and_in_plain_hosts() {
        let cases = [
            ("https://shop.example.com/x", "shop.example.com"),
            ("http://user:pass@shop.example.com:80/x@y", "shop.example.com"),
            ("wss://shop.example.com?q", "shop.example.com"),
            ("shop.example.com", "shop.example.com"),
            ("shop.example.com:443", "shop.example.com"),
            ("[::1]:443", "[::1]"),
            ("http://[::1]/", "[::1]"),
            ("::1", "::1"),
            ("mailto:a@b.test", "mailto:a@b.test"),
        ];
        for (text, host) in cases {
            assert_eq!(host_of(text), host, "{text}");
        }
    }
}
