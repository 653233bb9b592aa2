//! `/v1/retention`: how long the data of the organization is kept.

use actix_web::web;
use leadgate_dialect::native::{self, RetentionResponse};
use leadgate_operations::retention::{self as operations, RetentionChanges};

use crate::authorized_request::{AdminAccess, AuthorizedRequest};
use crate::refusal::Refusal;
use crate::route_response::JsonResponse;
use crate::store_timeout::run_operation;

pub(crate) async fn show(
    call: &mut AuthorizedRequest<AdminAccess>,
) -> Result<JsonResponse<RetentionResponse>, Refusal> {
    let store = call.store();
    let retention = run_operation(&call.state, operations::show(&store, call.organization())).await?;
    Ok(JsonResponse::ok(&native::retention_response(retention)))
}

/// Changes the given ages. Absent ones keep their values. Workers erase data that is too old.
pub(crate) async fn update(
    call: &mut AuthorizedRequest<AdminAccess>,
    web::Json(changes): web::Json<RetentionChanges>,
) -> Result<JsonResponse<RetentionResponse>, Refusal> {
    let store = call.store();
    let retention = run_operation(&call.state, operations::set(&store, call.organization(), changes)).await?;
    Ok(JsonResponse::ok(&native::retention_response(retention)))
}
