//! Reads stored leads again, with the current mappings, settings, suppression lists and scoring.

use std::collections::{BTreeMap, BTreeSet};

use leadgate_dialect::native;
use leadgate_domain::{
    AuditAction, ClaimKind, Eligibility, Lead, LeadId, OrganizationId, Outcome, Reason, SourceId,
    SubmissionId, Timestamp, past_moment,
};
use leadgate_store::{LeadFilter, RebuildResult, Store};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::rebuild::CHUNK;
use crate::{JudgeContext, OperationError, ReadLog, rebuild, sources};

/// The number of leads that are read together.
const PAGE: u32 = 100;

/// The maximum number of changed leads in the result. All are counted.
const MAX_RETURNED: usize = 1_000;

/// The leads to read again: named ones, those that match every filter, or all.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ReprocessRequest {
    pub leads: Vec<LeadId>,
    /// The source that created the lead.
    pub source: Option<SourceId>,
    /// Received from this time on.
    #[serde(deserialize_with = "past_moment")]
    pub from: Option<Timestamp>,
    /// Received before this time.
    #[serde(deserialize_with = "past_moment")]
    pub to: Option<Timestamp>,
    pub eligibility: Option<Eligibility>,
    /// One of the reasons for which the lead is held.
    pub reason: Option<Reason>,
    pub all: bool,
    /// Shows what would change, and changes nothing.
    pub dry_run: bool,
}

/// The result for the selected leads. With `dry_run`, what the result would be.
#[derive(Debug, Default, PartialEq, Serialize)]
pub struct ReprocessResult {
    pub dry_run: bool,
    pub changed: usize,
    pub unchanged: usize,
    /// Leads with a submission that cannot be read with the current mapping, or that was erased by retention.
    pub refused: usize,
    /// Leads that were changed concurrently. The request can be repeated.
    pub changed_meanwhile: usize,
    /// The first changed leads.
    pub leads: Vec<ChangedLead>,
    /// Named leads that the organization does not have.
    pub unknown_leads: Vec<LeadId>,
}

/// A changed lead, with the fields whose values differ.
#[derive(Debug, PartialEq, Serialize)]
pub struct ChangedLead {
    pub id: LeadId,
    pub changes: BTreeMap<String, FieldChange>,
    /// Identity keys of its submissions that belong to other leads now.
    #[serde(rename = "identity_conflict", skip_serializing_if = "Vec::is_empty")]
    pub conflicts: Vec<ClaimKind>,
}

/// The values of a field. Null means no value.
#[derive(Debug, PartialEq, Serialize)]
pub struct FieldChange {
    pub before: Value,
    pub after: Value,
}

impl ReprocessRequest {
    /// Whether no lead is selected.
    pub fn is_empty(&self) -> bool {
        Self { dry_run: false, ..self.clone() } == Self::default()
    }

    fn check(&self) -> Result<(), OperationError> {
        // A misspelled reason is read as a reason of a newer build, which no lead has.
        if let Some(reason @ Reason::Newer(_)) = self.reason {
            reason.as_str().parse::<Reason>().map_err(OperationError::Invalid)?;
        }
        let filters = Self { leads: Vec::new(), all: false, ..self.clone() };
        let selections = [!self.leads.is_empty(), self.all, !filters.is_empty()];
        match selections.into_iter().filter(|is_used| *is_used).count() {
            0 => Err(OperationError::invalid(
                "say which leads: leads, source, from, to, eligibility, reason, or all",
            )),
            1 => Ok(()),
            _ => Err(OperationError::invalid(
                "select by leads, by filters, or all, but not by several of them",
            )),
        }
    }

    fn covers(&self, lead: &Lead) -> bool {
        self.source.is_none_or(|source| lead.source == source)
            && self.from.is_none_or(|from| lead.received_at >= from)
            && self.to.is_none_or(|to| lead.received_at < to)
            && self.eligibility.is_none_or(|eligibility| lead.eligibility == eligibility)
            && self.reason.is_none_or(|reason| lead.reasons.contains(&reason))
    }
}

