//! How long the data of an organization is kept. These settings contain no personal data, so reads are not
//! audited.

use leadgate_domain::{DurationOrForever, OrganizationId, Retention};
use leadgate_store::Store;
use serde::Deserialize;

use crate::OperationError;

/// New maximum ages. Absent ones keep their values.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RetentionChanges {
    /// For bodies of submissions, since their receipt.
    pub submissions: Option<DurationOrForever>,
    /// For leads, since their last update.
    pub leads: Option<DurationOrForever>,
    /// For quarantine entries, since they were added.
    pub quarantine: Option<DurationOrForever>,
    /// For entries of the audit log.
    pub audit: Option<DurationOrForever>,
    /// For events with their deliveries and attempts.
    pub events: Option<DurationOrForever>,
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
            events: age(self.events, before.events),
        }
    }
}

/// The maximum ages.
pub async fn show(store: &Store, organization: OrganizationId) -> Result<Retention, OperationError> {
    Ok(store.retention(organization).await?)
}

/// Changes how long data is kept. Workers erase data that is too old.
///
/// # Errors
/// [`OperationError::Invalid`] if no change is given.
pub async fn set(
    store: &Store,
    organization: OrganizationId,
    changes: RetentionChanges,
) -> Result<Retention, OperationError> {
    if changes.is_empty() {
        return Err(OperationError::invalid(
            "no change given: expected an age for submissions, leads, quarantine, audit or events",
        ));
    }
    let before = store.retention(organization).await?;
    let retention = changes.apply(before);
    if retention != before {
        store.set_retention(organization, retention).await?;
    }
    Ok(retention)
}
