//! `GET /v1/audit`: who read or changed what.

use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use leadgate_domain::{Actor, AuditAction, KeyId, Timestamp};
use leadgate_store::AuditFilter;

use crate::problem::Refused;
use crate::query::Query;
use crate::read::{self, Asked};
use crate::refusal::Refusal;
use crate::respond;
use crate::state::State;

pub(crate) async fn list(request: HttpRequest, state: Data<State>) -> Result<HttpResponse, Refused> {
    let asked = Asked::to_administer(&request, &state).await?;
    let query = asked.query();
    let (limit, after) = (query.limit()?, query.after()?);
    let listing = state.store.audit(asked.organization(), filter(query)?, after, limit);
    let page = read::within(&state, listing).await?;
    state.audit.note(asked.entry(AuditAction::AuditListed).with("count", page.data.len()));
    let next = page.next.map(|next| next.to_string());
    Ok(respond::json(&serde_json::json!({ "data": page.data, "next": next })))
}

fn filter(query: &Query) -> Result<AuditFilter, Refusal> {
    let since = "`since` is a time in RFC 3339, such as 2026-11-21T00:00:00Z.";
    Ok(AuditFilter {
        actor: query.get("key", "`key` is the id of a key.", |id| KeyId::parse(id).map(Actor::Key))?,
        action: query.get("action", "`action` is one of the audit log, such as lead.read.", |action| {
            action.parse::<AuditAction>().ok()
        })?,
        since: query.get("since", since, Timestamp::parse)?,
    })
}
