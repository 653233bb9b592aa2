//! Counts of what came in.

use leadgate_domain::{AuditAction, AuditEntry, Day, OrganizationId, SourceId};
use leadgate_store::{IntakeReport, Store};

use crate::error::Kind;
use crate::{OperationError, ReadLog};

/// What became of the submissions of a day: of the organization, or of one of its sources. It may take a minute.
pub async fn intake(
    store: &Store,
    organization: OrganizationId,
    source: Option<SourceId>,
    day: &Day,
    log: &impl ReadLog,
) -> Result<IntakeReport, OperationError> {
    check_source(store, organization, source).await?;
    let report = store.intake_report_patiently(organization, source, day, ()).await?;
    note_intake(store, organization, source, day, log).await?;
    Ok(report)
}

/// The source of a report is one of the organization's; it may be deleted.
pub async fn check_source(
    store: &Store,
    organization: OrganizationId,
    source: Option<SourceId>,
) -> Result<(), OperationError> {
    let Some(id) = source else { return Ok(()) };
    let found = store.source(organization, id).await?;
    found.map(drop).ok_or_else(|| OperationError::not_found(Kind::Source, id))
}

/// Notes the report of a day, for a caller that counts it by itself.
pub async fn note_intake(
    store: &Store,
    organization: OrganizationId,
    source: Option<SourceId>,
    day: &Day,
    log: &impl ReadLog,
) -> Result<(), OperationError> {
    let entry = store.entry(organization, AuditAction::ReportRead).with("report", "intake").with("day", day);
    let target = source.map(|source| source.to_string());
    Ok(log.note_read(AuditEntry { target, ..entry }).await?)
}
