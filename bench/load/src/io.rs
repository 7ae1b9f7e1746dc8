//! Sockets and output, as both sides use them.

use std::cell::RefCell;
use std::future::poll_fn;
use std::io::{self, Write as _};
use std::net::{Ipv4Addr, SocketAddr};
use std::pin::Pin;
use std::task::{Poll, ready};

use nix::sys::socket::{setsockopt, sockopt};
use serde::Serialize;
use tokio::io::{AsyncRead, ReadBuf};
use tokio::net::{TcpListener, TcpSocket, TcpStream};

/// Prints a value as one line of JSON, at once.
pub(crate) fn say(value: &impl Serialize) {
    let Ok(mut line) = serde_json::to_vec(value) else { return };
    line.push(b'\n');
    let mut output = io::stdout().lock();
    // Whoever reads this has gone: there is nobody left to tell.
    let _ = output.write_all(&line).and_then(|()| output.flush());
}

/// Reads once into a buffer that all connections share, and hands over what has come: nothing at the end.
pub(crate) async fn read_with<S, T>(stream: &mut S, mut take: impl FnMut(&[u8]) -> T) -> io::Result<T>
where
    S: AsyncRead + Unpin,
{
    poll_fn(|cx| {
        SCRATCH.with_borrow_mut(|scratch| {
            if scratch.is_empty() {
                scratch.resize(SCRATCH_SIZE, 0);
            }
            let mut read = ReadBuf::new(scratch);
            ready!(Pin::new(&mut *stream).poll_read(cx, &mut read))?;
            Poll::Ready(Ok(take(read.filled())))
        })
    })
    .await
}

/// Listens on a port of all loopback addresses, or on a free one for 0.
pub(crate) fn listen(port: u16) -> io::Result<TcpListener> {
    let socket = TcpSocket::new_v4()?;
    socket.set_reuseaddr(true)?;
    socket.bind((Ipv4Addr::UNSPECIFIED, port).into())?;
    socket.listen(BACKLOG)
}

/// Connects from one of several loopback addresses, so that no pair of addresses runs out of ports.
pub(crate) async fn connect(to: SocketAddr, turn: usize) -> io::Result<TcpStream> {
    let socket = TcpSocket::new_v4()?;
    // The port is picked when the other end is known, and only that pair is taken: proxies find theirs as fast as ever.
    setsockopt(&socket, sockopt::IpBindAddressNoPort, &true)?;
    socket.bind((spread(turn), 0).into())?;
    let stream = socket.connect(to).await?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

/// One of the loopback addresses that loads come from and go to.
#[expect(clippy::cast_possible_truncation, reason = "a remainder below 16")]
pub(crate) fn spread(turn: usize) -> Ipv4Addr {
    Ipv4Addr::new(127, 0, 0, 1 + (turn % ADDRESSES) as u8)
}

thread_local! {
    static SCRATCH: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

/// As much as a fast reader takes at once.
pub(crate) const SCRATCH_SIZE: usize = 256 * 1024;
const BACKLOG: u32 = 4096;
const ADDRESSES: usize = 16;
