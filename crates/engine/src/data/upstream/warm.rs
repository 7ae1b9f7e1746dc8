//! Connections to the gateway that stand before they are needed.
//!
//! A CONNECT through the gateway costs a round trip for TCP, one or two for TLS, and one for the answer. With a connection at
//! hand only the last is left. How many are made follows the demand of the last moment, and those that nobody has taken
//! for a while are closed: where nothing goes through the gateway, nothing stands.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use super::Upstream;

/// The warm connections of one session.
#[derive(Debug, Default)]
pub(super) struct Warm {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// The oldest first, which is taken first: no connection grows old unused.
    ready: VecDeque<(Upstream, Instant)>,
    dialling: usize,
    /// When connections were asked for, within the last moment.
    asked: VecDeque<Instant>,
}

impl Warm {
    /// A connection that stands, if there is one that its other side has not closed.
    pub(super) fn take(&self) -> Option<Upstream> {
        let mut state = self.state();
        state.note_demand(Instant::now());
        while let Some((mut stream, since)) = state.ready.pop_front() {
            if since.elapsed() < MAX_AGE && stream.is_quiet() {
                return Some(stream);
            }
        }
        None
    }

    /// How many connections to make now. Each has to be followed by [`end_dial`](Self::end_dial).
    pub(super) fn begin_dials(&self) -> usize {
        let mut state = self.state();
        // One alone is no demand yet.
        let wanted = state.asked.len().saturating_sub(1);
        let missing = wanted.saturating_sub(state.ready.len() + state.dialling);
        state.dialling += missing;
        missing
    }

    /// A connection stands, or could not be made.
    pub(super) fn end_dial(&self, dialled: Option<Upstream>) {
        let mut state = self.state();
        state.dialling -= 1;
        state.ready.extend(dialled.map(|stream| (stream, Instant::now())));
    }

    /// Closes connections that nobody has taken for a while.
    pub(super) fn sweep(&self) {
        self.state().ready.retain_mut(|(stream, since)| since.elapsed() < MAX_AGE && stream.is_quiet());
    }

    /// Closes every connection.
    pub(super) fn clear(&self) {
        self.state().ready.clear();
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn note_demand(&mut self, now: Instant) {
        while self.asked.front().is_some_and(|asked| now - *asked > MOMENT) {
            self.asked.pop_front();
        }
        if self.asked.len() < MAX_READY {
            self.asked.push_back(now);
        }
    }
}

/// What was asked for within it is what may be asked for while new connections are made: some round trips.
const MOMENT: Duration = Duration::from_millis(250);
/// A browser that opens a page asks for about this many at once.
const MAX_READY: usize = 16;
/// A gateway closes connections that say nothing; most do so after more than this.
const MAX_AGE: Duration = Duration::from_secs(10);
