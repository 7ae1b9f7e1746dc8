//! One switch, every task tracked, a bounded drain.
//!
//! A session stops in two steps: [`Shutdown::drain`] tells every task to take on nothing new, and [`Shutdown::cut`] tells
//! those that are left to end at once. A task sees the first, and is dropped by the second.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use pin_project_lite::pin_project;
use tokio::time::timeout;
use tokio_util::sync::{CancellationToken, WaitForCancellationFuture, WaitForCancellationFutureOwned};
use tokio_util::task::TaskTracker;
use tracing::instrument::WithSubscriber as _;

/// The switch of one session. Clones are the same switch.
#[derive(Debug, Clone, Default)]
pub struct Shutdown {
    tasks: TaskTracker,
    draining: CancellationToken,
    cut: CancellationToken,
}

impl Shutdown {
    /// Starts a task that [`stop`](Self::stop) waits for and that ends, wherever it waits, when the session is cut. Its
    /// log records go where the caller's go.
    pub fn spawn<F>(&self, task: F)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let cut = self.cut.clone().cancelled_owned();
        self.tasks.spawn(Cuttable { task, cut }.with_current_subscriber());
    }

    /// Ends when the drain starts.
    pub fn draining(&self) -> WaitForCancellationFuture<'_> {
        self.draining.cancelled()
    }

    /// Whether nothing new may start.
    #[must_use]
    pub fn is_draining(&self) -> bool {
        self.draining.is_cancelled()
    }

    /// Tells every task to finish what it does and to take on nothing new.
    pub fn drain(&self) {
        self.draining.cancel();
        self.tasks.close();
    }

    /// Ends every task where it waits.
    pub fn cut(&self) {
        self.drain();
        self.cut.cancel();
    }

    /// Drains for at most `grace`, then cuts. Returns how many tasks had to be cut, when all have ended.
    pub async fn stop(&self, grace: Duration) -> usize {
        self.drain();
        if timeout(grace, self.tasks.wait()).await.is_ok() {
            return 0;
        }
        let left = self.tasks.len();
        self.cut.cancel();
        self.tasks.wait().await;
        left
    }
}

pin_project! {
    /// A task that ends where it waits when the session is cut. Dropping it drops its sockets; no task needs more than that.
    ///
    /// It is written out because every task is one: an `async` block would hold its task twice.
    struct Cuttable<F> {
        #[pin]
        task: F,
        #[pin]
        cut: WaitForCancellationFutureOwned,
    }
}

impl<F: Future<Output = ()>> Future for Cuttable<F> {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = self.project();
        if this.cut.poll(cx).is_ready() { Poll::Ready(()) } else { this.task.poll(cx) }
    }
}

#[cfg(test)]
mod tests {
    use std::future::pending;

    use tokio::time::{Instant, sleep};

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn stop_lets_a_task_finish_within_the_grace() {
        let shutdown = Shutdown::default();
        shutdown.spawn(sleep(Duration::from_secs(1)));

        let cut = shutdown.stop(Duration::from_secs(2)).await;

        assert_eq!(cut, 0);
    }

    #[tokio::test(start_paused = true)]
    async fn stop_cuts_what_is_left_when_the_grace_ends() {
        let shutdown = Shutdown::default();
        shutdown.spawn(pending());
        let start = Instant::now();

        let cut = shutdown.stop(Duration::from_secs(2)).await;

        assert_eq!(cut, 1);
        assert_eq!(start.elapsed(), Duration::from_secs(2));
    }

    #[tokio::test(start_paused = true)]
    async fn a_task_learns_that_the_drain_has_begun() {
        let shutdown = Shutdown::default();
        let inner = shutdown.clone();
        shutdown.spawn(async move { inner.draining().await });

        let cut = shutdown.stop(Duration::from_secs(2)).await;

        assert_eq!(cut, 0);
    }
}
