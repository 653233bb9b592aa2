//! `GET /v1/audit`: who read or changed what.

use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use leadgate_domain::{Actor, AuditAction, KeyId, Timestamp};
use leadgate_store::AuditFilter;
use url::form_urlencoded;
use uuid::Uuid;

use crate::problem::Refused;
use crate::read::{self, Asked};
use crate::refusal::Refusal;
use crate::state::State;
use crate::{query, respond};

pub(crate) async fn list(request: HttpRequest, state: Data<State>) -> Result<HttpResponse, Refused> {
    let asked = Asked::to_administer(&request, &state).await?;
    let Query { filter, limit, after } = Query::parse(request.query_string())?;
    let page = read::within(&state, state.store.audit(asked.organization(), filter, after, limit)).await?;
    state.audit.note(asked.entry(AuditAction::AuditListed).with("count", page.data.len()));
    let next = page.next.map(|next| next.to_string());
    Ok(respond::json(&serde_json::json!({ "data": page.data, "next": next })))
}

struct Query {
    filter: AuditFilter,
    limit: u32,
    after: Option<Uuid>,
}

impl Query {
    fn parse(text: &str) -> Result<Self, Refusal> {
        let wrong = |name, detail| Refusal::InvalidParameter { name, detail };
        let mut asked = Self { filter: AuditFilter::default(), limit: 50, after: None };
        for (name, value) in form_urlencoded::parse(text.as_bytes()) {
            match &*name {
                "key" => {
                    let id = KeyId::parse(&value).ok_or_else(|| wrong("key", "`key` is the id of a key."))?;
                    asked.filter.actor = Some(Actor::Key(id));
                }
                "action" => {
                    let detail = "`action` is one of the audit log, such as lead.read.";
                    let action: Option<AuditAction> = value.parse().ok();
                    asked.filter.action = Some(action.ok_or_else(|| wrong("action", detail))?);
                }
                "since" => {
                    let detail = "`since` is a time in RFC 3339, such as 2026-11-21T00:00:00Z.";
                    let since = Timestamp::parse(&value).ok_or_else(|| wrong("since", detail))?;
                    asked.filter.since = Some(since);
                }
                "limit" => asked.limit = query::limit(&value)?,
                "after" => asked.after = query::after(&value)?,
                // An answer to another question would be believed.
                _ => {
                    let detail = "The parameters are `key`, `action`, `since`, `limit` and `after`.";
                    return Err(wrong("query", detail));
                }
            }
        }
        Ok(asked)
    }
}
