//! `GET`, `PUT /v1/scoring`: by which rules the organization's leads are scored.

use actix_web::web;
use leadgate_domain::{ActiveScoring, Scoring};
use leadgate_operations::scoring as operations;
use serde_json::Value;

use crate::call::{Administer, Call};
use crate::refusal::Refusal;
use crate::reply::Json;
use crate::store_timeout::{operation, with_store_timeout};

/// The scoring in force; version 0 is the standard one.
pub(crate) async fn show(call: &mut Call<Administer>) -> Result<Json<ActiveScoring>, Refusal> {
    let directory = &call.state.keys.directory;
    // Another gateway may have set it a moment ago.
    with_store_timeout(&call.state, directory.refresh()).await?;
    Ok(Json::ok(&*directory.snapshot().scoring(call.organization())))
}

/// Puts another in force, for what comes in from the next poll on.
pub(crate) async fn set(
    call: &mut Call<Administer>,
    web::Json(document): web::Json<Value>,
) -> Result<Json<ActiveScoring>, Refusal> {
    let scoring = Scoring::read(&document).map_err(|faults| Refusal::InvalidSettings(faults.to_string()))?;
    let store = call.store();
    let active = operation(&call.state, operations::set(&store, call.organization(), scoring)).await?;
    Ok(Json::ok(&active))
}
