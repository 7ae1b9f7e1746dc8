//! CONNECT (RFC 9110 §9.3.6): open the way to the target, say so, and relay.

use bytes::BytesMut;
use tokio::io::AsyncReadExt as _;
use tracing::debug;

use super::super::error::Failure;
use super::super::http1::FIRST_READ;
use super::super::server::Proxy;
use super::super::upstream::{ConnectError, DialError, Upstream};
use super::request::ConnectRequest;
use super::{Downstream, start_relay};
use crate::policy::Route;
use crate::snapshot::Snapshot;

/// Serves a CONNECT whose head has been read. 200 is sent only when the other side stands.
pub(super) async fn serve(proxy: &Proxy, mut down: Downstream, request: ConnectRequest, snapshot: &Snapshot) {
    let connected = tokio::select! {
        connected = open(proxy, &request, snapshot) => connected,
        () = client_gone(&mut down) => {
            debug!(host = request.target.host.as_str(), "client gone before its connect stood");
            return;
        }
    };
    match connected {
        Ok((up, early_down)) => {
            debug!(
                host = request.target.host.as_str(),
                port = request.target.port,
                route = request.route.as_str(),
                "connect"
            );
            if down.answer(ESTABLISHED).await {
                start_relay(proxy, down, up, early_down);
            }
        }
        Err(error) => {
            let failure = Failure::Connect(error);
            debug!(
                host = request.target.host.as_str(),
                port = request.target.port,
                route = request.route.as_str(),
                code = failure.code(),
                "connect failed"
            );
            down.answer_and_close(proxy, failure).await;
        }
    }
}

async fn open(
    proxy: &Proxy,
    request: &ConnectRequest,
    snapshot: &Snapshot,
) -> Result<(Upstream, BytesMut), ConnectError> {
    let (host, port) = (&request.target.host, request.target.port);
    if proxy.connector.would_loop(host, port) {
        return Err(ConnectError::Origin(DialError::Loop));
    }
    match request.route {
        Route::Direct => {
            let stream = proxy.connector.connect_direct(host, port).await?;
            Ok((Upstream::Tcp(stream), BytesMut::new()))
        }
        Route::Gateway => proxy.connector.connect_through_gateway(host, port, &snapshot.credentials).await,
    }
}

/// Ends when the client has left. What it sends early is kept for the target, within limits; a client that has sent
/// something may end its side and wait for the answer.
async fn client_gone(down: &mut Downstream) {
    while down.buffer.len() < MAX_EARLY {
        if down.buffer.capacity() == down.buffer.len() {
            down.buffer.reserve(FIRST_READ);
        }
        match down.stream.read_buf(&mut down.buffer).await {
            Ok(0) if down.buffer.is_empty() => return,
            Ok(0) => break,
            Ok(_) => {}
            Err(_) => return,
        }
    }
    std::future::pending().await
}

const ESTABLISHED: &[u8] = b"HTTP/1.1 200 Connection Established\r\n\r\n";
/// As much as is kept of what a client sends before its connect stands.
const MAX_EARLY: usize = 64 * 1024;
