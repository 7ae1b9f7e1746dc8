//! Happy Eyeballs (RFC 8305 §5): addresses are raced, so that one that does not answer costs a moment, not a time-out.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use futures_util::future::{Either, select};
use futures_util::stream::{FuturesUnordered, StreamExt as _};
use tokio::net::TcpStream;
use tokio::time::sleep;

use super::DialError;

/// Connects to the first address that answers. Each next one is tried when the last has failed, or has not answered for a
/// quarter of a second. If none answers, it ends with the failure that says most.
pub(super) async fn first_to_answer(addresses: &[SocketAddr]) -> Result<TcpStream, DialError> {
    let mut waiting = addresses.iter();
    let mut attempts = FuturesUnordered::new();
    let mut failure = DialError::NameNotFound;
    loop {
        if let Some(address) = waiting.next() {
            attempts.push(connect(*address));
        }
        let outcome = if waiting.len() == 0 {
            attempts.next().await
        } else {
            match select(attempts.next(), std::pin::pin!(sleep(ATTEMPT_DELAY))).await {
                Either::Left((outcome, _)) => outcome,
                Either::Right(_) => continue,
            }
        };
        match outcome {
            Some(Ok(stream)) => return Ok(stream),
            Some(Err(error)) if error.says_more_than(failure) => failure = error,
            Some(Err(_)) => {}
            None => return Err(failure),
        }
    }
}

async fn connect(address: SocketAddr) -> Result<TcpStream, DialError> {
    let stream = TcpStream::connect(address).await.map_err(|error| DialError::of(&error))?;
    stream.set_nodelay(true).map_err(|error| DialError::of(&error))?;
    Ok(stream)
}

impl DialError {
    /// Whether this comes nearer to the host: an answer of its own says more than silence, and that more than no way to it.
    fn says_more_than(self, other: Self) -> bool {
        let rank = |error| match error {
            Self::Refused | Self::Reset | Self::NoDescriptors => 3,
            Self::TimedOut => 2,
            Self::Unreachable => 1,
            Self::NameNotFound | Self::Loop | Self::OutOfReach | Self::Tls => 0,
        };
        rank(self) > rank(other)
    }

    fn of(error: &io::Error) -> Self {
        use io::ErrorKind as Kind;
        match error.kind() {
            Kind::ConnectionRefused => Self::Refused,
            Kind::ConnectionReset | Kind::ConnectionAborted | Kind::BrokenPipe => Self::Reset,
            Kind::TimedOut => Self::TimedOut,
            _ if is_out_of_descriptors(error) => Self::NoDescriptors,
            _ => Self::Unreachable,
        }
    }
}

/// EMFILE or ENFILE.
fn is_out_of_descriptors(error: &io::Error) -> bool {
    const ENFILE: i32 = 23;
    const EMFILE: i32 = 24;
    cfg!(unix) && matches!(error.raw_os_error(), Some(ENFILE | EMFILE))
}

/// The Connection Attempt Delay that RFC 8305 §8 recommends.
const ATTEMPT_DELAY: Duration = Duration::from_millis(250);
