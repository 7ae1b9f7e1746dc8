//! The names that were looked up lately.

use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::FutureExt as _;
use futures_util::future::{BoxFuture, Shared};
use rustc_hash::FxHashMap;
use tokio::time::Instant;

use super::DialError;
use super::resolve::{self, Resolve, Resolved};
use crate::policy::Host;

/// A cache of addresses. Equal look-ups that run at once are one.
#[derive(Debug)]
pub(super) struct Names {
    resolver: Arc<dyn Resolve>,
    entries: Mutex<FxHashMap<Box<str>, Entry>>,
}

/// The addresses of a host, in the order to try them.
pub(super) type Addresses = Arc<[IpAddr]>;

type Found = Result<Addresses, DialError>;
type LookUp = Shared<BoxFuture<'static, (Found, Duration)>>;

#[derive(Debug)]
enum Entry {
    /// Somebody is asking.
    Asked { look_up: LookUp, since: Instant },
    /// The answer, and until when it holds.
    Known { found: Found, until: Instant },
}

impl Names {
    pub(super) fn new(resolver: Arc<dyn Resolve>) -> Self {
        Self { resolver, entries: Mutex::default() }
    }

    /// The addresses of a host. IP addresses and loopback names need no look-up.
    pub(super) async fn addresses(&self, host: &Host) -> Found {
        if let Some(addresses) = resolve::without_look_up(host) {
            return Ok(addresses);
        }
        let look_up = match self.known_or_asked(host.as_str()) {
            Ok(found) => return found,
            Err(look_up) => look_up,
        };
        let (found, holds) = look_up.clone().await;
        self.learn(host.as_str(), &look_up, &found, holds);
        found
    }

    /// Forgets the addresses of a host, because none of them has answered.
    pub(super) fn forget(&self, host: &Host) {
        let mut entries = self.entries();
        if let Some(Entry::Known { .. }) = entries.get(host.as_str()) {
            entries.remove(host.as_str());
        }
    }

    /// What is known, or else the look-up to wait for.
    fn known_or_asked(&self, name: &str) -> Result<Found, LookUp> {
        let now = Instant::now();
        let mut entries = self.entries();
        match entries.get(name) {
            Some(Entry::Known { found, until }) if *until > now => return Ok(found.clone()),
            Some(Entry::Asked { look_up, since }) if since.elapsed() < PATIENCE => return Err(look_up.clone()),
            _ => {}
        }
        if entries.len() >= MAX_NAMES {
            entries.retain(|_, entry| matches!(entry, Entry::Known { until, .. } if *until > now));
        }
        let look_up = look_up(Arc::clone(&self.resolver), name.into()).boxed().shared();
        if entries.len() < MAX_NAMES {
            entries.insert(name.into(), Entry::Asked { look_up: look_up.clone(), since: now });
        }
        Err(look_up)
    }

    fn learn(&self, name: &str, answered: &LookUp, found: &Found, holds: Duration) {
        let mut entries = self.entries();
        if let Some(entry @ Entry::Asked { .. }) = entries.get_mut(name)
            && matches!(entry, Entry::Asked { look_up, .. } if look_up.ptr_eq(answered))
        {
            *entry = Entry::Known { found: found.clone(), until: Instant::now() + holds };
        }
    }

    fn entries(&self) -> MutexGuard<'_, FxHashMap<Box<str>, Entry>> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Asks the resolver. Returns the answer and how long it holds.
async fn look_up(resolver: Arc<dyn Resolve>, name: Box<str>) -> (Found, Duration) {
    match resolver.resolve(&name).await {
        Ok(Resolved { addresses, ttl }) if !addresses.is_empty() => {
            let holds = ttl.unwrap_or(UNKNOWN_TTL).min(LONGEST_TTL);
            (Ok(resolve::alternate_families(addresses).into()), holds)
        }
        Ok(_) | Err(_) => (Err(DialError::NameNotFound), FAILURE_TTL),
    }
}

/// For answers that do not tell: getaddrinfo drops the time-to-live of the record. Many sites change theirs every minute.
const UNKNOWN_TTL: Duration = Duration::from_secs(30);
const LONGEST_TTL: Duration = Duration::from_secs(300);
/// Long enough for the other requests of a page, short enough for a person who has corrected a mistake.
const FAILURE_TTL: Duration = Duration::from_secs(1);
/// A look-up that has not answered for so long is asked again.
const PATIENCE: Duration = Duration::from_secs(5);
/// More names than are asked for within their time-to-live; beyond, names are looked up without being kept.
const MAX_NAMES: usize = 4096;

#[cfg(test)]
mod tests {
    use std::future::pending;
    use std::io;
    use std::net::Ipv4Addr;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use futures_util::future::join_all;
    use tokio::time::{sleep, timeout};

