//! Idle HTTP connections, kept for the next request.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rustc_hash::FxHashMap;
use tokio::time::Instant;

use super::UpstreamConnection;
use crate::policy::Host;

/// What a kept connection may be used for.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum PoolKey {
    /// Requests to this origin.
    Direct(Host, u16),
    /// Requests through the gateway, to any origin.
    Gateway,
}

/// Keep-alive connections of one session.
#[derive(Debug, Default)]
pub(crate) struct Pool {
    idle: Mutex<Idle>,
}

#[derive(Debug, Default)]
struct Idle {
    by_key: FxHashMap<PoolKey, VecDeque<Kept>>,
    count: usize,
}

#[derive(Debug)]
struct Kept {
    connection: UpstreamConnection,
    since: Instant,
}

impl Pool {
    /// The connection that was used last, if that was not longer ago than `max_age` and its other side has not closed it.
    pub(crate) fn take(&self, key: &PoolKey, max_age: Duration) -> Option<UpstreamConnection> {
        let mut idle = self.idle();
        loop {
            let mut kept = idle.by_key.get_mut(key)?.pop_back_if(|kept| kept.since.elapsed() <= max_age)?;
            idle.count -= 1;
            if kept.connection.is_quiet() {
                return Some(kept.connection);
            }
        }
    }

    /// Keeps a connection, if there is room.
    pub(crate) fn keep(&self, key: PoolKey, mut connection: UpstreamConnection) {
        connection.is_reused = true;
        if connection.buffer.capacity() > LARGEST_KEPT_BUFFER {
            connection.buffer = bytes::BytesMut::new();
        }
        let mut idle = self.idle();
        if idle.count >= MAX_IDLE {
            return;
        }
        let same = idle.by_key.entry(key).or_default();
        if same.len() >= MAX_IDLE_PER_KEY {
            return;
        }
        // The other side's patience began when it had said everything, which the client may have taken long to take.
        same.push_back(Kept { since: connection.heard, connection });
        idle.count += 1;
    }

    /// Closes every kept connection.
    pub(crate) fn clear(&self) {
        *self.idle() = Idle::default();
    }

    /// Closes connections that were idle for too long, or that the other side has closed.
    pub(crate) fn sweep(&self) {
        let mut idle = self.idle();
        if idle.count == 0 {
            return;
        }
        idle.by_key.retain(|_, same| {
            same.retain_mut(|kept| kept.since.elapsed() < IDLE && kept.connection.is_quiet());
            !same.is_empty()
        });
        idle.count = idle.by_key.values().map(VecDeque::len).sum();
    }

    fn idle(&self) -> MutexGuard<'_, Idle> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Below what most servers allow (nginx 75 s, Apache 5 s, Node.js 5 s), and long enough for a page to be read.
const IDLE: Duration = Duration::from_secs(60);
/// For one origin, or for the gateway.
const MAX_IDLE_PER_KEY: usize = 256;
/// For the whole session.
const MAX_IDLE: usize = 1024;
/// A buffer that has grown for one large body is not kept.
const LARGEST_KEPT_BUFFER: usize = 16 * 1024;
