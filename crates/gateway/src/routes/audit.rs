//! `GET /v1/audit`: who read or changed what.

use leadgate_domain::{Actor, AuditAction, KeyId, Timestamp, past_moment};
use leadgate_operations::{ItemLimit, audit as operations};
use leadgate_store::{AuditFilter, AuditRecord};
use serde::{Deserialize, Deserializer, de};
use uuid::Uuid;

use crate::authorized_request::{AdminAccess, AuthorizedRequest};
use crate::query::parsed;
use crate::refusal::Refusal;
use crate::route_response::{JsonResponse, ListResponse};
use crate::store_timeout::run_operation;

#[derive(Deserialize)]
pub(crate) struct AuditQuery {
    #[serde(default, deserialize_with = "key_id")]
    key: Option<KeyId>,
    #[serde(default, deserialize_with = "parsed")]
    action: Option<AuditAction>,
    #[serde(default, deserialize_with = "past_moment")]
    since: Option<Timestamp>,
    #[serde(default)]
    limit: ItemLimit,
    #[serde(default, deserialize_with = "parsed")]
    after: Option<Uuid>,
}

pub(crate) async fn list(
    call: &mut AuthorizedRequest<AdminAccess, (), AuditQuery>,
) -> Result<JsonResponse<ListResponse<AuditRecord>>, Refusal> {
    let AuditQuery { key, action, since, limit, after } = &call.query;
    let filter = AuditFilter { actor: key.clone().map(Actor::Key), action: *action, since: *since };
    let store = call.store();
    let listing = operations::list(&store, call.organization(), filter, *after, limit.get(), call.log());
    let page = run_operation(&call.state, listing).await?;
    Ok(JsonResponse::ok(&ListResponse { data: page.data, next: page.next.map(|next| next.to_string()) }))
}

fn key_id<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<KeyId>, D::Error> {
    let text = String::deserialize(deserializer)?;
    KeyId::parse(&text).map(Some).ok_or_else(|| de::Error::custom("not the id of a key"))
}
