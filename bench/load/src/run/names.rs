//! Connects to many names that were never asked for, all at once.

use std::io;
use std::rc::Rc;

use serde_json::json;
use tokio::task::spawn_local;
use tokio::time::Instant;

use super::meter::Latency;
use super::way::Way;
use crate::args::Args;
use crate::io::say;

/// `--names N --tag T`: `T` makes the names new.
pub(crate) async fn run(args: &Args) -> io::Result<()> {
    let (names, tag) = (args.value_or("names", 100)?, args.required("tag")?);
    let way = Rc::new(Way::of(args)?);
    let start = Instant::now();
    let reach = |index: usize| {
        let (way, name) = (Rc::clone(&way), format!("host-{index}.{tag}.example"));
        spawn_local(async move {
            way.reach_name(&name).await?;
            Ok::<_, io::Error>(start.elapsed())
        })
    };
    let connects: Vec<_> = (0..names).map(reach).collect();
    let mut latencies = Vec::with_capacity(names);
    for connect in connects {
        latencies.push(connect.await.map_err(io::Error::other)??);
    }
    let seconds = start.elapsed().as_secs_f64();
    say(&json!({
        "event": "result",
        "names": names,
        "seconds": seconds,
        "latency": Latency::of(&mut latencies),
        "errors": 0,
    }));
    Ok(())
}
