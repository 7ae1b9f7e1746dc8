//! One exchange of HTTP messages: a request goes up and its response comes down, both at once where they want to.

use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Buf as _;
use tokio::io::AsyncWriteExt as _;
use tokio::time::{Instant, timeout};
use tracing::debug;

use super::super::error::Failure;
use super::super::http1::{
    FIRST_READ, Framing, HeadScanner, MAX_HEAD, Scan, Transfer, TransferError, Version, may_be_response, poll_fill,
};
use super::super::server::Proxy;
use super::super::upstream::{ConnectError, GatewayError, PoolKey, Upstream, UpstreamConnection, reset_on_close};
use super::super::watchdog::{ResetCheck, Side};
use super::request::Request;
use super::response::Response;
use super::{Downstream, Next, Upgraded, WRITE_TIMEOUT};
use crate::policy::Route;

/// Serves a request whose head has been read.
pub(super) async fn serve(proxy: &Proxy, down: &mut Downstream, mut request: Request) -> Next {
    if let Err(error) = proxy.connector.check(&request.target.host, request.target.port) {
        return conclude(proxy, down, &request, Fault::Upstream(Failure::Connect(error))).await;
    }
    let mut outcome = attempt(proxy, down, &mut request).await;
    if let Some(fallback) = &proxy.fallback {
        match outcome {
            Err(Fault::Upstream(Failure::Connect(error @ ConnectError::Gateway(_))))
                if error.is_gateway_failure() && !request.has_left =>
            {
                fallback.begin(error);
                if let Some(head) = request.direct_head.take() {
                    (request.head, request.route) = (head, Route::Direct);
                    outcome = attempt(proxy, down, &mut request).await;
                }
            }
            Ok(_) if request.route == Route::Gateway => fallback.end(),
            _ => {}
        }
    }
    match outcome {
        Ok(next) => next,
        Err(fault) => conclude(proxy, down, &request, fault).await,
    }
}

/// Sends a request its way, on a connection that is kept, or on a new one.
async fn attempt(proxy: &Proxy, down: &mut Downstream, request: &mut Request) -> Result<Next, Fault> {
    let key = pool_key(request);
    // A kept connection may be closed by its other side at any moment. What cannot be sent twice takes one only if it was
    // used just now.
    let freshness = if request.is_repeatable { Duration::MAX } else { MAX_AGE_FOR_UNREPEATABLE };
    let mut kept = proxy.pool.take(&key, freshness);
    if kept.is_none() && request.route == Route::Gateway && request.is_repeatable {
        kept = proxy.connector.take_warm().map(UpstreamConnection::used);
    }
    if let Some(up) = kept {
        request.has_left = true;
        let head = if request.is_repeatable { request.head.clone() } else { std::mem::take(&mut request.head) };
        match Exchange::new(down, up, head, request).run(proxy, request, &key).await {
            Err(Fault::Stale) if request.is_repeatable => {
                debug!(host = request.target.host.as_str(), "a kept connection was closed; trying a new one");
            }
            outcome => return outcome,
        }
    }
    let stream = connect(proxy, request).await.map_err(|error| Fault::Upstream(Failure::Connect(error)))?;
    let head = std::mem::take(&mut request.head);
    Exchange::new(down, UpstreamConnection::new(stream), head, request).run(proxy, request, &key).await
}

fn pool_key(request: &Request) -> PoolKey {
    match request.route {
        Route::Direct => PoolKey::Direct(request.target.host.clone(), request.target.port),
        Route::Gateway => PoolKey::Gateway,
    }
}

async fn connect(proxy: &Proxy, request: &Request) -> Result<Upstream, ConnectError> {
    match request.route {
        Route::Direct => {
            proxy.connector.connect_direct(&request.target.host, request.target.port).await.map(Upstream::Tcp)
        }
        Route::Gateway => proxy.connector.connect_gateway().await,
    }
}

/// Why an exchange ended early.
#[derive(Debug)]
enum Fault {
    /// The kept connection was closed before anything of a response had come.
    Stale,
    /// The other side is at fault; nothing of a response was written yet.
    Upstream(Failure),
    /// The client broke the framing of its body; nothing of a response was written yet.
    BadBody,
    /// A response was begun and cannot be finished. Where the end of its body is that of the connection, a reset is the only
    /// way to tell.
    Broken { ends_with_connection: bool },
    /// The client has gone.
    Gone,
}