/// Reads the selected leads again. `progress` is called with the number of further leads that were read.
///
/// # Errors
/// [`OperationError::Invalid`] if nothing is selected, or only leads that the organization does not have;
/// [`OperationError::NotFound`] for the source. A deleted source is accepted, because its leads stay.
pub async fn run(
    store: &Store,
    organization: OrganizationId,
    request: &ReprocessRequest,
    context: &JudgeContext,
    mut progress: impl FnMut(usize),
    log: &impl ReadLog,
) -> Result<ReprocessResult, OperationError> {
    request.check()?;
    if let Some(source) = request.source {
        let found = sources::find_any(store, organization, source).await;
        if matches!(found, Err(OperationError::NotFound { .. })) {
            let entry = store.entry(organization, AuditAction::LeadsReprocessed).with_target(source);
            log.note_read(entry.with_detail("answer", "not_found")).await?;
        }
        found?;
    }
    let dry_run = request.dry_run;
    let mut result = ReprocessResult { dry_run, ..ReprocessResult::default() };
    if request.leads.is_empty() {
        filtered(store, organization, request, context, progress, &mut result).await?;
    } else {
        let named: BTreeSet<_> = request.leads.iter().copied().collect();
        for chunk in Vec::from_iter(named.clone()).chunks(CHUNK) {
            progress(chunk.len());
            let rebuilt = rebuild(store, organization, chunk.to_vec(), context, dry_run).await?;
            for id in chunk.iter().filter(|id| rebuilt.iter().all(|(found, _)| found != *id)) {
                let entry = store.entry(organization, AuditAction::LeadsReprocessed).with_target(id);
                log.note_read(entry.with_detail("answer", "not_found")).await?;
                result.unknown_leads.push(*id);
            }
            for (lead, rebuilt) in rebuilt {
                result.count(lead, rebuilt);
            }
        }
        if result.unknown_leads.len() == named.len() {
            return Err(OperationError::invalid("the organization has none of these leads"));
        }
    }
    if dry_run {
        // A change has its own entry.
        let entry = store.entry(organization, AuditAction::LeadsReprocessed);
        log.note_read(entry.with_detail("dry_run", true).with_detail("count", result.changed)).await?;
    }
    Ok(result)
}

/// Reads the leads that match the filters, from the newest id to the oldest, until the start of the selected
/// time.
async fn filtered(
    store: &Store,
    organization: OrganizationId,
    request: &ReprocessRequest,
    context: &JudgeContext,
    mut progress: impl FnMut(usize),
    result: &mut ReprocessResult,
) -> Result<(), OperationError> {
    let mut after = None;
    loop {
        let page = store.leads(organization, &LeadFilter::of_source(request.source), after, PAGE).await?;
        progress(page.data.len());
        let selected = page.data.iter().filter(|lead| request.covers(lead)).map(|lead| lead.id).collect();
        for (lead, rebuilt) in rebuild(store, organization, selected, context, result.dry_run).await? {
            result.count(lead, rebuilt);
        }
        // The list is ordered by ids. A lead was received no later than its id was created.
        let is_past = |from: Timestamp| {
            page.data.last().is_some_and(|lead| SubmissionId::from(lead.id) < SubmissionId::min_at(from))
        };
        after = page.next;
        if after.is_none() || request.from.is_some_and(is_past) {
            return Ok(());
        }
    }
}

impl ReprocessResult {
    fn count(&mut self, id: LeadId, rebuilt: RebuildResult) {
        match rebuilt {
            RebuildResult::Unchanged => self.unchanged += 1,
            RebuildResult::NotRebuildable => self.refused += 1,
            RebuildResult::ChangedConcurrently => self.changed_meanwhile += 1,
            RebuildResult::Changed { before, after, conflicts } => {
                self.changed += 1;
                if self.leads.len() < MAX_RETURNED {
                    self.leads.push(ChangedLead { id, changes: difference(&before, &after), conflicts });
                }
            }
        }
    }
}

/// The fields of a lead's response whose values differ.
fn difference(before: &Lead, after: &Lead) -> BTreeMap<String, FieldChange> {
    let shown = |lead: &Lead| {
        let lead = native::lead_response(lead, SubmissionId::from(lead.id), Outcome::Created, &|_| None);
        match serde_json::to_value(lead) {
            Ok(Value::Object(shown)) => shown,
            _ => Map::new(),
        }
    };
    let (before, mut after) = (shown(before), shown(after));
    let mut changes = BTreeMap::new();
    for (field, before) in before {
        let after = after.remove(&field).unwrap_or_default();
        if before != after {
            changes.insert(field, FieldChange { before, after });
        }
    }
    changes
        .extend(after.into_iter().map(|(field, after)| (field, FieldChange { before: Value::Null, after })));
    changes
}
