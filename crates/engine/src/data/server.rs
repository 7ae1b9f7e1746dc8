//! The listener, and what all of its connections share.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

#[cfg(target_os = "linux")]
use socket2::SockRef;
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::sleep;
use tracing::{debug, info, warn};

use super::forward::{self, Access, Fallback};
use super::listeners::{Listed, Listeners};
use super::relay::RouteWatch;
use super::upstream::{Connector, ConnectorSettings, Gateway, Pool, Resolve};
use crate::config::{GatewayConfig, Limits, OnGatewayFailure, OnRouteChange};
use crate::policy::Reach;
use crate::shutdown::Shutdown;
use crate::snapshot::{Credentials, Reader};
use crate::tls::TlsRoots;

/// What the connections of one session share.
#[derive(Debug)]
pub(crate) struct Proxy {
    pub(super) snapshots: Reader,
    pub(super) connector: Arc<Connector>,
    pub(super) pool: Pool,
    pub(super) shutdown: Shutdown,
    pub(super) limits: Limits,
    pub(super) access: Access,
    pub(super) fallback: Option<Fallback>,
    /// The connects whose routes matter while they run.
    pub(super) routes: Option<Arc<RouteWatch>>,
    /// Whether bulk may move within the kernel.
    pub(super) splices: bool,
    /// One for each connection that may be taken.
    permits: Arc<Semaphore>,
}

/// What a proxy is made with.
#[derive(Debug)]
pub(crate) struct ProxySettings<'a> {
    pub(crate) snapshots: Reader,
    pub(crate) resolver: Arc<dyn Resolve>,
    pub(crate) gateway: &'a GatewayConfig,
    pub(crate) roots: &'a TlsRoots,
    pub(crate) listeners: Listeners,
    pub(crate) login: Option<Credentials>,
    pub(crate) reach: Reach,
    pub(crate) on_gateway_failure: OnGatewayFailure,
    pub(crate) on_route_change: OnRouteChange,
    pub(crate) connect_timeout: Duration,
    pub(crate) limits: Limits,
    pub(crate) splices: bool,
    pub(crate) shutdown: Shutdown,
}

/// Held for as long as a client's connection lasts.
pub(super) type Permit = OwnedSemaphorePermit;

impl Proxy {
    /// Listens on the port of 127.0.0.1, or on a free one for 0, and serves until the drain. Returns the address.
    pub(crate) fn start(port: u16, settings: ProxySettings<'_>) -> io::Result<SocketAddr> {
        let listener = listen(port)?;
        let own_address = listener.local_addr()?;
        let listed = settings.listeners.add(own_address.port());
        let shutdown = settings.shutdown.clone();
        let falls_back = settings.on_gateway_failure == OnGatewayFailure::Direct;
        let proxy = Arc::new(Self {
            snapshots: settings.snapshots,
            connector: Connector::new(ConnectorSettings {
                resolver: settings.resolver,
                gateway: Gateway::new(settings.gateway, settings.roots),
                listeners: settings.listeners,
                reach: settings.reach,
                timeout: settings.connect_timeout,
                shutdown: shutdown.clone(),
            }),
            pool: Pool::default(),
            shutdown: settings.shutdown,
            limits: settings.limits,
            access: Access { max_fields: settings.limits.fields, login: settings.login, falls_back },
            fallback: falls_back.then(Fallback::default),
            routes: (settings.on_route_change != OnRouteChange::Keep)
                .then(|| Arc::new(RouteWatch::new(settings.on_route_change))),
            splices: settings.splices,
            permits: Arc::new(Semaphore::new(settings.limits.connections)),
        });
        let follower = Arc::clone(&proxy);
        shutdown.spawn(async move { follower.follow_routes_until_drained().await });
        let sweeper = Arc::clone(&proxy);
        shutdown.spawn(async move { sweeper.sweep_until_drained().await });
        shutdown.spawn(proxy.accept_until_drained(listener, listed));
        Ok(own_address)
    }

