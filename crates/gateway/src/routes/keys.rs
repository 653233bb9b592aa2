//! `/v1/keys`: the API keys and tokens of the organization.

use std::time::Duration;

use actix_web::web;
use leadgate_dialect::native::{self, CreatedKeyResponse, KeyResponse, RevokedKeyResponse};
use leadgate_domain::{AuditAction, KeyId, KeyKind, ParsedDuration};
use leadgate_operations::keys::{self as operations, CreatedKey, KeyChanges, NewKey, RevokedKey};
use secrecy::ExposeSecret;
use serde::Deserialize;

use crate::authorized_request::{AdminAccess, AuthorizedRequest};
use crate::public_url::base_url;
use crate::refusal::Refusal;
use crate::route_response::{JsonResponse, ListResponse};
use crate::store_timeout::{run_operation, with_store_timeout};

/// How long the old key stays valid after a rotation.
#[derive(Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct RotateKeyRequest {
    overlap: ParsedDuration,
}

impl Default for RotateKeyRequest {
    fn default() -> Self {
        Self { overlap: ParsedDuration(Duration::from_secs(24 * 60 * 60)) }
    }
}

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct RevokeKeyQuery {
    /// Also revokes the keys and tokens that were created with it.
    include_created_keys: bool,
}

/// Lists all keys and tokens of the organization, including revoked ones.
pub(crate) async fn list(
    call: &mut AuthorizedRequest<AdminAccess>,
) -> Result<JsonResponse<ListResponse<KeyResponse<'static>>>, Refusal> {
    let store = call.store();
    let listing = operations::list(&store, call.organization(), call.log());
    let (all, owner) = (run_operation(&call.state, listing).await?, call.organization_name());
    Ok(JsonResponse::ok(&ListResponse {
        data: all.iter().map(|key| native::key_response(key, &owner)).collect(),
        next: None,
    }))
}

/// Creates a key. Its text is shown only in this response.
pub(crate) async fn create(
    call: &mut AuthorizedRequest<AdminAccess>,
    web::Json(new): web::Json<NewKey>,
) -> Result<JsonResponse<CreatedKeyResponse<'static>>, Refusal> {
    let (store, source) = (call.store(), new.source);
    let creating = operations::create(&store, call.organization(), new, &call.state.keys.pepper);
    let created = run_operation(&call.state, creating).await;
    let created = created.map_err(|refusal| match source {
        Some(source) => call.audit_refusal(refusal, source, AuditAction::KeyCreated),
        None => refusal,
    })?;
    Ok(shown_once(call, created, None))
}

/// Replaces a key by a new one. The text of the new key is shown only in this response.
pub(crate) async fn rotate(
    call: &mut AuthorizedRequest<AdminAccess, KeyId>,
    rotation: Option<web::Json<RotateKeyRequest>>,
) -> Result<JsonResponse<CreatedKeyResponse<'static>>, Refusal> {
    let RotateKeyRequest { overlap: ParsedDuration(overlap) } =
        rotation.map(web::Json::into_inner).unwrap_or_default();
    let (store, pepper) = (call.store(), &call.state.keys.pepper);
    let base = base_url(&call.request, &call.state)?;
    let rotating = operations::rotate(&store, call.organization(), &call.id, overlap, pepper);
    let created = run_operation(&call.state, rotating).await;
    let created =
        created.map_err(|refusal| call.audit_refusal(refusal, &call.id, AuditAction::KeyRotated))?;
    let url = match created.key.kind {
        KeyKind::Token => {
            let reading = store.source(call.organization(), created.key.source);
            let source = with_store_timeout(&call.state, reading).await?;
            source
                .map(|source| format!("{base}{}", native::token_path(&source, created.text.expose_secret())))
        }
        KeyKind::Secret | KeyKind::Publishable => None,
    };
    Ok(shown_once(call, created, url.as_deref()))
}

/// The response with the text of a new key. This gateway accepts the key at once.
fn shown_once<P>(
    call: &AuthorizedRequest<AdminAccess, P>,
    created: CreatedKey,
    url: Option<&str>,
) -> JsonResponse<CreatedKeyResponse<'static>> {
    let CreatedKey { key, text } = created;
    let owner = call.organization_name();
    let answer =
        JsonResponse::created(&native::created_key_response(&key, &owner, text.expose_secret(), url));
    call.state.keys.directory.insert_key(key);
    answer
}

/// Revokes a key other than that of this request. All gateways refuse it within one poll interval.
pub(crate) async fn revoke(
    call: &mut AuthorizedRequest<AdminAccess, KeyId>,
    revocation: Option<web::Json<RevokeKeyQuery>>,
) -> Result<JsonResponse<RevokedKeyResponse<'static>>, Refusal> {
    let RevokeKeyQuery { include_created_keys } = revocation.map(web::Json::into_inner).unwrap_or_default();
    let store = call.store();
    let revoking = operations::revoke(&store, call.organization(), &call.id, include_created_keys);
    let revoked = run_operation(&call.state, revoking).await;
    let RevokedKey { key, created_keys_revoked } =
        revoked.map_err(|refusal| call.audit_refusal(refusal, &call.id, AuditAction::KeyRevoked))?;
    Ok(JsonResponse::ok(&native::revoked_key_response(&key.id, created_keys_revoked)))
}

/// Changes a key of the organization. Null clears a name or a rate. All gateways apply the change within one
/// poll interval.
pub(crate) async fn update(
    call: &mut AuthorizedRequest<AdminAccess, KeyId>,
    web::Json(changes): web::Json<KeyChanges>,
) -> Result<JsonResponse<KeyResponse<'static>>, Refusal> {
    let store = call.store();
    let changing = operations::update(&store, call.organization(), &call.id, changes);
    let changed = run_operation(&call.state, changing).await;
    let key = changed.map_err(|refusal| call.audit_refusal(refusal, &call.id, AuditAction::KeyUpdated))?;
    Ok(JsonResponse::ok(&native::key_response(&key, &call.organization_name())))
}