/// Turns a fault into what the client sees of it.
async fn conclude(proxy: &Proxy, down: &mut Downstream, request: &Request, fault: Fault) -> Next {
    let failure = match fault {
        Fault::Stale => blame(request.route, Failure::NoResponse),
        Fault::Upstream(failure) => {
            if failure == Failure::Connect(ConnectError::Refusal(GatewayError::Status(407))) {
                proxy.snapshots.reject_credentials();
            }
            blame(request.route, failure)
        }
        Fault::BadBody => Failure::Malformed("The body of the request is not framed as its head says"),
        Fault::Broken { ends_with_connection } => {
            debug!(host = request.target.host.as_str(), "response broken off");
            if ends_with_connection {
                reset_on_close(&down.stream);
                return Next::Abandon;
            }
            return Next::Close;
        }
        Fault::Gone => return Next::Abandon,
    };
    debug!(
        host = request.target.host.as_str(),
        port = request.target.port,
        route = request.route.as_str(),
        code = failure.code(),
        "request failed"
    );
    // A body that is still on its way stands between this request and the next.
    let has_body = !matches!(request.framing, Framing::Empty | Framing::Length(0));
    let closes = has_body || !request.is_persistent || proxy.shutdown.is_draining();
    if !down.answer(&failure.response(closes, request.is_head)).await {
        return Next::Abandon;
    }
    if closes { Next::Close } else { Next::Persist }
}

/// What an origin is blamed for on a direct route is the gateway's fault where it stands between.
fn blame(route: Route, failure: Failure) -> Failure {
    match (route, failure) {
        (Route::Gateway, Failure::NoResponse) => Failure::Connect(ConnectError::Refusal(GatewayError::Closed)),
        (Route::Gateway, Failure::BadResponse) => Failure::Connect(ConnectError::Refusal(GatewayError::Malformed)),
        (_, failure) => failure,
    }
}

/// Both connections and the request on its way between them.
struct Exchange<'d> {
    down: &'d mut Downstream,
    up: UpstreamConnection,
    sending: Sending,
    client_has_ended: bool,
    /// Whether a gateway has the request and has to answer in time.
    answer_is_due: bool,
    reset_check: ResetCheck,
}

/// The request on its way.
enum Sending {
    Underway(Transfer),
    Done,
    /// The other side takes no more of it. It may still answer.
    Refused,
}

impl<'d> Exchange<'d> {
    fn new(down: &'d mut Downstream, up: UpstreamConnection, head: Vec<u8>, request: &Request) -> Self {
        let sending = Sending::Underway(Transfer::new(head, request.framing, true));
        Self { down, up, sending, client_has_ended: false, answer_is_due: false, reset_check: ResetCheck::default() }
    }

    async fn run(mut self, proxy: &Proxy, request: &Request, key: &PoolKey) -> Result<Next, Fault> {
        self.down.watchdog.restart(proxy.limits.http_idle);
        let response = self.final_response(proxy, request).await?;
        self.up.heard = Instant::now();
        debug!(
            host = request.target.host.as_str(),
            port = request.target.port,
            route = request.route.as_str(),
            status = response.status,
            "request"
        );
        if response.status == 101 {
            return self.upgrade(response, request).await;
        }
        let keeps_chunks = request.version == Version::Http11;
        let mut receiving = Transfer::new(response.head, response.framing, keeps_chunks);
        self.receive(&mut receiving).await.map_err(|fault| match fault {
            Fault::Upstream(_) | Fault::BadBody if receiving.is_begun() => {
                Fault::Broken { ends_with_connection: response.ends_with_connection }
            }
            fault => fault,
        })?;
        // One that waits to be told to go on will not, by now.
        // Nor does a client that takes the end of the connection for the end of the answer.
        if !request.expects_continue && !response.ends_with_connection {
            self.finish_sending().await;
        }
        let is_sent = matches!(self.sending, Sending::Done);
        if is_sent && response.is_reusable && self.up.buffer.is_empty() {
            proxy.pool.keep(key.clone(), self.up);
        }
        // The rest of an unfinished request stands before the next one.
        Ok(if response.is_persistent && is_sent { Next::Persist } else { Next::Close })
    }

