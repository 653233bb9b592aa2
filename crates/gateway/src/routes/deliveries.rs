//! `/v1/deliveries` and `/v1/attempts`: what endpoints have not received, and each attempt.

use actix_web::HttpResponse;
use leadgate_domain::{AttemptId, AttemptResult, DeliveryState, EndpointId, EventId, LeadId};
use leadgate_operations::exports::{self, ExportFormat, TableOptions};
use leadgate_operations::{ItemLimit, deliveries as operations};
use leadgate_store::{AttemptRecord, DeliveryCursor, DeliveryFilter, DeliveryRecord};
use serde::Deserialize;

use crate::authorized_request::{AdminAccess, AuthorizedRequest};
use crate::export_stream::stream_export;
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
    lead: Option<LeadId>,
    #[serde(default, deserialize_with = "parsed")]
    state: Option<DeliveryState>,
}

pub(crate) async fn list(
    call: &mut AuthorizedRequest<AdminAccess, (), DeliveriesQuery>,
) -> Result<JsonResponse<ListResponse<DeliveryRecord>>, Refusal> {
    let DeliveriesQuery { limit, after, endpoint, event, lead, state } = call.query;
    let store = call.store();
    let filter = DeliveryFilter { endpoint, event, lead, state, result: None };
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
    #[serde(default, deserialize_with = "parsed")]
    lead: Option<LeadId>,
    #[serde(default, deserialize_with = "parsed")]
    result: Option<AttemptResult>,
}

pub(crate) async fn attempts(
    call: &mut AuthorizedRequest<AdminAccess, (), AttemptsQuery>,
) -> Result<JsonResponse<ListResponse<AttemptRecord>>, Refusal> {
    let AttemptsQuery { limit, after, endpoint, event, lead, result } = call.query;
    let store = call.store();
    let filter = DeliveryFilter { endpoint, event, lead, state: None, result };
    let listing = operations::attempts(&store, call.organization(), filter, after, limit.get(), call.log());
    let page = run_operation(&call.state, listing).await?;
    Ok(JsonResponse::ok(&ListResponse { data: page.data, next: page.next.map(|next| next.to_string()) }))
}

#[derive(Deserialize)]
pub(crate) struct DeliveriesExportQuery {
    #[serde(default)]
    format: ExportFormat,
    #[serde(default)]
    bom: bool,
    #[serde(default, deserialize_with = "parsed")]
    endpoint: Option<EndpointId>,
    #[serde(default, deserialize_with = "parsed")]
    event: Option<EventId>,
    #[serde(default, deserialize_with = "parsed")]
    lead: Option<LeadId>,
    #[serde(default, deserialize_with = "parsed")]
    state: Option<DeliveryState>,
}

/// Exports the events that endpoints have not received.
pub(crate) async fn export(
    call: &mut AuthorizedRequest<AdminAccess, (), DeliveriesExportQuery>,
) -> Result<HttpResponse, Refusal> {
    let DeliveriesExportQuery { format, bom: byte_order_mark, endpoint, event, lead, state } = call.query;
    let filter = DeliveryFilter { endpoint, event, lead, state, result: None };
    let (options, permit) = (TableOptions { format, byte_order_mark }, call.export_permit()?);
    let (store, organization) = (call.store(), call.organization());
    stream_export("delivery export", permit, format.media_type(), |blocks| async move {
        exports::deliveries::write(&store, organization, filter, options, blocks).await
    })
    .await
}

#[derive(Deserialize)]
pub(crate) struct AttemptsExportQuery {
    #[serde(default)]
    format: ExportFormat,
    #[serde(default)]
    bom: bool,
    #[serde(default, deserialize_with = "parsed")]
    endpoint: Option<EndpointId>,
    #[serde(default, deserialize_with = "parsed")]
    event: Option<EventId>,
    #[serde(default, deserialize_with = "parsed")]
    lead: Option<LeadId>,
    #[serde(default, deserialize_with = "parsed")]
    result: Option<AttemptResult>,
}

/// Exports attempts.
pub(crate) async fn export_attempts(
    call: &mut AuthorizedRequest<AdminAccess, (), AttemptsExportQuery>,
) -> Result<HttpResponse, Refusal> {
    let AttemptsExportQuery { format, bom: byte_order_mark, endpoint, event, lead, result } = call.query;
    let filter = DeliveryFilter { endpoint, event, lead, state: None, result };
    let (options, permit) = (TableOptions { format, byte_order_mark }, call.export_permit()?);
    let (store, organization) = (call.store(), call.organization());
    stream_export("attempt export", permit, format.media_type(), |blocks| async move {
        exports::deliveries::write_attempts(&store, organization, filter, options, blocks).await
    })
    .await
}
