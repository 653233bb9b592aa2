//! What has to be done from time to time, by one of all the workers.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use leadgate_domain::{Judge, OrganizationId, Timestamp};
use serde::Serialize;

use crate::error::StoreError;
use crate::store::Store;

/// Whoever adds an entry also sees to it that stored leads learn of it. After this time somebody else does.
const OVERDUE: Duration = Duration::from_secs(60);

#[derive(Serialize, Clone, Copy)]
struct Now {
    now: Timestamp,
}

#[derive(Serialize)]
struct Lease<'a> {
    name: &'a str,
    taken_at: Timestamp,
    until: Timestamp,
}

impl Store {
    /// Takes on a task for a time, if nobody else has it.
    pub async fn lease(&self, name: &'static str, for_: Duration) -> Result<bool, StoreError> {
        self.write(move |session| {
            let taken_at = Timestamp::now();
            let lease = Lease { name, taken_at, until: taken_at.plus(for_) };
            Ok(session.find::<_, String>(session.sql.sweeps.lease, lease)?.is_some())
        })
        .await
    }

    /// Lets stored leads learn of suppressions that have ended, and of those whose author did not see to it.
    ///
    /// Returns the organizations that this concerned.
    pub async fn sweep_suppressions(&self, judge: Arc<dyn Judge>) -> Result<usize, StoreError> {
        let now = Timestamp::now();
        let lapsed: Vec<OrganizationId> =
            self.write(move |session| session.load(session.sql.suppressions.lapse, &[Now { now }])).await?;
        let overdue = Now { now: now.minus(OVERDUE) };
        let left: Vec<OrganizationId> =
            self.read(move |session| session.load_anew(session.sql.suppressions.overdue, &[overdue])).await?;
        let organizations: BTreeSet<_> = lapsed.into_iter().chain(left).collect();
        for organization in &organizations {
            self.rescreen(*organization, Arc::clone(&judge), |_| {}).await?;
        }
        Ok(organizations.len())
    }
}