    /// Passes interim responses on, and returns the final one.
    async fn final_response(&mut self, proxy: &Proxy, request: &Request) -> Result<Response, Fault> {
        // A gateway that has the request and says nothing is as good as none. An origin may take its time.
        let limit = (request.route == Route::Gateway).then(|| proxy.connector.timeout());
        for _ in 0..=MAX_INTERIM {
            let length = self.response_head(limit).await?;
            self.down.watchdog.restart(proxy.limits.http_idle);
            self.answer_is_due = false;
            let may_persist = !proxy.shutdown.is_draining();
            let is_sent = matches!(self.sending, Sending::Done);
            let response =
                Response::read(&self.up.buffer[..length], request, may_persist, is_sent).map_err(Fault::Upstream)?;
            self.up.buffer.advance(length);
            if !response.is_interim() {
                return Ok(response);
            }
            if request.version == Version::Http11 {
                match timeout(WRITE_TIMEOUT, self.down.stream.write_all(&response.head)).await {
                    Ok(Ok(())) => {}
                    Ok(Err(_)) | Err(_) => return Err(Fault::Gone),
                }
            }
        }
        Err(Fault::Upstream(Failure::BadResponse))
    }

    /// Sends the request until a whole response head stands in the upstream buffer. Returns its length.
    async fn response_head(&mut self, limit: Option<Duration>) -> Result<usize, Fault> {
        let mut scanner = HeadScanner::lenient();
        let mut limit = limit;
        poll_fn(|cx| {
            if self.down.watchdog.poll_idle(cx, &self.reset_check).is_ready() {
                return Poll::Ready(Err(self.timed_out()));
            }
            self.poll_send(cx)?;
            if !matches!(self.sending, Sending::Underway(_))
                && let Some(limit) = limit.take()
            {
                self.down.watchdog.limit(limit);
                self.answer_is_due = true;
            }
            loop {
                match scanner.scan(&self.up.buffer) {
                    Scan::Whole(length) if length <= MAX_HEAD => return Poll::Ready(Ok(length)),
                    Scan::Partial if self.up.buffer.len() <= MAX_HEAD && may_be_response(&self.up.buffer) => {}
                    _ => return Poll::Ready(Err(Fault::Upstream(Failure::BadResponse))),
                }
                match poll_fill(cx, Pin::new(&mut self.up.stream), &mut self.up.buffer, FIRST_READ) {
                    Poll::Ready(Ok(length)) if length > 0 => {}
                    Poll::Ready(_) => return Poll::Ready(Err(self.ended_without_response())),
                    Poll::Pending => break,
                }
            }
            self.poll_client(cx).map(Err)
        })
        .await
    }

    /// Passes the response on, and the rest of the request.
    async fn receive(&mut self, receiving: &mut Transfer) -> Result<(), Fault> {
        poll_fn(|cx| {
            if self.down.watchdog.poll_idle(cx, &self.reset_check).is_ready() {
                return Poll::Ready(Err(self.timed_out()));
            }
            self.poll_send(cx)?;
            let up = &mut self.up;
            let from = Pin::new(&mut up.stream);
            let was_read = receiving.is_source_done();
            let received = receiving.poll(cx, from, &mut up.buffer, Pin::new(&mut self.down.stream));
            if !was_read && receiving.is_source_done() {
                up.heard = Instant::now();
            }
            match received {
                Poll::Ready(Ok(())) => Poll::Ready(Ok(())),
                Poll::Ready(Err(TransferError::Write)) => Poll::Ready(Err(Fault::Gone)),
                Poll::Ready(Err(_)) => Poll::Ready(Err(Fault::Upstream(Failure::BadResponse))),
                Poll::Pending => self.poll_client(cx).map(Err),
            }
        })
        .await
    }

