//! Counts how often the processing of a single submission was started.

use std::time::Duration;

use leadgate_domain::{SubmissionId, Timestamp};

use crate::connection::query;
use crate::error::StoreError;
use crate::store::Store;

/// How long the attempts of a submission that was not settled are kept.
const REMEMBERED: Duration = Duration::from_secs(7 * 24 * 60 * 60);

impl Store {
    /// Records an attempt before it starts, so that an attempt that crashes the process is counted too.
    /// Returns the number of attempts, including this one.
    pub async fn count_crash_attempt(&self, submission: SubmissionId) -> Result<u32, StoreError> {
        let now = Timestamp::now();
        let attempts = self.write(move |session| {
            query!(session, crash_attempts::purge_attempts(now.minus(REMEMBERED)))?;
            query!(session, crash_attempts::count_attempt(submission, now))
        });
        Ok(attempts.await?.unsigned_abs())
    }

    /// Deletes the attempts of settled submissions.
    pub async fn delete_crash_attempts(&self, submissions: Vec<SubmissionId>) -> Result<(), StoreError> {
        if submissions.is_empty() {
            return Ok(());
        }
        self.write(move |session| query!(session, crash_attempts::delete_attempts(&submissions)))
            .await
            .map(drop)
    }
}
