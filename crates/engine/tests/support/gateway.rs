//! The gateway.

use std::future::Future;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use socket2::SockRef;
use tokio::io::copy_bidirectional;
use tokio::net::TcpStream;

use super::client::field;
use super::{Raw, listen};

/// A gateway that wants `user:password`, and remembers the heads that it got.
pub struct Gateway {
    pub address: SocketAddr,
    heads: Arc<Mutex<Vec<String>>>,
}

/// Lets both connections end with a reset: what happens to one happens to the other.
pub fn reset_both(one: &TcpStream, other: &TcpStream) {
    for socket in [one, other] {
        SockRef::from(socket).set_linger(Some(Duration::ZERO)).unwrap();
    }
}

/// `user:password`, as a field value.
pub const AUTHORIZATION: &str = "Basic dXNlcjpwYXNzd29yZA==";

impl Gateway {
    /// Makes the connections that CONNECT asks for, and answers absolute-form requests itself: `200`, `via gateway`.
    pub async fn start() -> Self {
        Self::serving(|mut client, head| async move {
            if field(&head, "proxy-authorization") != Some(AUTHORIZATION) {
                return client.send("HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n").await;
            }
            let Some(target) = head.strip_prefix("CONNECT ").and_then(|rest| rest.split(' ').next()) else {
                return client.send("HTTP/1.1 200 OK\r\nContent-Length: 11\r\n\r\nvia gateway").await;
            };
            match TcpStream::connect(target).await {
                Ok(mut origin) => {
                    client.send("HTTP/1.1 200 OK\r\n\r\n").await;
                    if copy_bidirectional(&mut client.stream, &mut origin).await.is_err() {
                        reset_both(&client.stream, &origin);
                    }
                }
                Err(_) => client.send("HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n").await,
            }
        })
        .await
    }

    /// A gateway that is already there: played by the test, or an origin, which serves absolute-form requests as well.
    pub fn at(address: SocketAddr) -> Self {
        Self { address, heads: Arc::default() }
    }

    /// Serves each request, of which the head has been read, with the function.
    pub async fn serving<F, T>(serve: F) -> Self
    where
        F: Fn(Raw, String) -> T + Clone + Send + Sync + 'static,
        T: Future<Output = ()> + Send + 'static,
    {
        let heads = Arc::new(Mutex::new(Vec::new()));
        let log = Arc::clone(&heads);
        let address = listen(move |stream| {
            let (log, serve) = (Arc::clone(&log), serve.clone());
            async move {
                let mut connection = Raw::new(stream);
                // It may have been made just in case.
                if !connection.is_spoken_to().await {
                    return;
                }
                let head = connection.head().await;
                log.lock().unwrap().push(head.clone());
                serve(connection, head).await;
            }
        })
        .await;
        Self { address, heads }
    }

    /// The heads of the requests so far.
    pub fn heads(&self) -> Vec<String> {
        self.heads.lock().unwrap().clone()
    }
}
