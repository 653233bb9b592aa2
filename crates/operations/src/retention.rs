//! For how long an organization keeps its data. This says nothing about people: reading it is not audited.

use leadgate_domain::{DurationOrForever, OrganizationId, Retention};
use leadgate_store::Store;
use serde::Deserialize;

use crate::OperationError;

/// New ages; an absent one stays as it is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RetentionChanges {
    /// Of bodies of submissions, from their receipt.
    pub submissions: Option<DurationOrForever>,
    /// Of leads, from their last update.
    pub leads: Option<DurationOrForever>,
    /// Of entries of the quarantine, from when they were put there.
    pub quarantine: Option<DurationOrForever>,
    /// Of entries of the audit log.
    pub audit: Option<DurationOrForever>,
}

impl RetentionChanges {
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    fn apply(self, before: Retention) -> Retention {
        let age =
            |change: Option<DurationOrForever>, before| change.map_or(before, |DurationOrForever(age)| age);
        Retention {
            submissions: age(self.submissions, before.submissions),
            leads: age(self.leads, before.leads),
            quarantine: age(self.quarantine, before.quarantine),
            audit: age(self.audit, before.audit),
        }
    }
}

pub async fn show(store: &Store, organization: OrganizationId) -> Result<Retention, OperationError> {
    Ok(store.retention(organization).await?)
}

/// Changes how long data is kept. Workers erase what is too old.
///
/// # Errors
/// [`OperationError::Invalid`] if nothing is to be changed.
pub async fn set(
    store: &Store,
    organization: OrganizationId,
    changes: RetentionChanges,
) -> Result<Retention, OperationError> {
    if changes.is_empty() {
        return Err(OperationError::invalid(
            "there is nothing to change: give an age of submissions, leads, quarantine or audit",
        ));
    }
    let before = store.retention(organization).await?;
    let retention = changes.apply(before);
    if retention != before {
        store.set_retention(organization, retention).await?;
    }
    Ok(retention)
}
