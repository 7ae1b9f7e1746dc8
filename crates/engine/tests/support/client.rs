//! A client that sends the bytes it is told to.

use std::net::SocketAddr;
use std::time::Duration;

use socket2::SockRef;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::soon;

/// A connection of raw bytes, from either side.
pub struct Raw {
    pub stream: TcpStream,
    buffer: Vec<u8>,
}

/// A response, with its body taken out of its framing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Response {
    pub status: u16,
    /// Status line and fields, without the empty line.
    pub head: String,
    pub body: Vec<u8>,
    /// The trailer fields of a chunked body.
    pub trailers: String,
}

impl Raw {
    pub async fn connect(address: SocketAddr) -> Self {
        Self::new(TcpStream::connect(address).await.unwrap())
    }

    pub fn new(stream: TcpStream) -> Self {
        stream.set_nodelay(true).unwrap();
        Self { stream, buffer: Vec::new() }
    }

    pub async fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.stream.write_all(bytes.as_ref()).await.unwrap();
    }

    /// Ends the sending side.
    pub async fn end(&mut self) {
        self.stream.shutdown().await.unwrap();
    }

    /// Closes the connection with a reset.
    pub fn reset(self) {
        SockRef::from(&self.stream).set_linger(Some(Duration::ZERO)).unwrap();
    }

    /// Waits until something comes: bytes, or the end. Whether it is bytes.
    pub async fn is_spoken_to(&self) -> bool {
        !self.buffer.is_empty() || matches!(self.stream.peek(&mut [0]).await, Ok(1))
    }

    /// Reads a head: everything up to an empty line, which is left out.
    pub async fn head(&mut self) -> String {
        let end = self.until(b"\r\n\r\n").await;
        let head = String::from_utf8(self.buffer[..end].to_vec()).unwrap();
        self.buffer.drain(..end + 4);
        head
    }

    pub async fn bytes(&mut self, length: usize) -> Vec<u8> {
        while self.buffer.len() < length {
            assert!(self.fill().await > 0, "the connection ended after {} of {length} bytes", self.buffer.len());
        }
        self.buffer.drain(..length).collect()
    }

    /// The next bytes as they come, at least one; none at the end of the connection.
    pub async fn some(&mut self) -> Vec<u8> {
        if self.buffer.is_empty() {
            self.fill().await;
        }
        std::mem::take(&mut self.buffer)
    }

    /// Reads to the end of the connection.
    pub async fn rest(&mut self) -> Vec<u8> {
        while self.fill().await > 0 {}
        std::mem::take(&mut self.buffer)
    }

    /// Whether the connection has ended regularly, with nothing left to read.
    pub async fn has_ended(&mut self) -> bool {
        self.buffer.is_empty() && self.fill().await == 0
    }

    /// The error that the connection ends with; none where it ends regularly.
    pub async fn error(&mut self) -> Option<std::io::ErrorKind> {
        let mut scrap = [0; 4096];
        loop {
            match soon("the end", self.stream.read(&mut scrap)).await {
                Ok(0) => return None,
                Ok(_) => {}
                Err(error) => return Some(error.kind()),
            }
        }
    }

    /// Reads a response to a GET, as its head says.
    pub async fn response(&mut self) -> Response {
        let head = self.head().await;
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        let mut response = Response { status, head, body: Vec::new(), trailers: String::new() };
        if matches!(status, 100..=199 | 204 | 304) {
            return response;
        }
        if response.field("transfer-encoding").is_some() {
            (response.body, response.trailers) = self.chunks().await;
        } else if let Some(length) = response.field("content-length") {
            let length = length.parse().unwrap();
            response.body = self.bytes(length).await;
        } else {
            response.body = self.rest().await;
        }
        response
    }

    /// Reads one chunk, which is empty for the last one.
    pub async fn chunk(&mut self) -> Vec<u8> {
        let size = usize::from_str_radix(&self.line().await, 16).unwrap();
        let data = self.bytes(size).await;
        if size > 0 {
            assert_eq!(self.line().await, "");
        }
        data
    }

    /// Reads a chunked body and its trailers.
    pub async fn chunks(&mut self) -> (Vec<u8>, String) {
        let mut body = Vec::new();
        loop {
            let chunk = self.chunk().await;
            if chunk.is_empty() {
                break;
            }
            body.extend(chunk);
        }
        let mut trailers = String::new();
        loop {
            let line = self.line().await;
            if line.is_empty() {
                return (body, trailers);
            }
            trailers += &(line + "\r\n");
        }
    }

    pub async fn line(&mut self) -> String {
        let end = self.until(b"\r\n").await;
        let line = String::from_utf8(self.buffer[..end].to_vec()).unwrap();
        self.buffer.drain(..end + 2);
        line
    }

    async fn until(&mut self, needle: &[u8]) -> usize {
        loop {
            if let Some(at) = self.buffer.windows(needle.len()).position(|window| window == needle) {
                return at;
            }
            assert!(self.fill().await > 0, "the connection ended in {:?}", String::from_utf8_lossy(&self.buffer));
        }
    }

    async fn fill(&mut self) -> usize {
        self.buffer.reserve(READ_SIZE);
        soon("bytes", self.stream.read_buf(&mut self.buffer)).await.unwrap()
    }
}

impl Response {
    /// The value of a field, by its name in any case.
    pub fn field(&self, name: &str) -> Option<&str> {
        field(&self.head, name)
    }

    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }

    /// The reason phrase.
    pub fn reason(&self) -> &str {
        self.head.lines().next().unwrap().splitn(3, ' ').nth(2).unwrap_or_default()
    }
}

/// The value of a field in a head.
pub fn field<'h>(head: &'h str, name: &str) -> Option<&'h str> {
    head.lines().skip(1).find_map(|line| {
        let (written, value) = line.split_once(':')?;
        written.eq_ignore_ascii_case(name).then(|| value.trim())
    })
}

const READ_SIZE: usize = 16 * 1024;
