//! Keeping one submission aside.

use std::collections::BTreeSet;
use std::sync::Arc;

use leadgate_domain::{
    Case, Disposition, Judge, Normalized, Outcome, QuarantineReason, Ruling, Stage, Submission, Suppression,
    Timestamp, Trace, trace,
};

use crate::commit::{Committed, Settled, release_of};
use crate::error::{Fault, StoreError, Trouble};
use crate::rows::{NoFields, SubmissionRow};
use crate::session::Session;
use crate::statements::{Statements, whole};
use crate::store::Store;

impl Store {
    /// Keeps a submission aside in a transaction of its own: one that was released, by opening its entry again. One
    /// that was settled before is left as it is.
    ///
    /// What the database refuses in columns is stored whole, as base64; so of [`StoreError::RowRefused`] there
    /// is none, and a failure is the database's own: come again.
    pub async fn quarantine_alone(
        &self,
        submission: Submission,
        reason: QuarantineReason,
    ) -> Result<Committed, StoreError> {
        self.quarantine_with(submission, reason, None).await
    }

    /// The same of an opt-out, which counts all the same: `entries` are what it suppresses ([`Judge::opted_out`]).
    pub async fn quarantine_opt_out(
        &self,
        submission: Submission,
        reason: QuarantineReason,
        entries: Arc<[Suppression]>,
        judge: Arc<dyn Judge>,
    ) -> Result<Committed, StoreError> {
        let opt_out = (!entries.is_empty()).then_some((entries, judge));
        self.quarantine_with(submission, reason, opt_out).await
    }

    async fn quarantine_with(
        &self,
        submission: Submission,
        reason: QuarantineReason,
        opt_out: Option<OptOut>,
    ) -> Result<Committed, StoreError> {
        let mut trace = Trace::default();
        trace.record(Stage::Quarantine(trace::Quarantine(reason.into())));
        let normalized =
            Arc::new(Normalized { submission, disposition: Disposition::Quarantine(reason), trace });
        for form in [Form::Columns, Form::Whole] {
            let (normalized, opt_out) = (Arc::clone(&normalized), opt_out.clone());
            let kept =
                self.write(move |session| keep(session, &normalized, reason, form, opt_out.as_ref())).await;
            match kept {
                Err(StoreError::RowRefused { .. }) => {}
                settled => return settled,
            }
        }
        Err(StoreError::unavailable(Trouble::Internal))
    }
}

/// The entries that an opt-out makes, and who decides the stored leads that they concern.
type OptOut = (Arc<[Suppression]>, Arc<dyn Judge>);

/// In which form a submission is stored.
#[derive(Clone, Copy)]
enum Form {
    Columns,
    Whole,
}

fn keep(
    session: &mut Session,
    normalized: &Normalized,
    reason: QuarantineReason,
    form: Form,
    opt_out: Option<&OptOut>,
) -> Result<Committed, Fault> {
    let submission = &normalized.submission;
    let (whole, none) = (whole(submission)?, NoFields::default());
    let row = match form {
        Form::Columns => SubmissionRow::of(submission),
        Form::Whole => SubmissionRow::wrapped(submission, &whole, Timestamp::now(), &none),
    };
    let mut tx = Statements::new(session);
    if opt_out.is_some() {
        tx.share_organization(submission.organization)?;
    }
    let (fresh, reused) = match release_of(submission) {
        Some(_) => {
            let released = tx.release(std::iter::once(submission))?.into_values().next();
            if released == Some(true) {
                tx.insert_submission_rows(&[row])?;
            }
            (released.is_some(), 0)
        }
        None if tx.insert_submission_rows(&[row])?.is_empty() => {
            (false, tx.quarantine_reused(&[normalized])?.len())
        }
        None => (true, 0),
    };
    if !fresh {
        return Ok(Committed { repeated: 1 - reused.min(1), reused, ..Committed::default() });
    }
    let ruling = Ruling { outcome: Outcome::Quarantined, lead: None, quarantine: Some(reason) };
    let case = [Case {
        normalized,
        trace: normalized.trace.clone(),
        ruling,
        by_mailbox_alone: false,
        opts_out: Vec::new(),
    }];
    tx.record_outcomes(&case)?;
    tx.quarantine(&case)?;
    let pending = match opt_out {
        Some((entries, judge)) => tx.opt_out(entries, judge.as_ref())?,
        None => BTreeSet::new(),
    };
    Ok(Committed { settled: case.iter().map(Settled::of).collect(), pending, ..Committed::default() })
}
