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
    let mut table = TableWriter::new(to, options, DELIVERY_COLUMNS)?;
    let mut after = None;
    loop {
        let page = store.deliveries(organization, filter, after, PAGE).await?;
        for delivery in &page.data {
            table.add(delivery).await?;
        }
        table.end_page().await?;
        after = page.next;
        if after.is_none() {
            return Ok(table.rows());
        }
    }
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
    let mut table = TableWriter::new(to, options, ATTEMPT_COLUMNS)?;
    let mut after = None;
    loop {
        let page = store.attempts(organization, filter, after, PAGE).await?;
        for attempt in &page.data {
            table.add(attempt).await?;
        }
        table.end_page().await?;
        after = page.next;
        if after.is_none() {
            return Ok(table.rows());
        }
    }
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
