//! `/v1/keys`: what the organization's clients send with their requests.

use std::time::Duration;

use actix_web::web;
use leadgate_dialect::native::{self, CreatedKeyAnswer, KeyAnswer, RevokedKeyAnswer};
use leadgate_domain::{AuditAction, KeyId, KeyKind};
use leadgate_operations::keys::{self as operations, CreatedKey, KeyChanges, NewKey, RevokedKey};
use secrecy::ExposeSecret;
use serde::Deserialize;

use crate::call::{Administer, Call};
use crate::public_url::base_url;
use crate::refusal::Refusal;
use crate::reply::{Json, List};
use crate::store_timeout::{operation, with_store_timeout};

/// For how long a rotated key stays valid.
#[derive(Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Rotation {
    #[serde(with = "humantime_serde")]
    overlap: Duration,
}

impl Default for Rotation {
    fn default() -> Self {
        Self { overlap: Duration::from_secs(24 * 60 * 60) }
    }
}

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Revocation {
    /// Also revokes the keys and tokens that were created with it.
    created_with_it: bool,
}

/// All keys and tokens of the organization, revoked ones too.
pub(crate) async fn list(call: &mut Call<Administer>) -> Result<Json<List<KeyAnswer<'static>>>, Refusal> {
    let store = call.store();
    let listing = operations::list(&store, call.organization(), call.log());
    let (all, owner) = (operation(&call.state, listing).await?, call.organization_name());
    Ok(Json::ok(&List { data: all.iter().map(|key| native::key(key, &owner)).collect(), next: None }))
}

/// Makes a key, whose text is shown this once.
pub(crate) async fn create(
    call: &mut Call<Administer>,
    web::Json(new): web::Json<NewKey>,
) -> Result<Json<CreatedKeyAnswer<'static>>, Refusal> {
    let (store, source) = (call.store(), new.source);
    let creating = operations::create(&store, call.organization(), new, &call.state.keys.pepper);
    let created = operation(&call.state, creating).await;
    let created = created.map_err(|refusal| match source {
        Some(source) => call.audited(refusal, source, AuditAction::KeyCreated),
        None => refusal,
    })?;
    Ok(shown_once(call, created, None))
}

/// Puts a new key in the place of another; the new text is shown this once.
pub(crate) async fn rotate(
    call: &mut Call<Administer, KeyId>,
    rotation: Option<web::Json<Rotation>>,
) -> Result<Json<CreatedKeyAnswer<'static>>, Refusal> {
    let Rotation { overlap } = rotation.map(web::Json::into_inner).unwrap_or_default();
    let (store, pepper) = (call.store(), &call.state.keys.pepper);
    let base = base_url(&call.request, &call.state)?;
    let rotating = operations::rotate(&store, call.organization(), &call.id, overlap, pepper);
    let created = operation(&call.state, rotating).await;
    let created = created.map_err(|refusal| call.audited(refusal, &call.id, AuditAction::KeyRotated))?;
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

/// This gateway takes the new key at once.
fn shown_once<P>(
    call: &Call<Administer, P>,
    created: CreatedKey,
    url: Option<&str>,
) -> Json<CreatedKeyAnswer<'static>> {
    let CreatedKey { key, text } = created;
    let owner = call.organization_name();
    let answer = Json::created(&native::created_key(&key, &owner, text.expose_secret(), url));
    call.state.keys.directory.insert_key(key);
    answer
}

/// Revokes a key, but not the one of this request. Gateways follow the change within a poll.
pub(crate) async fn revoke(
    call: &mut Call<Administer, KeyId>,
    revocation: Option<web::Json<Revocation>>,
) -> Result<Json<RevokedKeyAnswer<'static>>, Refusal> {
    let Revocation { created_with_it } = revocation.map(web::Json::into_inner).unwrap_or_default();
    let store = call.store();
    let revoking = operations::revoke(&store, call.organization(), &call.id, created_with_it);
    let revoked = operation(&call.state, revoking).await;
    let RevokedKey { key, created_with_it } =
        revoked.map_err(|refusal| call.audited(refusal, &call.id, AuditAction::KeyRevoked))?;
    Ok(Json::ok(&native::revoked_key(&key.id, created_with_it)))
}

/// Changes a key of the caller's organization; null clears a name or a rate. Gateways follow the change within a poll.
pub(crate) async fn update(
    call: &mut Call<Administer, KeyId>,
    web::Json(changes): web::Json<KeyChanges>,
) -> Result<Json<KeyAnswer<'static>>, Refusal> {
    let store = call.store();
    let changing = operations::update(&store, call.organization(), &call.id, changes);
    let changed = operation(&call.state, changing).await;
    let key = changed.map_err(|refusal| call.audited(refusal, &call.id, AuditAction::KeyUpdated))?;
    Ok(Json::ok(&native::key(&key, &call.organization_name())))
}
