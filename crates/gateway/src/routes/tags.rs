//! `GET`, `POST /v1/tags`: tags by the number that KickoffLabs's clients know them by.

use actix_web::web;
use leadgate_operations::tags::{self as operations, NewTag};
use leadgate_store::Tag;

use crate::call::{Administer, Call};
use crate::query::Page;
use crate::refusal::Refusal;
use crate::reply::{Json, List};
use crate::store_timeout::operation;

pub(crate) async fn list(call: &mut Call<Administer, (), Page<u64>>) -> Result<Json<List<Tag>>, Refusal> {
    let Page { limit, after } = call.query;
    let store = call.store();
    let listing = operations::page(&store, call.organization(), after, limit.0, call.log());
    let page = operation(&call.state, listing).await?;
    Ok(Json::ok(&List { data: page.data, next: page.next.map(|next| next.to_string()) }))
}

/// Asked twice for the same name, it is the same tag.
pub(crate) async fn create(
    call: &mut Call<Administer>,
    web::Json(new): web::Json<NewTag>,
) -> Result<Json<Tag>, Refusal> {
    let store = call.store();
    let tag = operation(&call.state, operations::create(&store, call.organization(), new)).await?;
    Ok(Json::created(&tag))
}
