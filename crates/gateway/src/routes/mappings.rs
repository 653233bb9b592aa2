//! `/v1/sources/{id}/mapping…`: the mapping from the field names of a source's clients to the fields of a
//! lead.

use actix_web::web;
use leadgate_domain::mapping::Mapping;
use leadgate_domain::{AuditAction, SourceId};
use leadgate_operations::ItemLimit;
use leadgate_operations::mappings::{self as operations, MappedBody};
use leadgate_store::MappingRecord;
use serde::{Deserialize, Serialize};

use crate::authorized_request::{AdminAccess, AuthorizedRequest};
use crate::refusal::Refusal;
use crate::route_response::{JsonResponse, ListResponse};
use crate::store_timeout::run_operation;

/// The active version of a source's mapping, or null for none.
#[derive(Serialize)]
pub(crate) struct ActiveVersionResponse {
    source: SourceId,
    version: Option<u32>,
}

/// Lists all versions, the oldest first.
pub(crate) async fn list(
    call: &mut AuthorizedRequest<AdminAccess, SourceId>,
) -> Result<JsonResponse<ListResponse<MappingRecord>>, Refusal> {
    let store = call.store();
    let listing = operations::list(&store, call.organization(), call.id, call.log());
    let listed = run_operation(&call.state, listing).await;
    let data = listed.map_err(|refusal| call.audit_refusal(refusal, call.id, AuditAction::MappingsListed))?;
    Ok(JsonResponse::ok(&ListResponse { data, next: None }))
}

/// Stores a mapping as the next version and activates it. All gateways apply it within one poll interval.
pub(crate) async fn set(
    call: &mut AuthorizedRequest<AdminAccess, SourceId>,
    web::Json(mapping): web::Json<Mapping>,
) -> Result<JsonResponse<ActiveVersionResponse>, Refusal> {
    let store = call.store();
    let setting = operations::set(&store, call.organization(), call.id, &mapping);
    let set = run_operation(&call.state, setting).await;
    let version = set.map_err(|refusal| call.audit_refusal(refusal, call.id, AuditAction::MappingSet))?;
    Ok(JsonResponse::ok(&ActiveVersionResponse { source: call.id, version: Some(version) }))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ActivateVersionRequest {
    version: u32,
}

/// Activates a version. 0 means no mapping.
pub(crate) async fn activate(
    call: &mut AuthorizedRequest<AdminAccess, SourceId>,
    web::Json(ActivateVersionRequest { version }): web::Json<ActivateVersionRequest>,
) -> Result<JsonResponse<ActiveVersionResponse>, Refusal> {
    let store = call.store();
    let activating = operations::activate(&store, call.organization(), call.id, version);
    let activated = run_operation(&call.state, activating).await;
    activated.map_err(|refusal| call.audit_refusal(refusal, call.id, AuditAction::MappingActivated))?;
    Ok(JsonResponse::ok(&ActiveVersionResponse {
        source: call.id,
        version: (version > 0).then_some(version),
    }))
}

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct MappingPreviewRequest {
    /// The mapping to test. Default: the active one.
    mapping: Option<Mapping>,
    /// The number of recent submissions.
    last: Option<ItemLimit>,
}

/// Shows the result of a mapping for the last submissions. Changes nothing.
pub(crate) async fn preview(
    call: &mut AuthorizedRequest<AdminAccess, SourceId>,
    request: Option<web::Json<MappingPreviewRequest>>,
) -> Result<JsonResponse<ListResponse<MappedBody>>, Refusal> {
    let MappingPreviewRequest { mapping, last } = request.map(web::Json::into_inner).unwrap_or_default();
    let (store, last) = (call.store(), last.unwrap_or(ItemLimit::DEFAULT_PREVIEW));
    let previewing =
        operations::preview(&store, call.organization(), call.id, mapping.as_ref(), last, call.log());
    let previewed = run_operation(&call.state, previewing).await;
    let data =
        previewed.map_err(|refusal| call.audit_refusal(refusal, call.id, AuditAction::MappingPreviewed))?;
    Ok(JsonResponse::ok(&ListResponse { data, next: None }))
}

#[derive(Deserialize)]
pub(crate) struct SuggestionQuery {
    /// The number of recent bodies.
    #[serde(default)]
    last: Option<ItemLimit>,
}

/// A suggested mapping as a TOML file.
#[derive(Serialize)]
pub(crate) struct SuggestionResponse {
    source: SourceId,
    bodies: usize,
    mapping: String,
}

/// Suggests a mapping from the last bodies. It contains no values of leads.
pub(crate) async fn suggest(
    call: &mut AuthorizedRequest<AdminAccess, SourceId, SuggestionQuery>,
) -> Result<JsonResponse<SuggestionResponse>, Refusal> {
    let (store, last) = (call.store(), call.query.last.unwrap_or(ItemLimit::MAX));
    let suggesting = operations::suggest(&store, call.organization(), call.id, last, call.log());
    let suggested = run_operation(&call.state, suggesting).await;
    let suggestion =
        suggested.map_err(|refusal| call.audit_refusal(refusal, call.id, AuditAction::MappingSuggested))?;
    let (bodies, mapping) = (suggestion.body_count(), suggestion.to_string());
    Ok(JsonResponse::ok(&SuggestionResponse { source: call.id, bodies, mapping }))
}
