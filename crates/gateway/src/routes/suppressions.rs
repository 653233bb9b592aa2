//! `/v1/suppressions`: the phones, emails and domains that the organization must not contact. Values are sent
//! in bodies only, so that URLs in logs do not contain them.

use std::sync::Arc;
use std::time::Duration;

use actix_web::http::StatusCode;
use actix_web::web::{self, Data};
use leadgate_dialect::native::{self, SuppressionResponse};
use leadgate_domain::suppression::SuppressionRequest;
use leadgate_domain::{Judge, Suppression, Timestamp};
use leadgate_operations::read_document;
use leadgate_operations::suppressions::{self as operations, PendingRescreen};
use leadgate_store::{AddOutcome, SuppressionCursor};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use tokio::time::timeout;

use crate::authorized_request::{AdminAccess, AuthorizedRequest, OrganizationReadAccess};
use crate::query::PageQuery;
use crate::refusal::Refusal;
use crate::route_response::{JsonResponse, ListResponse};
use crate::state::GatewayState;
use crate::store_timeout::run_operation;

/// The maximum number of entries in one request. Longer lists must be imported.
const MAX_ENTRIES: usize = 100;

/// How long a response waits for the re-screening of stored leads, which continues in the background.
const RESCREEN_WAIT: Duration = Duration::from_secs(2);

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AddEntriesRequest {
    entries: Vec<SuppressionRequest>,
}

/// The result for one entry of a request.
#[derive(Serialize)]
#[serde(untagged)]
pub(crate) enum EntryResult<'s> {
    Added {
        result: AddOutcome,
        #[serde(flatten)]
        entry: SuppressionResponse<'s>,
    },
    Refused {
        result: &'static str,
        detail: &'s str,
    },
}

/// The entries of a request, and whether the re-screening of stored leads has finished.
#[derive(Serialize)]
pub(crate) struct ChangeEntriesResponse<T> {
    data: Vec<T>,
    rescreening_complete: bool,
}

/// The entries that match a value.
#[derive(Serialize)]
pub(crate) struct EntriesResponse<T> {
    data: Vec<T>,
}

pub(crate) async fn list(
    call: &mut AuthorizedRequest<OrganizationReadAccess, (), PageQuery<SuppressionCursor>>,
) -> Result<JsonResponse<ListResponse<SuppressionResponse<'static>>>, Refusal> {
    let PageQuery { limit, after } = &call.query;
    let store = call.store();
    let listing = operations::page(&store, call.organization(), after.clone(), limit.get(), call.log());
    let page = run_operation(&call.state, listing).await?;
    Ok(JsonResponse::ok(&ListResponse {
        data: shown(&page.data),
        next: page.next.map(|next| next.to_string()),
    }))
}

fn shown(entries: &[Suppression]) -> Vec<SuppressionResponse<'_>> {
    let now = Timestamp::now();
    entries.iter().map(|entry| native::suppression_response(entry, now)).collect()
}

/// Adds one entry or several. Each entry is added or refused independently.
pub(crate) async fn add(
    call: &mut AuthorizedRequest<AdminAccess>,
    web::Json(document): web::Json<Map<String, Value>>,
) -> Result<JsonResponse<ChangeEntriesResponse<EntryResult<'static>>>, Refusal> {
    let organization = call.organization();
    let (requests, is_single) = requests(document)?;
    if !(1..=MAX_ENTRIES).contains(&requests.len()) {
        let detail = format!("a request has 1 to {MAX_ENTRIES} entries; import longer lists");
        return Err(Refusal::InvalidSettings(detail));
    }
    let (store, judge) = (call.store(), judge(&call.state)?);
    let match_key = call.state.keys.match_key()?;
    let adding = operations::add_entries(&store, organization, &requests, match_key, &judge);
    let (added, pending) = run_operation(&call.state, adding).await?;
    if let [Err(detail)] = added.as_slice()
        && is_single
    {
        return Err(Refusal::InvalidSettings(detail.clone()));
    }
    let (rescreening_complete, now) = (run_rescreen(&call.state, pending).await, Timestamp::now());
    let results = added.iter().map(|added| match added {
        Ok((result, entry)) => {
            EntryResult::Added { result: *result, entry: native::suppression_response(entry, now) }
        }
        Err(detail) => EntryResult::Refused { result: "refused", detail },
    });
    let status = if is_single { StatusCode::CREATED } else { StatusCode::OK };
    Ok(JsonResponse::with(status, &ChangeEntriesResponse { data: results.collect(), rescreening_complete }))
}

fn judge(state: &GatewayState) -> Result<Arc<dyn Judge>, Refusal> {
    Ok(state.keys.pipeline()?.clone())
}

/// The entries of a request, and whether it is a single entry.
fn requests(document: Map<String, Value>) -> Result<(Vec<SuppressionRequest>, bool), Refusal> {
    let is_single = !document.contains_key("entries");
    let document = Value::Object(document);
    if is_single {
        return Ok((vec![read_document(document).map_err(Refusal::InvalidSettings)?], true));
    }
    let AddEntriesRequest { entries } = read_document(document).map_err(Refusal::InvalidSettings)?;
    Ok((entries, false))
}

/// Finds every entry that matches a value, including expired ones.
pub(crate) async fn find(
    call: &mut AuthorizedRequest<OrganizationReadAccess>,
    web::Json(request): web::Json<SuppressionRequest>,
) -> Result<JsonResponse<EntriesResponse<SuppressionResponse<'static>>>, Refusal> {
    let (store, requests, match_key) = (call.store(), [request], call.state.keys.match_key()?);
    let finding = operations::find(&store, call.organization(), &requests, match_key, call.log());
    let found = run_operation(&call.state, finding).await?;
    Ok(JsonResponse::ok(&EntriesResponse { data: shown(&found) }))
}

/// Ends the entries of a value, on one list or on all lists.
pub(crate) async fn remove(
    call: &mut AuthorizedRequest<AdminAccess>,
    web::Json(request): web::Json<SuppressionRequest>,
) -> Result<JsonResponse<ChangeEntriesResponse<SuppressionResponse<'static>>>, Refusal> {
    let (organization, match_key) = (call.organization(), call.state.keys.match_key()?);
    let (store, judge) = (call.store(), judge(&call.state)?);
    let (list, requests) = (request.list.clone(), [request]);
    let removing = operations::remove(&store, organization, &requests, list.as_deref(), match_key, &judge);
    let (removed, pending) = run_operation(&call.state, removing).await?;
    let rescreening_complete = run_rescreen(&call.state, pending).await;
    Ok(JsonResponse::ok(&ChangeEntriesResponse { data: shown(&removed), rescreening_complete }))
}

/// Re-screens stored leads; returns whether all are done.
async fn run_rescreen(state: &Data<GatewayState>, pending: PendingRescreen) -> bool {
    match timeout(RESCREEN_WAIT, pending.is_pending()).await {
        Ok(Ok(false)) => return true,
        Ok(Ok(true)) => {}
        Ok(Err(_)) | Err(_) => return false,
    }
    let state = Data::clone(state);
    // The task continues after the response. One task may do the work for several requests.
    let rescreening = tokio::spawn(async move {
        let _permit = state.rescreening_permits.acquire().await;
        pending.run(|_| {}).await
    });
    matches!(timeout(RESCREEN_WAIT, rescreening).await, Ok(Ok(Ok(()))))
}
