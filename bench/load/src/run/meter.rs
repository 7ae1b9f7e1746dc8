//! Counts what a load achieves, while it is told to.

use std::cell::{Cell, RefCell};
use std::fmt::Display;
use std::future::Future;
use std::io;
use std::rc::Rc;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::sync::{Notify, Semaphore, SemaphorePermit};
use tokio::task::{JoinHandle, spawn_local};
use tokio::time::{Instant, sleep, timeout};

/// What all clients of a load share.
#[derive(Debug)]
pub(crate) struct Meter {
    is_counting: Cell<bool>,
    is_over: Cell<bool>,
    /// Who makes a first attempt now. More at once would overflow listen queues, and SYNs that are lost take seconds.
    starting: Semaphore,
    ready: Cell<usize>,
    /// Whether those that are ready may go on.
    is_open: Cell<bool>,
    changed: Notify,
    opened: Notify,
    operations: Cell<u64>,
    bytes: Cell<u64>,
    errors: Cell<u64>,
    reconnects: Cell<u64>,
    last_error: RefCell<Option<String>>,
    latencies: RefCell<Vec<Duration>>,
}

impl Meter {
    /// A cold load is measured from its first attempt on.
    pub(crate) fn new(is_cold: bool) -> Rc<Self> {
        Rc::new(Self {
            is_counting: Cell::default(),
            is_over: Cell::default(),
            starting: Semaphore::new(if is_cold { Semaphore::MAX_PERMITS } else { AT_ONCE }),
            ready: Cell::default(),
            is_open: Cell::new(is_cold),
            changed: Notify::default(),
            opened: Notify::default(),
            operations: Cell::default(),
            bytes: Cell::default(),
            errors: Cell::default(),
            reconnects: Cell::default(),
            last_error: RefCell::default(),
            latencies: RefCell::default(),
        })
    }

    /// Waits for a client's turn to make its first attempt.
    pub(crate) async fn turn(&self) -> Option<SemaphorePermit<'_>> {
        self.starting.acquire().await.ok()
    }

    /// A client has had its first success. It gives up its turn, and waits until all are as far.
    pub(crate) async fn ready(&self, turn: Option<SemaphorePermit<'_>>) {
        drop(turn);
        self.ready.set(self.ready.get() + 1);
        self.changed.notify_one();
        if !self.is_open.get() {
            self.opened.notified().await;
        }
    }

    /// One operation has ended that began at that time.
    pub(crate) fn done(&self, began: Instant) {
        if self.is_counting.get() {
            self.operations.set(self.operations.get() + 1);
            self.latencies.borrow_mut().push(began.elapsed());
        }
    }

    pub(crate) fn moved(&self, bytes: usize) {
        if self.is_counting.get() {
            self.bytes.set(self.bytes.get() + bytes as u64);
        }
    }

    pub(crate) fn reconnected(&self) {
        if self.is_counting.get() {
            self.reconnects.set(self.reconnects.get() + 1);
        }
    }

    /// Something went wrong, which counts whenever it happens. Waits a little: a proxy that refuses is not to be hammered.
    pub(crate) async fn failed(&self, error: impl Display) {
        if !self.is_over.get() {
            self.errors.set(self.errors.get() + 1);
            *self.last_error.borrow_mut() = Some(error.to_string());
        }
        sleep(PAUSE_AFTER_ERROR).await;
    }

    /// Waits until all clients are ready, and lets them go on.
    pub(crate) async fn until_ready(&self, clients: usize) -> io::Result<()> {
        let all = async {
            while self.ready.get() < clients {
                self.changed.notified().await;
            }
        };
        timeout(RAMP, all).await.map_err(|_| {
            let error = self.last_error.borrow().clone().unwrap_or_else(|| "no answer".to_owned());
            io::Error::other(format!("{} of {clients} clients got through: {error}", self.ready.get()))
        })?;
        self.is_open.set(true);
        self.opened.notify_waiters();
        Ok(())
    }

    pub(crate) fn count(&self, is_counting: bool) {
        self.is_counting.set(is_counting);
    }

    /// Clients end after what they are at.
    pub(crate) fn end(&self) {
        self.is_over.set(true);
    }

    pub(crate) fn is_over(&self) -> bool {
        self.is_over.get()
    }

    pub(crate) fn report(&self) -> Value {
        let mut latencies = self.latencies.take();
        json!({
            "operations": self.operations.get(),
            "bytes": self.bytes.get(),
            "errors": self.errors.get(),
            "lastError": *self.last_error.borrow(),
            "reconnects": self.reconnects.get(),
            "latency": Latency::of(&mut latencies),
        })
    }
}

/// Percentiles in seconds.
#[derive(Debug, serde::Serialize)]
pub(crate) struct Latency {
    p50: f64,
    p90: f64,
    p99: f64,
    max: f64,
}

impl Latency {
    /// None where nothing was measured.
    pub(crate) fn of(latencies: &mut [Duration]) -> Option<Self> {
        latencies.sort_unstable();
        let last = latencies.len().checked_sub(1)?;
        // Nearest rank.
        let at = |percent: usize| latencies[(latencies.len() * percent).div_ceil(100).saturating_sub(1).min(last)];
        let seconds = |percent| at(percent).as_secs_f64();
        Some(Self { p50: seconds(50), p90: seconds(90), p99: seconds(99), max: latencies[last].as_secs_f64() })
    }
}

/// Starts clients, each with its number.
pub(crate) fn start<F>(clients: usize, client: impl Fn(usize) -> F) -> Vec<JoinHandle<()>>
where
    F: Future<Output = ()> + 'static,
{
    (0..clients).map(|turn| spawn_local(client(turn))).collect()
}

const PAUSE_AFTER_ERROR: Duration = Duration::from_millis(20);
const AT_ONCE: usize = 64;
/// For all clients to stand: a single-threaded proxy takes a second for a thousand.
const RAMP: Duration = Duration::from_secs(15);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_of_the_nearest_rank() {
        let mut latencies: Vec<Duration> = (1..=200).rev().map(Duration::from_secs).collect();

        let latency = Latency::of(&mut latencies).unwrap();

        assert_eq!([latency.p50, latency.p90, latency.p99, latency.max], [100.0, 180.0, 198.0, 200.0]);
        assert!(Latency::of(&mut []).is_none());
    }
}
