//! The way through the gateway: TLS to it, and CONNECT.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::{Buf as _, BytesMut};
use futures_util::future::{Either, select};
use rustls::pki_types::ServerName;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::{sleep, timeout};
use tokio_rustls::TlsConnector;

use super::http2::{self, Connection, Http2Error, Place, Spoken};
use super::{ConnectError, Connector, DialError, Upstream};
use crate::config::{GatewayConfig, GatewayProtocol};
use crate::data::http1::{FIRST_READ, HeadScanner, HeadStorage, MAX_HEAD, ResponseHead, Scan, may_be_response};
use crate::policy::Host;
use crate::snapshot::Credentials;
use crate::tls::TlsRoots;

/// Where the gateway is and how to speak to it.
pub(crate) struct Gateway {
    host: Host,
    port: u16,
    tls: Option<Tls>,
}

struct Tls {
    name: ServerName<'static>,
    http1: TlsConnector,
    /// Offers HTTP/2 as well (RFC 7301).
    http2: TlsConnector,
}

/// A connection to the gateway, as it was agreed upon.
enum Link {
    Http1(Upstream),
    /// The first place on a new connection.
    Http2(Place),
}

/// Why the gateway did not make a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum GatewayError {
    /// It said no, with this status.
    Status(u16),
    /// It takes no more connects at the moment.
    Busy,
    /// It ended the connection instead of answering.
    Closed,
    /// It answered with something that is no HTTP response.
    Malformed,
}

impl Gateway {
    /// What it speaks, before it was asked.
    pub(super) fn spoken(&self) -> Spoken {
        if self.tls.is_some() { Spoken::Unknown } else { Spoken::Http1 }
    }

    pub(crate) fn new(config: &GatewayConfig, roots: &TlsRoots) -> Self {
        let tls = (config.protocol == GatewayProtocol::Https).then(|| Tls::new(&config.host, roots));
        Self { host: config.host.clone(), port: config.port, tls }
    }
}

impl Tls {
    fn new(gateway: &Host, roots: &TlsRoots) -> Self {
        let name = match gateway.ip() {
            Some(ip) => ServerName::from(ip),
            None => ServerName::try_from(gateway.as_str().to_owned()).unwrap_or_else(|_| ServerName::from(UNNAMEABLE)),
        };
        let mut with_http2 = roots.client_config();
        with_http2.alpn_protocols = vec![HTTP2.to_vec(), HTTP1.to_vec()];
        let http1 = TlsConnector::from(Arc::new(roots.client_config()));
        Self { name, http1, http2: TlsConnector::from(Arc::new(with_http2)) }
    }
}

impl Connector {
    /// Makes a new connection to the gateway, ready for absolute-form requests.
    pub(crate) async fn connect_gateway(&self) -> Result<Upstream, ConnectError> {
        timeout(self.timeout, self.dial_gateway())
            .await
            .unwrap_or(Err(DialError::TimedOut))
            .map_err(ConnectError::Gateway)
    }

    /// Connects to an origin through the gateway. Returns the stream, and what the origin has said already.
    pub(crate) async fn connect_through_gateway(
        self: &Arc<Self>,
        host: &Host,
        port: u16,
        credentials: &Credentials,
    ) -> Result<(Upstream, BytesMut), ConnectError> {
        let authority = format!("{host}:{port}");
        let connect = async {
            match self.http2.spoken() {
                Spoken::Http1 => self.connect_over_http1(&authority, credentials).await,
                // Nobody waits for others as long as it may be in vain.
                Spoken::Unknown => {
                    let link = self.dial_link().await?;
                    self.connect_over(link, &authority, credentials).await
                }
                Spoken::Http2 => self.connect_over_http2(&authority, credentials).await,
            }
        };
        timeout(self.timeout, connect).await.unwrap_or(Err(ConnectError::Gateway(DialError::TimedOut)))
    }

    async fn connect_over_http1(
        self: &Arc<Self>,
        authority: &str,
        credentials: &Credentials,
    ) -> Result<(Upstream, BytesMut), ConnectError> {
        let fresh = async {
            let link = self.dial_link().await?;
            self.connect_over(link, authority, credentials).await
        };
        let Some(stream) = self.take_warm() else { return fresh.await };
        let warm = pin!(ask(stream, authority, credentials));
        match select(warm, pin!(sleep(WARM_HEAD_START))).await {
            // It was closed a moment ago: nobody has read the request.
            Either::Left((Err(GatewayError::Closed), _)) => fresh.await,
            Either::Left((answer, _)) => answer.map_err(ConnectError::Refusal),
            // The gateway is slow, or has forgotten this connection: whichever answers first.
            Either::Right((_, warm)) => match select(warm, pin!(fresh)).await {
                Either::Left((Err(_), fresh)) => fresh.await,
                Either::Left((answer, _)) => answer.map_err(ConnectError::Refusal),
                Either::Right((answer, _)) => answer,
            },
        }
    }

