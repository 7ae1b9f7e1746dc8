//! Polls the API until the session stops.

use std::pin::pin;
use std::time::Duration;

use tokio::time::sleep;
use tracing::{debug, info, warn};

use super::backoff::Backoff;
use super::{ApiError, Control};
use crate::shutdown::Shutdown;
use crate::snapshot::Credentials;

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
        let mut outage = Outage::default();
        let mut wait = match self.outage {
            // That was said at the start.
            Some(retry_after) => {
                outage.has_warned = true;
                backoff.failed(retry_after)
            }
            None => backoff.first(),
        };
        let mut rejected = None;
        loop {
            if outage.is_over() {
                self.pause(wait, &mut rejected).await;
            } else {
                sleep(wait).await;
            }
            match self.poll().await {
                Ok(()) => {
                    wait = backoff.succeeded();
                    outage.end();
                }
                Err(error) => {
                    wait = backoff.failed(error.retry_after());
                    outage.note(&error);
                }
            }
        }
    }
}

impl Control {
    /// Waits, but no longer than until the gateway turns down credentials that it has not turned down before.
    async fn pause(&self, wait: Duration, rejected: &mut Option<Credentials>) {
        let mut end = pin!(sleep(wait));
        loop {
            tokio::select! {
                () = end.as_mut() => return,
                () = self.publisher.credentials_rejected() => {}
            }
            let credentials = self.publisher.current().credentials.clone();
            if rejected.as_ref() != Some(&credentials) {
                debug!("the gateway does not accept the credentials; asking for new ones");
                *rejected = Some(credentials);
                return;
            }
        }
    }
}

/// What was said of failed polls since the last good one.
#[derive(Debug, Default)]
struct Outage {
    has_warned: bool,
    has_warned_of_token: bool,
}

impl Outage {
    /// Warns once, and once more if the token is refused meanwhile, which somebody has to do something about.
    fn note(&mut self, error: &ApiError) {
        if let ApiError::Unauthorized { .. } = error {
            if !std::mem::replace(&mut self.has_warned_of_token, true) {
                warn!(%error, "polling failed, probably because the token was revoked or replaced; the last configuration stays");
            }
        } else if !std::mem::replace(&mut self.has_warned, true) {
            warn!(%error, "polling failed; the last configuration stays in force");
        }
        debug!(%error, "poll failed");
    }

    fn is_over(&self) -> bool {
        !self.has_warned && !self.has_warned_of_token
    }

    fn end(&mut self) {
        let Self { has_warned, has_warned_of_token } = std::mem::take(self);
        if has_warned || has_warned_of_token {
            info!("the API answers again");
        }
    }
}
