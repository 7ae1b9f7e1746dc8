//! As many bytes as go through a few connects, one way.

use std::io;
use std::rc::Rc;

use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;

use super::meter::{Meter, start};
use super::way::Way;
use super::window::Window;
use crate::args::Args;
use crate::io::{SCRATCH_SIZE, read_with};
use crate::serve::ACKNOWLEDGED;

/// `--direction down` reads from a source, `--direction up` writes to a sink.
pub(crate) async fn run(args: &Args) -> io::Result<()> {
    let clients = args.value_or("connections", 8)?;
    let way = Rc::new(Way::of(args)?);
    let is_up = args.required("direction")? == "up";
    let window = Window::of(args)?;
    let meter = Meter::new(window.is_cold());
    let load = start(clients, |turn| client(Rc::clone(&way), Rc::clone(&meter), turn, is_up));
    window.measure(&meter, load).await
}

async fn client(way: Rc<Way>, meter: Rc<Meter>, turn: usize, is_up: bool) {
    let moved = match way.reach(turn).await {
        Ok(stream) => {
            meter.ready(None).await;
            if is_up { upload(stream, &meter).await } else { download(stream, &meter).await }
        }
        Err(error) => Err(error),
    };
    if let Err(error) = moved {
        meter.failed(error).await;
    }
}

async fn download(mut stream: TcpStream, meter: &Meter) -> io::Result<()> {
    while !meter.is_over() {
        match read_with(&mut stream, <[u8]>::len).await? {
            0 => return Err(io::ErrorKind::UnexpectedEof.into()),
            read => meter.moved(read),
        }
    }
    Ok(())
}

/// Counts what the sink has acknowledged.
async fn upload(stream: TcpStream, meter: &Rc<Meter>) -> io::Result<()> {
    let (mut reader, mut writer) = stream.into_split();
    let is_over = Rc::clone(meter);
    let writing = tokio::task::spawn_local(async move {
        let bytes = vec![0; SCRATCH_SIZE];
        while !is_over.is_over() && writer.write_all(&bytes).await.is_ok() {}
    });
    while !meter.is_over() {
        match read_with(&mut reader, <[u8]>::len).await? {
            0 => return Err(io::ErrorKind::UnexpectedEof.into()),
            acknowledgements => meter.moved(acknowledgements * ACKNOWLEDGED),
        }
    }
    writing.abort();
    Ok(())
}
