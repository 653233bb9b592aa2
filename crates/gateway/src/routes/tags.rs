//! `GET`, `POST /v1/tags`: tags by the number that KickoffLabs's clients know them by.

use actix_web::web;
use leadgate_domain::AuditAction;
use leadgate_domain::validate::LONGEST_TAG;
use leadgate_store::Tag;
use serde::Deserialize;

use crate::body::short_text;
use crate::call::{Administer, Call};
use crate::query::Page;
use crate::refusal::Refusal;
use crate::reply::{Json, List};
use crate::store_timeout::with_store_timeout;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewTag {
    name: String,
}

pub(crate) async fn list(call: &mut Call<Administer, (), Page<u64>>) -> Result<Json<List<Tag>>, Refusal> {
    let Page { limit, after } = &call.query;
    let listing = call.state.store.tags_page(call.organization(), *after, limit.0);
    let page = with_store_timeout(&call.state, listing).await?;
    call.record_list(AuditAction::TagsListed, page.data.len());
    Ok(Json::ok(&List { data: page.data, next: page.next.map(|next| next.to_string()) }))
}

/// Asked twice for the same name, it is the same tag.
pub(crate) async fn create(
    call: &mut Call<Administer>,
    web::Json(new): web::Json<NewTag>,
) -> Result<Json<Tag>, Refusal> {
    let name = short_text("name", &new.name, LONGEST_TAG)?;
    let tag = with_store_timeout(&call.state, call.store().create_tag(call.organization(), name)).await?;
    Ok(Json::created(&tag))
}
