//! The way from a client to a target: through a proxy, or straight.

use std::io;
use std::net::SocketAddr;

use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;

use crate::args::Args;
use crate::io::{connect, read_with, spread};

/// Where a load goes.
#[derive(Debug, Clone)]
pub(crate) struct Way {
    /// None goes straight to the target.
    proxy: Option<SocketAddr>,
    host: String,
    port: u16,
    /// Whether connects go to several addresses of this machine in turn, so that the proxy does not run out of ports.
    is_spread: bool,
}

impl Way {
    /// `--proxy ADDRESS` (none for no proxy) and `--target HOST:PORT`.
    pub(crate) fn of(args: &Args) -> io::Result<Self> {
        let target = args.required("target")?;
        let (host, port) = target.rsplit_once(':').ok_or_else(|| io::Error::other("--target needs a port"))?;
        let port = port.parse().map_err(io::Error::other)?;
        Ok(Self {
            proxy: args.value("proxy")?,
            host: host.to_owned(),
            port,
            is_spread: host == "127.0.0.1" && args.text("spread").is_some(),
        })
    }

    /// A GET for a path: absolute-form for a proxy, origin-form for an origin. With what a browser says of itself.
    pub(crate) fn request(&self, path: &str) -> Vec<u8> {
        let authority = format!("{}:{}", self.host, self.port);
        let target = if self.proxy.is_some() { format!("http://{authority}{path}") } else { path.to_owned() };
        format!("GET {target} HTTP/1.1\r\nHost: {authority}\r\n{FIELDS}\r\n").into_bytes()
    }

    /// A connection for requests.
    pub(crate) async fn connect(&self, turn: usize) -> io::Result<TcpStream> {
        connect(self.first_hop()?, turn).await
    }

    /// A connection to the target itself: by CONNECT where there is a proxy.
    pub(crate) async fn reach(&self, turn: usize) -> io::Result<TcpStream> {
        let mut stream = self.connect(turn).await?;
        if self.proxy.is_some() {
            let host = if self.is_spread { spread(turn).to_string() } else { self.host.clone() };
            establish(&mut stream, &format!("{host}:{}", self.port)).await?;
        }
        Ok(stream)
    }

    /// By CONNECT to another name than the target's.
    pub(crate) async fn reach_name(&self, name: &str) -> io::Result<TcpStream> {
        let mut stream = self.connect(0).await?;
        establish(&mut stream, &format!("{name}:{}", self.port)).await?;
        Ok(stream)
    }

    fn first_hop(&self) -> io::Result<SocketAddr> {
        match self.proxy {
            Some(proxy) => Ok(proxy),
            None => Ok(SocketAddr::new(self.host.parse().map_err(io::Error::other)?, self.port)),
        }
    }
}

async fn establish(stream: &mut TcpStream, authority: &str) -> io::Result<()> {
    let request = format!("CONNECT {authority} HTTP/1.1\r\nHost: {authority}\r\n\r\n");
    stream.write_all(request.as_bytes()).await?;
    let mut head = Vec::new();
    loop {
        let read = read_with(stream, |bytes| {
            head.extend_from_slice(bytes);
            bytes.len()
        })
        .await?;
        // What the target says early is not looked at: only a source does, and it goes on and on.
        if memchr::memmem::find(&head, b"\r\n\r\n").is_some() {
            break;
        }
        if read == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
    }
    if head.starts_with(b"HTTP/1.") && head[8..].starts_with(b" 200") {
        return Ok(());
    }
    let status = String::from_utf8_lossy(head.split(|byte| *byte == b'\r').next().unwrap_or_default()).into_owned();
    Err(io::Error::other(format!("CONNECT {authority}: {status}")))
}

const FIELDS: &str = "User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36\r\n\
    Accept: text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8\r\n\
    Accept-Encoding: gzip, deflate\r\n\
    Accept-Language: en-GB,en;q=0.9\r\n";
