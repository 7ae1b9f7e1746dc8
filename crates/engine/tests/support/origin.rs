//! Origins.

use std::future::{Future, poll_fn};
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};

use tokio::io::ReadBuf;
use tokio::net::{TcpListener, TcpStream};

use super::{Raw, listen, queueing_listener, soon};

/// An origin that answers every request, and remembers what it got.
pub struct Origin {
    pub address: SocketAddr,
    heads: Arc<Mutex<Vec<String>>>,
    connections: Arc<Mutex<usize>>,
}

/// The other side of the proxy, an origin or the gateway, played by the test itself.
pub struct Peer {
    pub address: SocketAddr,
    listener: TcpListener,
    silent: Mutex<Vec<TcpStream>>,
}

/// An origin whose connections are served by the function.
pub async fn origin<F, T>(serve: F) -> SocketAddr
where
    F: Fn(Raw) -> T + Send + Sync + 'static,
    T: Future<Output = ()> + Send + 'static,
{
    listen(move |stream| serve(Raw::new(stream))).await
}

impl Origin {
    /// Answers `200` with the body `ok` to each request without a body, on connections that stay open.
    pub async fn start() -> Self {
        let heads = Arc::new(Mutex::new(Vec::new()));
        let connections = Arc::new(Mutex::new(0));
        let (log, count) = (Arc::clone(&heads), Arc::clone(&connections));
        let address = listen(move |stream| {
            let (log, count) = (Arc::clone(&log), Arc::clone(&count));
            async move {
                let mut connection = Raw::new(stream);
                let mut is_used = false;
                while connection.is_spoken_to().await {
                    if !std::mem::replace(&mut is_used, true) {
                        *count.lock().unwrap() += 1;
                    }
                    let head = connection.head().await;
                    let body: &[u8] = if head.starts_with("HEAD ") { b"" } else { b"ok" };
                    log.lock().unwrap().push(head);
                    connection.send([b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n", body].concat()).await;
                }
            }
        })
        .await;
        Self { address, heads, connections }
    }

    /// The heads of the requests so far.
    pub fn heads(&self) -> Vec<String> {
        self.heads.lock().unwrap().clone()
    }

    /// How many connections were used so far.
    pub fn connections(&self) -> usize {
        *self.connections.lock().unwrap()
    }
}

impl Peer {
    pub fn start() -> Self {
        Self::at((Ipv4Addr::LOCALHOST, 0).into())
    }

    pub fn at(address: SocketAddr) -> Self {
        let listener = queueing_listener(address);
        Self { address: listener.local_addr().unwrap(), listener, silent: Mutex::default() }
    }

    /// The next connection.
    pub async fn accept(&self) -> Raw {
        Raw::new(soon("a connection", self.listener.accept()).await.unwrap().0)
    }

    /// The next connection on which something is asked. The proxy may make connections to the gateway before it needs them;
    /// they wait here.
    pub async fn asked(&self) -> Raw {
        Raw::new(soon("a request", poll_fn(|cx| self.poll_asked(cx))).await)
    }

    /// Closes the connections on which nothing was asked so far.
    pub fn close_silent(&self) {
        self.silent.lock().unwrap().clear();
    }

    /// Says something on the connections on which nothing was asked so far.
    pub fn say_unasked(&self, bytes: &str) {
        for stream in &*self.silent.lock().unwrap() {
            assert_eq!(stream.try_write(bytes.as_bytes()).unwrap(), bytes.len());
        }
    }

    /// Waits until a connection stands on which nothing is asked.
    pub async fn warm(&self) {
        let is_warm = |stream: &TcpStream, cx: &mut Context<'_>| {
            let mut byte = [0];
            stream.poll_peek(cx, &mut ReadBuf::new(&mut byte)).is_pending()
        };
        let warm = poll_fn(|cx| match self.poll_asked(cx) {
            Poll::Pending if self.silent.lock().unwrap().iter().any(|stream| is_warm(stream, cx)) => Poll::Ready(()),
            Poll::Pending => Poll::Pending,
            Poll::Ready(_) => panic!("something is asked"),
        });
        soon("a connection made in advance", warm).await;
    }

    fn poll_asked(&self, cx: &mut Context<'_>) -> Poll<TcpStream> {
        let mut silent = self.silent.lock().unwrap();
        while let Poll::Ready(accepted) = self.listener.poll_accept(cx) {
            silent.push(accepted.unwrap().0);
        }
        let asked = silent.iter().position(|stream| {
            let mut byte = [0];
            let peeked = stream.poll_peek(cx, &mut ReadBuf::new(&mut byte));
            matches!(peeked, Poll::Ready(Ok(length)) if length > 0)
        });
        asked.map_or(Poll::Pending, |at| Poll::Ready(silent.remove(at)))
    }
}
