//! Origin and gateway in one: answers requests itself, whatever their form, and is the other end of every CONNECT. A second hop
//! would only take CPU time from the proxy that is measured.

use std::io;
use std::time::Duration;

use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep, sleep_until};

use super::raw::{self, Ports};
use crate::io::read_with;

/// How a port answers.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Door {
    pub(crate) ports: Ports,
    /// What `Proxy-Authorization` has to say.
    pub(crate) credentials: Option<&'static str>,
    /// How far away it is.
    pub(crate) round_trip: Option<Duration>,
}

/// What a request asks for.
enum Asked {
    Connect(u16),
    Answer { bytes: &'static [u8], is_last: bool },
    Credentials,
}

pub(crate) async fn serve(mut stream: TcpStream, door: Door) -> io::Result<()> {
    // loopback connects at once; from afar that takes a round trip, and nothing could have been sent before.
    let stands_at = Instant::now() + door.round_trip.unwrap_or_default();
    let mut buffer = Vec::new();
    loop {
        let length = match memchr::memmem::find(&buffer, b"\r\n\r\n") {
            Some(end) => end + 4,
            None if buffer.len() > MAX_HEAD => return Ok(()),
            None => {
                if read_with(&mut stream, |bytes| {
                    buffer.extend_from_slice(bytes);
                    bytes.len()
                })
                .await?
                    == 0
                {
                    return Ok(());
                }
                continue;
            }
        };
        let asked = ask(&buffer[..length], door)?;
        buffer.drain(..length);
        if let Some(round_trip) = door.round_trip {
            sleep_until(stands_at.max(Instant::now()) + round_trip).await;
        }
        match asked {
            Asked::Connect(port) => {
                stream.write_all(ESTABLISHED).await?;
                return relay(stream, door, port).await;
            }
            Asked::Answer { bytes, is_last } => {
                stream.write_all(bytes).await?;
                if is_last {
                    return stream.shutdown().await;
                }
            }
            Asked::Credentials => stream.write_all(UNAUTHORIZED).await?,
        }
    }
}

async fn relay(stream: TcpStream, door: Door, port: u16) -> io::Result<()> {
    match door.ports.service(port) {
        Some(service) => raw::serve(stream, service).await,
        // Names that nobody serves are asked for too, only to be connected to.
        None => {
            sleep(IDLE).await;
            drop(stream);
            Ok(())
        }
    }
}

fn ask(head: &[u8], door: Door) -> io::Result<Asked> {
    let mut fields = [httparse::EMPTY_HEADER; 64];
    let mut request = httparse::Request::new(&mut fields);
    request.parse(head).map_err(io::Error::other)?;
    let target = request.path.unwrap_or_default();
    let field = |name: &str| {
        let mut fields = request.headers.iter();
        fields.find(|field| field.name.eq_ignore_ascii_case(name)).map(|field| field.value)
    };
    if door.credentials.is_some_and(|credentials| field("proxy-authorization") != Some(credentials.as_bytes())) {
        return Ok(Asked::Credentials);
    }
    if request.method == Some("CONNECT") {
        let port = target.rsplit(':').next().and_then(|port| port.parse().ok()).unwrap_or_default();
        return Ok(Asked::Connect(port));
    }
    let bytes = if target.ends_with("/64k") {
        LARGE
    } else if target.ends_with("/chunked") {
        CHUNKED
    } else {
        SMALL
    };
    let is_last = request.version == Some(0) || field("connection").is_some_and(|value| value == b"close");
    Ok(Asked::Answer { bytes, is_last })
}

/// What a common server says of a file.
macro_rules! head {
    ($framing:literal) => {
        concat!(
            "HTTP/1.1 200 OK\r\n",
            "Server: origin\r\n",
            "Date: Sun, 06 Nov 2022 08:49:37 GMT\r\n",
            "Content-Type: text/plain\r\n",
            "Cache-Control: no-store\r\n",
            "Vary: Accept-Encoding\r\n",
            $framing,
            "\r\n\r\n"
        )
    };
}

const fn filled<const N: usize>(head: &str) -> [u8; N] {
    let (head, mut whole) = (head.as_bytes(), [b'.'; N]);
    let mut at = 0;
    while at < head.len() {
        whole[at] = head[at];
        at += 1;
    }
    whole
}

/// Sixteen chunks of a kibibyte each.
const fn chunked<const N: usize>(head: &str) -> [u8; N] {
    let mut whole: [u8; N] = filled(head);
    let mut start = head.len();
    while start + CHUNK <= N - LAST_CHUNK.len() {
        let mut at = 0;
        while at < 5 {
            whole[start + at] = b"400\r\n"[at];
            at += 1;
        }
        whole[start + CHUNK - 2] = b'\r';
        whole[start + CHUNK - 1] = b'\n';
        start += CHUNK;
    }
    let mut at = 0;
    while at < LAST_CHUNK.len() {
        whole[start + at] = LAST_CHUNK[at];
        at += 1;
    }
    whole
}

const SMALL_HEAD: &str = head!("Content-Length: 128");
const LARGE_HEAD: &str = head!("Content-Length: 65536");
const CHUNKED_HEAD: &str = head!("Transfer-Encoding: chunked");
const LAST_CHUNK: &[u8] = b"0\r\n\r\n";
/// One chunk with its size and its line breaks.
const CHUNK: usize = 5 + 1024 + 2;

static SMALL: &[u8] = &filled::<{ SMALL_HEAD.len() + 128 }>(SMALL_HEAD);
static LARGE: &[u8] = &filled::<{ LARGE_HEAD.len() + 65_536 }>(LARGE_HEAD);
static CHUNKED: &[u8] = &chunked::<{ CHUNKED_HEAD.len() + 16 * CHUNK + LAST_CHUNK.len() }>(CHUNKED_HEAD);

const ESTABLISHED: &[u8] = b"HTTP/1.1 200 Connection established\r\n\r\n";
const UNAUTHORIZED: &[u8] = b"HTTP/1.1 407 Proxy Authentication Required\r\n\
    Proxy-Authenticate: Basic realm=\"gateway\"\r\nContent-Length: 0\r\n\r\n";
const MAX_HEAD: usize = 64 * 1024;
/// Longer than any scenario.
const IDLE: Duration = Duration::from_secs(60);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_chunked_answer_is_what_its_name_says() {
        let text = String::from_utf8(CHUNKED.to_vec()).unwrap();
        let (head, body) = text.split_once("\r\n\r\n").unwrap();

        assert!(head.ends_with("Transfer-Encoding: chunked"));
        assert_eq!(body.matches("400\r\n").count(), 16);
        assert!(body.ends_with(".\r\n0\r\n\r\n"));
    }
}
