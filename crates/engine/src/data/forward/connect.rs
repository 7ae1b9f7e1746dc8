//! CONNECT (RFC 9110 §9.3.6): open the way to the target, say so, and relay.

use std::sync::Arc;

use bytes::BytesMut;
use tokio::io::AsyncReadExt as _;
use tracing::debug;

use super::super::error::Failure;
use super::super::http1::FIRST_READ;
use super::super::server::Proxy;
use super::super::upstream::{ConnectError, GatewayError, Upstream};
use super::request::ConnectRequest;
use super::{Downstream, start_relay};
use crate::policy::Route;
use crate::snapshot::Snapshot;

/// Serves a CONNECT whose head has been read. 200 is sent only when the other side stands.
pub(super) async fn serve(proxy: &Proxy, mut down: Downstream, request: ConnectRequest, snapshot: &Arc<Snapshot>) {
    let connected = tokio::select! {
        connected = open(proxy, &request, snapshot) => connected,
        () = client_gone(&mut down) => {
            debug!(host = request.target.host.as_str(), "client gone before its connect stood");
            return;
        }
    };
    match connected {
        Ok(up) => {
            debug!(
                host = request.target.host.as_str(),
                port = request.target.port,
                route = request.route.as_str(),
                "connect"
            );
            if down.answer(ESTABLISHED).await {
                start_relay(proxy, down, up, request.target.host, snapshot);
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
    proxy.connector.check(host, port)?;
    if request.route == Route::Direct {
        return open_direct(proxy, request).await;
    }
    let opened = proxy.connector.connect_through_gateway(host, port, &snapshot.credentials).await;
    if let Err(ConnectError::Refusal(GatewayError::Status(407))) = opened {
        proxy.snapshots.reject_credentials();
    }
    let Some(fallback) = &proxy.fallback else { return opened };
    match opened {
        Err(error) if error.is_gateway_failure() => {
            fallback.begin(error);
            open_direct(proxy, request).await
        }
        Ok(_) => {
            fallback.end();
            opened
        }
        Err(_) => opened,
    }
}

async fn open_direct(proxy: &Proxy, request: &ConnectRequest) -> Result<(Upstream, BytesMut), ConnectError> {
    let stream = proxy.connector.connect_direct(&request.target.host, request.target.port).await?;
    Ok((Upstream::Tcp(stream), BytesMut::new()))
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
