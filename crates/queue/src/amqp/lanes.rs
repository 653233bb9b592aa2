//! How the lanes of a queue stand together.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::Cause;
use crate::status::Gate;

/// The consuming side is ready when at least one lane is connected.
#[derive(Debug, Clone)]
pub(crate) struct Lanes {
    up: Arc<AtomicUsize>,
    gate: Gate,
}

impl Lanes {
    pub(crate) fn new() -> Self {
        Self { up: Arc::default(), gate: Gate::shut(Cause::Disconnected, "no consumer is connected yet") }
    }

    pub(crate) fn gate(&self) -> &Gate {
        &self.gate
    }

    pub(crate) fn join(&self) -> Standing {
        Standing { lanes: self.clone(), is_up: false }
    }
}

/// One lane's part.
#[derive(Debug)]
pub(crate) struct Standing {
    lanes: Lanes,
    is_up: bool,
}

impl Standing {
    /// Returns whether the queue became ready by this.
    pub(crate) fn up(&mut self) -> bool {
        if !std::mem::replace(&mut self.is_up, true) {
            self.lanes.up.fetch_add(1, Ordering::SeqCst);
        }
        self.lanes.gate.open()
    }

    /// Returns whether that was news. While other lanes are up, the queue stays ready.
    pub(crate) fn down(&mut self, reason: &str) -> bool {
        if !self.leave() {
            return self.is_last() && self.lanes.gate.close(Cause::Disconnected, reason);
        }
        if self.is_last() {
            self.lanes.gate.close(Cause::Disconnected, reason);
        }
        true
    }

    fn is_last(&self) -> bool {
        self.lanes.up.load(Ordering::SeqCst) == 0
    }

    fn leave(&mut self) -> bool {
        let was_up = std::mem::replace(&mut self.is_up, false);
        if was_up {
            self.lanes.up.fetch_sub(1, Ordering::SeqCst);
        }
        was_up
    }
}

impl Drop for Standing {
    fn drop(&mut self) {
        if self.leave() && self.is_last() {
            self.lanes.gate.close(Cause::Disconnected, "no consumer is left");
        }
    }
}
