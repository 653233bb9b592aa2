//! A submission that may be what crashes the worker, run alone and counted.

use leadgate_domain::Submission;

use crate::commit::{CommitFailure, Committer};

/// How often a submission may crash a worker before it is quarantined.
const MOST_ATTEMPTS: u32 = 3;

/// Settles one submission by itself.
///
/// Each attempt is counted in the store before it is made, so that one which takes the whole process down is
/// counted too. The broker's own counter is no help: it counts requeues that were nobody's fault.
///
/// One at a time in the whole process: beside one that takes the process down, an innocent one would be counted too.
pub(crate) async fn settle(committer: &Committer, submission: &Submission) -> Result<(), CommitFailure> {
    let _alone = committer.alone.lock().await;
    let settled = attempt(committer, submission).await;
    // Settled, or held because the database is in trouble, which is nobody's fault: the count starts anew. If the
    // database does not answer now either, one attempt of three is lost; nothing is consumed until it does.
    if let Err(error) = committer.store.forget_attempts(vec![submission.id]).await {
        tracing::debug!(submission.id = %submission.id, "attempts not forgotten: {error}");
    }
    settled
}

async fn attempt(committer: &Committer, submission: &Submission) -> Result<(), CommitFailure> {
    let patience = committer.retry_deadline();
    loop {
        let attempts = committer
            .retry_while_unavailable(patience, || committer.store.begin_attempt(submission.id))
            .await?;
        let attempts = attempts.map_err(|error| {
            tracing::error!(submission.id = %submission.id, "attempt cannot be counted: {error}");
            CommitFailure::Unavailable
        })?;
        if attempts > MOST_ATTEMPTS {
            // Reading the phone and the email of an opt-out is one more attempt, which may take the process down as
            // well.
            let is_unread = attempts > MOST_ATTEMPTS + 1;
            return committer.quarantine_crashed(submission, is_unread, patience).await;
        }
        match committer.commit(vec![submission.clone()]).await {
            Err(CommitFailure::Crashed) => {
                tracing::error!(submission.id = %submission.id, attempts, "submission crashed its worker");
            }
            settled => return settled,
        }
    }
}