    /// On a connection that stands, or on one that all wait for who find none. A request that the gateway has not looked at is
    /// made again.
    async fn connect_over_http2(
        self: &Arc<Self>,
        authority: &str,
        credentials: &Credentials,
    ) -> Result<(Upstream, BytesMut), ConnectError> {
        let mut outcome = Err(GatewayError::Closed);
        for _ in 0..MAX_ATTEMPTS {
            let place = match self.http2_link().await? {
                Link::Http2(place) => place,
                link => return self.connect_over(link, authority, credentials).await,
            };
            let silence = pin!(place.silence());
            let asked = pin!(place.connect(authority, credentials));
            let answer = match select(asked, silence).await {
                Either::Left((answer, _)) => answer,
                // The gateway is slow, or has forgotten this connection: whichever answers first.
                Either::Right(((), asked)) => {
                    let another = pin!(async {
                        let link = self.http2_link().await?;
                        self.connect_over(link, authority, credentials).await
                    });
                    return match select(asked, another).await {
                        Either::Left((Ok(stream), _)) => Ok((Upstream::Http2(Box::new(stream)), BytesMut::new())),
                        Either::Left((Err(_), another)) => another.await,
                        Either::Right((answer, _)) => answer,
                    };
                }
            };
            match answer {
                Ok(stream) => return Ok((Upstream::Http2(Box::new(stream)), BytesMut::new())),
                Err(error @ (Http2Error::Refused | Http2Error::Lost)) => outcome = Err(error.into()),
                Err(error) => return Err(ConnectError::Refusal(error.into())),
            }
        }
        outcome.map_err(ConnectError::Refusal)
    }

    /// A place on an HTTP/2 connection, or a new connection that speaks something else by now.
    async fn http2_link(&self) -> Result<Link, ConnectError> {
        if let Some(place) = self.http2.take() {
            return Ok(Link::Http2(place));
        }
        let _one_of_few = self.http2.dialling.acquire().await.expect("the semaphore is never closed");
        // One that has just been made may have room for all who wait here, as soon as it says so.
        if let Some(connection) = self.http2.unsettled() {
            connection.settled().await;
        }
        match self.http2.take() {
            Some(place) => Ok(Link::Http2(place)),
            None => self.dial_link().await,
        }
    }

    async fn connect_over(
        &self,
        link: Link,
        authority: &str,
        credentials: &Credentials,
    ) -> Result<(Upstream, BytesMut), ConnectError> {
        match link {
            Link::Http1(stream) => ask(stream, authority, credentials).await.map_err(ConnectError::Refusal),
            Link::Http2(place) => connect_at(place, authority, credentials).await,
        }
    }

    /// A connection to the gateway that stands already, if there is one. Makes others to follow it, as demand has it.
    pub(crate) fn take_warm(self: &Arc<Self>) -> Option<Upstream> {
        let taken = self.warm.take();
        for _ in 0..self.warm.begin_dials() {
            let connector = Arc::clone(self);
            self.shutdown.spawn(async move {
                let dial = timeout(connector.timeout, connector.dial_gateway());
                let dialled = tokio::select! {
                    dialled = dial => dialled.ok().and_then(Result::ok),
                    () = connector.shutdown.draining() => None,
                };
                connector.warm.end_dial(dialled);
            });
        }
        taken
    }

    /// A new connection, after a second attempt if need be: nothing was sent yet.
    async fn dial_tcp(&self) -> Result<TcpStream, DialError> {
        let dial = || self.dial(&self.gateway.host, self.gateway.port, |address| self.would_loop(address));
        match dial().await {
            Err(DialError::Refused | DialError::Reset | DialError::Unreachable) => {
                sleep(RETRY_PAUSE).await;
                dial().await
            }
            dialled => dialled,
        }
    }

    /// A new HTTP/1.1 connection.
    async fn dial_gateway(&self) -> Result<Upstream, DialError> {
        let stream = self.dial_tcp().await?;
        let Some(tls) = &self.gateway.tls else { return Ok(Upstream::Tcp(stream)) };
        let stream = tls.http1.connect(tls.name.clone(), stream).await.map_err(|_| DialError::Tls)?;
        Ok(Upstream::Tls(Box::new(stream)))
    }

