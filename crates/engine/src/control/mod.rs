//! The control plane: learns what to do from the Aluvia API and publishes it as snapshots.
//!
//! [`Control`] is one session's view of the API: it fetches a first snapshot, polls for newer ones and sends updates.
//! A failed poll keeps the last good snapshot (invariant 3).

mod account;
mod api;
mod backoff;
#[cfg(any(test, fuzzing))]
pub(crate) mod fuzzing;
mod poller;

use std::sync::{Mutex, PoisonError};

use tracing::{info, warn};

pub use account::InvalidAccount;
pub use api::{ApiError, Update};

pub(crate) use api::Api;

use crate::control::api::Fetched;
use crate::policy::RuleSet;
use crate::snapshot::{self, Publisher, Reader, Snapshot};

/// One session's view of the API.
#[derive(Debug)]
pub(crate) struct Control {
    api: Api,
    publisher: Publisher,
    known: Mutex<Known>,
    /// Held while an update is under way: updates happen one after the other.
    updating: tokio::sync::Mutex<()>,
}

/// What the next poll starts from.
#[derive(Debug, Clone)]
struct Known {
    /// The entity tag of the snapshot in force, where it is known.
    etag: Option<String>,
    /// Counts the updates: an answer to a question asked before an update is older than the update.
    updates: u64,
}

impl Known {
    /// Makes the next poll an unconditional one, and answers to those that are under way too old. An entity tag in the answer
    /// to a PATCH need not be that of a later GET.
    fn outdate(&mut self) {
        self.updates += 1;
        self.etag = None;
    }
}

impl Control {
    /// Fetches the first snapshot.
    pub(crate) async fn start(api: Api) -> Result<(Self, Reader), ApiError> {
        let Fetched::Changed { account, etag } = api.fetch(None).await? else {
            return Err(ApiError::NotAsked);
        };
        let first = account.into_snapshot();
        warn_of_unusable_rules(&first.rules, &RuleSet::default());
        let (publisher, reader) = snapshot::channel(first);
        let known = Mutex::new(Known { etag, updates: 0 });
        Ok((Self { api, publisher, known, updating: tokio::sync::Mutex::default() }, reader))
    }

    /// Sends an update. It is in force when this returns.
    pub(crate) async fn update(&self, update: &Update) -> Result<(), ApiError> {
        let _one_at_a_time = self.updating.lock().await;
        let told = self.api.update(update).await?;
        // Polls that are under way are older than this, also where the new configuration cannot be read back.
        self.known().outdate();
        let account = match told {
            Some(account) => account,
            // The answer did not tell the whole configuration: ask for it. Where that fails, the next poll brings it.
            None => match self.api.fetch(None).await? {
                Fetched::Changed { account, .. } => account,
                Fetched::Unchanged => return Err(ApiError::NotAsked),
            },
        };
        let mut known = self.known();
        // A poll may have come in between, and what it knows is not what is in force now.
        known.outdate();
        self.put_in_force(account.into_snapshot());
        Ok(())
    }

    /// One poll.
    async fn poll(&self) -> Result<(), ApiError> {
        let asked = self.known().clone();
        let fetched = self.api.fetch(asked.etag.as_deref()).await?;
        let mut known = self.known();
        if known.updates != asked.updates {
            return Ok(());
        }
        if let Fetched::Changed { account, etag } = fetched {
            known.etag = etag;
            self.put_in_force(account.into_snapshot());
        }
        Ok(())
    }

    fn put_in_force(&self, next: Snapshot) {
        let last = self.publisher.current();
        let changes = changes(&last, &next);
        if changes.is_empty() {
            return;
        }
        warn_of_unusable_rules(&next.rules, &last.rules);
        let rules = next.rules.len();
        self.publisher.publish(next);
        info!(rules, "configuration changed ({})", changes.join(", "));
    }

    fn known(&self) -> std::sync::MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn changes(last: &Snapshot, next: &Snapshot) -> Vec<&'static str> {
    let compared = [
        ("rules", last.rules.is_same(&next.rules)),
        ("credentials", last.credentials == next.credentials),
        ("session id", last.session_id == next.session_id),
        ("target geo", last.target_geo == next.target_geo),
    ];
    compared.into_iter().filter(|(_, is_same)| !is_same).map(|(name, _)| name).collect()
}

/// Names each unusable rule that was not there before, once.
fn warn_of_unusable_rules(rules: &RuleSet, before: &RuleSet) {
    let is_new = |rule: &&crate::policy::UnusableRule| !before.unusable().contains(rule);
    for unusable in rules.unusable().iter().filter(is_new).take(MOST_WARNINGS) {
        let rule: String = unusable.rule.chars().take(LONGEST_SHOWN_RULE).collect();
        warn!(rule, reason = %unusable.error, "unusable rule skipped");
    }
    let more = rules.unusable().len().saturating_sub(MOST_WARNINGS);
    if more > 0 {
        warn!(more, "more unusable rules skipped");
    }
}

/// A list of nothing but nonsense shall not flood the log.
const MOST_WARNINGS: usize = 10;
const LONGEST_SHOWN_RULE: usize = 100;
