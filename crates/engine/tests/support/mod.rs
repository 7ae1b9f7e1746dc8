//! The other sides of the proxy, faked on real sockets: an API, origins, a gateway, and a client that speaks raw bytes.
//!
//! [`Origin`] and [`Gateway`] serve by themselves; where the order of events matters, a test plays the other side itself
//! as a [`Peer`], or as both of the two next hops there are in [`both_ways`].

#![allow(dead_code, unused_imports, unreachable_pub, reason = "each test file uses its part")]
#![allow(clippy::unwrap_used, reason = "a fake that fails fails its test")]

pub mod api;
pub mod client;
pub mod gateway;
pub mod http2;
pub mod names;
pub mod origin;
pub mod scene;
pub mod tls;

use std::fmt::Display;
use std::future::Future;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use aluvia_engine::{Client, Config, Listeners, Options, Resolve, Session};
use socket2::{Domain, Socket, Type};
use tokio::net::{TcpListener, TcpStream};

pub use api::Api;
pub use client::{Raw, Response, field};
pub use gateway::Gateway;
pub use names::Names;
pub use origin::{Origin, Peer, origin};
pub use scene::{Scene, both_ways, both_ways_with};

/// A running proxy with its API and gateway.
pub struct Proxy {
    pub session: Session,
    pub api: Api,
    pub gateway: Gateway,
}

/// What a test sets before the proxy starts.
pub struct Setup {
    pub rules: Vec<String>,
    pub credentials: (String, String),
    pub gateway: Option<Gateway>,
    pub resolver: Option<Arc<dyn Resolve>>,
    pub options: Options,
    pub change: fn(&mut Config),
    pub listeners: Listeners,
}

/// A proxy that sends everything direct.
pub async fn proxy() -> Proxy {
    setup(&[]).start().await
}

/// A proxy that sends everything through the gateway, loopback included.
pub async fn proxy_by_gateway() -> Proxy {
    setup(EVERYTHING).start().await
}

/// Rules that match loopback, too.
pub const EVERYTHING: &[&str] = &["*", "127.0.0.1", "[::1]", "localhost", "*.localhost"];

pub fn setup(rules: &[&str]) -> Setup {
    Setup {
        rules: rules.iter().map(ToString::to_string).collect(),
        credentials: ("user".to_owned(), "password".to_owned()),
        gateway: None,
        resolver: None,
        options: Options {
            token: Some("token".to_owned()),
            poll_interval_ms: Some(0.0),
            connect_timeout_ms: Some(2_000.0),
            drain_timeout_ms: Some(500.0),
            ..Options::default()
        },
        change: |_| {},
        listeners: Listeners::default(),
    }
}

impl Setup {
    pub async fn start(self) -> Proxy {
        let api = Api::start(&self.rules, &self.credentials).await;
        let gateway = match self.gateway {
            Some(gateway) => gateway,
            None => Gateway::start().await,
        };
        let config = Options {
            api_base_url: Some(api.base_url()),
            gateway_host: Some(self.options.gateway_host.unwrap_or_else(|| gateway.address.ip().to_string())),
            gateway_port: Some(f64::from(gateway.address.port())),
            ..self.options
        };
        let mut config = config.validate().unwrap();
        (self.change)(&mut config);
        let mut client = Client::new(config).with_listeners(self.listeners);
        if let Some(resolver) = self.resolver {
            client = client.with_resolver(resolver);
        }
        Proxy { session: client.start().await.unwrap(), api, gateway }
    }

    pub fn gateway(mut self, gateway: Gateway) -> Self {
        self.gateway = Some(gateway);
        self
    }

    pub fn resolver(mut self, resolver: &Arc<impl Resolve + 'static>) -> Self {
        let resolver = Arc::clone(resolver);
        self.resolver = Some(resolver);
        self
    }

    pub fn credentials(mut self, username: &str, password: &str) -> Self {
        self.credentials = (username.to_owned(), password.to_owned());
        self
    }

    pub fn listeners(mut self, listeners: &Listeners) -> Self {
        self.listeners = listeners.clone();
        self
    }

    /// Changes what is no option.
    pub fn config(mut self, change: fn(&mut Config)) -> Self {
        self.change = change;
        self
    }

    pub fn options(mut self, change: impl FnOnce(&mut Options)) -> Self {
        change(&mut self.options);
        self
    }
}

