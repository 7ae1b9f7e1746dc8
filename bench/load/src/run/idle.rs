//! Memory of a proxy for connects that stand and do nothing.

use std::cell::Cell;
use std::io;
use std::rc::Rc;
use std::time::Duration;

use serde_json::json;
use tokio::net::TcpStream;
use tokio::task::spawn_local;
use tokio::time::sleep;

use super::messages::round_trip;
use super::way::Way;
use crate::args::Args;
use crate::io::say;
use crate::process::Tree;

/// `--connections N`. The first ones do not count: what a proxy needs once is not what a connect costs.
pub(crate) async fn run(args: &Args) -> io::Result<()> {
    let connects = args.value_or("connections", 9_500)?;
    let way = Rc::new(Way::of(args)?);
    let proxy = Tree::of(args.required("pid")?.parse().map_err(io::Error::other)?)?;
    let mut held = open(&way, 0, FIRST.min(connects / 2)).await?;
    let first = held.len();
    sleep(SETTLE).await;
    let before = proxy.resident()?;
    held.extend(open(&way, first, connects).await?);
    sleep(SETTLE).await;
    let after = proxy.resident()?;
    let counted = held.len() - first;
    say(&json!({
        "event": "result",
        "connections": held.len(),
        "residentBytes": after,
        "residentBytesBefore": before,
        "bytesPerConnect": after.saturating_sub(before) / counted.max(1) as u64,
        "errors": 0,
    }));
    drop(held);
    Ok(())
}

/// Opens connects, each of which has carried one message both ways: idle is what comes after work.
async fn open(way: &Rc<Way>, from: usize, to: usize) -> io::Result<Vec<TcpStream>> {
    let next = Rc::new(Cell::new(from));
    let clients: Vec<_> = (0..AT_ONCE).map(|_| spawn_local(open_some(Rc::clone(way), Rc::clone(&next), to))).collect();
    let mut held = Vec::with_capacity(to - from);
    for client in clients {
        held.extend(client.await.map_err(io::Error::other)??);
    }
    Ok(held)
}

async fn open_some(way: Rc<Way>, next: Rc<Cell<usize>>, to: usize) -> io::Result<Vec<TcpStream>> {
    let mut held = Vec::new();
    while next.get() < to {
        let turn = next.replace(next.get() + 1);
        let mut stream = way.reach(turn).await?;
        round_trip(&mut stream).await?;
        held.push(stream);
    }
    Ok(held)
}

const FIRST: usize = 500;
const AT_ONCE: usize = 32;
/// For garbage collectors and allocators to give back what they give back.
const SETTLE: Duration = Duration::from_millis(1500);
