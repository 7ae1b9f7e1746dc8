//! HTTP/2 to an `https` gateway: connects share connections (RFC 9113 §8.5).
//!
//! A gateway says in the TLS handshake whether it speaks HTTP/2. Where it does, a CONNECT is one round trip on a connection
//! that stands, however many there are at once. Each connection carries a limited number of them, so that one lost packet
//! holds up so many and no more.

mod connection;
mod pings;
mod stream;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Semaphore;
use tokio::time::Instant;

pub(super) use connection::{Connection, Http2Error, Place, handshake};
pub(crate) use stream::Http2Stream;

/// The HTTP/2 connections of one session.
#[derive(Debug)]
pub(super) struct Http2 {
    state: Mutex<State>,
    /// Held while a connection is made that others can wait for. A few at once, for gateways that allow little on each.
    pub(super) dialling: Semaphore,
}

#[derive(Debug)]
struct State {
    spoken: Spoken,
    connections: Vec<Known>,
}

/// What the gateway has agreed on when it was asked last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Spoken {
    Unknown,
    Http1,
    Http2,
}

#[derive(Debug)]
struct Known {
    connection: Arc<Connection>,
    idle_since: Option<Instant>,
}

impl Http2 {
    pub(super) fn new(spoken: Spoken) -> Self {
        Self { state: Mutex::new(State { spoken, connections: Vec::new() }), dialling: Semaphore::new(DIALS) }
    }

    pub(super) fn spoken(&self) -> Spoken {
        self.state().spoken
    }

    /// Remembers what a new connection speaks.
    pub(super) fn note(&self, spoken: Spoken) {
        self.state().spoken = spoken;
    }

    /// Lets others use a connection.
    pub(super) fn add(&self, connection: &Arc<Connection>) {
        self.state().connections.push(Known { connection: Arc::clone(connection), idle_since: None });
    }

    /// A place on a connection that stands and has one. The fullest comes first, so that the others become idle.
    pub(super) fn take(&self) -> Option<Place> {
        let mut state = self.state();
        state.connections.retain(|known| known.connection.is_usable());
        state.connections.sort_by_key(|known| known.connection.free_places());
        state.connections.iter_mut().find_map(|known| {
            let place = Connection::take_place(&known.connection)?;
            known.idle_since = None;
            Some(place)
        })
    }

    /// A connection whose other side has not said yet how many places there are.
    pub(super) fn unsettled(&self) -> Option<Arc<Connection>> {
        let state = self.state();
        let is_unsettled = |known: &&Known| known.connection.is_usable() && !known.connection.is_settled();
        state.connections.iter().find(is_unsettled).map(|known| Arc::clone(&known.connection))
    }

    /// Lets go of connections that were not needed for a while, and of those that have ended.
    pub(super) fn sweep(&self) {
        let now = Instant::now();
        self.state().connections.retain_mut(|known| {
            if !known.connection.is_idle() {
                known.idle_since = None;
                return known.connection.is_usable();
            }
            let since = *known.idle_since.get_or_insert(now);
            now - since < IDLE && known.connection.is_usable()
        });
    }

    /// Lets go of every connection. What runs on them goes on.
    pub(super) fn clear(&self) {
        self.state().connections.clear();
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Connections that are made at once.
const DIALS: usize = 4;
/// As kept HTTP/1.1 connections: long enough for a page to be read.
const IDLE: Duration = Duration::from_secs(60);
