//! GET on keep-alive connections: as fast as answers come, or at a fixed rate.

use std::io;
use std::rc::Rc;
use std::time::Duration;

use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep_until};

use super::meter::{Meter, start};
use super::response::{Response, ResponseReader};
use super::way::Way;
use super::window::Window;
use crate::args::Args;
use crate::io::read_with;

/// What all clients do.
#[derive(Debug)]
struct Plan {
    way: Way,
    request: Vec<u8>,
    /// Of the body that has to come.
    length: u64,
    /// Between two requests of one client; none sends the next one at once.
    pace: Option<Duration>,
    clients: u32,
}

/// A connection, kept as long as it persists.
#[derive(Debug)]
struct Client {
    plan: Rc<Plan>,
    turn: usize,
    connection: Option<(TcpStream, ResponseReader)>,
}

/// `--connections N --path /128 --length 128`, and `--rate N` per second for a fixed rate in all.
pub(crate) async fn run(args: &Args) -> io::Result<()> {
    let clients: u32 = args.value_or("connections", 64)?;
    let way = Way::of(args)?;
    let pace = args.value("rate")?.map(|rate: f64| Duration::from_secs_f64(f64::from(clients) / rate));
    let request = way.request(args.text("path").unwrap_or("/128"));
    let plan = Rc::new(Plan { way, request, length: args.value_or("length", 128)?, pace, clients });
    let window = Window::of(args)?;
    let meter = Meter::new(window.is_cold());
    let load = start(clients as usize, |turn| {
        let client = Client { plan: Rc::clone(&plan), turn, connection: None };
        client.run(Rc::clone(&meter))
    });
    window.measure(&meter, load).await
}

impl Client {
    async fn run(mut self, meter: Rc<Meter>) {
        let turn = meter.turn().await;
        while !meter.is_over() && !self.request(&meter, Instant::now()).await {}
        meter.ready(turn).await;
        let mut next = self.first_turn();
        while !meter.is_over() {
            let due = match self.plan.pace {
                Some(pace) => {
                    next += pace;
                    until(next).await
                }
                None => Instant::now(),
            };
            self.request(&meter, due).await;
        }
    }

    /// Whether it was answered.
    async fn request(&mut self, meter: &Meter, due: Instant) -> bool {
        match self.exchange(meter).await {
            Ok(response) => {
                meter.done(due);
                meter.moved(usize::try_from(response.length).unwrap_or(usize::MAX));
                true
            }
            Err(error) => {
                self.connection = None;
                meter.failed(error).await;
                false
            }
        }
    }

    /// Clients take turns within one pace.
    fn first_turn(&self) -> Instant {
        let pace = self.plan.pace.unwrap_or_default();
        let turn = u32::try_from(self.turn).unwrap_or_default();
        Instant::now() + pace * turn / self.plan.clients
    }

    /// As browsers do: a kept connection that turns out to be closed is replaced.
    async fn exchange(&mut self, meter: &Meter) -> io::Result<Response> {
        let is_kept = self.connection.is_some();
        match self.exchange_once(meter).await {
            Err(error) if is_kept && is_closed(&error) => {
                self.connection = None;
                self.exchange_once(meter).await
            }
            outcome => outcome,
        }
    }

    async fn exchange_once(&mut self, meter: &Meter) -> io::Result<Response> {
        let (stream, reader) = match &mut self.connection {
            Some(connection) => connection,
            none => {
                meter.reconnected();
                none.insert((self.plan.way.connect(self.turn).await?, ResponseReader::default()))
            }
        };
        stream.write_all(&self.plan.request).await?;
        let response = loop {
            if let Some(response) = read_with(stream, |bytes| reader.feed(bytes)).await?? {
                break response;
            }
        };
        if response.status != 200 || response.length != self.plan.length {
            return Err(io::Error::other(format!("status {}, {} bytes", response.status, response.length)));
        }
        if !response.persists {
            self.connection = None;
        }
        Ok(response)
    }
}

/// When a request counts from: from when it is sent, or from when it was due if an answer before it came too late. How late our
/// own timer is, up to a millisecond, is nobody's latency.
async fn until(due: Instant) -> Instant {
    if due <= Instant::now() {
        return due;
    }
    sleep_until(due).await;
    Instant::now()
}

fn is_closed(error: &io::Error) -> bool {
    use io::ErrorKind::{BrokenPipe, ConnectionReset, UnexpectedEof};
    matches!(error.kind(), BrokenPipe | ConnectionReset | UnexpectedEof)
}
