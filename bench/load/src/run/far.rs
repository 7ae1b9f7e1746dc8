//! Connects through a gateway that is far away.

use std::cell::RefCell;
use std::io;
use std::rc::Rc;
use std::time::Duration;

use serde_json::json;
use tokio::task::{JoinHandle, spawn_local};
use tokio::time::{Instant, interval, sleep};

use super::meter::Latency;
use super::way::Way;
use crate::args::Args;
use crate::io::say;

type Latencies = Rc<RefCell<Vec<Duration>>>;

/// The first connect of all; one after the other at a steady pace; then as many at once as a page opens.
pub(crate) async fn run(args: &Args) -> io::Result<()> {
    let way = Rc::new(Way::of(args)?);
    let length = args.milliseconds("measure-ms", 3000)?;
    let cold = measure(vec![spawn_connect(&way)]).await?;
    let steady = steady(&way, length).await?;
    sleep(PAUSE).await;
    let burst = measure((0..BURST).map(|_| spawn_connect(&way)).collect()).await?;
    say(&json!({
        "event": "result",
        "cold": Latency::of(&mut cold.borrow_mut()),
        "steady": Latency::of(&mut steady.borrow_mut()),
        "burst": Latency::of(&mut burst.borrow_mut()),
        "errors": 0,
    }));
    Ok(())
}

/// The second half counts: by then a proxy that learns from demand has learnt.
async fn steady(way: &Rc<Way>, length: Duration) -> io::Result<Latencies> {
    let mut ticks = interval(PACE);
    let start = Instant::now();
    let mut counted = Vec::new();
    while start.elapsed() < length {
        ticks.tick().await;
        let connect = spawn_connect(way);
        if start.elapsed() > length / 2 {
            counted.push(connect);
        }
    }
    measure(counted).await
}

fn spawn_connect(way: &Rc<Way>) -> JoinHandle<io::Result<Duration>> {
    let way = Rc::clone(way);
    spawn_local(async move {
        let began = Instant::now();
        let stream = way.reach(0).await?;
        let latency = began.elapsed();
        spawn_local(async move {
            sleep(HELD).await;
            drop(stream);
        });
        Ok(latency)
    })
}

async fn measure(connects: Vec<JoinHandle<io::Result<Duration>>>) -> io::Result<Latencies> {
    let latencies = Latencies::default();
    for connect in connects {
        let latency = connect.await.map_err(io::Error::other)??;
        latencies.borrow_mut().push(latency);
    }
    Ok(latencies)
}

/// Twenty connects a second, which is what browsing makes.
const PACE: Duration = Duration::from_millis(50);
/// How long a connect is used.
const HELD: Duration = Duration::from_millis(200);
const PAUSE: Duration = Duration::from_millis(300);
/// A browser's limit for one host.
const BURST: usize = 6;
