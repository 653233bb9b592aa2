//! `/v1/suppressions`: whom the organization must not contact. Values travel in bodies only, so that no log of a URL
//! has them.

use std::sync::Arc;
use std::time::Duration;

use actix_web::http::StatusCode;
use actix_web::web::{Data, Payload};
use actix_web::{HttpRequest, HttpResponse};
use leadgate_dialect::native;
use leadgate_domain::suppression::SuppressionRequest;
use leadgate_domain::{AuditAction, Judge, OrganizationId, Suppression, Timestamp};
use leadgate_store::{Listed, SuppressionCursor};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use tokio::time::timeout;

use crate::problem::Refused;
use crate::read::{self, Asked};
use crate::refusal::Refusal;
use crate::respond;
use crate::state::State;

/// As many entries are taken at once; longer lists are imported.
const MOST_ENTRIES: usize = 100;

/// For how long an answer waits for stored leads to learn of a domain or a digest. They go on learning.
const PATIENCE: Duration = Duration::from_secs(2);

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Several {
    entries: Vec<SuppressionRequest>,
}

/// What became of one entry of several.
#[derive(Serialize)]
#[serde(untagged)]
enum Verdict<'s> {
    Taken {
        result: Listed,
        #[serde(flatten)]
        entry: native::SuppressionAnswer<'s>,
    },
    Refused {
        result: &'static str,
        detail: &'s str,
    },
}

pub(crate) async fn list(request: HttpRequest, state: Data<State>) -> Result<HttpResponse, Refused> {
    let asked = Asked::of_organization(&request, &state).await?;
    let (limit, after) = (asked.query().limit()?, asked.query().after::<SuppressionCursor>()?);
    let page = read::within(&state, state.store.suppressions(asked.organization(), after, limit)).await?;
    state.audit.note(asked.entry(AuditAction::SuppressionsListed).with("count", page.data.len()));
    let now = Timestamp::now();
    let shown: Vec<_> = page.data.iter().map(|entry| native::suppression(entry, now)).collect();
    let next = page.next.map(|next| next.to_string());
    Ok(respond::json(&serde_json::json!({ "data": shown, "next": next })))
}

/// Adds one entry, or several of which each is taken or refused by itself.
pub(crate) async fn add(
    request: HttpRequest,
    payload: Payload,
    state: Data<State>,
) -> Result<HttpResponse, Refused> {
    let asked = Asked::to_administer(&request, &state).await?;
    let organization = asked.organization();
    let (matching, now) = (state.keys.matching()?, Timestamp::now());
    let entry = |request: &SuppressionRequest| request.entry(matching, organization, now);
    let (wanted, alone) = wanted(read::document(&request, payload, &state).await?)?;
    if !(1..=MOST_ENTRIES).contains(&wanted.len()) {
        let detail = format!("1 to {MOST_ENTRIES} entries are taken at once");
        return Err(Refusal::InvalidSettings(detail).into());
    }
    let read: Vec<Result<Suppression, String>> = wanted.iter().map(entry).collect();
    if let [Err(detail)] = read.as_slice()
        && alone
    {
        return Err(Refusal::InvalidSettings(detail.clone()).into());
    }
    let good: Vec<_> = read.iter().filter_map(|read| read.as_ref().ok()).cloned().collect();
    let judge: Arc<dyn Judge> = state.keys.pipeline()?.clone();
    let store = asked.store(&state);
    let listed = read::within(&state, store.suppress(organization, good, Arc::clone(&judge))).await?;
    let settled = settle(&state, organization, judge).await;
    let mut listed = listed.into_iter();
    let verdicts = read.iter().map(|read| match read {
        Ok(entry) => Verdict::Taken {
            result: listed.next().unwrap_or(Listed::Kept),
            entry: native::suppression(entry, now),
        },
        Err(detail) => Verdict::Refused { result: "refused", detail },
    });
    let verdicts: Vec<_> = verdicts.collect();
    let status = if alone { StatusCode::CREATED } else { StatusCode::OK };
    Ok(respond::json_as(status, &serde_json::json!({ "data": verdicts, "stored_leads_settled": settled })))
}

/// Several entries, or one by itself.
fn wanted(said: Map<String, Value>) -> Result<(Vec<SuppressionRequest>, bool), Refusal> {
    let wrong = |error: serde_json::Error| Refusal::InvalidSettings(error.to_string());
    let alone = !said.contains_key("entries");
    let said = Value::Object(said);
    if alone {
        return Ok((vec![serde_json::from_value(said).map_err(wrong)?], true));
    }
    let Several { entries } = serde_json::from_value(said).map_err(wrong)?;
    Ok((entries, false))
}

/// Every entry that would hold a lead with this value, those that have ended too.
pub(crate) async fn find(
    request: HttpRequest,
    payload: Payload,
    state: Data<State>,
) -> Result<HttpResponse, Refused> {
    let asked = Asked::of_organization(&request, &state).await?;
    let wanted: SuppressionRequest = read::document(&request, payload, &state).await?;
    let value = wanted.value().map_err(Refusal::InvalidSettings)?;
    let keys = value.watched(state.keys.matching()?, asked.organization());
    let finding = state.store.suppressions_under(asked.organization(), keys);
    let found = read::within(&state, finding).await?;
    state.audit.note(asked.entry(AuditAction::SuppressionsListed).with("count", found.len()));
    let now = Timestamp::now();
    let shown: Vec<_> = found.iter().map(|entry| native::suppression(entry, now)).collect();
    Ok(respond::json(&serde_json::json!({ "data": shown })))
}

/// Ends the entries of a value, on one list or on all.
pub(crate) async fn remove(
    request: HttpRequest,
    payload: Payload,
    state: Data<State>,
) -> Result<HttpResponse, Refused> {
    let asked = Asked::to_administer(&request, &state).await?;
    let organization = asked.organization();
    let wanted: SuppressionRequest = read::document(&request, payload, &state).await?;
    let value = wanted.value().map_err(Refusal::InvalidSettings)?;
    let key = value.key(state.keys.matching()?, organization);
    let judge: Arc<dyn Judge> = state.keys.pipeline()?.clone();
    let store = asked.store(&state);
    let removing = store.unsuppress(organization, vec![key], wanted.list.as_deref(), Arc::clone(&judge));
    let removed = read::within(&state, removing).await?;
    let settled = settle(&state, organization, judge).await;
    let now = Timestamp::now();
    let shown: Vec<_> = removed.iter().map(|entry| native::suppression(entry, now)).collect();
    Ok(respond::json(&serde_json::json!({ "data": shown, "stored_leads_settled": settled })))
}

/// Lets stored leads learn of what they have yet to learn; whether they all have by now.
async fn settle(state: &Data<State>, organization: OrganizationId, judge: Arc<dyn Judge>) -> bool {
    let has_pending = state.store.has_pending(organization);
    match timeout(PATIENCE, has_pending).await {
        Ok(Ok(false)) => return true,
        Ok(Ok(true)) => {}
        Ok(Err(_)) | Err(_) => return false,
    }
    let state = Data::clone(state);
    // It goes on when nobody waits for it any more. Of many, the first may do what the others came for.
    let learning = tokio::spawn(async move {
        let _permit = state.rescreening.acquire().await;
        state.store.rescreen(organization, judge, |_| {}).await
    });
    matches!(timeout(PATIENCE, learning).await, Ok(Ok(Ok(()))))
}
