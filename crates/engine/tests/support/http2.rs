//! A gateway that speaks HTTP/2.

use std::future::Future;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use h2::server::{Connection, SendResponse};
use h2::{Reason, RecvStream, SendStream};
use http::{Request, Response};
use socket2::SockRef;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio_rustls::server::TlsStream;

use super::tls::Authority;
use super::{listen, spawn};

/// A gateway over TLS that chooses HTTP/2 where a client offers it.
pub struct Http2Gateway {
    pub address: SocketAddr,
    connections: Arc<AtomicUsize>,
    asked: Arc<Mutex<Vec<Request<()>>>>,
}

/// One CONNECT that was asked for.
pub struct Asked {
    pub request: Request<RecvStream>,
    pub respond: SendResponse<Bytes>,
    /// Which connection it came on, from 0.
    pub connection: usize,
}

impl Http2Gateway {
    /// Makes the connections that are asked for, to the authority that is named.
    pub async fn start(ca: &Authority) -> Self {
        Self::serving(ca, |builder| builder, |asked| async move { asked.connect().await }).await
    }

    /// Serves each CONNECT with the function.
    pub async fn serving<F, T>(
        ca: &Authority,
        build: fn(&mut h2::server::Builder) -> &mut h2::server::Builder,
        serve: F,
    ) -> Self
    where
        F: Fn(Asked) -> T + Clone + Send + Sync + 'static,
        T: Future<Output = ()> + Send + 'static,
    {
        let (connections, asked) = (Arc::new(AtomicUsize::new(0)), Arc::new(Mutex::new(Vec::new())));
        let (count, log) = (Arc::clone(&connections), Arc::clone(&asked));
        let acceptor = ca.acceptor_with("127.0.0.1", &["h2"]);
        let address = listen(move |stream| {
            let (acceptor, count, log, serve) = (acceptor.clone(), Arc::clone(&count), Arc::clone(&log), serve.clone());
            async move {
                let Ok(stream) = acceptor.accept(stream).await else { return };
                if stream.get_ref().1.alpn_protocol() != Some(b"h2") {
                    return;
                }
                let number = count.fetch_add(1, Ordering::Relaxed);
                let mut builder = h2::server::Builder::new();
                // What is lost here is seen by the proxy.
                let Ok(connection) = build(&mut builder).handshake(stream).await else { return };
                serve_connection(connection, number, &log, serve).await;
            }
        })
        .await;
        Self { address, connections, asked }
    }

    /// How many connections were made.
    pub fn connections(&self) -> usize {
        self.connections.load(Ordering::Relaxed)
    }

    /// What was asked for so far.
    pub fn asked(&self) -> Vec<Request<()>> {
        self.asked.lock().unwrap().clone()
    }
}

async fn serve_connection<F, T>(
    mut connection: Connection<TlsStream<TcpStream>, Bytes>,
    number: usize,
    log: &Mutex<Vec<Request<()>>>,
    serve: F,
) where
    F: Fn(Asked) -> T + Clone + Send + Sync + 'static,
    T: Future<Output = ()> + Send + 'static,
{
    while let Some(Ok((request, respond))) = connection.accept().await {
        let (parts, body) = request.into_parts();
        log.lock().unwrap().push(Request::from_parts(parts.clone(), ()));
        let request = Request::from_parts(parts, body);
        spawn(serve(Asked { request, respond, connection: number }));
    }
}

impl Asked {
    /// Answers with this status, and the end of the stream.
    pub fn answer(mut self, status: u16) {
        let response = Response::builder().status(status).body(()).unwrap();
        // A client that has gone does not mind.
        let _ = self.respond.send_response(response, true);
    }

    /// Connects to the authority, and passes everything on: ends as ends, resets as resets.
    pub async fn connect(mut self) {
        let Ok(origin) = TcpStream::connect(self.request.uri().authority().unwrap().as_str()).await else {
            return self.answer(502);
        };
        let Ok(mut send) = self.respond.send_response(Response::new(()), false) else { return };
        let mut body = self.request.into_body();
        let (mut from, mut to) = origin.into_split();
        let outcome = tokio::join!(to_origin(&mut body, &mut to), to_client(&mut from, &mut send));
        if outcome.0.is_err() {
            let origin = from.reunite(to).unwrap();
            SockRef::from(&origin).set_linger(Some(Duration::ZERO)).unwrap();
        }
    }
}

/// An error where the client has reset the stream.
async fn to_origin(body: &mut RecvStream, to: &mut OwnedWriteHalf) -> Result<(), h2::Error> {
    while let Some(data) = body.data().await {
        let data = data?;
        if to.write_all(&data).await.is_err() {
            return Ok(());
        }
        let _ = body.flow_control().release_capacity(data.len());
    }
    let _ = to.shutdown().await;
    Ok(())
}

async fn to_client(from: &mut OwnedReadHalf, send: &mut SendStream<Bytes>) {
    let mut buffer = vec![0; 64 * 1024];
    loop {
        let length = tokio::select! {
            read = from.read(&mut buffer) => match read {
                Ok(length) => length,
                Err(_) => return send.send_reset(Reason::CONNECT_ERROR),
            },
            _ = std::future::poll_fn(|cx| send.poll_reset(cx)) => return,
        };
        if length == 0 {
            let _ = send.send_data(Bytes::new(), true);
            return;
        }
        let mut rest = &buffer[..length];
        while !rest.is_empty() {
            send.reserve_capacity(rest.len());
            let room = match std::future::poll_fn(|cx| {
                if send.capacity() > 0 {
                    std::task::Poll::Ready(Some(Ok(send.capacity())))
                } else {
                    send.poll_capacity(cx)
                }
            })
            .await
            {
                Some(Ok(room)) => room.min(rest.len()),
                _ => return,
            };
            if send.send_data(Bytes::copy_from_slice(&rest[..room]), false).is_err() {
                return;
            }
            rest = &rest[room..];
        }
    }
}
