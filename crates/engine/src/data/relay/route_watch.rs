//! The connects that run, so that those whose host would go another way by now can be told.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Waker;

use futures_util::task::AtomicWaker;
use slab::Slab;

use crate::config::OnRouteChange;
use crate::policy::{Host, Route, RuleSet};
use crate::snapshot::{Reader, Snapshot};

/// Every connect that runs, with its route.
#[derive(Debug)]
pub(crate) struct RouteWatch {
    on_change: OnRouteChange,
    connects: Mutex<Slab<Arc<Watched>>>,
}

/// One connect's place. Leaving it is dropping it.
#[derive(Debug)]
pub(crate) struct WatchedRoute {
    watch: Arc<RouteWatch>,
    key: usize,
    watched: Arc<Watched>,
}

#[derive(Debug)]
struct Watched {
    host: Host,
    route: Route,
    is_outdated: AtomicBool,
    task: AtomicWaker,
}

impl RouteWatch {
    pub(crate) fn new(on_change: OnRouteChange) -> Self {
        Self { on_change, connects: Mutex::default() }
    }

    /// Watches the route that was taken by a snapshot. What has changed since then counts, too.
    pub(crate) fn add(
        self: &Arc<Self>,
        host: Host,
        route: Route,
        decided_by: &Arc<Snapshot>,
        snapshots: &Reader,
    ) -> WatchedRoute {
        let is_outdated = AtomicBool::new(false);
        let watched = Arc::new(Watched { host, route, is_outdated, task: AtomicWaker::new() });
        let mut connects = self.connects();
        let key = connects.insert(Arc::clone(&watched));
        // Looked up only now: what is published from here on finds this connect among the others.
        let current = snapshots.current();
        if !Arc::ptr_eq(&current, decided_by) {
            watched.compare(&current.rules);
        }
        drop(connects);
        WatchedRoute { watch: Arc::clone(self), key, watched }
    }

    /// Tells each connect whose route is another one by these rules. Returns how many.
    pub(crate) fn compare(&self, rules: &RuleSet) -> usize {
        self.connects().iter().filter(|(_, connect)| connect.compare(rules)).count()
    }

    fn connects(&self) -> MutexGuard<'_, Slab<Arc<Watched>>> {
        self.connects.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Watched {
    /// Whether this is news.
    fn compare(&self, rules: &RuleSet) -> bool {
        let is_outdated = rules.decide(&self.host).route != self.route;
        let is_news = self.is_outdated.swap(is_outdated, Ordering::Relaxed) != is_outdated;
        if is_news {
            self.task.wake();
        }
        is_news && is_outdated
    }
}

impl WatchedRoute {
    /// Has the task woken when this changes.
    pub(super) fn register(&self, task: &Waker) {
        self.watched.task.register(task);
    }

    /// Whether that is enough to end the connect, whatever it does.
    pub(super) fn ends_at_once(&self) -> bool {
        self.is_outdated() && self.watch.on_change == OnRouteChange::Close
    }

    /// Whether the host would go another way by now. Rules may change back.
    pub(super) fn is_outdated(&self) -> bool {
        self.watched.is_outdated.load(Ordering::Relaxed)
    }
}

impl Drop for WatchedRoute {
    fn drop(&mut self) {
        self.watch.connects().remove(self.key);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::snapshot::{self, Credentials, Source};

    fn rules(rules: &[&str]) -> Snapshot {
        Snapshot {
            rules: RuleSet::parse(rules),
            credentials: Credentials::basic("u", "p"),
            session_id: None,
            target_geo: None,
            source: Source::Api,
        }
    }

    #[test]
    fn a_connect_is_told_when_its_route_changes_and_when_it_changes_back() {
        let (publisher, reader) = snapshot::channel(rules(&[]));
        let watch = Arc::new(RouteWatch::new(OnRouteChange::WhenIdle));
        let host = Host::parse("a.test").unwrap();
        let connect = watch.add(host, Route::Direct, &reader.current(), &reader);

        for (list, is_outdated, told) in
            [(&["b.test"][..], false, 0), (&["a.test"], true, 1), (&["*"], true, 0), (&[], false, 0)]
        {
            publisher.publish(rules(list));
            assert_eq!(watch.compare(&reader.current().rules), told, "{list:?}");
            assert_eq!(connect.is_outdated(), is_outdated, "{list:?}");
        }
        drop(connect);
        assert_eq!(watch.compare(&RuleSet::parse(&["*"])), 0);
    }

    #[test]
    fn what_has_changed_before_the_connect_stood_counts() {
        let (publisher, reader) = snapshot::channel(rules(&[]));
        let decided_by = reader.current();
        publisher.publish(rules(&["a.test"]));

        let watch = Arc::new(RouteWatch::new(OnRouteChange::WhenIdle));
        let connect = watch.add(Host::parse("a.test").unwrap(), Route::Direct, &decided_by, &reader);

        assert!(connect.is_outdated());
    }
}
