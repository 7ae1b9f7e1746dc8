//! Ends what has been idle for too long, at next to no cost while it is not.

use std::future::Future as _;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::net::TcpStream;
use tokio::time::{Instant, Sleep, sleep};

use super::upstream::{Upstream, has_failed};

/// A timer that is set once and looks at the clock of the last activity only when it fires.
#[derive(Debug)]
pub(crate) struct Watchdog {
    timer: Pin<Box<Sleep>>,
    last_activity: Instant,
    patience: Duration,
    /// When it is enough, whatever activity there is.
    deadline: Option<Instant>,
}

impl Watchdog {
    pub(crate) fn new(patience: Duration) -> Self {
        Self { timer: Box::pin(sleep(patience)), last_activity: Instant::now(), patience, deadline: None }
    }

    /// Starts anew, with another patience and without a deadline.
    pub(crate) fn restart(&mut self, patience: Duration) {
        self.patience = patience;
        self.deadline = None;
        self.last_activity = Instant::now();
        self.fire_by(self.last_activity + patience);
    }

    /// Sets a deadline, which no activity puts off.
    pub(crate) fn limit(&mut self, time: Duration) {
        let deadline = Instant::now() + time;
        self.deadline = Some(deadline);
        self.fire_by(deadline);
    }

    /// Whether it was the deadline that has passed.
    pub(crate) fn is_past_deadline(&self) -> bool {
        self.deadline.is_some_and(|deadline| deadline <= Instant::now())
    }

    fn fire_by(&mut self, due: Instant) {
        if self.timer.deadline() > due {
            self.timer.as_mut().reset(due);
        }
    }

    /// Has another patience from the last activity on.
    pub(crate) fn expect_within(&mut self, patience: Duration) {
        self.patience = patience;
        self.fire_by(self.last_activity + patience);
    }

    /// Grants more patience, counted from the last activity. False if it is no more than before.
    pub(crate) fn extend(&mut self, patience: Duration) -> bool {
        let is_more = patience > self.patience;
        self.patience = patience;
        is_more
    }

    /// To be called first whenever the task is woken: a wake-up that is not the timer's is activity, unless another timer has
    /// fired too. Ready when there was none for as long as the patience lasts.
    pub(crate) fn poll_idle(&mut self, cx: &mut Context<'_>, other: &ResetCheck) -> Poll<()> {
        if self.timer.as_mut().poll(cx).is_pending() {
            if !other.has_fired() {
                self.last_activity = Instant::now();
            }
            return Poll::Pending;
        }
        let patient_until = self.last_activity + self.patience;
        let due = self.deadline.map_or(patient_until, |deadline| deadline.min(patient_until));
        if due <= Instant::now() {
            return Poll::Ready(());
        }
        self.timer.as_mut().reset(due);
        ready!(self.timer.as_mut().poll(cx));
        Poll::Ready(())
    }
}

/// A side of the proxy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Side {
    /// The client's.
    Down,
    /// The origin's, or the gateway's.
    Up,
}

/// Finds out that a socket was reset while nobody reads from it: one whose end was read before, or that has to wait because
/// what it sent last could not be passed on yet.
#[derive(Debug, Default)]
pub(crate) struct ResetCheck {
    timer: Option<Pin<Box<Sleep>>>,
}

impl ResetCheck {
    /// Whether the task may have been woken for nothing but this.
    fn has_fired(&self) -> bool {
        self.timer.as_ref().is_some_and(|timer| timer.is_elapsed())
    }

    /// To be called while that is so. Ready with the side that was reset.
    pub(crate) fn poll_reset(&mut self, cx: &mut Context<'_>, down: &TcpStream, up: &mut Upstream) -> Poll<Side> {
        let timer = self.timer.get_or_insert_with(|| Box::pin(sleep(RESET_CHECK)));
        while timer.as_mut().poll(cx).is_ready() {
            if has_failed(down) {
                return Poll::Ready(Side::Down);
            }
            if up.has_failed(cx) {
                return Poll::Ready(Side::Up);
            }
            timer.as_mut().reset(Instant::now() + RESET_CHECK);
        }
        Poll::Pending
    }
}

/// Such states are few and do not last.
const RESET_CHECK: Duration = Duration::from_secs(2);

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn it_barks_after_the_patience_and_not_before() {
        let start = Instant::now();
        let mut watchdog = Watchdog::new(Duration::from_secs(10));

        poll_fn(|cx| watchdog.poll_idle(cx, &ResetCheck::default())).await;

        assert_eq!(start.elapsed(), Duration::from_secs(10));
    }

    #[tokio::test(start_paused = true)]
    async fn activity_does_not_put_off_a_deadline() {
        let start = Instant::now();
        let mut watchdog = Watchdog::new(Duration::from_secs(10));
        watchdog.limit(Duration::from_secs(15));
        let mut idle = poll_fn(|cx| watchdog.poll_idle(cx, &ResetCheck::default()));

        let mut idle = Pin::new(&mut idle);
        for _ in 0..3 {
            sleep(Duration::from_secs(4)).await;
            assert!(futures_util::poll!(idle.as_mut()).is_pending());
        }
        idle.await;

        assert_eq!(start.elapsed(), Duration::from_secs(15));
    }

    #[tokio::test(start_paused = true)]
    async fn more_patience_counts_from_the_last_activity() {
        let start = Instant::now();
        let mut watchdog = Watchdog::new(Duration::from_secs(10));
        let mut barks = 0;

        poll_fn(|cx| {
            while watchdog.poll_idle(cx, &ResetCheck::default()).is_ready() {
                barks += 1;
                if !watchdog.extend(Duration::from_secs(25)) {
                    return Poll::Ready(());
                }
            }
            Poll::Pending
        })
        .await;

        assert_eq!((barks, start.elapsed()), (2, Duration::from_secs(25)));
    }

    #[tokio::test(start_paused = true)]
    async fn activity_puts_it_off() {
        let start = Instant::now();
        let mut watchdog = Watchdog::new(Duration::from_secs(10));
        let mut idle = poll_fn(|cx| watchdog.poll_idle(cx, &ResetCheck::default()));

        let mut idle = Pin::new(&mut idle);
        for _ in 0..3 {
            sleep(Duration::from_secs(4)).await;
            assert!(futures_util::poll!(idle.as_mut()).is_pending());
        }
        idle.await;

        assert_eq!(start.elapsed(), Duration::from_secs(22));
    }
}
