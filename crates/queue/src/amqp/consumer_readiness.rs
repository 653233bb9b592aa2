//! Readiness of the consuming side.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::error::QueueFailure;
use crate::status::Readiness;

/// Ready when at least one consumer is connected.
#[derive(Debug, Clone)]
pub(crate) struct ConsumerReadiness {
    connected: Arc<AtomicUsize>,
    readiness: Readiness,
}

impl ConsumerReadiness {
    pub(crate) fn new() -> Self {
        let readiness = Readiness::not_ready(QueueFailure::Disconnected, "no consumer is connected yet");
        Self { connected: Arc::default(), readiness }
    }

    pub(crate) fn readiness(&self) -> &Readiness {
        &self.readiness
    }

    pub(crate) fn add_consumer(&self) -> ConsumerGuard {
        ConsumerGuard { all: self.clone(), is_connected: false }
    }
}

/// The connection state of one consumer.
#[derive(Debug)]
pub(crate) struct ConsumerGuard {
    all: ConsumerReadiness,
    is_connected: bool,
}

impl ConsumerGuard {
    /// Returns whether the queue became ready.
    pub(crate) fn set_connected(&mut self) -> bool {
        if !std::mem::replace(&mut self.is_connected, true) {
            self.all.connected.fetch_add(1, Ordering::SeqCst);
        }
        self.all.readiness.set_ready()
    }

    /// Returns whether the state or the reason changed. The queue stays ready while other consumers are
    /// connected.
    pub(crate) fn set_disconnected(&mut self, reason: &str) -> bool {
        let was_connected = self.unset_connected();
        let is_new = self.is_last() && self.all.readiness.set_not_ready(QueueFailure::Disconnected, reason);
        was_connected || is_new
    }

    fn is_last(&self) -> bool {
        self.all.connected.load(Ordering::SeqCst) == 0
    }

    fn unset_connected(&mut self) -> bool {
        let was_connected = std::mem::replace(&mut self.is_connected, false);
        if was_connected {
            self.all.connected.fetch_sub(1, Ordering::SeqCst);
        }
        was_connected
    }
}

impl Drop for ConsumerGuard {
    fn drop(&mut self) {
        if self.unset_connected() && self.is_last() {
            self.all.readiness.set_not_ready(QueueFailure::Disconnected, "no consumer is connected");
        }
    }
}
