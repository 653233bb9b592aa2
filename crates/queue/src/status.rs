//! Readiness of a queue. Reading it is cheap enough for every request.

use std::sync::Arc;

use tokio::sync::watch;

use crate::error::{PublishError, QueueFailure};

/// Whether a queue can do the work of its role.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum QueueStatus {
    Ready,
    /// The reason contains what is wrong and, if possible, what to do.
    NotReady {
        reason: Arc<str>,
    },
}

impl QueueStatus {
    pub fn is_ready(&self) -> bool {
        matches!(self, Self::Ready)
    }
}

/// The state of the publishing or consuming side of a queue. Its task writes it, all other tasks read it.
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

    /// Has no effect after the queue was closed. Returns whether the state changed, so that the caller logs a
    /// state once.
    pub(crate) fn set_ready(&self) -> bool {
        self.change(None, "")
    }

    /// Returns whether the cause or the reason changed.
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

    /// Returns the error that a publish would get now.
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

    /// Waits until the state is ready. Never returns after the queue was closed.
    pub(crate) async fn ready(&self) {
        let mut watcher = self.0.subscribe();
        // The sender lives as long as `self`.
        watcher.wait_for(|state| state.cause.is_none()).await.ok();
    }
}
