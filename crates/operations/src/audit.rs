//! Reads the audit log.

use leadgate_domain::{AuditAction, OrganizationId};
use leadgate_store::{AuditFilter, AuditRecord, Page, Store};
use uuid::Uuid;

use crate::{OperationError, ReadLog};

/// A page of at most `limit` entries, the newest first, after a cursor. The read adds an audit entry, too.
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
