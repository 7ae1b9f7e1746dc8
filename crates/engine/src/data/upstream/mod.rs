//! Reaching the other side: an origin, or the gateway.

mod dial;
mod gateway;
mod http2;
mod names;
mod pool;
mod resolve;
mod stream;
mod warm;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpStream;
use tokio::time::timeout;

pub use resolve::{Resolution, Resolve, Resolved, SystemResolver};

pub(crate) use gateway::{Gateway, GatewayError};
pub(crate) use http2::Http2Stream;
pub(crate) use pool::{Pool, PoolKey};
pub(crate) use stream::{KEEPALIVE, Upstream, UpstreamConnection, has_failed, reset_on_close};

use self::http2::Http2;
use self::names::Names;
use self::warm::Warm;
use crate::policy::Host;
use crate::shutdown::Shutdown;

/// Opens upstream connections. One for each session.
#[derive(Debug)]
pub(crate) struct Connector {
    names: Names,
    gateway: Gateway,
    warm: Warm,
    http2: Http2,
    /// Where we listen ourselves: no connection may lead there (invariant 4).
    own_address: SocketAddr,
    /// For the whole way: name look-up, TCP, TLS and the gateway's reply.
    timeout: Duration,
    shutdown: Shutdown,
}

/// What a connector is made with.
#[derive(Debug)]
pub(crate) struct ConnectorSettings {
    pub(crate) resolver: Arc<dyn Resolve>,
    pub(crate) gateway: Gateway,
    pub(crate) own_address: SocketAddr,
    pub(crate) timeout: Duration,
    pub(crate) shutdown: Shutdown,
}

/// Why there is no connection to a host.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum DialError {
    /// The name has no address.
    NameNotFound,
    /// It would lead back into this proxy.
    Loop,
    /// Nobody listens there.
    Refused,
    /// The other side cut the connection while it was being made.
    Reset,
    /// No way leads there, or the system refuses to take it.
    Unreachable,
    /// No connection within the time-out.
    TimedOut,
    /// We have no file descriptors left.
    NoDescriptors,
    /// The TLS handshake failed. Gateways only.
    Tls,
}

/// Why there is no way to a target.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ConnectError {
    /// The origin cannot be reached.
    Origin(DialError),
    /// The gateway cannot be reached.
    Gateway(DialError),
    /// The gateway did not make the connection.
    Refusal(GatewayError),
}

impl Connector {
    pub(crate) fn new(settings: ConnectorSettings) -> Arc<Self> {
        Arc::new(Self {
            names: Names::new(settings.resolver),
            warm: Warm::default(),
            http2: Http2::new(settings.gateway.spoken()),
            gateway: settings.gateway,
            own_address: settings.own_address,
            timeout: settings.timeout,
            shutdown: settings.shutdown,
        })
    }

    /// Whether a target is our own listener by its spelling alone, whatever its route. Names that resolve to it are refused
    /// when they are dialled.
    pub(crate) fn would_loop(&self, host: &Host, port: u16) -> bool {
        match host.ip() {
            Some(ip) => self.is_own(SocketAddr::new(ip, port)),
            None => host.is_localhost() && port == self.own_address.port(),
        }
    }

    /// Connects straight to an origin.
    pub(crate) async fn connect_direct(&self, host: &Host, port: u16) -> Result<TcpStream, ConnectError> {
        let dial = self.dial(host, port);
        timeout(self.timeout, dial).await.unwrap_or(Err(DialError::TimedOut)).map_err(ConnectError::Origin)
    }

    async fn dial(&self, host: &Host, port: u16) -> Result<TcpStream, DialError> {
        let addresses = self.names.addresses(host).await?;
        let addresses: Vec<SocketAddr> = addresses.iter().map(|ip| SocketAddr::new(*ip, port)).collect();
        if addresses.iter().any(|address| self.is_own(*address)) {
            return Err(DialError::Loop);
        }
        dial::first_to_answer(&addresses).await.inspect_err(|_| self.names.forget(host))
    }

    /// Closes connections to the gateway that nobody has needed for a while.
    pub(crate) fn sweep(&self) {
        self.warm.sweep();
        self.http2.sweep();
    }

    /// Closes every connection to the gateway that is not in use.
    pub(crate) fn clear(&self) {
        self.warm.clear();
        self.http2.clear();
    }

    /// Whether a connection to the address would reach our own listener: systems take the unspecified address for
    /// loopback.
    fn is_own(&self, address: SocketAddr) -> bool {
        let ip = address.ip().to_canonical();
        address.port() == self.own_address.port() && (ip == self.own_address.ip() || ip.is_unspecified())
    }
}
