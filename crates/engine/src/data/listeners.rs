//! The ports of 127.0.0.1 that the sessions of a program listen on: none of them may connect to one of these.

use std::sync::{Arc, Mutex, PoisonError};

/// The ports. Clones are the same list; sessions that share none know only their own port.
#[derive(Debug, Clone, Default)]
pub struct Listeners {
    ports: Arc<Mutex<Vec<u16>>>,
}

/// Keeps a port in the list.
#[derive(Debug)]
pub(crate) struct Listed {
    listeners: Listeners,
    port: u16,
}

impl Listeners {
    pub(crate) fn add(&self, port: u16) -> Listed {
        self.ports(|ports| ports.push(port));
        Listed { listeners: self.clone(), port }
    }

    pub(crate) fn has(&self, port: u16) -> bool {
        self.ports(|ports| ports.contains(&port))
    }

    fn ports<T>(&self, look: impl FnOnce(&mut Vec<u16>) -> T) -> T {
        look(&mut self.ports.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Drop for Listed {
    fn drop(&mut self) {
        self.listeners.ports(|ports| ports.retain(|port| *port != self.port));
    }
}
