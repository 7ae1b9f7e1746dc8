//! The time that is measured, and what it cost whom.

use std::io;
use std::rc::Rc;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep, timeout};

use super::meter::Meter;
use crate::args::Args;
use crate::io::say;
use crate::process::{Machine, Tree};

/// Whose CPU time is looked at, and for how long.
#[derive(Debug)]
pub(crate) struct Window {
    /// The process of the proxy and its children. None where there is no proxy.
    proxy: Option<Tree>,
    /// What the proxy is pointed at.
    server: Option<Tree>,
    own: Tree,
    warm: Duration,
    length: Duration,
}

impl Window {
    pub(crate) fn of(args: &Args) -> io::Result<Self> {
        let tree = |name| args.value(name)?.map(Tree::of).transpose();
        Ok(Self {
            proxy: tree("pid")?,
            server: tree("server-pid")?,
            own: Tree::of(std::process::id().cast_signed())?,
            warm: args.milliseconds("warm-ms", 300)?,
            length: args.milliseconds("measure-ms", 1000)?,
        })
    }

    /// Whether the load is measured from its first attempt on.
    pub(crate) fn is_cold(&self) -> bool {
        self.warm.is_zero()
    }

    /// Lets a load run warm, measures it, ends it, and prints the result.
    pub(crate) async fn measure(self, meter: &Rc<Meter>, load: Vec<JoinHandle<()>>) -> io::Result<()> {
        if !self.is_cold() {
            meter.until_ready(load.len()).await?;
            sleep(self.warm).await;
        }
        let figures = self.watch(meter).await?;
        meter.end();
        let mut report = meter.report();
        merge(&mut report, figures);
        say(&report);
        let all = async {
            for client in load {
                // A client that panicked has said so on standard error.
                let _ = client.await;
            }
        };
        // What is under way may finish, so that no proxy is left with broken pieces.
        let _ = timeout(GRACE, all).await;
        Ok(())
    }

    async fn watch(&self, meter: &Meter) -> io::Result<Value> {
        let before = self.costs()?;
        say(&json!({ "event": "begin" }));
        let start = Instant::now();
        meter.count(true);
        sleep(self.length).await;
        meter.count(false);
        let seconds = start.elapsed().as_secs_f64();
        let after = self.costs()?;
        say(&json!({ "event": "end" }));
        let spent = |of: fn(&Costs) -> Option<f64>| of(&after).zip(of(&before)).map(|(after, before)| after - before);
        Ok(json!({
            "event": "result",
            "seconds": seconds,
            "cpu": spent(|costs| costs.proxy),
            "serverCpu": spent(|costs| costs.server),
            "loadCpu": spent(|costs| Some(costs.own)),
            "machineCpu": spent(|costs| Some(costs.machine.busy)),
            "stolenCpu": spent(|costs| Some(costs.machine.stolen)),
            "wakeups": after.wakeups.zip(before.wakeups).map(|(after, before)| after.saturating_sub(before)),
            "residentBytes": self.proxy.as_ref().map(Tree::resident).transpose()?,
        }))
    }

    fn costs(&self) -> io::Result<Costs> {
        let seconds = |tree: &Tree| tree.cpu().map(|cpu| cpu.as_secs_f64());
        Ok(Costs {
            proxy: self.proxy.as_ref().map(seconds).transpose()?,
            server: self.server.as_ref().map(seconds).transpose()?,
            own: seconds(&self.own)?,
            machine: Machine::now()?,
            wakeups: self.proxy.as_ref().map(Tree::wakeups).transpose()?,
        })
    }
}

/// CPU seconds so far, and how often the proxy was woken.
#[derive(Debug)]
struct Costs {
    proxy: Option<f64>,
    server: Option<f64>,
    own: f64,
    machine: Machine,
    wakeups: Option<u64>,
}

/// No load at all: what an idle proxy costs.
pub(crate) async fn nothing(args: &Args) -> io::Result<()> {
    let window = Window::of(args)?;
    let meter = Meter::new(window.is_cold());
    window.measure(&meter, Vec::new()).await
}

fn merge(into: &mut Value, from: Value) {
    if let (Value::Object(into), Value::Object(from)) = (into, from) {
        into.extend(from);
    }
}

/// For operations that are under way when a load ends.
const GRACE: Duration = Duration::from_millis(500);
