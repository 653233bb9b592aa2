//! `GET`, `POST /v1/tags`: tags by the number that KickoffLabs's clients know them by.

use actix_web::http::StatusCode;
use actix_web::web::{Data, Payload};
use actix_web::{HttpRequest, HttpResponse};
use leadgate_domain::AuditAction;
use leadgate_domain::validate::LONGEST_TAG;
use serde::Deserialize;

use crate::problem::Refused;
use crate::read::{self, Asked};
use crate::respond;
use crate::state::State;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewTag {
    name: String,
}

pub(crate) async fn list(request: HttpRequest, state: Data<State>) -> Result<HttpResponse, Refused> {
    let asked = Asked::to_administer(&request, &state).await?;
    let (limit, after) = (asked.query().limit()?, asked.query().after()?);
    let page = read::within(&state, state.store.tags_page(asked.organization(), after, limit)).await?;
    state.audit.note(asked.entry(AuditAction::TagsListed).with("count", page.data.len()));
    let next = page.next.map(|next| next.to_string());
    Ok(respond::json(&serde_json::json!({ "data": page.data, "next": next })))
}

/// Asked twice for the same name, it is the same tag.
pub(crate) async fn create(
    request: HttpRequest,
    payload: Payload,
    state: Data<State>,
) -> Result<HttpResponse, Refused> {
    let asked = Asked::to_administer(&request, &state).await?;
    let NewTag { name } = read::document(&request, payload, &state).await?;
    let name = read::short_text("name", &name, LONGEST_TAG)?;
    let tag = read::within(&state, asked.store(&state).create_tag(asked.organization(), name)).await?;
    Ok(respond::json_as(StatusCode::CREATED, &tag))
}
