//! Exports of deliveries and of attempts.

use leadgate_domain::{AuditAction, OrganizationId};
use leadgate_store::{DeliveryFilter, Store};

use super::table::{TableColumn, TableWriter};
use super::{ExportSink, PAGE, TableOptions};
use crate::OperationError;

const DELIVERY_COLUMNS: &[TableColumn] = &[
    ("endpoint", "/endpoint"),
    ("event", "/event"),
    ("type", "/type"),
    ("lead", "/lead"),
    ("state", "/state"),
    ("failed_attempts", "/failed_attempts"),
    ("next_attempt_at", "/next_attempt_at"),
];

const ATTEMPT_COLUMNS: &[TableColumn] = &[
    ("id", "/id"),
    ("at", "/at"),
    ("endpoint", "/endpoint"),
    ("event", "/event"),
    ("type", "/type"),
    ("lead", "/lead"),
    ("number", "/number"),
    ("result", "/result"),
    ("status", "/status"),
    ("duration_seconds", "/duration_seconds"),
    ("response", "/response"),
];

/// Writes the events that endpoints have not received, by endpoint and the oldest first. Returns their number.
///
/// # Errors
/// [`OperationError::Io`] of the sink.
pub async fn write(
    store: &Store,
    organization: OrganizationId,
    filter: DeliveryFilter,
    options: TableOptions,
    to: impl ExportSink,
) -> Result<u64, OperationError> {
    record(store, organization, "deliveries", options).await?;
    let table = TableWriter::new(to, options, DELIVERY_COLUMNS)?;
    let read = |after| store.deliveries(organization, filter, after, PAGE);
    table.write_pages(read, TableWriter::add).await
}

/// Writes attempts, the newest first. Returns their number.
///
/// # Errors
/// [`OperationError::Io`] of the sink.
pub async fn write_attempts(
    store: &Store,
    organization: OrganizationId,
    filter: DeliveryFilter,
    options: TableOptions,
    to: impl ExportSink,
) -> Result<u64, OperationError> {
    record(store, organization, "attempts", options).await?;
    let table = TableWriter::new(to, options, ATTEMPT_COLUMNS)?;
    let read = |after| store.attempts(organization, filter, after, PAGE);
    table.write_pages(read, TableWriter::add).await
}

/// Durable before anything leaves.
async fn record(
    store: &Store,
    organization: OrganizationId,
    rows: &'static str,
    options: TableOptions,
) -> Result<(), OperationError> {
    let entry = store.entry(organization, AuditAction::DeliveriesExported);
    let entry = entry.with_detail("rows", rows).with_detail("format", options.format);
    Ok(store.record(vec![entry]).await?)
}
