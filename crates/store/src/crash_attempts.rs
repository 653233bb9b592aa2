//! Counts how often the processing of a single submission was started.

use std::time::Duration;

use leadgate_domain::{SubmissionId, Timestamp};

use crate::error::StoreError;
use crate::rows::{ById, CrashAttemptRow, CrashAttemptsUntil};
use crate::store::Store;

/// How long the attempts of a submission that was not settled are kept.
const REMEMBERED: Duration = Duration::from_secs(7 * 24 * 60 * 60);

impl Store {
    /// Records an attempt before it starts, so that an attempt that crashes the process is counted too.
    /// Returns the number of attempts, including this one.
    pub async fn count_crash_attempt(&self, submission: SubmissionId) -> Result<u32, StoreError> {
        let last_at = Timestamp::now();
        let attempts: Option<u32> = self
            .write(move |session| {
                session.execute(
                    session.sql.crash_attempts.purge,
                    &[CrashAttemptsUntil { last_at: last_at.minus(REMEMBERED) }],
                )?;
                session.find(session.sql.crash_attempts.count, CrashAttemptRow { submission, last_at })
            })
            .await?;
        attempts.ok_or_else(|| StoreError::Bug("an attempt was not counted".to_owned()))
    }

    /// Deletes the attempts of settled submissions.
    pub async fn delete_crash_attempts(&self, submissions: Vec<SubmissionId>) -> Result<(), StoreError> {
        if submissions.is_empty() {
            return Ok(());
        }
        let rows: Vec<_> = submissions.into_iter().map(|id| ById { id }).collect();
        self.write(move |session| session.execute(session.sql.crash_attempts.delete, &rows).map(drop)).await
    }
}
