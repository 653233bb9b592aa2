//! Processes a submission that may crash the worker: alone, and with counted attempts.

use leadgate_domain::Submission;

use crate::commit::{CommitFailure, Committer};

/// How often a submission may crash a worker before it is quarantined.
const MAX_ATTEMPTS: u32 = 3;

/// Commits one submission alone, or quarantines it.
///
/// Each attempt is counted in the store before it is made, so that an attempt that ends the process is
/// counted, too. The delivery counter of the broker cannot be used, because it also counts requeues with
/// other causes.
///
/// The process runs one such submission at a time. Otherwise a crash would also count for the submissions
/// that ran at the same time.
pub(crate) async fn commit_alone(
    committer: &Committer,
    submission: &Submission,
) -> Result<(), CommitFailure> {
    let _guard = committer.isolation_lock.lock().await;
    let settled = attempt(committer, submission).await;
    // The submission is settled, or the database is unavailable: in both cases the count restarts. If the
    // database does not answer this call either, one of the three attempts is lost.
    if let Err(error) = committer.store.delete_crash_attempts(vec![submission.id]).await {
        tracing::debug!(submission.id = %submission.id, "count of attempts not deleted: {error}");
    }
    settled
}

async fn attempt(committer: &Committer, submission: &Submission) -> Result<(), CommitFailure> {
    let deadline = committer.retry_deadline();
    loop {
        let attempts = committer
            .retry_while_unavailable(deadline, || committer.store.count_crash_attempt(submission.id))
            .await?;
        let attempts = attempts.map_err(|error| {
            tracing::error!(submission.id = %submission.id, "attempt cannot be counted: {error}");
            CommitFailure::Unavailable
        })?;
        if attempts > MAX_ATTEMPTS {
            // Reading the phone and the email of an opt-out is one more attempt, which may also end the
            // process.
            let skip_opt_out = attempts > MAX_ATTEMPTS + 1;
            return committer.quarantine_crashed(submission, skip_opt_out, deadline).await;
        }
        match committer.commit(vec![submission.clone()]).await {
            Err(CommitFailure::Crashed) => {
                tracing::error!(submission.id = %submission.id, attempts, "submission crashed the worker");
            }
            settled => return settled,
        }
    }
}
