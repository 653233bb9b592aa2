//! Leads: shows, corrects and deletes leads, and sets their status.

mod read;

use std::sync::Arc;
use std::time::Duration;

use leadgate_dialect::native;
use leadgate_domain::{
    Actor, AuditAction, ClientInfo, CommitAction, Correction, Dialect, Fields, Judge, Lead, LeadId,
    LeadStatus, NormalizedSubmission, OrganizationId, Outcome, Source, Submission, SubmissionId, Timestamp,
    Trust,
};
use leadgate_store::{ErasureCounts, Store, StoreError};
use serde_json::{Map, Value};
use uuid::Uuid;

pub use read::{
    AppliedCorrection, MAX_VALIDATED, SubmissionHistory, changes, draft_submission, history, listed,
    normalize, page, search, show, validate,
};

use crate::error::ResourceKind;
use crate::text::{self, MAX_REASON_LENGTH};
use crate::{JudgeContext, OperationError, rebuild_without_erased};

/// Corrects fields of a lead. They are merged like those of a newer submission, regardless of the policy of
/// the source, and the lead is judged again. Returns the corrected lead, and the id of the submission that
/// stores the correction.
///
/// `fields` are those of the native dialect. Null clears a field. The correction is stored as a submission of
/// the lead, so it is in the lead's history, and a rebuild keeps it.
///
/// # Errors
/// [`OperationError::InvalidFields`] for fields that cannot be read. [`OperationError::Invalid`] without a
/// reason, without a field, and for consent, which only the person can give.
pub async fn update(
    store: &Store,
    organization: OrganizationId,
    id: LeadId,
    fields: Map<String, Value>,
    reason: &str,
    context: &JudgeContext,
) -> Result<(Lead, SubmissionId), OperationError> {
    let missing = || OperationError::not_found(ResourceKind::Lead, id);
    let reason = text::trimmed_text("reason", reason, MAX_REASON_LENGTH)?.to_owned();
    let body = serde_json::to_vec(&fields).unwrap_or_default();
    let fields = read_fields(&fields)?;
    let lead = store.lead(organization, id).await?.ok_or_else(missing)?;
    let source = context.snapshot.source(lead.source).ok_or_else(|| {
        OperationError::Invalid(
            "this build cannot read the source of the lead: use the newest build".to_owned(),
        )
    })?;
    let correction = Correction { lead: id, by: store.actor().to_string(), reason };
    // A test lead holds no claims, and its correction must not add any.
    let fields = Fields { correction: Some(correction), is_test: lead.is_test, ..fields };
    let submission = submission(&lead, &source, fields, &body, store.actor());
    let correction = submission.id;
    let entry = store.entry(organization, AuditAction::LeadUpdated).with_target(id);
    let entry = entry.with_detail("submission", correction);
    let scoring = context.snapshot.scoring(organization);
    let normalized = context.pipeline.normalize(submission, Some(source), scoring);
    if let CommitAction::Quarantine(reason) = normalized.action {
        return Err(OperationError::Invalid(reason.sentence().to_owned()));
    }
    // Written before the change, so that no change exists without an entry.
    store.record(vec![entry]).await?;
    commit(store, normalized, context).await?.ok_or_else(missing)?;
    let lead = store.lead(organization, id).await?.ok_or_else(missing)?;
    Ok((lead, correction))
}

/// Commits a correction. Returns the changed lead, or `None` if it was deleted meanwhile.
async fn commit(
    store: &Store,
    normalized: NormalizedSubmission,
    context: &JudgeContext,
) -> Result<Option<LeadId>, OperationError> {
    let judge: Arc<dyn Judge> = context.pipeline.clone();
    let committed = match store.commit(vec![normalized], Arc::clone(&judge)).await {
        Err(StoreError::LeadGone) => return Ok(None),
        committed => committed?,
    };
    for organization in committed.pending {
        store.rescreen(organization, Arc::clone(&judge), |_| {}).await?;
    }
    let settled = committed.settled.into_iter().next();
    Ok(settled.filter(|settled| settled.outcome == Outcome::Updated).and_then(|settled| settled.lead))
}

/// Reads and checks the fields of a correction.
fn read_fields(members: &Map<String, Value>) -> Result<Fields, OperationError> {
    let invalid = |sentence: &str| OperationError::Invalid(sentence.to_owned());
    if members.is_empty() {
        return Err(invalid("no field to update; expected fields of a lead, such as company"));
    }
    let fields = native::decode_fields(members).map_err(OperationError::InvalidFields)?;
    let custom = members.get("custom_fields").and_then(Value::as_object);
    let is_custom = |name: &String| custom.is_some_and(|custom| custom.contains_key(name));
    if let Some(unknown) = fields.custom_fields.keys().find(|name| !is_custom(name)) {
        return Err(OperationError::Invalid(format!(
            "a lead has no field `{unknown}`; a field of your own is set within `custom_fields`"
        )));
    }
    if !fields.consent.is_absent() {
        return Err(invalid(
            "consent cannot be corrected: it is evidence of what the person agreed to. Send it as a submission",
        ));
    }
    if fields.is_test {
        return Err(invalid("a lead cannot be made a test lead; delete it instead"));
    }
    Ok(fields)
}

/// The submission of a correction. It is newer than all other submissions of the lead, and has the source of
/// the lead.
fn submission(lead: &Lead, source: &Source, fields: Fields, body: &[u8], by: &Actor) -> Submission {
    let id = SubmissionId::from_uuid(Uuid::now_v7());
    let received_at = Timestamp::now().max(lead.updated_at.plus(Duration::from_micros(1)));
    let key = match by {
        Actor::Key(key) => Some(key.clone()),
        _ => None,
    };
    let submission = Submission::new(id, source, received_at, fields, body);
    Submission {
        trust: Trust::Secret,
        client: ClientInfo { key, ..ClientInfo::default() },
        dialect: Dialect::Native,
        ..submission
    }
}

/// Sets the work status of a lead.
pub async fn set_status(
    store: &Store,
    organization: OrganizationId,
    id: LeadId,
    status: LeadStatus,
) -> Result<Lead, OperationError> {
    let changed = store.set_lead_status(organization, id, status).await?;
    changed.ok_or_else(|| OperationError::not_found(ResourceKind::Lead, id))
}

/// Deletes a lead and empties its submissions. The person is not suppressed, so a later submission creates a
/// new lead. To prevent that, use an erasure.
pub async fn delete(
    store: &Store,
    organization: OrganizationId,
    id: LeadId,
    context: &JudgeContext,
) -> Result<ErasureCounts, OperationError> {
    let erased = store.delete_lead(organization, id).await?;
    let erased = erased.ok_or_else(|| OperationError::not_found(ResourceKind::Lead, id))?;
    // Other leads lose the values of the emptied submissions.
    rebuild_without_erased(store, organization, &erased.to_rebuild, context).await?;
    Ok(ErasureCounts { to_rebuild: store.leads_to_rebuild(organization).await?, ..erased })
}
