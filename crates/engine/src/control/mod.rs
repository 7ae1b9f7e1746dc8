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
mod state_file;

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;
use tracing::{debug, info, warn};

pub use account::InvalidAccount;
pub use api::{ApiError, Update};

pub(crate) use api::Api;

use self::account::Account;
use self::api::Fetched;
use self::state_file::{Saved, StateFile};
use crate::config::StateFileConfig;
use crate::policy::RuleSet;
use crate::snapshot::{self, Publisher, Reader, Snapshot, Source};

/// One session's view of the API.
#[derive(Debug)]
pub(crate) struct Control {
    api: Api,
    publisher: Publisher,
    known: Mutex<Known>,
    state_file: Option<StateFile>,
    /// Where the API was down at the start: for how long it asked not to be asked again, if it did.
    outage: Option<Option<Duration>>,
    /// Held while the state file is written: the last one to be known is the last one to be saved.
    saving: tokio::sync::Mutex<()>,
    /// Held while an update is under way: updates happen one after the other.
    updating: tokio::sync::Mutex<()>,
}

/// What the next poll starts from.
#[derive(Debug)]
struct Known {
    /// The entity tag of the snapshot in force, where it is known.
    etag: Option<String>,
    /// What was told last, where it is kept in a state file.
    account: Option<Account>,
    /// When that was saved; never, where it is news.
    saved: Option<Instant>,
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

    /// Remembers what is to be saved.
    fn note(&mut self, account: &Account) {
        if self.account.as_ref() != Some(account) {
            (self.account, self.saved) = (Some(account.clone()), None);
        }
    }
}

impl Control {
    /// Fetches the first snapshot. Where the API is down, a state file may have one.
    pub(crate) async fn start(api: Api, state_file: Option<&StateFileConfig>) -> Result<(Self, Reader), ApiError> {
        let state_file = state_file.map(|config| StateFile::new(config, api.token()));
        let mut outage = None;
        let (account, source, etag) = match api.fetch(None).await {
            Ok(Fetched::Changed { account, etag }) => (account, Source::Api, etag),
            Ok(Fetched::Unchanged) => return Err(ApiError::NotAsked),
            Err(error) => match &state_file {
                Some(file) if error.is_outage() => {
                    outage = Some(error.retry_after());
                    (load(file, error).await?, Source::StateFile, None)
                }
                _ => return Err(error),
            },
        };
        let kept = state_file.as_ref().map(|_| account.clone());
        let first = account.into_snapshot(source);
        warn_of_unusable_rules(&first.rules, &RuleSet::default());
        let (publisher, reader) = snapshot::channel(first);
        let known = Mutex::new(Known { etag, updates: 0, account: kept, saved: None });
        let control = Self {
            api,
            publisher,
            known,
            state_file,
            outage,
            saving: tokio::sync::Mutex::default(),
            updating: tokio::sync::Mutex::default(),
        };
        if source == Source::Api {
            control.save().await;
        }
        Ok((control, reader))
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
        {
            let mut known = self.known();
            // A poll may have come in between, and what it knows is not what is in force now.
            known.outdate();
            self.put_in_force(&mut known, account);
        }
        self.save().await;
        Ok(())
    }

    /// One poll.
    async fn poll(&self) -> Result<(), ApiError> {
        let (etag, updates) = {
            let known = self.known();
            (known.etag.clone(), known.updates)
        };
        let fetched = self.api.fetch(etag.as_deref()).await?;
        {
            let mut known = self.known();
            if known.updates != updates {
                return Ok(());
            }
            if let Fetched::Changed { account, etag } = fetched {
                known.etag = etag;
                self.put_in_force(&mut known, account);
            }
        }
        self.save().await;
        Ok(())
    }

    /// Writes what the API has told last to the state file, if there is one and it has something else, or is getting old.
    async fn save(&self) {
        let Some(file) = &self.state_file else { return };
        let _one_at_a_time = self.saving.lock().await;
        let account = {
            let mut known = self.known();
            if known.saved.is_some_and(|saved| saved.elapsed() < SAVED_IS_FRESH) {
                return;
            }
            // What comes while this is written is news again.
            known.saved = Some(Instant::now());
            known.account.clone()
        };
        let (Some(account), writer) = (account, file.clone()) else { return };
        let saved = tokio::task::spawn_blocking(move || writer.save(&account)).await;
        match saved.unwrap_or_else(|_| Err(std::io::Error::other("writing was cut off"))) {
            Ok(()) => debug!(file = %file.path().display(), "configuration saved"),
            // Said once: the next attempt is due when the configuration changes, or in an hour.
            Err(error) => warn!(file = %file.path().display(), %error, "the configuration cannot be saved"),
        }
    }

    fn put_in_force(&self, known: &mut Known, account: Account) {
        if self.state_file.is_some() {
            known.note(&account);
        }
        let next = account.into_snapshot(Source::Api);
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
        ("source", last.source == next.source),
    ];
    compared.into_iter().filter(|(_, is_same)| !is_same).map(|(name, _)| name).collect()
}

/// Sends an update while no session runs. A state file has the new configuration then, or none: the old one would bring the
/// old rules back.
pub(crate) async fn update_alone(
    api: &Api,
    state_file: Option<&StateFileConfig>,
    update: &Update,
) -> Result<(), ApiError> {
    let told = api.update(update).await?;
    let Some(config) = state_file else { return Ok(()) };
    let file = StateFile::new(config, api.token());
    let path = file.path().display().to_string();
    let renewed = tokio::task::spawn_blocking(move || match told {
        Some(account) => file.save(&account),
        None => file.remove(),
    });
    if let Err(error) = renewed.await.unwrap_or_else(|_| Err(std::io::Error::other("writing was cut off"))) {
        warn!(file = path, %error, "the saved configuration is older than the update, and cannot be replaced");
    }
    Ok(())
}

/// What was saved, instead of what the API does not tell. The error is the API's where that is of no use.
async fn load(file: &StateFile, error: ApiError) -> Result<Account, ApiError> {
    let reader = file.clone();
    let loaded = tokio::task::spawn_blocking(move || reader.load()).await;
    let path = file.path().display();
    match loaded.unwrap_or_else(|_| Err(std::io::Error::other("reading was cut off").into())) {
        Ok(Some(Saved { account, age })) => {
            let minutes = age.as_secs() / 60;
            warn!(file = %path, minutes, %error, "starting with the configuration that was saved; the API does not tell a newer one");
            Ok(account)
        }
        Ok(None) => Err(error),
        Err(unusable) => {
            warn!(file = %path, reason = %unusable, "the saved configuration is ignored");
            Err(error)
        }
    }
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

/// After so long it is written again, though it is the same, so that its age tells when the API has confirmed it.
const SAVED_IS_FRESH: Duration = Duration::from_secs(3600);
/// A list of nothing but nonsense shall not flood the log.
const MOST_WARNINGS: usize = 10;
const LONGEST_SHOWN_RULE: usize = 100;
