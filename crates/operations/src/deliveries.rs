//! Deliveries and attempts of an organization's endpoints.

use leadgate_domain::{AttemptId, AuditAction, OrganizationId};
use leadgate_store::{AttemptRecord, DeliveryCursor, DeliveryFilter, DeliveryRecord, Page, Store};

use crate::{OperationError, ReadLog};

/// A page of at most `limit` events that endpoints have not received.
pub async fn list(
    store: &Store,
    organization: OrganizationId,
    filter: DeliveryFilter,
    after: Option<DeliveryCursor>,
    limit: u32,
    log: &impl ReadLog,
) -> Result<Page<DeliveryRecord, DeliveryCursor>, OperationError> {
    let page = store.deliveries(organization, filter, after, limit).await?;
    let entry = store.entry(organization, AuditAction::DeliveriesListed);
    log.note_read(entry.with_detail("count", page.data.len())).await?;
    Ok(page)
}

/// A page of at most `limit` attempts, from the newest to the oldest.
pub async fn attempts(
    store: &Store,
    organization: OrganizationId,
    filter: DeliveryFilter,
    after: Option<AttemptId>,
    limit: u32,
    log: &impl ReadLog,
) -> Result<Page<AttemptRecord, AttemptId>, OperationError> {
    let page = store.attempts(organization, filter, after, limit).await?;
    let entry = store.entry(organization, AuditAction::DeliveriesListed);
    log.note_read(entry.with_detail("attempts", page.data.len())).await?;
    Ok(page)
}
