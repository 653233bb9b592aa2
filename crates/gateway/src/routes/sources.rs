//! `/v1/sources`: sources of leads, among them KickoffLabs's campaigns.

use actix_web::web;
use leadgate_dialect::native::{self, SourceAnswer};
use leadgate_domain::{Source, SourceId};
use leadgate_operations::sources::{self as operations, CreatedSource, NewSource};
use secrecy::ExposeSecret;

use crate::call::{Administer, Call};
use crate::public_url::base_url;
use crate::query::Page;
use crate::refusal::Refusal;
use crate::reply::{Json, List};
use crate::store_timeout::operation;

pub(crate) async fn list(
    call: &mut Call<Administer, (), Page<SourceId>>,
) -> Result<Json<List<SourceAnswer<'static>>>, Refusal> {
    let Page { limit, after } = call.query;
    let store = call.store();
    let listing = operations::page(&store, call.organization(), after, limit.0, call.log());
    let page = operation(&call.state, listing).await?;
    let (owner, base) = (call.organization_name(), base_url(&call.request, &call.state)?);
    let data = page.data.iter().map(|source| native::source(source, &owner, &base, None)).collect();
    Ok(Json::ok(&List { data, next: page.next.map(|next| next.to_string()) }))
}

/// Makes a source and the token of its URL, which is shown this once.
pub(crate) async fn create(
    call: &mut Call<Administer>,
    web::Json(new): web::Json<NewSource>,
) -> Result<Json<SourceAnswer<'static>>, Refusal> {
    let (owner, base) = (call.organization_name(), base_url(&call.request, &call.state)?);
    let (store, keys) = (call.store(), &call.state.keys);
    let creating = operations::create(&store, call.organization(), new, &keys.pepper);
    let CreatedSource { source, token } = operation(&call.state, creating).await?;
    let answer = Json::created(&native::source(&source, &owner, &base, Some(token.text.expose_secret())));
    keys.directory.insert_source(source);
    keys.directory.insert_key(token.key);
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
