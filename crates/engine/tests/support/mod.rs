//! The other sides of the proxy, faked on real sockets: an API, origins, a gateway, and a client that speaks raw bytes.

#![allow(dead_code, unused_imports, unreachable_pub, reason = "each test file uses its part")]
#![allow(clippy::unwrap_used, reason = "a fake that fails fails its test")]

pub mod api;
pub mod client;
pub mod gateway;
pub mod origin;

use std::future::Future;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use aluvia_engine::{Client, Options, Resolve, Session};
use tokio::net::{TcpListener, TcpStream};

pub use api::Api;
pub use client::{Raw, Response};
pub use gateway::Gateway;
pub use origin::{Origin, origin};

/// A running proxy with its API and gateway.
pub struct Proxy {
    pub session: Session,
    pub api: Api,
    pub gateway: Gateway,
}

/// What a test sets before the proxy starts.
pub struct Setup {
    pub rules: Vec<String>,
    pub gateway: Option<Gateway>,
    pub resolver: Option<Arc<dyn Resolve>>,
    pub options: Options,
}

/// A proxy that sends everything direct.
pub async fn proxy() -> Proxy {
    setup(&[]).start().await
}

/// A proxy that sends everything through the gateway, loopback included.
pub async fn proxy_by_gateway() -> Proxy {
    setup(&["*", "127.0.0.1", "[::1]", "localhost", "*.localhost"]).start().await
}

pub fn setup(rules: &[&str]) -> Setup {
    Setup {
        rules: rules.iter().map(ToString::to_string).collect(),
        gateway: None,
        resolver: None,
        options: Options {
            token: Some("token".to_owned()),
            poll_interval_ms: Some(0.0),
            connect_timeout_ms: Some(2_000.0),
            drain_timeout_ms: Some(500.0),
            ..Options::default()
        },
    }
}

impl Setup {
    pub async fn start(self) -> Proxy {
        let api = Api::start(&self.rules).await;
        let gateway = match self.gateway {
            Some(gateway) => gateway,
            None => Gateway::start().await,
        };
        let config = Options {
            api_base_url: Some(api.base_url()),
            gateway_host: Some(gateway.address.ip().to_string()),
            gateway_port: Some(f64::from(gateway.address.port())),
            ..self.options
        };
        let mut client = Client::new(config.validate().unwrap());
        if let Some(resolver) = self.resolver {
            client = client.with_resolver(resolver);
        }
        Proxy { session: client.start().await.unwrap(), api, gateway }
    }

    pub fn gateway(mut self, gateway: Gateway) -> Self {
        self.gateway = Some(gateway);
        self
    }

    pub fn resolver(mut self, resolver: Arc<dyn Resolve>) -> Self {
        self.resolver = Some(resolver);
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
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            spawn(serve(stream));
        }
    });
    address
}

/// A port on which nobody listens.
pub async fn closed_port() -> SocketAddr {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap().local_addr().unwrap()
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
    tokio::time::timeout(Duration::from_secs(10), future).await.unwrap_or_else(|_| panic!("waited in vain for {what}"))
}
