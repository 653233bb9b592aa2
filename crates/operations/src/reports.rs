//! Reports about accepted submissions.

use leadgate_domain::{AuditAction, AuditEntry, Day, OrganizationId, SourceId};
use leadgate_store::{IntakeReport, Store};

use crate::{OperationError, ReadLog, sources};

/// Counts the submissions of a day by outcome, for the organization or one of its sources. It may take a
/// minute.
pub async fn intake(
    store: &Store,
    organization: OrganizationId,
    source: Option<SourceId>,
    day: &Day,
    log: &impl ReadLog,
) -> Result<IntakeReport, OperationError> {
    if let Some(source) = source {
        sources::find_any(store, organization, source).await?;
    }
    let report = store.intake_report_without_timeout(organization, source, day, ()).await?;
    note_intake(store, organization, source, day, log).await?;
    Ok(report)
}

/// Adds the audit entry of a report, for a caller that counts the day itself.
pub async fn note_intake(
    store: &Store,
    organization: OrganizationId,
    source: Option<SourceId>,
    day: &Day,
    log: &impl ReadLog,
) -> Result<(), OperationError> {
    let entry = store
        .entry(organization, AuditAction::ReportRead)
        .with_detail("report", "intake")
        .with_detail("day", day);
    let target = source.map(|source| source.to_string());
    Ok(log.note_read(AuditEntry { target, ..entry }).await?)
}
