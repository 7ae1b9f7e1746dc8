//! What becomes of requests whose gateway is out of order, where the user wants them to go direct then.

use std::sync::atomic::{AtomicBool, Ordering};

use tracing::{info, warn};

use super::super::error::Failure;
use super::super::upstream::ConnectError;

/// Says once when requests begin to go direct, and once when they go through the gateway again.
#[derive(Debug, Default)]
pub(crate) struct Fallback {
    is_used: AtomicBool,
}

impl Fallback {
    /// A request goes direct although the rules send it to the gateway.
    pub(super) fn begin(&self, error: ConnectError) {
        if !self.is_used.swap(true, Ordering::Relaxed) {
            let code = Failure::Connect(error).code();
            warn!(code, "the gateway is out of order; requests go direct with this machine's own address meanwhile");
        }
    }

    /// A request went through the gateway.
    pub(super) fn end(&self) {
        if self.is_used.load(Ordering::Relaxed) && self.is_used.swap(false, Ordering::Relaxed) {
            info!("the gateway works again");
        }
    }
}