    /// Sends the rest of a request that was answered before it was whole: a client that is cut off while it writes may not come
    /// to read the answer. Ends early where the other side takes no more, or the client sends nothing or nonsense.
    async fn finish_sending(&mut self) {
        poll_fn(|cx| {
            if self.down.watchdog.poll_idle(cx, &self.reset_check).is_ready() || self.poll_send(cx).is_err() {
                return Poll::Ready(());
            }
            if !matches!(self.sending, Sending::Underway(_)) {
                return Poll::Ready(());
            }
            // Whatever comes now, an end or a second answer, is no sign of a server that listens.
            let up = &mut self.up;
            poll_fill(cx, Pin::new(&mut up.stream), &mut up.buffer, FIRST_READ).map(|_| ())
        })
        .await;
    }

    /// Sends as much of the request as goes. An upstream that takes no more is not an error yet: it may have answered.
    fn poll_send(&mut self, cx: &mut Context<'_>) -> Result<(), Fault> {
        let Sending::Underway(transfer) = &mut self.sending else { return Ok(()) };
        let down = &mut *self.down;
        let from = Pin::new(&mut down.stream);
        match transfer.poll(cx, from, &mut down.buffer, Pin::new(&mut self.up.stream)) {
            Poll::Pending => {}
            Poll::Ready(Ok(())) => self.sending = Sending::Done,
            Poll::Ready(Err(TransferError::Write)) => self.sending = Sending::Refused,
            Poll::Ready(Err(TransferError::Framing | TransferError::Truncated)) => return Err(Fault::BadBody),
            Poll::Ready(Err(TransferError::Read)) => {
                return Err(Fault::Gone);
            }
        }
        Ok(())
    }

    /// Watches the client while the other side is awaited. Bytes that come are its next request and stay in the buffer. A
    /// client that ends its side may still read, but is not waited for as long.
    fn poll_client(&mut self, cx: &mut Context<'_>) -> Poll<Fault> {
        if matches!(self.sending, Sending::Underway(_)) {
            // It is read as its body is passed on, which may be blocked.
            let reset = self.reset_check.poll_reset(cx, &self.down.stream, &mut self.up.stream);
            return reset.map(|side| match side {
                Side::Down => Fault::Gone,
                Side::Up => self.ended_without_response(),
            });
        }
        if self.client_has_ended || !self.down.buffer.is_empty() {
            return Poll::Pending;
        }
        let down = &mut *self.down;
        match ready!(poll_fill(cx, Pin::new(&mut down.stream), &mut down.buffer, FIRST_READ)) {
            Err(_) => return Poll::Ready(Fault::Gone),
            Ok(0) => {
                self.client_has_ended = true;
                down.watchdog.expect_within(PATIENCE_AFTER_END);
                // The shorter time-out has to be armed.
                if down.watchdog.poll_idle(cx, &self.reset_check).is_ready() {
                    return Poll::Ready(Fault::Gone);
                }
            }
            Ok(_) => {}
        }
        Poll::Pending
    }

    fn timed_out(&self) -> Fault {
        if self.answer_is_due && self.down.watchdog.is_past_deadline() {
            return Fault::Upstream(Failure::GatewaySilent);
        }
        if self.client_has_ended { Fault::Gone } else { Fault::Upstream(Failure::ResponseTimedOut) }
    }

    fn ended_without_response(&self) -> Fault {
        if self.up.is_reused && self.up.buffer.is_empty() { Fault::Stale } else { Fault::Upstream(Failure::NoResponse) }
    }

    /// Lets the client know that its protocol is accepted. What follows is for a relay.
    async fn upgrade(self, response: Response, request: &Request) -> Result<Next, Fault> {
        match timeout(WRITE_TIMEOUT, self.down.stream.write_all(&response.head)).await {
            Ok(Ok(())) => Ok(Next::Relay(Box::new(Upgraded { up: self.up, host: request.target.host.clone() }))),
            Ok(Err(_)) | Err(_) => Err(Fault::Gone),
        }
    }
}

/// More interim responses than any server sends.
const MAX_INTERIM: usize = 32;
/// How long an answer is awaited for a client that has ended its side: it may have gone for good.
const PATIENCE_AFTER_END: Duration = Duration::from_secs(10);
/// How long a kept connection may have been idle for a request that cannot be repeated.
const MAX_AGE_FOR_UNREPEATABLE: Duration = Duration::from_secs(1);
