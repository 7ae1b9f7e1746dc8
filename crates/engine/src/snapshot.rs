//! The contract between the planes: an immutable value that the control plane publishes and the data plane reads.

use std::sync::Arc;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use tokio::sync::{Notify, watch};

use crate::policy::RuleSet;
use crate::secret::Secret;

/// All that may change while a session runs. A request takes one and keeps it to its end (invariant 1).
#[derive(Debug, Clone)]
pub struct Snapshot {
    /// Which hosts go through the gateway.
    pub rules: RuleSet,
    /// What the gateway asks for.
    pub credentials: Credentials,
    /// The vendor's name for the gateway session, if one is set.
    pub session_id: Option<String>,
    /// The region that the gateway leaves from, if one is set.
    pub target_geo: Option<String>,
    /// Where all of this is from.
    pub source: Source,
}

/// Where a configuration is from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// The API has told it.
    Api,
    /// It was saved when the API told it last.
    StateFile,
}

impl Source {
    /// `api` or `state-file`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Api => "api",
            Self::StateFile => "state-file",
        }
    }
}

/// The gateway's user name and password, as the value of a `Proxy-Authorization` field (RFC 7617).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Credentials {
    authorization: Secret,
}

impl Credentials {
    /// Basic credentials in UTF-8. The caller has made sure that neither part has a control character.
    #[must_use]
    pub fn basic(username: &str, password: &str) -> Self {
        let pair = BASE64_STANDARD.encode(format!("{username}:{password}"));
        Self { authorization: Secret::new(format!("Basic {pair}")) }
    }

    /// The field value: `Basic …`.
    #[must_use]
    pub fn authorization(&self) -> &Secret {
        &self.authorization
    }
}

/// The control plane's end.
#[derive(Debug)]
pub struct Publisher {
    sender: watch::Sender<Arc<Snapshot>>,
    rejections: Arc<Notify>,
}

/// The data plane's end. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Reader {
    receiver: watch::Receiver<Arc<Snapshot>>,
    rejections: Arc<Notify>,
}

/// Makes both ends around a first snapshot: the data plane never has none (invariant 3).
#[must_use]
pub fn channel(first: Snapshot) -> (Publisher, Reader) {
    let (sender, receiver) = watch::channel(Arc::new(first));
    let rejections = Arc::new(Notify::new());
    (Publisher { sender, rejections: Arc::clone(&rejections) }, Reader { receiver, rejections })
}

impl Publisher {
    /// Puts a snapshot in force for every request that starts from now on.
    pub fn publish(&self, snapshot: Snapshot) {
        self.sender.send_replace(Arc::new(snapshot));
    }

    /// What is in force.
    #[must_use]
    pub fn current(&self) -> Arc<Snapshot> {
        Arc::clone(&self.sender.borrow())
    }

    /// Ends when the data plane has said that the gateway does not accept the credentials, now or since this was called last.
    pub async fn credentials_rejected(&self) {
        self.rejections.notified().await;
    }
}

impl Reader {
    /// What is in force. Never waits.
    #[must_use]
    pub fn current(&self) -> Arc<Snapshot> {
        Arc::clone(&self.receiver.borrow())
    }

    /// Ends when there is another snapshot than at the last call. `None` when there will be none any more.
    pub async fn changed(&mut self) -> Option<Arc<Snapshot>> {
        self.receiver.changed().await.ok()?;
        Some(Arc::clone(&self.receiver.borrow_and_update()))
    }

    /// Lets the control plane know that the gateway does not accept the credentials. Never waits.
    pub fn reject_credentials(&self) {
        self.rejections.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn snapshot(rules: &[&str]) -> Snapshot {
        Snapshot {
            rules: RuleSet::parse(rules),
            credentials: Credentials::basic("user", "pässword"),
            session_id: None,
            target_geo: None,
            source: Source::Api,
        }
    }

    #[test]
    fn a_reader_keeps_the_snapshot_it_took() {
        let (publisher, reader) = channel(snapshot(&["a.test"]));
        let taken = reader.current();

        publisher.publish(snapshot(&[]));

        assert_eq!(taken.rules.len(), 1);
        assert_eq!(reader.current().rules.len(), 0);
    }

    #[test]
    fn readers_on_other_threads_see_whole_snapshots_in_their_order() {
        let numbered = |number: usize| Snapshot {
            rules: RuleSet::parse(&vec!["a.test"; number % 7]),
            credentials: Credentials::basic("user", &number.to_string()),
            session_id: Some(number.to_string()),
            ..snapshot(&[])
        };
        let (publisher, reader) = channel(numbered(0));
        let read = |reader: Reader| {
            let mut last = 0;
            while last < 2000 {
                let seen = reader.current();
                let number: usize = seen.session_id.as_deref().unwrap().parse().unwrap();
                assert!(number >= last, "{number} after {last}");
                assert_eq!(seen.rules.len(), number % 7);
                assert_eq!(seen.credentials, Credentials::basic("user", &number.to_string()));
                last = number;
            }
        };

        std::thread::scope(|scope| {
            let readers: Vec<_> = (0..3).map(|_| scope.spawn(|| read(reader.clone()))).collect();
            for number in 1..=2000 {
                publisher.publish(numbered(number));
                assert_eq!(reader.current().session_id, Some(number.to_string()), "what is published is in force");
            }
            readers.into_iter().for_each(|reader| reader.join().unwrap());
        });
    }

    #[tokio::test]
    async fn a_rejection_is_not_lost_while_nobody_waits_for_it() {
        let (publisher, reader) = channel(snapshot(&[]));

        reader.reject_credentials();
        reader.reject_credentials();

        publisher.credentials_rejected().await;
        let again = tokio::time::timeout(std::time::Duration::from_millis(10), publisher.credentials_rejected()).await;
        assert!(again.is_err(), "two of them are one");
    }

    #[tokio::test]
    async fn a_reader_can_wait_for_a_change_and_learns_of_the_end() {
        let (publisher, mut reader) = channel(snapshot(&[]));

        publisher.publish(snapshot(&["a.test"]));
        publisher.publish(snapshot(&["a.test", "b.test"]));
        assert_eq!(reader.changed().await.map(|snapshot| snapshot.rules.len()), Some(2));
        drop(publisher);

        assert!(reader.changed().await.is_none());
    }

    #[test]
    fn credentials_are_basic_in_utf_8_and_hidden() {
        let credentials = Credentials::basic("user", "pässword");

        assert_eq!(credentials.authorization().expose(), "Basic dXNlcjpww6Rzc3dvcmQ=");
        assert!(!format!("{credentials:?}").contains("dXNlcj"));
    }
}
