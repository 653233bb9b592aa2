//! Quarantines a single submission.

use std::collections::BTreeSet;
use std::sync::Arc;

use leadgate_domain::{
    CommitAction, Judge, NormalizedSubmission, Outcome, QuarantineReason, ResolvedOutcome,
    ResolvedSubmission, Stage, Submission, Suppression, Trace, trace,
};

use crate::commit::{CommitResult, SettledSubmission, valid_release};
use crate::connection::StoreConnection;
use crate::error::{StoreError, StoreFailure, TransactionError};
use crate::rows::SubmissionToStore;
use crate::store::Store;
use crate::store_transaction::StoreTransaction;
use crate::submissions::wrap_submission;

impl Store {
    /// Quarantines a submission in a separate transaction. A released submission reopens its entry. A
    /// submission that was settled before does not change.
    ///
    /// A submission that the database refuses in columns is stored as one base64 document. So this does not
    /// fail with [`StoreError::RowRefused`], and any other failure can be retried.
    pub async fn quarantine_alone(
        &self,
        submission: Submission,
        reason: QuarantineReason,
    ) -> Result<CommitResult, StoreError> {
        self.quarantine_with(submission, reason, None).await
    }

    /// Quarantines an opt-out. It still takes effect: `entries` are its suppressions
    /// ([`Judge::opt_out_entries`]).
    pub async fn quarantine_opt_out(
        &self,
        submission: Submission,
        reason: QuarantineReason,
        entries: Arc<[Suppression]>,
        judge: Arc<dyn Judge>,
    ) -> Result<CommitResult, StoreError> {
        let opt_out = (!entries.is_empty()).then_some((entries, judge));
        self.quarantine_with(submission, reason, opt_out).await
    }

    async fn quarantine_with(
        &self,
        submission: Submission,
        reason: QuarantineReason,
        opt_out: Option<OptOutEntries>,
    ) -> Result<CommitResult, StoreError> {
        let mut trace = Trace::default();
        trace.record(Stage::Quarantine(trace::QuarantineTrace(reason.into())));
        let normalized =
            Arc::new(NormalizedSubmission { submission, action: CommitAction::Quarantine(reason), trace });
        for form in [StoredForm::Columns, StoredForm::Document] {
            let (normalized, opt_out) = (Arc::clone(&normalized), opt_out.clone());
            let kept = self
                .write(move |session| insert_entry(session, &normalized, reason, form, opt_out.as_ref()))
                .await;
            match kept {
                Err(StoreError::RowRefused { .. }) => {}
                settled => return settled,
            }
        }
        Err(StoreError::unavailable(StoreFailure::Internal))
    }
}

/// The entries that an opt-out makes, and who decides the stored leads that they concern.
type OptOutEntries = (Arc<[Suppression]>, Arc<dyn Judge>);

/// In which form a submission is stored.
#[derive(Clone, Copy)]
enum StoredForm {
    Columns,
    Document,
}

fn insert_entry(
    session: &mut StoreConnection,
    normalized: &NormalizedSubmission,
    reason: QuarantineReason,
    form: StoredForm,
    opt_out: Option<&OptOutEntries>,
) -> Result<CommitResult, TransactionError> {
    let submission = &normalized.submission;
    let whole = wrap_submission(submission)?;
    let wrapped = match form {
        StoredForm::Columns => None,
        StoredForm::Document => Some(whole.as_str()),
    };
    let new = [SubmissionToStore { submission, wrapped }];
    let mut tx = StoreTransaction::new(session);
    if opt_out.is_some() {
        tx.lock_shared(submission.organization)?;
    }
    let (fresh, reused) = match valid_release(submission) {
        Some(_) => {
            let released = tx.release(std::iter::once(submission))?.into_values().next();
            if released == Some(true) {
                tx.insert_new_submissions(&new)?;
            }
            (released.is_some(), 0)
        }
        None if tx.insert_new_submissions(&new)?.is_empty() => {
            (false, tx.quarantine_reused(&[normalized])?.len())
        }
        None => (true, 0),
    };
    if !fresh {
        return Ok(CommitResult { repeated: 1 - reused.min(1), reused, ..CommitResult::default() });
    }
    let ruling = ResolvedOutcome { outcome: Outcome::Quarantined, lead: None, quarantine: Some(reason) };
    let case = [ResolvedSubmission {
        normalized,
        trace: normalized.trace.clone(),
        resolved: ruling,
        matched_by_mailbox_only: false,
        opted_out_leads: Vec::new(),
    }];
    tx.record_outcomes(&case)?;
    tx.quarantine(&case)?;
    tx.announce_quarantined([(submission, reason)])?;
    let pending = match opt_out {
        Some((entries, judge)) => tx.opt_out(entries, judge.as_ref())?,
        None => BTreeSet::new(),
    };
    Ok(CommitResult {
        settled: case.iter().map(SettledSubmission::from_resolved).collect(),
        pending,
        ..CommitResult::default()
    })
}
