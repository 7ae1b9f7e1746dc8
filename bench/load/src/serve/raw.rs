//! Plain byte services: what is at the other end of a connect.

use std::io;

use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;

use crate::io::{SCRATCH_SIZE, read_with};

/// What a connection is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Service {
    /// Sends back what comes.
    Echo,
    /// Sends without end.
    Source,
    /// Takes everything, and sends one byte for each whole [`ACKNOWLEDGED`] bytes: what has arrived counts, not what was
    /// written into buffers.
    Sink,
}

/// Where the services listen, so that a gateway in the same process knows what it is asked for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Ports {
    pub(crate) echo: u16,
    pub(crate) source: u16,
    pub(crate) sink: u16,
}

impl Ports {
    pub(crate) fn service(self, port: u16) -> Option<Service> {
        let services = [(self.echo, Service::Echo), (self.source, Service::Source), (self.sink, Service::Sink)];
        services.into_iter().find(|(of, _)| *of == port).map(|(_, service)| service)
    }
}

pub(crate) async fn serve(stream: TcpStream, service: Service) -> io::Result<()> {
    match service {
        Service::Echo => echo(stream).await,
        Service::Source => source(stream).await,
        Service::Sink => sink(stream).await,
    }
}

async fn echo(mut stream: TcpStream) -> io::Result<()> {
    let mut message = Vec::new();
    loop {
        message.clear();
        read_with(&mut stream, |bytes| message.extend_from_slice(bytes)).await?;
        if message.is_empty() {
            return Ok(());
        }
        stream.write_all(&message).await?;
        // An idle connection holds nothing.
        if message.capacity() > LARGEST_KEPT {
            message = Vec::new();
        }
    }
}

async fn source(mut stream: TcpStream) -> io::Result<()> {
    let bytes = vec![0; SCRATCH_SIZE];
    loop {
        stream.write_all(&bytes).await?;
    }
}

async fn sink(mut stream: TcpStream) -> io::Result<()> {
    let mut taken = 0;
    loop {
        let read = read_with(&mut stream, <[u8]>::len).await?;
        if read == 0 {
            return Ok(());
        }
        let whole = (taken + read) / ACKNOWLEDGED;
        taken = (taken + read) % ACKNOWLEDGED;
        if whole > 0 {
            stream.write_all(&ACKNOWLEDGEMENTS[..whole]).await?;
        }
    }
}

/// What one byte from a sink stands for.
pub(crate) const ACKNOWLEDGED: usize = 256 * 1024;
/// One read never passes the mark more often.
const ACKNOWLEDGEMENTS: [u8; SCRATCH_SIZE / ACKNOWLEDGED + 1] = [b'+'; SCRATCH_SIZE / ACKNOWLEDGED + 1];
const LARGEST_KEPT: usize = 4096;
