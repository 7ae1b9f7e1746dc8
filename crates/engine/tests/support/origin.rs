//! Origins.

use std::future::Future;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use super::{Raw, listen};

/// An origin that answers every request, and remembers what it got.
pub struct Origin {
    pub address: SocketAddr,
    heads: Arc<Mutex<Vec<String>>>,
    connections: Arc<Mutex<usize>>,
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
            let log = Arc::clone(&log);
            *count.lock().unwrap() += 1;
            async move {
                let mut connection = Raw::new(stream);
                while connection.stream.readable().await.is_ok() {
                    let mut byte = [0];
                    if !matches!(connection.stream.peek(&mut byte).await, Ok(1)) {
                        return;
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

    /// How many connections were made so far.
    pub fn connections(&self) -> usize {
        *self.connections.lock().unwrap()
    }
}
