//! `/v1/retention`: for how long the organization keeps its data.

use actix_web::web;
use leadgate_dialect::native::{self, RetentionAnswer};
use leadgate_operations::retention::{self as operations, RetentionChanges};

use crate::call::{Administer, Call};
use crate::refusal::Refusal;
use crate::reply::Json;
use crate::store_timeout::operation;

pub(crate) async fn show(call: &mut Call<Administer>) -> Result<Json<RetentionAnswer>, Refusal> {
    let store = call.store();
    let retention = operation(&call.state, operations::show(&store, call.organization())).await?;
    Ok(Json::ok(&native::retention(retention)))
}

/// Changes ages; what is absent stays. Workers erase what is too old.
pub(crate) async fn update(
    call: &mut Call<Administer>,
    web::Json(changes): web::Json<RetentionChanges>,
) -> Result<Json<RetentionAnswer>, Refusal> {
    let store = call.store();
    let retention = operation(&call.state, operations::set(&store, call.organization(), changes)).await?;
    Ok(Json::ok(&native::retention(retention)))
}
