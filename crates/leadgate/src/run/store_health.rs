//! A worker's check of its store, for readiness and the log. The pool for batches waits up to 30 seconds for a
//! connection, so an error of a batch would tell too late that the store is away.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use leadgate_store::{Store, StoreError, StoreFailure};
use tokio_util::sync::CancellationToken;

/// Between two checks.
const CHECKED_EVERY: Duration = Duration::from_secs(1);

const NOT_ANSWERED_YET: &str = "it has not answered yet";
const NOT_ANSWERING: &str = "it does not answer";

/// Why the store cannot be used, if it cannot, as of the last check.
#[derive(Clone)]
pub(super) struct StoreHealth(Arc<Mutex<Option<&'static str>>>);

impl StoreHealth {
    /// Checks `store`, one from [`crate::ports::health_store`], until told to stop.
    pub(super) fn watch(store: Store, stop: CancellationToken) -> Self {
        let health = Self(Arc::new(Mutex::new(Some(NOT_ANSWERED_YET))));
        let watching = health.clone();
        tokio::spawn(async move {
            while let Some(checked) = stop.run_until_cancelled(store.check()).await {
                watching.note(checked);
                stop.run_until_cancelled(tokio::time::sleep(CHECKED_EVERY)).await;
            }
        });
        health
    }

    /// What is wrong, for readiness; without the text of an error, which may name the database's host and user.
    pub(super) fn problem(&self) -> Option<&'static str> {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Logs once when the store becomes unusable and once when it recovers.
    fn note(&self, checked: Result<(), StoreError>) {
        let problem = checked.as_ref().err().map(explain);
        let before = {
            let mut last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            std::mem::replace(&mut *last, problem)
        };
        match (before, checked) {
            (before, Err(error)) if before != problem => {
                tracing::error!(%error, "the store cannot be used: {}", problem.unwrap_or_default());
            }
            (Some(before), Ok(())) if before != NOT_ANSWERED_YET => {
                tracing::info!("the store can be used again");
            }
            _ => {}
        }
    }
}

fn explain(error: &StoreError) -> &'static str {
    match error {
        StoreError::NotMigrated => "it has no schema that this build can use: run `leadgate migrate`",
        error if error.failure() == Some(StoreFailure::Refused) => {
            "it refuses what this program needs; the log says what"
        }
        error if error.is_transient() => NOT_ANSWERING,
        _ => "it cannot be used; the log says why",
    }
}
