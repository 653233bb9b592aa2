//! `/v1/scoring`: by which rules the organization's leads are scored.

use std::sync::Arc;

use actix_web::web;
use leadgate_domain::{ActiveScoring, Scoring};
use leadgate_operations::scoring::{self as operations, ScoringPreview};
use leadgate_store::ScoringRecord;
use serde::Deserialize;
use serde_json::Value;

use crate::call::{Administer, Call};
use crate::query::Limit;
use crate::refusal::Refusal;
use crate::reply::{Json, List};
use crate::store_timeout::{operation, with_store_timeout};

/// The scoring in force; version 0 is the standard one.
pub(crate) async fn show(call: &mut Call<Administer>) -> Result<Json<ActiveScoring>, Refusal> {
    Ok(Json::ok(&*in_force(call).await?))
}

async fn in_force(call: &Call<Administer>) -> Result<Arc<ActiveScoring>, Refusal> {
    let directory = &call.state.keys.directory;
    // Another gateway may have set it a moment ago.
    with_store_timeout(&call.state, directory.refresh()).await?;
    Ok(directory.snapshot().scoring(call.organization()))
}

fn read(document: &Value) -> Result<Scoring, Refusal> {
    Scoring::read(document).map_err(|faults| Refusal::InvalidSettings(faults.to_string()))
}

/// Puts another in force, for what comes in from the next poll on.
pub(crate) async fn set(
    call: &mut Call<Administer>,
    web::Json(document): web::Json<Value>,
) -> Result<Json<ActiveScoring>, Refusal> {
    let (scoring, store) = (read(&document)?, call.store());
    let active = operation(&call.state, operations::set(&store, call.organization(), scoring)).await?;
    Ok(Json::ok(&active))
}

/// Uses the standard scoring again, which is the answer.
pub(crate) async fn reset(call: &mut Call<Administer>) -> Result<Json<ActiveScoring>, Refusal> {
    let store = call.store();
    operation(&call.state, operations::reset(&store, call.organization())).await?;
    Ok(Json::ok(&*ActiveScoring::standard()))
}

/// All versions, the first one first.
pub(crate) async fn versions(call: &mut Call<Administer>) -> Result<Json<List<ScoringRecord>>, Refusal> {
    let store = call.store();
    let data = operation(&call.state, operations::history(&store, call.organization())).await?;
    Ok(Json::ok(&List { data, next: None }))
}

/// One version; 0 is the standard one.
pub(crate) async fn version(call: &mut Call<Administer, u32>) -> Result<Json<ActiveScoring>, Refusal> {
    let store = call.store();
    let reading = operations::version(&store, call.organization(), call.id);
    Ok(Json::ok(&*operation(&call.state, reading).await?))
}

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct PreviewRequest {
    /// The one in force, if there is none.
    scoring: Option<Value>,
    /// How many of the newest leads.
    last: Option<Limit>,
}

/// How the newest leads would be scored. Changes nothing.
pub(crate) async fn preview(
    call: &mut Call<Administer>,
    request: Option<web::Json<PreviewRequest>>,
) -> Result<Json<ScoringPreview>, Refusal> {
    let PreviewRequest { scoring, last } = request.map(web::Json::into_inner).unwrap_or_default();
    let then = scoring.as_ref().map(read).transpose()?;
    let (now, last) = (in_force(call).await?, last.map_or(100, |last| last.0));
    let (store, now) = (call.store(), &now.scoring);
    let previewing =
        operations::preview(&store, call.organization(), now, then.as_ref().unwrap_or(now), last);
    Ok(Json::ok(&operation(&call.state, previewing).await?))
}
