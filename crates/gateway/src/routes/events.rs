//! `/v1/events/export`: the events about leads, as endpoints get them.

use actix_web::HttpResponse;
use leadgate_domain::{LeadId, Timestamp, past_moment};
use leadgate_operations::exports::{self, ExportFormat, TableOptions};
use leadgate_store::EventFilter;
use serde::Deserialize;

use crate::authorized_request::{AdminAccess, AuthorizedRequest};
use crate::export_stream::stream_export;
use crate::query::parsed;
use crate::refusal::Refusal;

#[derive(Deserialize)]
pub(crate) struct EventsExportQuery {
    #[serde(default)]
    format: ExportFormat,
    #[serde(default)]
    bom: bool,
    #[serde(default, deserialize_with = "parsed")]
    lead: Option<LeadId>,
    #[serde(default, deserialize_with = "past_moment")]
    since: Option<Timestamp>,
}

pub(crate) async fn export(
    call: &mut AuthorizedRequest<AdminAccess, (), EventsExportQuery>,
) -> Result<HttpResponse, Refusal> {
    let EventsExportQuery { format, bom: byte_order_mark, lead, since } = call.query;
    let (options, permit) = (TableOptions { format, byte_order_mark }, call.export_permit()?);
    let (store, organization) = (call.store(), call.organization());
    stream_export("event export", permit, format.media_type(), |blocks| async move {
        exports::events::write(&store, organization, EventFilter { lead, since }, options, blocks).await
    })
    .await
}
