//! Exports of events.

use std::collections::BTreeMap;

use leadgate_dialect::event_response;
use leadgate_domain::{AuditAction, Event, EventSource, OrganizationId, SourceId};
use leadgate_store::{EventFilter, Store};

use super::table::{TableColumn, TableWriter};
use super::{ExportSink, PAGE, TableOptions};
use crate::OperationError;

/// Paths in an event as endpoints with the form `standard` get it.
const COLUMNS: &[TableColumn] = &[
    ("id", "/id"),
    ("type", "/type"),
    ("timestamp", "/timestamp"),
    ("lead_id", "/data/lead_id"),
    ("submission_id", "/data/submission_id"),
    ("outcome", "/data/outcome"),
    ("reason", "/data/reason"),
    ("endpoint_id", "/data/endpoint_id"),
    ("previous_status", "/data/previous_status"),
    ("lead", "/data/lead"),
];

/// Writes the events that the filter selects, the oldest first. Events of the last moments may be missing. Returns their
/// number.
///
/// # Errors
/// [`OperationError::Io`] of the sink.
pub async fn write(
    store: &Store,
    organization: OrganizationId,
    filter: EventFilter,
    options: TableOptions,
    to: impl ExportSink,
) -> Result<u64, OperationError> {
    let entry = store.entry(organization, AuditAction::EventsExported);
    store.record(vec![entry.with_detail("format", options.format)]).await?;
    let sources = store.sources(organization).await?;
    let sources: BTreeMap<SourceId, EventSource> =
        sources.iter().map(|source| (source.id, source.into())).collect();
    let table = TableWriter::new(to, options, COLUMNS)?;
    let read = |after| store.events(organization, filter, after, PAGE);
    let add = |table: &mut TableWriter<_>, event: &Event| {
        let source = event.document.as_ref().and_then(|lead| sources.get(&lead.source));
        table.add(&event_response(event, source))
    };
    table.write_pages(read, add).await
}
