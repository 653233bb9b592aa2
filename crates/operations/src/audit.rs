//! The audit log, as administrators read it.

use leadgate_domain::{AuditAction, OrganizationId};
use leadgate_store::{AuditFilter, AuditRecord, Page, Store};
use uuid::Uuid;

use crate::{OperationError, ReadLog};

/// At most `limit` entries from the newest to the oldest, beginning after one. The read is an entry of its own.
pub async fn list(
    store: &Store,
    organization: OrganizationId,
    filter: AuditFilter,
    after: Option<Uuid>,
    limit: u32,
    log: &impl ReadLog,
) -> Result<Page<AuditRecord, Uuid>, OperationError> {
    let page = store.audit(organization, filter, after, limit).await?;
    let entry = store.entry(organization, AuditAction::AuditListed);
    log.note_read(entry.with_detail("count", page.data.len())).await?;
    Ok(page)
}