    /// A new connection for connects. One that speaks HTTP/2 is there for others, too.
    async fn dial_link(&self) -> Result<Link, ConnectError> {
        let Some(tls) = &self.gateway.tls else {
            return self.dial_gateway().await.map(Link::Http1).map_err(ConnectError::Gateway);
        };
        let stream = self.dial_tcp().await.map_err(ConnectError::Gateway)?;
        let stream = tls.http2.connect(tls.name.clone(), stream).await;
        let stream = stream.map_err(|_| ConnectError::Gateway(DialError::Tls))?;
        if stream.get_ref().1.alpn_protocol() != Some(HTTP2) {
            self.http2.note(Spoken::Http1);
            return Ok(Link::Http1(Upstream::Tls(Box::new(stream))));
        }
        let handshake = http2::handshake(stream).await;
        let (connection, run) = handshake.map_err(|_| ConnectError::Refusal(GatewayError::Closed))?;
        self.shutdown.spawn(run);
        let place = Connection::take_place(&connection).ok_or(ConnectError::Refusal(GatewayError::Busy))?;
        self.http2.note(Spoken::Http2);
        self.http2.add(&connection);
        Ok(Link::Http2(place))
    }
}

async fn connect_at(
    place: Place,
    authority: &str,
    credentials: &Credentials,
) -> Result<(Upstream, BytesMut), ConnectError> {
    match place.connect(authority, credentials).await {
        Ok(stream) => Ok((Upstream::Http2(Box::new(stream)), BytesMut::new())),
        Err(error) => Err(ConnectError::Refusal(error.into())),
    }
}

impl From<Http2Error> for GatewayError {
    fn from(error: Http2Error) -> Self {
        match error {
            Http2Error::Status(status) => Self::Status(status),
            Http2Error::Refused => Self::Busy,
            Http2Error::Lost | Http2Error::Closed => Self::Closed,
        }
    }
}

/// Sends CONNECT and reads the answer (RFC 9110 §9.3.6). Any 2xx will do; interim answers are skipped.
async fn ask(
    mut stream: Upstream,
    authority: &str,
    credentials: &Credentials,
) -> Result<(Upstream, BytesMut), GatewayError> {
    let authorization = credentials.authorization().expose();
    let request =
        format!("CONNECT {authority} HTTP/1.1\r\nHost: {authority}\r\nProxy-Authorization: {authorization}\r\n\r\n");
    stream.write_all(request.as_bytes()).await.map_err(|_| GatewayError::Closed)?;
    stream.flush().await.map_err(|_| GatewayError::Closed)?;
    let mut buffer = BytesMut::with_capacity(FIRST_READ);
    loop {
        let (status, length) = read_status(&mut stream, &mut buffer).await?;
        buffer.advance(length);
        match status {
            101 => return Err(GatewayError::Malformed),
            100..=199 => {}
            200..=299 => return Ok((stream, buffer)),
            status => return Err(GatewayError::Status(status)),
        }
    }
}

/// The status of the next answer and the length of its head.
async fn read_status(stream: &mut Upstream, buffer: &mut BytesMut) -> Result<(u16, usize), GatewayError> {
    let mut scanner = HeadScanner::lenient();
    loop {
        match scanner.scan(buffer) {
            Scan::Whole(length) => {
                let mut storage = HeadStorage::new();
                let head = ResponseHead::parse(&buffer[..length], &mut storage);
                return head.map(|head| (head.status, length)).map_err(|_| GatewayError::Malformed);
            }
            Scan::Partial if buffer.len() < MAX_HEAD && may_be_response(buffer) => {}
            Scan::Partial | Scan::Malformed => return Err(GatewayError::Malformed),
        }
        if stream.read_buf(buffer).await.map_err(|_| GatewayError::Closed)? == 0 {
            return Err(GatewayError::Closed);
        }
    }
}

impl std::fmt::Debug for Gateway {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Gateway").field("host", &self.host).field("port", &self.port).finish_non_exhaustive()
    }
}

/// Of a connect that the gateway has not looked at.
const MAX_ATTEMPTS: usize = 4;
/// A gateway that restarts is back in a moment.
const RETRY_PAUSE: Duration = Duration::from_millis(100);
/// After this the answer on a connection that was made in advance is raced against a new one.
const WARM_HEAD_START: Duration = Duration::from_secs(1);
/// What ALPN calls them (RFC 9113 §3.1, RFC 7301 §6).
const HTTP2: &[u8] = b"h2";
const HTTP1: &[u8] = b"http/1.1";
/// No certificate has this name. It stands for a host name that no certificate can have either.
const UNNAMEABLE: std::net::IpAddr = std::net::IpAddr::V4(std::net::Ipv4Addr::UNSPECIFIED);
