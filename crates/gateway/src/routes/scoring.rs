//! `GET`, `PUT /v1/scoring`: by which rules the organization's leads are scored.

use actix_web::web::{Data, Payload};
use actix_web::{HttpRequest, HttpResponse};
use leadgate_domain::{ActiveScoring, Scoring};
use serde_json::Value;

use crate::problem::Refused;
use crate::read::{self, Asked};
use crate::refusal::Refusal;
use crate::respond;
use crate::state::State;

/// The scoring in force; version 0 is the standard one.
pub(crate) async fn show(request: HttpRequest, state: Data<State>) -> Result<HttpResponse, Refused> {
    let asked = Asked::to_administer(&request, &state).await?;
    // Somebody may have set it by another gateway a moment ago.
    read::within(&state, state.keys.directory.refresh()).await?;
    let active = state.keys.directory.snapshot().scoring(asked.organization());
    Ok(respond::json(&*active))
}

/// Puts another in force, for what comes in from the next poll on.
pub(crate) async fn set(
    request: HttpRequest,
    payload: Payload,
    state: Data<State>,
) -> Result<HttpResponse, Refused> {
    let asked = Asked::to_administer(&request, &state).await?;
    let document: Value = read::document(&request, payload, &state).await?;
    let scoring = Scoring::read(&document).map_err(|faults| Refusal::InvalidSettings(faults.to_string()))?;
    let store = asked.store(&state);
    let adding = store.add_scoring(asked.organization(), &scoring);
    let version = read::within(&state, adding).await?.ok_or(Refusal::NotFound)?;
    Ok(respond::json(&ActiveScoring { version, scoring }))
}
