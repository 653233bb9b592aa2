//! Rebuilds stored leads from their contributors, with the current mapping, settings and scoring.

use std::collections::BTreeMap;

use leadgate_domain::{
    ClaimKind, CommitAction, LeadId, NormalizedSubmission, OrganizationId, QuarantineReason, Trace,
};
use leadgate_pipeline::Pipeline;
use leadgate_store::{Contribution, Contributor, LeadRebuild, RebuildResult, Snapshot, Store, StoreError};

use crate::JudgeContext;
use crate::reread::reread;

/// The number of attempts for a lead that is changed concurrently.
const ATTEMPTS: usize = 3;

/// The number of leads that are rebuilt together.
pub(crate) const CHUNK: usize = 100;

/// Rebuilds leads, and returns the result for each lead that has a contributor. With `dry`, nothing is
/// written.
pub async fn rebuild(
    store: &Store,
    organization: OrganizationId,
    mut leads: Vec<LeadId>,
    context: &JudgeContext,
    dry: bool,
) -> Result<Vec<(LeadId, RebuildResult)>, StoreError> {
    let mut all = Vec::with_capacity(leads.len());
    for attempt in 1..=ATTEMPTS {
        let contributors = store.contributors(organization, &leads).await?;
        let JudgeContext { snapshot, pipeline } = context.clone();
        let read = tokio::task::spawn_blocking(move || read(contributors, &snapshot, &pipeline));
        let rebuilds = read.await.map_err(|_| StoreError::Panicked)?;
        let ids: Vec<_> = rebuilds.iter().map(|rebuild| rebuild.lead).collect();
        let rebuilt = store.rebuild(organization, rebuilds, context.pipeline.clone(), dry).await?;
        leads.clear();
        for (lead, rebuilt) in ids.into_iter().zip(rebuilt) {
            match rebuilt {
                RebuildResult::ChangedConcurrently if attempt < ATTEMPTS => leads.push(lead),
                rebuilt => all.push((lead, rebuilt)),
            }
        }
        if leads.is_empty() {
            break;
        }
    }
    Ok(all)
}

/// Rebuilds leads that still contain erased values. Leads that cannot be rebuilt stay on the list.
pub async fn rebuild_without_erased(
    store: &Store,
    organization: OrganizationId,
    leads: &[LeadId],
    context: &JudgeContext,
) -> Result<(), StoreError> {
    for chunk in leads.chunks(CHUNK) {
        let rebuilt = rebuild(store, organization, chunk.to_vec(), context, false).await?;
        let done = rebuilt.into_iter().filter_map(|(lead, rebuilt)| match rebuilt {
            RebuildResult::Changed { .. } | RebuildResult::Unchanged => Some(lead),
            RebuildResult::ChangedConcurrently | RebuildResult::NotRebuildable => None,
        });
        store.mark_rebuilt(organization, &done.collect::<Vec<_>>()).await?;
    }
    Ok(())
}

fn read(contributors: Vec<Contributor>, snapshot: &Snapshot, pipeline: &Pipeline) -> Vec<LeadRebuild> {
    let mut rebuilds: BTreeMap<LeadId, Vec<Contribution>> = BTreeMap::new();
    for contributor in contributors {
        rebuilds.entry(contributor.lead).or_default().push(part(contributor, snapshot, pipeline));
    }
    rebuilds.into_iter().map(|(lead, parts)| LeadRebuild { lead, parts }).collect()
}

fn part(contributor: Contributor, snapshot: &Snapshot, pipeline: &Pipeline) -> Contribution {
    let Contributor { outcome, submission, erased, .. } = contributor;
    if erased {
        let action = CommitAction::Quarantine(QuarantineReason::Invalid);
        let normalized = NormalizedSubmission { submission, action, trace: Trace::default() };
        return Contribution { normalized, outcome, keys: Vec::new() };
    }
    let (source, scoring) = (snapshot.source(submission.source), snapshot.scoring(submission.organization));
    let before = pipeline.normalize(submission.clone(), source, scoring);
    let keys = before.claim_keys().filter(|key| key.kind != ClaimKind::Idempotency).copied().collect();
    Contribution { normalized: reread(submission, snapshot, pipeline), outcome, keys }
}
