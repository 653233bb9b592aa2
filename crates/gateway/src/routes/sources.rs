//! `/v1/sources`: the sources of the organization, including KickoffLabs campaigns.

use actix_web::web;
use leadgate_dialect::native::{self, SignatureResponse, SourceResponse};
use leadgate_domain::{AuditAction, Source, SourceId, SourceSettings};
use leadgate_operations::keys::{CreatedKey, NewToken, create_token as create_token_of};
use leadgate_operations::sources::{self as operations, CreatedSource, NewSource, SignatureChange};
use leadgate_store::RecentLeads;
use secrecy::ExposeSecret;
use serde::{Deserialize, Serialize};

use crate::authorized_request::{AdminAccess, AuthorizedRequest};
use crate::public_url::base_url;
use crate::query::PageQuery;
use crate::refusal::Refusal;
use crate::route_response::{JsonResponse, ListResponse};
use crate::source_selection::check_networks;
use crate::store_timeout::run_operation;

const WOULD_LOCK_OUT_CALLER: &str = "the key of this request is bound to this source, and these networks do not contain \
                                     the address of the request: use another key, or add the address";

pub(crate) async fn list(
    call: &mut AuthorizedRequest<AdminAccess, (), PageQuery<SourceId>>,
) -> Result<JsonResponse<ListResponse<SourceResponse<'static>>>, Refusal> {
    let PageQuery { limit, after } = call.query;
    let store = call.store();
    let listing = operations::page(&store, call.organization(), after, limit.get(), call.log());
    let page = run_operation(&call.state, listing).await?;
    let (owner, base) = (call.organization_name(), base_url(&call.request, &call.state)?);
    let data = page.data.iter().map(|source| native::source_response(source, &owner, &base, None)).collect();
    Ok(JsonResponse::ok(&ListResponse { data, next: page.next.map(|next| next.to_string()) }))
}

/// Creates a source with a URL token. The URL is shown only in this response.
pub(crate) async fn create(
    call: &mut AuthorizedRequest<AdminAccess>,
    web::Json(new): web::Json<NewSource>,
) -> Result<JsonResponse<SourceResponse<'static>>, Refusal> {
    let (owner, base) = (call.organization_name(), base_url(&call.request, &call.state)?);
    let (store, keys) = (call.store(), &call.state.keys);
    let creating = operations::create(&store, call.organization(), new, &keys.pepper);
    let CreatedSource { source, token } = run_operation(&call.state, creating).await?;
    let text = token.text.expose_secret();
    let answer = JsonResponse::created(&native::source_response(&source, &owner, &base, Some(text)));
    keys.directory.insert_source(source);
    keys.directory.insert_key(token.key);
    Ok(answer)
}

/// A source, and how many of its recent leads have no contact.
#[derive(Serialize)]
pub(crate) struct SourceDetailsResponse<'s> {
    #[serde(flatten)]
    source: SourceResponse<'s>,
    recent_leads: RecentLeads,
}

pub(crate) async fn show(
    call: &mut AuthorizedRequest<AdminAccess, SourceId>,
) -> Result<JsonResponse<SourceDetailsResponse<'static>>, Refusal> {
    let store = call.store();
    let showing = operations::show(&store, call.organization(), call.id, call.log());
    let shown = run_operation(&call.state, showing).await;
    let (source, recent_leads) =
        shown.map_err(|refusal| call.audit_refusal(refusal, call.id, AuditAction::SourceRead))?;
    let (owner, base) = (call.organization_name(), base_url(&call.request, &call.state)?);
    let source = native::source_response(&source, &owner, &base, None);
    Ok(JsonResponse::ok(&SourceDetailsResponse { source, recent_leads }))
}

/// Changes the given settings of a source. Absent ones keep their values.
pub(crate) async fn update(
    call: &mut AuthorizedRequest<AdminAccess, SourceId>,
    web::Json(settings): web::Json<SourceSettings>,
) -> Result<JsonResponse<SourceResponse<'static>>, Refusal> {
    if call.id == call.caller.source.id
        && let Some(networks) = &settings.networks
        && check_networks(networks, call.context.address).is_err()
    {
        // Every further request with this key would be refused.
        return Err(Refusal::InvalidSettings(WOULD_LOCK_OUT_CALLER.to_owned()));
    }
    let store = call.store();
    let updating = operations::update(&store, call.organization(), call.id, settings);
    let updated = run_operation(&call.state, updating).await;
    changed_source(call, updated, AuditAction::SourceUpdated)
}

