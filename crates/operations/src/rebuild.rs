//! Rebuilds stored leads from their submissions, as these are read today.

use std::collections::BTreeMap;

use leadgate_domain::{
    ClaimKind, CommitAction, LeadId, NormalizedSubmission, OrganizationId, QuarantineReason, Trace,
};
use leadgate_pipeline::Pipeline;
use leadgate_store::{Contribution, Contributor, LeadRebuild, RebuildResult, Snapshot, Store, StoreError};

use crate::JudgeContext;
use crate::reread::reread;

/// How often a lead is tried that others change at the same time.
const ATTEMPTS: usize = 3;

/// Leads that are rebuilt together.
pub(crate) const CHUNK: usize = 100;

/// Rebuilds leads, and returns what became of each that has a submission. With `dry`, nothing is written.
pub async fn rebuild(
    store: &Store,
    organization: OrganizationId,
    mut leads: Vec<LeadId>,
    context: &JudgeContext,
    dry: bool,
) -> Result<Vec<(LeadId, RebuildResult)>, StoreError> {
    let mut all = Vec::with_capacity(leads.len());
    for attempt in 1..=ATTEMPTS {
        let makers = store.contributors(organization, &leads).await?;
        let JudgeContext { known, pipeline } = context.clone();
        let read = tokio::task::spawn_blocking(move || read(makers, &known, &pipeline));
        let rebuilds = read.await.map_err(|_| StoreError::Panicked)?;
        let ids: Vec<_> = rebuilds.iter().map(|one| one.lead).collect();
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

/// Rebuilds leads that still show what was erased. Those that cannot be rebuilt stay on the list.
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

fn read(makers: Vec<Contributor>, known: &Snapshot, pipeline: &Pipeline) -> Vec<LeadRebuild> {
    let mut rebuilds: BTreeMap<LeadId, Vec<Contribution>> = BTreeMap::new();
    for maker in makers {
        rebuilds.entry(maker.lead).or_default().push(part(maker, known, pipeline));
    }
    rebuilds.into_iter().map(|(lead, parts)| LeadRebuild { lead, parts }).collect()
}

fn part(maker: Contributor, known: &Snapshot, pipeline: &Pipeline) -> Contribution {
    let Contributor { outcome, submission, erased, .. } = maker;
    if erased {
        let disposition = CommitAction::Quarantine(QuarantineReason::Invalid);
        let normalized = NormalizedSubmission { submission, disposition, trace: Trace::default() };
        return Contribution { normalized, outcome, keys: Vec::new() };
    }
    let (source, scoring) = (known.source(submission.source), known.scoring(submission.organization));
    let before = pipeline.normalize(submission.clone(), source, scoring);
    let keys = before.claim_keys().filter(|key| key.kind != ClaimKind::Idempotency).copied().collect();
    Contribution { normalized: reread(submission, known, pipeline), outcome, keys }
}
