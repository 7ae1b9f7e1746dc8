//! One HTTP/2 connection to the gateway.

use std::future::{Future, pending};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use bytes::Bytes;
use h2::Reason;
use h2::client::{Builder, SendRequest};
use http::{HeaderValue, Method, Request, Uri, header};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{sleep, timeout};
use tracing::debug;

use super::pings::{self, Pings};
use super::stream::Http2Stream;
use crate::snapshot::Credentials;

/// A connection on which connects can be asked for.
pub(in super::super) struct Connection {
    requests: SendRequest<Bytes>,
    places: Arc<Semaphore>,
    pings: Pings,
    /// Whether it takes no more connects, or does not answer. What runs on it may go on.
    is_stale: AtomicBool,
}

/// The right to one CONNECT on a connection.
pub(in super::super) struct Place {
    connection: Arc<Connection>,
    permit: OwnedSemaphorePermit,
}

/// Why the gateway did not make a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in super::super) enum Http2Error {
    /// It said no, with this status.
    Status(u16),
    /// It has not looked at the request (RFC 9113 §8.7): to ask again on another connection is safe and may help.
    Refused,
    /// The connection is dead, and the request with it.
    Lost,
    /// It ended the stream instead of answering.
    Closed,
}

/// Begins to speak HTTP/2 on a stream. Returns the connection, and what has to run for as long as it is used.
pub(in super::super) async fn handshake<T>(
    stream: T,
) -> Result<(Arc<Connection>, impl Future<Output = ()> + Send + 'static), h2::Error>
where
    T: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let (requests, mut driver) = Builder::new()
        .enable_push(false)
        // Until it says how many it allows, the other side is not asked for more.
        .initial_max_send_streams(1)
        .initial_window_size(STREAM_WINDOW)
        // No reader that has stopped shall hold up the others: each stream has a window of its own.
        .initial_connection_window_size(STREAM_WINDOW * MAX_PLACES)
        .max_send_buffer_size(SEND_BUFFER)
        .max_header_list_size(MAX_FIELDS_SIZE)
        .handshake(stream)
        .await?;
    let ping_pong = driver.ping_pong().expect("it is taken for the first time");
    let (pings, mut pinger) = pings::new(ping_pong);
    let places = Arc::new(Semaphore::new(MAX_PLACES as usize));
    let in_use = Arc::clone(&places);
    let connection = Arc::new(Connection { requests, places, pings, is_stale: AtomicBool::new(false) });
    let run = async move {
        let is_used = || in_use.available_permits() < MAX_PLACES as usize;
        tokio::select! {
            ended = driver => {
                if let Err(error) = ended {
                    debug!(%error, "HTTP/2 connection to the gateway ended");
                }
            }
            () = pinger.run(is_used) => debug!("HTTP/2 connection to the gateway is dead"),
        }
    };
    Ok((connection, run))
}

impl Connection {
    /// Whether a new CONNECT may be asked for.
    pub(super) fn is_usable(&self) -> bool {
        let mut requests = self.requests.clone();
        let is_ended = matches!(requests.poll_ready(&mut Context::from_waker(Waker::noop())), Poll::Ready(Err(_)));
        !is_ended && !self.is_stale.load(Ordering::Relaxed)
    }

    /// Whether nothing runs on it.
    pub(super) fn is_idle(&self) -> bool {
        self.places.available_permits() == MAX_PLACES as usize
    }

    /// How many more connects it carries, by our own limit and by the other side's.
    pub(super) fn free_places(&self) -> usize {
        let free = self.places.available_permits();
        let used = MAX_PLACES as usize - free;
        free.min(self.requests.current_max_send_streams().saturating_sub(used))
    }

    pub(in super::super) fn take_place(this: &Arc<Self>) -> Option<Place> {
        if this.free_places() == 0 {
            return None;
        }
        let permit = Arc::clone(&this.places).try_acquire_owned().ok()?;
        Some(Place { connection: Arc::clone(this), permit })
    }

    /// Ends when the other side has told its limits, or is not about to: its SETTINGS come before anything else (RFC 9113
    /// §3.4).
    pub(in super::super) async fn settled(&self) {
        let _ = timeout(PATIENCE, self.pings.first_pong()).await;
    }

    pub(super) fn is_settled(&self) -> bool {
        self.pings.has_ponged()
    }

    /// Ends when an answer is overdue, and a ping that was sent then as well. It takes no more connects from then on.
    async fn silence(&self) {
        sleep(PATIENCE).await;
        if timeout(PATIENCE, self.pings.ping()).await.is_ok() {
            pending::<()>().await;
        }
        self.is_stale.store(true, Ordering::Relaxed);
    }
}

impl Place {
    /// Ends when the connection does not answer.
    pub(in super::super) fn silence(&self) -> impl Future<Output = ()> + use<> {
        let connection = Arc::clone(&self.connection);
        async move { connection.silence().await }
    }

    /// Asks for a connection to the authority. A connection on which this is lost is not asked again.
    pub(in super::super) async fn connect(
        self,
        authority: &str,
        credentials: &Credentials,
    ) -> Result<Http2Stream, Http2Error> {
        let connection = Arc::clone(&self.connection);
        let connected = self.ask(authority, credentials).await;
        if matches!(connected, Err(Http2Error::Refused | Http2Error::Lost)) {
            connection.is_stale.store(true, Ordering::Relaxed);
        }
        connected
    }

    async fn ask(self, authority: &str, credentials: &Credentials) -> Result<Http2Stream, Http2Error> {
        let Self { connection, permit } = self;
        let mut requests = connection.requests.clone().ready().await.map_err(|_| Http2Error::Lost)?;
        let (response, send) =
            requests.send_request(request(authority, credentials), false).map_err(|_| Http2Error::Lost)?;
        let answer = response.await.map_err(|error| Http2Error::of(&error))?;
        match answer.status().as_u16() {
            200..=299 => Ok(Http2Stream::new(send, answer.into_body(), permit)),
            status => Err(Http2Error::Status(status)),
        }
    }
}

impl Http2Error {
    fn of(error: &h2::Error) -> Self {
        match error.reason() {
            Some(Reason::REFUSED_STREAM) => Self::Refused,
            _ if error.is_go_away() || error.is_io() => Self::Lost,
            _ => Self::Closed,
        }
    }
}

/// CONNECT has neither scheme nor path (RFC 9113 §8.5).
fn request(authority: &str, credentials: &Credentials) -> Request<()> {
    let mut authorization =
        HeaderValue::try_from(credentials.authorization().expose()).expect("base64 is visible ASCII");
    authorization.set_sensitive(true);
    let uri = Uri::try_from(authority).expect("a canonical host and a port are an authority");
    Request::builder()
        .method(Method::CONNECT)
        .uri(uri)
        .header(header::PROXY_AUTHORIZATION, authorization)
        .body(())
        .expect("all of its parts are valid")
}

impl std::fmt::Debug for Connection {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Connection").field("free_places", &self.free_places()).finish_non_exhaustive()
    }
}

/// What servers allow by default, and as many as share the fate of one TCP connection.
const MAX_PLACES: u32 = 100;
/// With the relay's buffer, a client that does not read costs a megabyte at most. At 50 ms of round trip it allows 15 MB/s.
const STREAM_WINDOW: u32 = 768 * 1024;
/// What a stream may wait to send.
const SEND_BUFFER: usize = 64 * 1024;
/// Of the fields of an answer, in bytes.
const MAX_FIELDS_SIZE: u32 = 64 * 1024;
/// After this an answer is overdue, and a ping as well.
const PATIENCE: Duration = Duration::from_secs(1);
