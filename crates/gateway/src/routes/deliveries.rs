//! `/v1/deliveries` and `/v1/attempts`: what endpoints have not received, and each attempt.

use leadgate_domain::{AttemptId, DeliveryState, EndpointId, EventId};
use leadgate_operations::{ItemLimit, deliveries as operations};
use leadgate_store::{AttemptRecord, DeliveryCursor, DeliveryFilter, DeliveryRecord};
use serde::Deserialize;

use crate::authorized_request::{AdminAccess, AuthorizedRequest};
use crate::query::parsed;
use crate::refusal::Refusal;
use crate::route_response::{JsonResponse, ListResponse};
use crate::store_timeout::run_operation;

#[derive(Deserialize)]
pub(crate) struct DeliveriesQuery {
    #[serde(default)]
    limit: ItemLimit,
    #[serde(default, deserialize_with = "parsed")]
    after: Option<DeliveryCursor>,
    #[serde(default, deserialize_with = "parsed")]
    endpoint: Option<EndpointId>,
    #[serde(default, deserialize_with = "parsed")]
    event: Option<EventId>,
    #[serde(default, deserialize_with = "parsed")]
    state: Option<DeliveryState>,
}

pub(crate) async fn list(
    call: &mut AuthorizedRequest<AdminAccess, (), DeliveriesQuery>,
) -> Result<JsonResponse<ListResponse<DeliveryRecord>>, Refusal> {
    let DeliveriesQuery { limit, after, endpoint, event, state } = call.query;
    let store = call.store();
    let filter = DeliveryFilter { endpoint, event, state };
    let listing = operations::list(&store, call.organization(), filter, after, limit.get(), call.log());
    let page = run_operation(&call.state, listing).await?;
    Ok(JsonResponse::ok(&ListResponse { data: page.data, next: page.next.map(|next| next.to_string()) }))
}

#[derive(Deserialize)]
pub(crate) struct AttemptsQuery {
    #[serde(default)]
    limit: ItemLimit,
    #[serde(default, deserialize_with = "parsed")]
    after: Option<AttemptId>,
    #[serde(default, deserialize_with = "parsed")]
    endpoint: Option<EndpointId>,
    #[serde(default, deserialize_with = "parsed")]
    event: Option<EventId>,
}

pub(crate) async fn attempts(
    call: &mut AuthorizedRequest<AdminAccess, (), AttemptsQuery>,
) -> Result<JsonResponse<ListResponse<AttemptRecord>>, Refusal> {
    let AttemptsQuery { limit, after, endpoint, event } = call.query;
    let store = call.store();
    let filter = DeliveryFilter { endpoint, event, state: None };
    let listing = operations::attempts(&store, call.organization(), filter, after, limit.get(), call.log());
    let page = run_operation(&call.state, listing).await?;
    Ok(JsonResponse::ok(&ListResponse { data: page.data, next: page.next.map(|next| next.to_string()) }))
}