    /// Closes connections that nobody needs any more, now and then.
    async fn sweep_until_drained(&self) {
        loop {
            tokio::select! {
                () = self.shutdown.draining() => break,
                () = sleep(SWEEP) => {}
            }
            self.pool.sweep();
            self.connector.sweep();
        }
        self.pool.clear();
        self.connector.clear();
    }

    /// Tells running connects of rules that send them another way.
    async fn follow_routes_until_drained(&self) {
        let Some(routes) = &self.routes else { return };
        let mut snapshots = self.snapshots.clone();
        loop {
            let changed = tokio::select! {
                changed = snapshots.changed() => changed,
                () = self.shutdown.draining() => return,
            };
            let Some(snapshot) = changed else { return };
            let connects = routes.compare(&snapshot.rules);
            if connects > 0 {
                info!(connects, "the rules send running connects another way");
            }
        }
    }

    async fn accept_until_drained(self: Arc<Self>, listener: TcpListener, _listed: Listed) {
        let mut is_starved = false;
        loop {
            let (accepted, permit) = tokio::select! {
                accepted = self.accept(&listener) => accepted,
                () = self.shutdown.draining() => return,
            };
            match accepted {
                Ok(stream) => {
                    is_starved = false;
                    self.take(stream, permit);
                }
                Err(error) if is_of_one_connection(&error) => debug!(%error, "client gone before it was accepted"),
                Err(error) => {
                    // No descriptors or no memory. Said once; the connections wait in the listen queue meanwhile.
                    if !std::mem::replace(&mut is_starved, true) {
                        warn!(%error, "the system accepts no connections at the moment; new ones have to wait");
                    }
                    sleep(STARVED_PAUSE).await;
                }
            }
        }
    }

    /// Takes the next connection, as soon as there may be one more.
    async fn accept(&self, listener: &TcpListener) -> (io::Result<TcpStream>, Permit) {
        let permit = Arc::clone(&self.permits).acquire_owned().await.expect("the semaphore is never closed");
        (listener.accept().await.map(|(stream, _)| stream), permit)
    }

    fn take(self: &Arc<Self>, stream: TcpStream, permit: Permit) {
        // Linux passes the listener's setting on.
        #[cfg(not(target_os = "linux"))]
        if let Err(error) = stream.set_nodelay(true) {
            debug!(%error, "client gone at once");
            return;
        }
        self.shutdown.spawn(forward::serve(Arc::clone(self), stream, permit));
    }
}

/// Whether accepting has failed because of the connection, and not for want of something.
fn is_of_one_connection(error: &io::Error) -> bool {
    use io::ErrorKind as Kind;
    matches!(
        error.kind(),
        Kind::ConnectionAborted | Kind::ConnectionReset | Kind::ConnectionRefused | Kind::Interrupted
    )
}

/// Only loopback is bound (invariant 4).
fn listen(port: u16) -> io::Result<TcpListener> {
    let socket = TcpSocket::new_v4()?;
    // Without it a port stays taken for a minute after its last connection; elsewhere it would let others take it over.
    #[cfg(unix)]
    socket.set_reuseaddr(true)?;
    socket.set_nodelay(true)?;
    #[cfg(target_os = "linux")]
    avoid_pacing(&socket)?;
    socket.bind((Ipv4Addr::LOCALHOST, port).into())?;
    socket.listen(BACKLOG)
}

/// BBR paces what it sends, which costs a lot of time and brings nothing on loopback. Reno is always there.
#[cfg(target_os = "linux")]
fn avoid_pacing(socket: &TcpSocket) -> io::Result<()> {
    let socket = SockRef::from(socket);
    if socket.tcp_congestion()?.starts_with(b"bbr") {
        socket.set_tcp_congestion(b"reno")?;
    }
    Ok(())
}

/// As many as Linux lets wait by default; other systems take fewer. Browsers open hundreds of connections in a moment.
const BACKLOG: u32 = 4096;
/// Between two attempts to accept without descriptors: little work, and soon enough once there are some.
const STARVED_PAUSE: Duration = Duration::from_millis(100);
/// How often idle upstream connections are looked over.
const SWEEP: Duration = Duration::from_secs(5);
