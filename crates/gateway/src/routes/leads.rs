//! `/v1/leads`, `/v1/leads/{id}`: lists, shows, corrects and deletes leads.

use std::str::FromStr;

use actix_web::HttpResponse;
use actix_web::web::{self, Data};
use leadgate_dialect::native::{self, LeadResponse, NoLeadResponse};
use leadgate_dialect::{DialectResponse, SubmissionStatus, protocol};
use leadgate_domain::{
    AuditAction, Eligibility, Email, LeadId, LeadStatus, Outcome, Phone, Scope, SourceId, SubmissionId,
    Temperature, Timestamp, past_moment,
};
use leadgate_operations::exports::{self, ExportFormat, TableOptions};
use leadgate_operations::{ItemLimit, leads as operations};
use leadgate_store::{ChangeCursor, LeadCursor, LeadFilter, SubmissionOrLead};
use serde::{Deserialize, Deserializer, Serialize, de};
use serde_json::{Map, Value};
use uuid::Uuid;

use crate::authorized_request::{AdminAccess, AuthorizedRequest, ReadAccess, WriteAccess};
use crate::caller::SourceAccess;
use crate::export_stream::stream_export;
use crate::query;
use crate::refusal::Refusal;
use crate::route_response::JsonResponse;
use crate::store_timeout::{run_operation, with_store_timeout};

/// The response to a look-up by the id of a lead or of a submission.
#[derive(Serialize)]
#[serde(untagged)]
pub(crate) enum LeadLookupResponse<'l> {
    Lead(Box<LeadResponse<'l>>),
    WithoutLead(NoLeadResponse),
    Queued(SubmissionStatus),
}

/// Shows a lead by its id, or by the id of any of its submissions.
pub(crate) async fn show(
    call: &mut AuthorizedRequest<ReadAccess, Uuid>,
) -> Result<JsonResponse<LeadLookupResponse<'static>>, Refusal> {
    let id = call.id;
    let found = with_store_timeout(&call.state, call.state.store.find(call.organization(), id)).await?;
    let Some(found) = found else {
        let queued = call.queued(id, AuditAction::LeadRead)?;
        return Ok(JsonResponse::ok(&LeadLookupResponse::Queued(queued)));
    };
    let found = restrict_to_access(found, call.source_access())
        .ok_or_else(|| call.not_found(id, AuditAction::LeadRead))?;
    let entry = call.entry(AuditAction::LeadRead).with_target(id);
    call.record(entry.with_detail("lead", found.lead.as_ref().map(|lead| lead.id)));
    let sources = |id| call.state.keys.source_title(id);
    let SubmissionOrLead { submission, quarantine, .. } = found;
    Ok(JsonResponse::ok(&match (&found.lead, found.outcome) {
        (_, None) => LeadLookupResponse::Queued(SubmissionStatus::queued(submission)),
        (Some(lead), Some(outcome)) => {
            LeadLookupResponse::Lead(Box::new(native::lead_response(lead, submission, outcome, &sources)))
        }
        (None, Some(outcome)) if found.erased_at.is_some() => {
            LeadLookupResponse::WithoutLead(native::erased_response(submission, outcome))
        }
        (None, Some(outcome)) => {
            LeadLookupResponse::WithoutLead(native::no_lead_response(submission, outcome, quarantine))
        }
    }))
}

/// Removes what the key may not read. The outcome of the key's own submission stays visible even if the lead
/// belongs to another source.
fn restrict_to_access(found: SubmissionOrLead, source_access: SourceAccess) -> Option<SubmissionOrLead> {
    match &found.lead {
        Some(lead) if source_access.covers(lead.source) => Some(found),
        _ if source_access.covers(found.source) => {
            let lead = found.lead.filter(|lead| source_access.covers(lead.source));
            Some(SubmissionOrLead { lead, ..found })
        }
        _ => None,
    }
}

/// The fields to correct, and the reason.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct UpdateLeadRequest {
    /// Named as in the native dialect. Null clears a field.
    fields: Map<String, Value>,
    reason: String,
}

#[derive(Serialize)]
#[serde(untagged)]
pub(crate) enum UpdateLeadResponse<'l> {
    Lead(Box<LeadResponse<'l>>),
    /// For a key without the scope `read`, which may not see stored data.
    Ids {
        id: LeadId,
        submission: SubmissionRef,
    },
}

#[derive(Serialize)]
pub(crate) struct SubmissionRef {
    id: SubmissionId,
}

