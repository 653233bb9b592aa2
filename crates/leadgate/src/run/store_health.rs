//! The periodic check of a worker's store, for readiness and the log. The pool for batches waits up to 30
//! seconds for a connection, so the error of a batch would come too late.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use leadgate_store::{Store, StoreError, StoreFailure};
use tokio_util::sync::CancellationToken;

/// The pause between two checks.
const CHECK_INTERVAL: Duration = Duration::from_secs(1);

const NO_ANSWER_YET: &str = "no answer yet";
const NO_ANSWER: &str = "no answer";

/// The problem that the last check of the store found, if any.
#[derive(Clone)]
pub(super) struct StoreHealth(Arc<Mutex<Option<&'static str>>>);

impl StoreHealth {
    /// Checks `store`, which is from [`crate::ports::health_store`], until `stop` is cancelled.
    pub(super) fn watch(store: Store, stop: CancellationToken) -> Self {
        let health = Self(Arc::new(Mutex::new(Some(NO_ANSWER_YET))));
        let updated = health.clone();
        tokio::spawn(async move {
            while let Some(result) = stop.run_until_cancelled(store.check()).await {
                updated.record(result);
                stop.run_until_cancelled(tokio::time::sleep(CHECK_INTERVAL)).await;
            }
        });
        health
    }

    /// The problem for readiness. It does not contain the text of the error, which may name the host and user
    /// of the database.
    pub(super) fn problem(&self) -> Option<&'static str> {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Logs once when the store becomes unusable and once when it recovers.
    fn record(&self, result: Result<(), StoreError>) {
        let problem = result.as_ref().err().map(explain);
        let before = {
            let mut last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            std::mem::replace(&mut *last, problem)
        };
        match (before, result) {
            (before, Err(error)) if before != problem => {
                tracing::error!(%error, "the store cannot be used: {}", problem.unwrap_or_default());
            }
            (Some(before), Ok(())) if before != NO_ANSWER_YET => {
                tracing::info!("the store can be used again");
            }
            _ => {}
        }
    }
}

fn explain(error: &StoreError) -> &'static str {
    match error {
        StoreError::NotMigrated => "this build cannot use its schema: run `leadgate migrate`",
        error if error.failure() == Some(StoreFailure::Misconfigured) => {
            "it refuses a required operation: see the log"
        }
        error if error.is_transient() => NO_ANSWER,
        _ => "unexpected error: see the log",
    }
}
