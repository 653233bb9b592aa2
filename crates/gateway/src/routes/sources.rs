//! `/v1/sources`: ways in, among them KickoffLabs's campaigns.

use actix_web::web;
use leadgate_dialect::native::{self, SourceAnswer};
use leadgate_dialect::protocol;
use leadgate_domain::key::PresentedKey;
use leadgate_domain::{ApiKey, AuditAction, Dialect, KeyKind, Scope, Source, SourceId, SourceSettings};
use leadgate_operations::sources as operations;
use secrecy::ExposeSecret;
use serde_json::{Map, Value};

use crate::call::{Administer, Call};
use crate::public_url::base_url;
use crate::query::Page;
use crate::refusal::Refusal;
use crate::reply::{Json, List};
use crate::store_timeout::{operation, with_store_timeout};

pub(crate) async fn list(
    call: &mut Call<Administer, (), Page<SourceId>>,
) -> Result<Json<List<SourceAnswer<'static>>>, Refusal> {
    let Page { limit, after } = call.query;
    let listing = call.state.store.sources_page(call.organization(), after, limit.0);
    let page = with_store_timeout(&call.state, listing).await?;
    call.record_list(AuditAction::SourcesListed, page.data.len());
    let (owner, base) = (call.organization_name(), base_url(&call.request, &call.state)?);
    let data = page.data.iter().map(|source| native::source(source, &owner, &base, None)).collect();
    Ok(Json::ok(&List { data, next: page.next.map(|next| next.to_string()) }))
}

/// Makes a source and the token of its URL, which is shown this once.
pub(crate) async fn create(
    call: &mut Call<Administer>,
    web::Json(new): web::Json<Map<String, Value>>,
) -> Result<Json<SourceAnswer<'static>>, Refusal> {
    let (dialect, settings) = new_source(new)?;
    let name = Some(dialect.to_string());
    let store = call.store();
    let mut source = store.new_source(call.organization(), &protocol(dialect).source, name);
    settings.apply(&mut source).map_err(Refusal::InvalidSettings)?;
    let (owner, base) = (call.organization_name(), base_url(&call.request, &call.state)?);
    let (presented, text) = PresentedKey::generate(KeyKind::Token);
    let (scopes, keys) = (vec![Scope::Write], &call.state.keys);
    let token = ApiKey::new(&presented, source.organization, source.id, scopes, &keys.pepper);
    let token = ApiKey { made_by: Some(call.caller.key.id.clone()), ..token };
    with_store_timeout(&call.state, store.create_source(&source)).await?;
    with_store_timeout(&call.state, store.create_key(&token)).await?;
    let answer = Json::created(&native::source(&source, &owner, &base, Some(text.expose_secret())));
    keys.directory.insert_source(source.clone());
    keys.directory.insert_key(token);
    Ok(answer)
}

pub(crate) async fn disable(
    call: &mut Call<Administer, SourceId>,
) -> Result<Json<SourceAnswer<'static>>, Refusal> {
    let store = call.store();
    let source = operation(&call.state, operations::disable(&store, call.organization(), call.id)).await?;
    changed(call, source)
}

pub(crate) async fn enable(
    call: &mut Call<Administer, SourceId>,
) -> Result<Json<SourceAnswer<'static>>, Refusal> {
    let store = call.store();
    let source = operation(&call.state, operations::enable(&store, call.organization(), call.id)).await?;
    changed(call, source)
}

/// Revokes its keys and tokens, too; its leads stay.
pub(crate) async fn delete(
    call: &mut Call<Administer, SourceId>,
) -> Result<Json<SourceAnswer<'static>>, Refusal> {
    let store = call.store();
    let source = operation(&call.state, operations::delete(&store, call.organization(), call.id)).await?;
    changed(call, source)
}

/// A source as it is now; this gateway follows the change at once.
fn changed(
    call: &Call<Administer, SourceId>,
    source: Source,
) -> Result<Json<SourceAnswer<'static>>, Refusal> {
    let (owner, base) = (call.organization_name(), base_url(&call.request, &call.state)?);
    let answer = Json::ok(&native::source(&source, &owner, &base, None));
    call.state.keys.directory.insert_source(source);
    Ok(answer)
}

/// The dialect, and which of its settings are not the default.
fn new_source(mut new: Map<String, Value>) -> Result<(Dialect, SourceSettings), Refusal> {
    let invalid = |error: serde_json::Error| Refusal::InvalidSettings(error.to_string());
    let dialect = new.remove("dialect").unwrap_or_default();
    let dialect = serde_json::from_value(dialect).map_err(invalid)?;
    Ok((dialect, serde_json::from_value(Value::Object(new)).map_err(invalid)?))
}
