//! The tokio runtime that all sessions of the process share: there while one of them runs, gone when none does.

use std::future::Future;
use std::io;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use tokio::runtime::Builder;

/// A share in the runtime. When the last one is dropped, its threads end.
#[derive(Debug, Clone)]
pub(crate) struct Runtime {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    tokio: Option<tokio::runtime::Runtime>,
}

impl Runtime {
    /// The runtime that is there already, or a new one.
    pub(crate) fn share() -> io::Result<Self> {
        let mut shared = SHARED.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(inner) = shared.upgrade() {
            return Ok(Self { inner });
        }
        let tokio = Builder::new_multi_thread()
            .worker_threads(WORKERS)
            .max_blocking_threads(LOOKUP_THREADS)
            .thread_keep_alive(LOOKUP_THREAD_KEEP_ALIVE)
            .thread_name("aluvia")
            .enable_all()
            .build()?;
        let inner = Arc::new(Inner { tokio: Some(tokio) });
        *shared = Arc::downgrade(&inner);
        Ok(Self { inner })
    }

    /// Runs a future on the workers. It holds no share itself.
    pub(crate) fn spawn(&self, future: impl Future<Output = ()> + Send + 'static) {
        if let Some(tokio) = &self.inner.tokio {
            tokio.spawn(future);
        }
    }
}

impl Drop for Inner {
    /// Does not wait: this may run on the JavaScript thread, or on one of the workers.
    fn drop(&mut self) {
        if let Some(tokio) = self.tokio.take() {
            tokio.shutdown_background();
        }
    }
}

static SHARED: Mutex<Weak<Inner>> = Mutex::new(Weak::new());
/// The machine's cores belong to the user's browser; more did not measure faster.
const WORKERS: usize = 2;
/// Names that are looked up at once: getaddrinfo blocks a thread each. No more than a page of a browser asks for.
const LOOKUP_THREADS: usize = 128;
const LOOKUP_THREAD_KEEP_ALIVE: Duration = Duration::from_secs(5);