/// Corrects fields of a lead, and returns the corrected lead.
pub(crate) async fn update(
    call: &mut AuthorizedRequest<AdminAccess, LeadId>,
    web::Json(UpdateLeadRequest { fields, reason }): web::Json<UpdateLeadRequest>,
) -> Result<JsonResponse<UpdateLeadResponse<'static>>, Refusal> {
    let (id, store, context) = (call.id, call.store(), call.state.keys.judge_context()?);
    let updating = operations::update(&store, call.organization(), id, fields, &reason, &context);
    let updated = run_operation(&call.state, updating).await;
    let (lead, correction) =
        updated.map_err(|refusal| call.audit_refusal(refusal, id.as_uuid(), AuditAction::LeadUpdated))?;
    if call.caller.check_scope(Scope::Read).is_err() {
        return Ok(JsonResponse::ok(&UpdateLeadResponse::Ids {
            id: lead.id,
            submission: SubmissionRef { id: correction },
        }));
    }
    let sources = |id| call.state.keys.source_title(id);
    let answer = native::lead_response(&lead, correction, Outcome::Updated, &sources);
    Ok(JsonResponse::ok(&UpdateLeadResponse::Lead(Box::new(answer))))
}

#[derive(Serialize)]
pub(crate) struct DeleteLeadResponse {
    id: LeadId,
    deleted: bool,
    erased: leadgate_store::ErasureCounts,
}

