//! Small messages back and forth in connects that stand, as WebSockets and interactive sessions have them.

use std::io;
use std::rc::Rc;

use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;
use tokio::time::Instant;

use super::meter::{Meter, start};
use super::way::Way;
use super::window::Window;
use crate::args::Args;
use crate::io::read_with;

/// `--connections N`: each sends a message when the last one has come back.
pub(crate) async fn run(args: &Args) -> io::Result<()> {
    let clients = args.value_or("connections", 64)?;
    let way = Rc::new(Way::of(args)?);
    let window = Window::of(args)?;
    let meter = Meter::new(window.is_cold());
    let load = start(clients, |turn| client(Rc::clone(&way), Rc::clone(&meter), turn));
    window.measure(&meter, load).await
}

async fn client(way: Rc<Way>, meter: Rc<Meter>, turn: usize) {
    let talked = match way.reach(turn).await {
        Ok(stream) => talk(stream, &meter).await,
        Err(error) => Err(error),
    };
    if let Err(error) = talked {
        meter.failed(error).await;
    }
}

async fn talk(mut stream: TcpStream, meter: &Meter) -> io::Result<()> {
    round_trip(&mut stream).await?;
    meter.ready(None).await;
    while !meter.is_over() {
        let began = Instant::now();
        round_trip(&mut stream).await?;
        meter.done(began);
    }
    Ok(())
}

/// Sends one message and waits until all of it is back.
pub(crate) async fn round_trip(stream: &mut TcpStream) -> io::Result<()> {
    stream.write_all(&MESSAGE).await?;
    let mut left = MESSAGE.len();
    while left > 0 {
        match read_with(stream, <[u8]>::len).await? {
            0 => return Err(io::ErrorKind::UnexpectedEof.into()),
            read => left = left.saturating_sub(read),
        }
    }
    Ok(())
}

/// A chat message, a ping, a key stroke of a terminal with its frame.
const MESSAGE: [u8; 100] = [b'm'; 100];
