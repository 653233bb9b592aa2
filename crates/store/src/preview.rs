//! Previews: the outcome that a commit would give a submission now.

use std::collections::BTreeMap;
use std::sync::Arc;

use leadgate_domain::{
    BatchChanges, BatchResolution, Judge, Lead, LeadId, NormalizedSubmission, ResolvedOutcome,
    ResolvedSubmission, Trace,
};

use crate::commit::{leads_to_lock, provisional, suppression_keys};
use crate::error::{StoreError, TransactionError};
use crate::rows::ScopedId;
use crate::store::Store;
use crate::store_transaction::StoreTransaction;

/// The expected outcome of a submission.
#[derive(Debug, Clone, PartialEq)]
pub struct SubmissionPreview {
    pub ruling: ResolvedOutcome,
    /// The lead that the commit would create or update. A lead that it would only match is returned as
    /// stored.
    pub lead: Option<Lead>,
    pub trace: Trace,
}

impl Store {
    /// Judges each submission separately, with the same judge as a commit. It stores and locks nothing, so
    /// the result may be outdated a moment later.
    pub async fn preview(
        &self,
        submissions: Vec<NormalizedSubmission>,
        judge: Arc<dyn Judge>,
    ) -> Result<Vec<SubmissionPreview>, StoreError> {
        self.read(move |session| preview(&mut StoreTransaction::new(session), &submissions, judge.as_ref()))
            .await
    }
}

/// The steps of a commit as far as they only read: one statement each, however many submissions there are.
fn preview(
    tx: &mut StoreTransaction<'_>,
    all: &[NormalizedSubmission],
    judge: &dyn Judge,
) -> Result<Vec<SubmissionPreview>, TransactionError> {
    let claims = tx.read_claims(&provisional(&all.iter().collect::<Vec<_>>()))?;
    let resolved = all.iter().map(|normalized| {
        let own = normalized.claim_keys().filter_map(|key| Some((*key, claims.get(key)?.clone())));
        judge.resolve(vec![normalized], own.collect())
    });
    let resolved: Vec<_> = resolved.collect();

    let changed = leads(tx.read_leads(&resolved.iter().flat_map(leads_to_lock).collect())?);
    let own = |resolution: &BatchResolution<'_>| -> Vec<Lead> {
        leads_to_lock(resolution).iter().filter_map(|key| changed.get(key).cloned()).collect()
    };
    let before: Vec<Lead> = resolved.iter().flat_map(own).collect();
    let suppressions = tx.read_suppressions(&suppression_keys(judge, all, &before))?;
    let judged = resolved.into_iter().map(|resolution| {
        let own = own(&resolution);
        judge.judge(resolution, own, &suppressions)
    });
    let judged: Vec<_> = judged.collect();

    let met = leads(
        tx.read_leads(&judged.iter().flat_map(|effects| &effects.submissions).filter_map(key).collect())?,
    );
    judged.into_iter().map(|effects| build_preview(effects, &met)).collect()
}

fn build_preview(
    effects: BatchChanges<'_>,
    met: &BTreeMap<ScopedId<LeadId>, Lead>,
) -> Result<SubmissionPreview, TransactionError> {
    let case = effects.submissions.into_iter().next();
    let case = case.ok_or_else(|| StoreError::Bug("a submission was judged away".to_owned()))?;
    let made =
        effects.created.into_iter().chain(effects.updated).find(|lead| case.resolved.lead == Some(lead.id));
    let lead = made.or_else(|| met.get(&key(&case)?).cloned());
    Ok(SubmissionPreview { ruling: case.resolved, lead, trace: case.trace })
}

fn key(case: &ResolvedSubmission<'_>) -> Option<ScopedId<LeadId>> {
    Some(ScopedId { organization: case.normalized.submission.organization, id: case.resolved.lead? })
}

fn leads(found: Vec<Lead>) -> BTreeMap<ScopedId<LeadId>, Lead> {
    found.into_iter().map(|lead| (ScopedId { organization: lead.organization, id: lead.id }, lead)).collect()
}