/// Deletes a lead and empties its submissions. The person is not suppressed.
pub(crate) async fn delete(
    call: &mut AuthorizedRequest<AdminAccess, LeadId>,
) -> Result<JsonResponse<DeleteLeadResponse>, Refusal> {
    let (id, store, context) = (call.id, call.store(), call.state.keys.judge_context()?);
    let deleted =
        run_operation(&call.state, operations::delete(&store, call.organization(), id, &context)).await;
    let erased =
        deleted.map_err(|refusal| call.audit_refusal(refusal, id.as_uuid(), AuditAction::LeadDeleted))?;
    Ok(JsonResponse::ok(&DeleteLeadResponse { id, deleted: true, erased }))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct SetStatusRequest {
    status: LeadStatus,
}

#[derive(Serialize)]
pub(crate) struct SetStatusResponse {
    id: LeadId,
    status: LeadStatus,
}

/// Sets the work status of a lead. The scope `write` is sufficient, so that a dialler can do it.
pub(crate) async fn set_status(
    call: &mut AuthorizedRequest<WriteAccess, LeadId>,
    web::Json(SetStatusRequest { status }): web::Json<SetStatusRequest>,
) -> Result<JsonResponse<SetStatusResponse>, Refusal> {
    let id = call.id;
    let found = with_store_timeout(&call.state, call.state.store.lead(call.organization(), id)).await?;
    if !found.is_some_and(|lead| call.source_access().covers(lead.source)) {
        return Err(call.not_found(id.as_uuid(), AuditAction::LeadStatusSet));
    }
    let store = call.store();
    let setting = operations::set_status(&store, call.organization(), id, status);
    let changed = run_operation(&call.state, setting).await;
    let lead =
        changed.map_err(|refusal| call.audit_refusal(refusal, id.as_uuid(), AuditAction::LeadStatusSet))?;
    Ok(JsonResponse::ok(&SetStatusResponse { id: lead.id, status: lead.status }))
}

/// The order of a list of leads.
#[derive(Clone, Copy, PartialEq, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
enum LeadOrder {
    /// The newest first, by the receipt of the submission that created the lead.
    #[default]
    Received,
    /// The oldest change first. The list never ends.
    Changed,
}

/// A query with parameters that select leads ([`LeadFilter`]), and further ones.
macro_rules! leads_query {
    ($(#[$doc:meta])* $name:ident { $($further:tt)* }) => {
        $(#[$doc])*
        #[derive(Clone, Deserialize)]
        pub(crate) struct $name {
            $($further)*
            source: Option<SourceId>,
            eligibility: Option<Eligibility>,
            temperature: Option<Temperature>,
            status: Option<LeadStatus>,
            tag: Option<String>,
            #[serde(default, deserialize_with = "phone")]
            phone: Option<Phone>,
            #[serde(default, deserialize_with = "email")]
            email: Option<Email>,
            #[serde(default, deserialize_with = "printable")]
            external_id: Option<String>,
            #[serde(default, deserialize_with = "past_moment")]
            received_after: Option<Timestamp>,
            #[serde(default, deserialize_with = "past_moment")]
            received_before: Option<Timestamp>,
        }

        impl From<$name> for LeadFilter {
            fn from(query: $name) -> Self {
                let $name { source, eligibility, temperature, status, tag, phone, email, .. } = query;
                let $name { external_id, received_after, received_before, .. } = query;
                Self {
                    source,
                    eligibility,
                    temperature,
                    status,
                    tag,
                    phone,
                    email,
                    external_id,
                    received_after,
                    received_before,
                }
            }
        }
    };
}

leads_query! {
    /// One page of leads.
    LeadsQuery {
        #[serde(default)]
        limit: ItemLimit,
        /// A cursor. Its format depends on `order`.
        after: Option<String>,
        #[serde(default)]
        order: LeadOrder,
    }
}

leads_query! {
    /// All leads.
    LeadExportQuery {
        #[serde(default)]
        format: ExportFormat,
        /// Whether it begins with a byte order mark.
        #[serde(default)]
        bom: bool,
    }
}

fn cursor<C: FromStr>(query: &LeadsQuery) -> Result<Option<C>, Refusal> {
    let after = query.after.as_deref().map(str::parse).transpose();
    after.map_err(|_| query::invalid("after"))
}

/// A phone with its country code. In a query, `+` is a space unless the client encodes it.
fn phone<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Phone>, D::Error> {
    let text = String::deserialize(deserializer)?;
    let text = text.strip_prefix(' ').map_or_else(|| text.clone(), |number| format!("+{number}"));
    Phone::parse(&text, None).map(Some).map_err(de::Error::custom)
}

/// A text that the databases can store.
fn printable<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    let text = String::deserialize(deserializer)?;
    if text.contains(char::is_control) {
        Err(de::Error::custom("control characters"))
    } else {
        Ok(Some(text))
    }
}

fn email<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Email>, D::Error> {
    Email::parse(&String::deserialize(deserializer)?).map(Some).map_err(de::Error::custom)
}

/// Lists the leads of the organization, or of the key's named source, from the newest to the oldest, in the
/// format of the caller's dialect. The order is that of [`leadgate_store::Store::leads`].
pub(crate) async fn list(
    call: &mut AuthorizedRequest<ReadAccess, (), LeadsQuery>,
) -> Result<DialectResponse, Refusal> {
    let LeadsQuery { limit, order, .. } = call.query;
    let filter = restricted_filter(call, call.query.clone().into(), AuditAction::LeadsListed).await?;
    let (store, organization, log) = (call.store(), call.organization(), call.log());
    let (leads, next) = match order {
        LeadOrder::Received => {
            let after = cursor::<LeadCursor>(&call.query)?;
            let listing = operations::page(&store, organization, &filter, after, limit.get(), log);
            let page = run_operation(&call.state, listing).await?;
            (page.data, page.next.map(|next| next.to_string()))
        }
        LeadOrder::Changed => {
            let after = cursor::<ChangeCursor>(&call.query)?;
            let listing = operations::changes(&store, organization, &filter, after, limit.get(), log);
            let page = run_operation(&call.state, listing).await?;
            (page.data, page.next.map(|next| next.to_string()))
        }
    };
    let sources = |id| call.state.keys.source_title(id);
    Ok(protocol(call.context.dialect).render_leads_page(&leads, next.as_deref(), &sources))
}

/// Exports the leads that the parameters select, the newest first.
pub(crate) async fn export(
    call: &mut AuthorizedRequest<ReadAccess, (), LeadExportQuery>,
) -> Result<HttpResponse, Refusal> {
    let LeadExportQuery { format, bom: byte_order_mark, .. } = call.query;
    let filter = restricted_filter(call, call.query.clone().into(), AuditAction::LeadsExported).await?;
    let permit = call.export_permit()?;
    let options = TableOptions { format, byte_order_mark };
    let (state, store, organization) = (Data::clone(&call.state), call.store(), call.organization());
    stream_export("lead export", permit, format.media_type(), |blocks| async move {
        let sources = |id| state.keys.source_title(id);
        exports::leads::write(&store, organization, &filter, options, sources, blocks).await
    })
    .await
}

/// The filter, restricted to the source of a key that may read only this source.
///
/// # Errors
/// [`Refusal::NotFound`] for a source that does not exist, or that the key may not read.
async fn restricted_filter<Q>(
    call: &AuthorizedRequest<ReadAccess, (), Q>,
    mut filter: LeadFilter,
    action: AuditAction,
) -> Result<LeadFilter, Refusal> {
    if let Some(source) = filter.source {
        let not_found = || call.not_found(source.as_uuid(), action);
        if !call.source_access().covers(source) {
            return Err(not_found());
        }
        let reading = call.state.store.source(call.organization(), source);
        with_store_timeout(&call.state, reading).await?.ok_or_else(not_found)?;
    }
    filter.source = filter.source.or(call.source_access().source());
    Ok(filter)
}