impl Proxy {
    /// A new connection of a client.
    pub async fn connect(&self) -> Raw {
        Raw::connect(self.session.address()).await
    }

    /// A connection through which a CONNECT has opened the way to the target.
    pub async fn connected_to(&self, target: impl Display) -> Raw {
        let mut client = self.connect().await;
        client.send(format!("CONNECT {target} HTTP/1.1\r\nHost: {target}\r\n\r\n")).await;
        let head = client.head().await;
        assert!(head.starts_with("HTTP/1.1 200 "), "{head}");
        client
    }

    /// Sends one request on a connection of its own and reads the whole response.
    pub async fn ask(&self, request: impl AsRef<[u8]>) -> Response {
        let mut client = self.connect().await;
        client.send(request).await;
        client.response().await
    }
}

/// A listener on a free port, each of whose connections is served by the function.
pub async fn listen<F, T>(serve: F) -> SocketAddr
where
    F: Fn(TcpStream) -> T + Send + Sync + 'static,
    T: Future<Output = ()> + Send + 'static,
{
    let listener = queueing_listener((Ipv4Addr::LOCALHOST, 0).into());
    let address = listener.local_addr().unwrap();
    spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            spawn(serve(stream));
        }
    });
    address
}

/// A listener with room for a thousand connections at once. Linux loses what does not fit, for seconds or for good.
fn queueing_listener(address: SocketAddr) -> TcpListener {
    let socket = bound(address);
    socket.listen(4096).unwrap();
    socket.set_nonblocking(true).unwrap();
    TcpListener::from_std(socket.into()).unwrap()
}

/// An address on which nobody listens, and which nobody else gets while this is kept. A session may be told to listen there.
pub struct Closed {
    pub address: SocketAddr,
    _socket: Socket,
}

pub fn closed() -> Closed {
    let socket = bound((Ipv4Addr::LOCALHOST, 0).into());
    let address = socket.local_addr().unwrap().as_socket().unwrap();
    Closed { address, _socket: socket }
}

/// An address from which no answer comes while this is kept, not even a refusal: a listener whose queue is full. Linux
/// drops what does not fit.
#[cfg(target_os = "linux")]
pub struct BlackHole {
    pub address: SocketAddr,
    _listener: Socket,
    _queued: Vec<TcpStream>,
}

#[cfg(target_os = "linux")]
pub async fn black_hole(address: impl Into<SocketAddr>) -> BlackHole {
    let listener = bound(address.into());
    listener.listen(0).unwrap();
    let address = listener.local_addr().unwrap().as_socket().unwrap();
    let mut queued = Vec::new();
    while let Ok(stream) = tokio::time::timeout(Duration::from_millis(100), TcpStream::connect(address)).await {
        queued.push(stream.unwrap());
    }
    BlackHole { address, _listener: listener, _queued: queued }
}

/// A bound socket that does not listen. Where the port is taken by chance, the test has to be run again.
fn bound(address: SocketAddr) -> Socket {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, None).unwrap();
    socket.set_reuse_address(true).unwrap();
    socket.bind(&address.into()).unwrap();
    socket
}

/// Whether the machine has `::1`; containers often do not, and tests that need it have nothing to show there.
pub fn has_ipv6() -> bool {
    std::net::TcpListener::bind((Ipv6Addr::LOCALHOST, 0)).is_ok()
}

pub fn spawn(task: impl Future<Output = ()> + Send + 'static) {
    #[expect(clippy::disallowed_methods, reason = "the fakes end with the test's runtime")]
    tokio::spawn(task);
}

/// Waits until the condition holds, and fails the test if it does not within five seconds.
pub async fn until(what: &str, condition: impl Fn() -> bool) {
    for _ in 0..500 {
        if condition() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("waited in vain until {what}");
}

/// Fails the test where something does not happen in time.
pub async fn soon<T>(what: &str, future: impl Future<Output = T>) -> T {
    within(Duration::from_secs(10), what, future).await
}

/// Fails the test where something does not happen within the time.
pub async fn within<T>(limit: Duration, what: &str, future: impl Future<Output = T>) -> T {
    tokio::time::timeout(limit, future).await.unwrap_or_else(|_| panic!("waited in vain for {what}"))
}
