//! Reaching the other side: an origin, or the gateway.

mod dial;
mod gateway;
mod http2;
mod names;
mod pool;
mod resolve;
mod stream;
mod warm;

use std::net::{Ipv4Addr, SocketAddr};
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
use super::listeners::Listeners;
use crate::policy::{Host, Reach};
use crate::shutdown::Shutdown;

/// Opens upstream connections. One for each session.
#[derive(Debug)]
pub(crate) struct Connector {
    names: Names,
    gateway: Gateway,
    warm: Warm,
    http2: Http2,
    /// Where we listen ourselves: no connection may lead there (invariant 4).
    listeners: Listeners,
    /// Where else none may lead.
    reach: Reach,
    /// For the whole way: name look-up, TCP, TLS and the gateway's reply.
    timeout: Duration,
    shutdown: Shutdown,
}

/// What a connector is made with.
#[derive(Debug)]
pub(crate) struct ConnectorSettings {
    pub(crate) resolver: Arc<dyn Resolve>,
    pub(crate) gateway: Gateway,
    pub(crate) listeners: Listeners,
    pub(crate) reach: Reach,
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
    /// It is no site, and not allowed by the user.
    OutOfReach,
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

impl ConnectError {
    /// Whether the gateway is out of order, as far as one can tell: it cannot be reached, ends the connection, talks nonsense,
    /// or does not accept our credentials. Any other answer of its own is about the target.
    pub(crate) fn is_gateway_failure(self) -> bool {
        match self {
            Self::Gateway(error) => !matches!(error, DialError::Loop | DialError::NoDescriptors),
            Self::Refusal(GatewayError::Status(status)) => status == 407,
            Self::Refusal(error) => error != GatewayError::Busy,
            Self::Origin(_) => false,
        }
    }
}

impl Connector {
    pub(crate) fn new(settings: ConnectorSettings) -> Arc<Self> {
        Arc::new(Self {
            names: Names::new(settings.resolver),
            warm: Warm::default(),
            http2: Http2::new(settings.gateway.spoken()),
            gateway: settings.gateway,
            listeners: settings.listeners,
            reach: settings.reach,
            timeout: settings.timeout,
            shutdown: settings.shutdown,
        })
    }

    /// Refuses a target that must not be reached by its spelling alone, whatever its route. Names that resolve to such a one
    /// are refused when they are dialled.
    pub(crate) fn check(&self, host: &Host, port: u16) -> Result<(), ConnectError> {
        let refusal = match host.ip() {
            Some(ip) => self.refusal(SocketAddr::new(ip, port)),
            None => (host.is_localhost() && self.listeners.has(port)).then_some(DialError::Loop),
        };
        refusal.map_or(Ok(()), |error| Err(ConnectError::Origin(error)))
    }

    /// For a connection to stand, and for the gateway to answer.
    pub(crate) fn timeout(&self) -> Duration {
        self.timeout
    }

    /// Connects straight to an origin.
    pub(crate) async fn connect_direct(&self, host: &Host, port: u16) -> Result<TcpStream, ConnectError> {
        let dial = self.dial(host, port, |address| self.refusal(address));
        timeout(self.timeout, dial).await.unwrap_or(Err(DialError::TimedOut)).map_err(ConnectError::Origin)
    }

    async fn dial(
        &self,
        host: &Host,
        port: u16,
        refusal: impl Fn(SocketAddr) -> Option<DialError>,
    ) -> Result<TcpStream, DialError> {
        let addresses = self.names.addresses(host).await?;
        let addresses: Vec<SocketAddr> = addresses.iter().map(|ip| SocketAddr::new(*ip, port)).collect();
        // One of them is enough: a name whose other addresses are good would be a way around this.
        if let Some(error) = addresses.iter().find_map(|address| refusal(*address)) {
            return Err(error);
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

    /// Why no request may lead to the address. Systems take the unspecified address for loopback.
    fn refusal(&self, address: SocketAddr) -> Option<DialError> {
        let out_of_reach = || (!self.reach.permits(address.ip())).then_some(DialError::OutOfReach);
        self.would_loop(address).or_else(out_of_reach)
    }

    fn would_loop(&self, address: SocketAddr) -> Option<DialError> {
        let ip = address.ip().to_canonical();
        let is_own = self.listeners.has(address.port()) && (ip == Ipv4Addr::LOCALHOST || ip.is_unspecified());
        is_own.then_some(DialError::Loop)
    }
}