/// Creates a further URL token for a source. The URL is shown only in this response.
pub(crate) async fn create_token(
    call: &mut AuthorizedRequest<AdminAccess, SourceId>,
    new: Option<web::Json<NewToken>>,
) -> Result<JsonResponse<SourceResponse<'static>>, Refusal> {
    let new = new.map(web::Json::into_inner).unwrap_or_default();
    let (owner, base) = (call.organization_name(), base_url(&call.request, &call.state)?);
    let (store, keys) = (call.store(), &call.state.keys);
    let finding = operations::find(&store, call.organization(), call.id);
    let found = run_operation(&call.state, finding).await;
    let source = found.map_err(|refusal| call.audit_refusal(refusal, call.id, AuditAction::KeyCreated))?;
    let creating = create_token_of(&store, &source, new, &keys.pepper);
    let CreatedKey { key, text } = run_operation(&call.state, creating).await?;
    let answer =
        JsonResponse::created(&native::source_response(&source, &owner, &base, Some(text.expose_secret())));
    keys.directory.insert_source(source);
    keys.directory.insert_key(key);
    Ok(answer)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct SetSignatureRequest {
    signature: SignatureChange,
}

/// Sets whether a source accepts only signed posts. The response shows the signing secret, if there is one.
pub(crate) async fn set_signature(
    call: &mut AuthorizedRequest<AdminAccess, SourceId>,
    web::Json(SetSignatureRequest { signature }): web::Json<SetSignatureRequest>,
) -> Result<JsonResponse<SignatureResponse<'static>>, Refusal> {
    let (store, key) = (call.store(), &call.state.source_signing_key);
    let setting = operations::set_signature(&store, call.organization(), call.id, signature, key);
    let set = run_operation(&call.state, setting).await;
    let (source, secret) =
        set.map_err(|refusal| call.audit_refusal(refusal, call.id, AuditAction::SourceUpdated))?;
    let secret = secret.as_ref().map(|secret| secret.expose_secret());
    let answer = JsonResponse::ok(&native::signature_response(&source, secret));
    call.state.keys.directory.insert_source(source);
    Ok(answer)
}

pub(crate) async fn disable(
    call: &mut AuthorizedRequest<AdminAccess, SourceId>,
) -> Result<JsonResponse<SourceResponse<'static>>, Refusal> {
    let store = call.store();
    let disabled =
        run_operation(&call.state, operations::disable(&store, call.organization(), call.id)).await;
    changed_source(call, disabled, AuditAction::SourceDisabled)
}

pub(crate) async fn enable(
    call: &mut AuthorizedRequest<AdminAccess, SourceId>,
) -> Result<JsonResponse<SourceResponse<'static>>, Refusal> {
    let store = call.store();
    let enabled = run_operation(&call.state, operations::enable(&store, call.organization(), call.id)).await;
    changed_source(call, enabled, AuditAction::SourceEnabled)
}

/// Deletes a source and revokes its keys and tokens. Its leads stay.
pub(crate) async fn delete(
    call: &mut AuthorizedRequest<AdminAccess, SourceId>,
) -> Result<JsonResponse<SourceResponse<'static>>, Refusal> {
    let store = call.store();
    let deleted = run_operation(&call.state, operations::delete(&store, call.organization(), call.id)).await;
    changed_source(call, deleted, AuditAction::SourceDeleted)
}

/// The response with a changed source. This gateway applies the change at once.
fn changed_source(
    call: &AuthorizedRequest<AdminAccess, SourceId>,
    source: Result<Source, Refusal>,
    action: AuditAction,
) -> Result<JsonResponse<SourceResponse<'static>>, Refusal> {
    let source = source.map_err(|refusal| call.audit_refusal(refusal, call.id, action))?;
    let (owner, base) = (call.organization_name(), base_url(&call.request, &call.state)?);
    let answer = JsonResponse::ok(&native::source_response(&source, &owner, &base, None));
    call.state.keys.directory.insert_source(source);
    Ok(answer)
}