    use super::*;
    use crate::data::upstream::resolve::Resolution;

    /// Takes a while, and answers by the name.
    #[derive(Debug, Default)]
    struct Slow {
        asked: AtomicUsize,
    }

    impl Resolve for Slow {
        fn resolve<'a>(&'a self, name: &'a str) -> Resolution<'a> {
            self.asked.fetch_add(1, Ordering::Relaxed);
            Box::pin(async move {
                sleep(Duration::from_millis(200)).await;
                match name {
                    "missing.test" => Err(io::ErrorKind::NotFound.into()),
                    "hanging.test" => pending().await,
                    "brief.test" => Ok(Resolved { ttl: Some(Duration::from_secs(2)), ..one_address() }),
                    _ => Ok(one_address()),
                }
            })
        }
    }

    fn one_address() -> Resolved {
        Resolved::from(vec![IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1))])
    }

    fn names() -> (Arc<Slow>, Names) {
        let resolver = Arc::new(Slow::default());
        (Arc::clone(&resolver), Names::new(resolver))
    }

    fn host(name: &str) -> Host {
        Host::parse(name).unwrap()
    }

    #[tokio::test(start_paused = true)]
    async fn equal_look_ups_at_once_are_one() {
        let (resolver, names) = names();
        let host = host("a.test");

        let found = join_all((0..100).map(|_| names.addresses(&host))).await;

        assert!(found.iter().all(Result::is_ok));
        assert_eq!(resolver.asked.load(Ordering::Relaxed), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn an_answer_holds_for_its_time_to_live() {
        let (resolver, names) = names();
        let cases = [("brief.test", Duration::from_secs(2)), ("a.test", UNKNOWN_TTL), ("missing.test", FAILURE_TTL)];
        for (name, ttl) in cases {
            let before = resolver.asked.load(Ordering::Relaxed);
            let _ = names.addresses(&host(name)).await;
            sleep(ttl - Duration::from_millis(1)).await;
            let _ = names.addresses(&host(name)).await;
            assert_eq!(resolver.asked.load(Ordering::Relaxed), before + 1, "{name} is kept");
            sleep(Duration::from_millis(2)).await;
            let _ = names.addresses(&host(name)).await;
            assert_eq!(resolver.asked.load(Ordering::Relaxed), before + 2, "{name} is asked again");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_caller_that_leaves_takes_no_other_with_it() {
        let (resolver, names) = names();
        let host = host("a.test");

        let left = timeout(Duration::from_millis(100), names.addresses(&host)).await;
        let stayed = names.addresses(&host).await;

        assert!(left.is_err());
        assert!(stayed.is_ok());
        assert_eq!(resolver.asked.load(Ordering::Relaxed), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn a_look_up_that_hangs_is_asked_again_and_holds_up_no_other_name() {
        let (resolver, names) = names();

        let hanging = timeout(PATIENCE, names.addresses(&host("hanging.test"))).await;
        assert!(hanging.is_err());
        assert!(names.addresses(&host("a.test")).await.is_ok());
        let again = timeout(PATIENCE, names.addresses(&host("hanging.test"))).await;

        assert!(again.is_err());
        assert_eq!(resolver.asked.load(Ordering::Relaxed), 3);
    }

    #[tokio::test(start_paused = true)]
    async fn what_was_forgotten_is_asked_again() {
        let (resolver, names) = names();
        let host = host("a.test");

        let _ = names.addresses(&host).await;
        names.forget(&host);
        let _ = names.addresses(&host).await;

        assert_eq!(resolver.asked.load(Ordering::Relaxed), 2);
    }
}
