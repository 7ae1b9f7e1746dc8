//! Polls the API until the session stops.

use std::time::Duration;

use tokio::time::sleep;
use tracing::{debug, info, warn};

use super::backoff::Backoff;
use super::{ApiError, Control};
use crate::shutdown::Shutdown;

impl Control {
    /// Polls one after the other until the drain begins. A failure is said once, and so is its end.
    pub(crate) async fn poll_until_drained(&self, interval: Duration, shutdown: &Shutdown) {
        let polls = self.poll_forever(interval);
        tokio::select! {
            () = shutdown.draining() => {}
            () = polls => {}
        }
    }

    async fn poll_forever(&self, interval: Duration) {
        let mut backoff = Backoff::new(interval);
        let mut wait = backoff.succeeded();
        let mut is_failing = false;
        loop {
            sleep(wait).await;
            match self.poll().await {
                Ok(()) => {
                    wait = backoff.succeeded();
                    if is_failing {
                        info!("the API answers again");
                    }
                    is_failing = false;
                }
                Err(error) => {
                    wait = backoff.failed(error.retry_after());
                    if is_failing {
                        debug!(%error, "polling failed again");
                    } else {
                        warn_of(&error);
                    }
                    is_failing = true;
                }
            }
        }
    }
}

fn warn_of(error: &ApiError) {
    if let ApiError::Unauthorized { .. } = error {
        warn!(%error, "polling failed, probably because the token was revoked or replaced; the last configuration stays");
    } else {
        warn!(%error, "polling failed; the last configuration stays in force");
    }
}
