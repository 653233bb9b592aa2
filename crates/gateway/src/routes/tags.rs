//! `GET`, `POST /v1/tags`: numbered tags, which clients of KickoffLabs refer to by number.

use actix_web::web;
use leadgate_operations::tags::{self as operations, NewTag};
use leadgate_store::Tag;

use crate::authorized_request::{AdminAccess, AuthorizedRequest};
use crate::query::PageQuery;
use crate::refusal::Refusal;
use crate::route_response::{JsonResponse, ListResponse};
use crate::store_timeout::run_operation;

pub(crate) async fn list(
    call: &mut AuthorizedRequest<AdminAccess, (), PageQuery<u64>>,
) -> Result<JsonResponse<ListResponse<Tag>>, Refusal> {
    let PageQuery { limit, after } = call.query;
    let store = call.store();
    let listing = operations::page(&store, call.organization(), after, limit.get(), call.log());
    let page = run_operation(&call.state, listing).await?;
    Ok(JsonResponse::ok(&ListResponse { data: page.data, next: page.next.map(|next| next.to_string()) }))
}

/// Creates a tag, or returns the existing one with the same name.
pub(crate) async fn create(
    call: &mut AuthorizedRequest<AdminAccess>,
    web::Json(new): web::Json<NewTag>,
) -> Result<JsonResponse<Tag>, Refusal> {
    let store = call.store();
    let tag = run_operation(&call.state, operations::create(&store, call.organization(), new)).await?;
    Ok(JsonResponse::created(&tag))
}
