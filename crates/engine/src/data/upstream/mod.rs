//! Reaching the other side: an origin, or the gateway.

mod dial;
mod gateway;
mod pool;
mod resolve;
mod stream;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpStream;
use tokio::time::timeout;

pub use resolve::{Resolve, SystemResolver};

pub(crate) use dial::is_out_of_descriptors;
pub(crate) use gateway::{Gateway, GatewayError};
pub(crate) use pool::{Pool, PoolKey};
pub(crate) use stream::{Upstream, UpstreamConnection};

use crate::policy::Host;

/// Opens upstream connections. One for each session.
#[derive(Debug)]
pub(crate) struct Connector {
    pub(crate) resolver: Arc<dyn Resolve>,
    pub(crate) gateway: Gateway,
    /// Where we listen ourselves: no connection may lead there (invariant 4).
    pub(crate) own_address: SocketAddr,
    /// For the whole way: name look-up, TCP, TLS and the gateway's reply.
    pub(crate) timeout: Duration,
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

    /// Connects to the gateway, ready for absolute-form requests.
    pub(crate) async fn connect_gateway(&self) -> Result<Upstream, ConnectError> {
        let dial = self.dial_gateway();
        timeout(self.timeout, dial).await.unwrap_or(Err(DialError::TimedOut)).map_err(ConnectError::Gateway)
    }

    async fn dial_gateway(&self) -> Result<Upstream, DialError> {
        let stream = self.dial(&self.gateway.host, self.gateway.port).await?;
        self.gateway.secure(stream).await
    }

    async fn dial(&self, host: &Host, port: u16) -> Result<TcpStream, DialError> {
        let addresses = resolve::addresses(&*self.resolver, host).await?;
        let addresses: Vec<SocketAddr> = addresses.into_iter().map(|ip| SocketAddr::new(ip, port)).collect();
        if addresses.iter().any(|address| self.is_own(*address)) {
            return Err(DialError::Loop);
        }
        dial::first_to_answer(&addresses).await
    }

    /// Whether a connection to the address would reach our own listener: systems take the unspecified address for
    /// loopback.
    fn is_own(&self, address: SocketAddr) -> bool {
        let ip = address.ip().to_canonical();
        address.port() == self.own_address.port() && (ip == self.own_address.ip() || ip.is_unspecified())
    }
}
