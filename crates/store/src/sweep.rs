//! What has to be done from time to time, by one of all the workers.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use leadgate_domain::{Judge, OrganizationId, Timestamp};
use serde::Serialize;

use crate::error::{StoreError, Trouble};
use crate::store::Store;

/// Whoever adds an entry also sees to it that stored leads learn of it. After this time somebody else does.
const OVERDUE: Duration = Duration::from_secs(60);

/// Entries that end are marked so many at a time.
const LAPSING_AT_ONCE: usize = 10_000;

#[derive(Serialize, Clone, Copy)]
struct Now {
    now: Timestamp,
}

#[derive(Serialize, Clone, Copy)]
struct Lapsing {
    now: Timestamp,
    most: usize,
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
    /// What goes wrong with one organization keeps no other waiting. Returns the organizations that this concerned.
    pub async fn sweep_suppressions(&self, judge: Arc<dyn Judge>) -> Result<usize, StoreError> {
        let now = Timestamp::now();
        let mut concerned = BTreeSet::new();
        loop {
            let lapsing = Lapsing { now, most: LAPSING_AT_ONCE };
            let lapsed = self.write(move |session| {
                session.load::<_, OrganizationId>(session.sql.suppressions.lapse, &[lapsing])
            });
            let lapsed = lapsed.await;
            let overdue = Now { now: now.minus(OVERDUE) };
            let left = self.read(move |session| session.load(session.sql.suppressions.overdue, &[overdue]));
            let left: Vec<OrganizationId> = left.await?;
            let is_last = lapsed.as_ref().map_or(true, |lapsed| lapsed.len() < LAPSING_AT_ONCE);
            let of_lapsed = lapsed.as_ref().into_iter().flatten().copied();
            for organization in of_lapsed.chain(left).collect::<BTreeSet<_>>() {
                let rescreened = self.rescreen(organization, Arc::clone(&judge), |_| {}).await;
                go_on(organization, "suppressions", rescreened)?;
                concerned.insert(organization);
            }
            lapsed?;
            if is_last {
                return Ok(concerned.len());
            }
        }
    }
}

/// Leaves an organization to the next round that a sweep failed for, unless the store is away from all.
pub(crate) fn go_on<T: Default>(
    organization: OrganizationId,
    sweep: &'static str,
    swept: Result<T, StoreError>,
) -> Result<T, StoreError> {
    match swept {
        Err(StoreError::Unavailable { trouble: trouble @ Trouble::Connection, detail }) => {
            Err(StoreError::Unavailable { trouble, detail })
        }
        Err(error) => {
            tracing::warn!(%organization, sweep, %error, "a sweep failed for an organization; it comes again");
            Ok(T::default())
        }
        Ok(swept) => Ok(swept),
    }
}
