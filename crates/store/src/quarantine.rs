//! Keeping one submission aside.

use std::sync::Arc;

use leadgate_domain::{
    Case, Disposition, Normalized, Outcome, QuarantineReason, Ruling, Submission, Timestamp, Trace,
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
        let mut trace = Trace::default();
        trace.record("quarantine", reason);
        let normalized =
            Arc::new(Normalized { submission, disposition: Disposition::Quarantine(reason), trace });
        for form in [Form::Columns, Form::Whole] {
            let normalized = Arc::clone(&normalized);
            let kept = self.write(move |session| keep(session, &normalized, reason, form)).await;
            match kept {
                Err(StoreError::RowRefused { .. }) => {}
                settled => return settled,
            }
        }
        Err(StoreError::unavailable(Trouble::Internal))
    }
}

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
) -> Result<Committed, Fault> {
    let submission = &normalized.submission;
    let (whole, none) = (whole(submission)?, NoFields::default());
    let row = match form {
        Form::Columns => SubmissionRow::of(submission),
        Form::Whole => SubmissionRow::wrapped(submission, &whole, Timestamp::now(), &none),
    };
    let mut tx = Statements::new(session);
    let (fresh, reused) = match release_of(submission) {
        Some(_) => {
            let released = tx.release(std::iter::once(submission))?.into_values().next();
            if released == Some(true) {
                tx.insert_submission_rows(&[row])?;
            }
            (released.is_some(), 0)
        }
        None if tx.insert_submission_rows(&[row])?.is_empty() => {
            (false, tx.quarantine_reused(&[submission])?)
        }
        None => (true, 0),
    };
    if !fresh {
        return Ok(Committed { repeated: 1 - reused.min(1), reused, ..Committed::default() });
    }
    let ruling = Ruling { outcome: Outcome::Quarantined, lead: None, quarantine: Some(reason) };
    let case = [Case { normalized, trace: normalized.trace.clone(), ruling, opts_out: Vec::new() }];
    tx.record_outcomes(&case)?;
    tx.quarantine(&case)?;
    Ok(Committed { settled: case.iter().map(Settled::of).collect(), ..Committed::default() })
}
