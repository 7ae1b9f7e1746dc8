//! Connects, one after the other: TCP, CONNECT, 200, close.

use std::io;
use std::rc::Rc;

use tokio::time::Instant;

use super::meter::{Meter, start};
use super::way::Way;
use super::window::Window;
use crate::args::Args;

/// `--connections N` clients at once.
pub(crate) async fn run(args: &Args) -> io::Result<()> {
    let clients = args.value_or("connections", 32)?;
    let way = Rc::new(Way::of(args)?);
    let window = Window::of(args)?;
    let meter = Meter::new(window.is_cold());
    let load = start(clients, |turn| client(Rc::clone(&way), Rc::clone(&meter), turn));
    window.measure(&meter, load).await
}

async fn client(way: Rc<Way>, meter: Rc<Meter>, number: usize) {
    let turn = meter.turn().await;
    let mut attempts = number..;
    while !meter.is_over() && !connect(&way, &meter, attempts.next()).await {}
    meter.ready(turn).await;
    while !meter.is_over() {
        connect(&way, &meter, attempts.next()).await;
    }
}

/// Whether it stood.
async fn connect(way: &Way, meter: &Meter, attempt: Option<usize>) -> bool {
    let began = Instant::now();
    match way.reach(attempt.unwrap_or_default()).await {
        Ok(stream) => {
            meter.done(began);
            drop(stream);
            true
        }
        Err(error) => {
            meter.failed(error).await;
            false
        }
    }
}
