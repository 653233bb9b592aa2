//! Whether a queue can do its work, cheap enough to ask on every request.

use std::sync::Arc;

use tokio::sync::watch;

use crate::error::{PublishError, QueueFailure};

/// Whether a queue can do what its role asks of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum QueueStatus {
    Ready,
    /// What is wrong, and where it helps, what to do about it.
    NotReady {
        reason: Arc<str>,
    },
}

impl QueueStatus {
    pub fn is_ready(&self) -> bool {
        matches!(self, Self::Ready)
    }
}

/// The state of one half of a queue, written by its task and read by all others.
#[derive(Debug, Clone)]
pub(crate) struct Readiness(Arc<watch::Sender<ReadinessState>>);

#[derive(Debug, Clone)]
struct ReadinessState {
    cause: Option<QueueFailure>,
    reason: Arc<str>,
}

impl Readiness {
    pub(crate) fn not_ready(cause: QueueFailure, reason: &str) -> Self {
        Self(Arc::new(watch::Sender::new(ReadinessState { cause: Some(cause), reason: reason.into() })))
    }

    /// Unless it was closed for good. Returns whether that changed anything, so that what lasts is logged once.
    pub(crate) fn set_ready(&self) -> bool {
        self.change(None, "")
    }

    /// Returns whether that, or the reason, is new.
    pub(crate) fn set_not_ready(&self, cause: QueueFailure, reason: &str) -> bool {
        self.change(Some(cause), reason)
    }

    fn change(&self, cause: Option<QueueFailure>, reason: &str) -> bool {
        self.0.send_if_modified(|state| {
            if state.cause == Some(QueueFailure::Closed) || (state.cause == cause && &*state.reason == reason)
            {
                return false;
            }
            *state = ReadinessState { cause, reason: reason.into() };
            true
        })
    }

    pub(crate) fn cause(&self) -> Option<QueueFailure> {
        self.0.borrow().cause
    }

    /// The refusal that a publish would get.
    pub(crate) fn check(&self) -> Result<(), PublishError> {
        self.cause().map_or(Ok(()), |cause| Err(PublishError::Unavailable(cause)))
    }

    pub(crate) fn status(&self) -> QueueStatus {
        let state = self.0.borrow();
        match state.cause {
            None => QueueStatus::Ready,
            Some(_) => QueueStatus::NotReady { reason: Arc::clone(&state.reason) },
        }
    }

    /// Waits until it is ready; never returns if it was closed for good.
    pub(crate) async fn ready(&self) {
        let mut watcher = self.0.subscribe();
        // The sender lives as long as this does.
        watcher.wait_for(|state| state.cause.is_none()).await.ok();
    }
}
