//! How long to wait after a failed poll.

use std::time::Duration;

/// Exponential back-off with jitter: from twice the poll interval up to one minute, never less than the interval.
#[derive(Debug)]
pub(crate) struct Backoff {
    interval: Duration,
    failures: u32,
}

impl Backoff {
    pub(crate) fn new(interval: Duration) -> Self {
        Self { interval, failures: 0 }
    }

    /// Before the first poll: some part of the interval, so that clients that were started together do not stay in phase.
    pub(crate) fn first(&self) -> Duration {
        self.interval.mul_f64(rand::random_range(0.1..1.1))
    }

    /// After a success: the poll interval, give or take a tenth, so that many clients do not poll in phase.
    pub(crate) fn succeeded(&mut self) -> Duration {
        self.failures = 0;
        self.jittered_interval()
    }

    /// After a failure: a random time between half of the back-off and the whole of it, but no less than the server has
    /// asked for, within reason.
    pub(crate) fn failed(&mut self, retry_after: Option<Duration>) -> Duration {
        self.failures = self.failures.saturating_add(1);
        let doubled = self.interval.saturating_mul(2_u32.saturating_pow(self.failures));
        let whole = doubled.min(LONGEST.max(self.interval));
        let wait = whole.mul_f64(rand::random_range(0.5..1.0)).max(self.jittered_interval());
        retry_after.map_or(wait, |asked| wait.max(asked.min(LONGEST_ASKED)))
    }

    fn jittered_interval(&self) -> Duration {
        self.interval.mul_f64(rand::random_range(0.9..1.1))
    }
}

/// The longest back-off of our own.
const LONGEST: Duration = Duration::from_secs(60);
/// The longest `Retry-After` that is obeyed: a mistaken server shall not silence a client for days.
const LONGEST_ASKED: Duration = Duration::from_secs(3600);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failures_wait_longer_each_time_and_a_minute_at_most() {
        let mut backoff = Backoff::new(Duration::from_secs(5));
        for whole in [10, 20, 40, 60, 60] {
            let wait = backoff.failed(None).as_secs_f64();
            assert!((f64::from(whole) * 0.45..=f64::from(whole)).contains(&wait), "{wait} of {whole}");
        }
        for _ in 0..100 {
            assert!(backoff.failed(None) <= Duration::from_secs(60));
        }
    }

    #[test]
    fn clients_that_start_together_poll_at_all_times_of_the_interval() {
        let mut tenths = [0; 11];
        for _ in 0..10_000 {
            let first = Backoff::new(Duration::from_secs(5)).first();
            tenths[(first.as_secs_f64() / 0.5) as usize] += 1;
        }

        assert!(tenths[1..].iter().all(|count| (700..1300).contains(count)), "{tenths:?}");
    }

    #[test]
    fn a_success_starts_over() {
        let mut backoff = Backoff::new(Duration::from_secs(5));
        backoff.failed(None);
        let wait = backoff.succeeded().as_secs_f64();
        assert!((4.5..5.5).contains(&wait), "{wait}");
        assert!(backoff.failed(None) <= Duration::from_secs(10));
    }

    #[test]
    fn the_server_may_ask_for_more_time_but_not_for_days() {
        let mut backoff = Backoff::new(Duration::from_secs(5));
        assert_eq!(backoff.failed(Some(Duration::from_secs(120))), Duration::from_secs(120));
        assert_eq!(backoff.failed(Some(Duration::from_secs(86_400))), Duration::from_secs(3600));
    }

    #[test]
    fn a_long_interval_is_never_shortened_by_failures() {
        let mut backoff = Backoff::new(Duration::from_secs(600));
        assert!(backoff.failed(None) >= Duration::from_secs(540));
    }
}
