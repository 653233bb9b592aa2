//! Periodic tasks, each of which one worker at a time runs.

use std::collections::BTreeSet;
use std::pin::pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::{StreamExt, stream};
use leadgate_domain::{Judge, OrganizationId, Timestamp};
use uuid::Uuid;

use crate::connection::query;
use crate::error::{StoreError, StoreFailure};
use crate::retention::first_id_at;
use crate::store::Store;
use crate::store_transaction::StoreTransaction;
use crate::values::Id;

/// The program that adds an entry also re-screens the stored leads. After this time a sweep does it instead.
const STALE_PENDING_AFTER: Duration = Duration::from_secs(60);

/// Organizations that are gone through at the same time.
const SWEPT_AT_ONCE: usize = 3;

/// An idempotency key counts for 24 hours by the time of its gateway; a submission may wait in the queue for
/// longer.
const IDEMPOTENCY_KEPT: Duration = Duration::from_secs(48 * 60 * 60);

/// Idempotency keys per transaction.
const PURGED_AT_ONCE: u16 = 1_000;

/// Entries that end are marked so many at a time.
const EXPIRED_PER_TRANSACTION: u16 = 10_000;

/// The lease of a periodic task.
#[derive(Debug, Clone, Copy)]
pub struct Lease {
    pub(crate) name: &'static str,
    pub(crate) taken_at: Timestamp,
    pub(crate) until: Timestamp,
}

impl Store {
    /// Acquires the lease of a task for a time. `None` if another worker has it.
    pub async fn lease(&self, name: &'static str, for_: Duration) -> Result<Option<Lease>, StoreError> {
        self.write(move |session| {
            let taken_at = session.now()?;
            let lease = Lease { name, taken_at, until: taken_at.plus(for_) };
            Ok(query!(session, sweeps::acquire_lease(&lease))?.then_some(lease))
        })
        .await
    }

    /// Releases a lease. Any worker may acquire it again after the pause.
    pub async fn end_lease(&self, lease: Lease, pause: Duration) -> Result<(), StoreError> {
        self.write(move |session| {
            let until = session.now()?.plus(pause);
            query!(session, sweeps::end_lease(&lease, until))
        })
        .await
    }

    /// Where the last run of a sweep stopped.
    pub(crate) async fn sweep_position(&self, name: &'static str) -> Result<Option<Uuid>, StoreError> {
        self.read(move |session| query!(session, sweeps::position(name))).await
    }

    pub(crate) async fn set_sweep_position(
        &self,
        name: &'static str,
        position: Option<Uuid>,
    ) -> Result<(), StoreError> {
        self.write(move |session| query!(session, sweeps::set_position(name, position))).await
    }

    /// Deletes idempotency keys that expired more than a day ago. Returns their number, and whether keys
    /// remain because the deadline was reached.
    pub async fn purge_idempotency_keys(&self, deadline: Instant) -> Result<(usize, bool), StoreError> {
        let last_seen = self.now().await?.minus(IDEMPOTENCY_KEPT);
        // The first submission that is too young.
        let before = Id(first_id_at(last_seen));
        let mut purged = 0;
        while Instant::now() < deadline {
            let gone = self.write(move |session| {
                query!(session, claims::purge_idempotency_keys(before, last_seen, PURGED_AT_ONCE.into()))
            });
            let gone = gone.await?;
            purged += gone;
            if gone < PURGED_AT_ONCE.into() {
                return Ok((purged, false));
            }
        }
        Ok((purged, true))
    }

    /// Re-screens stored leads for entries that expired, and for entries whose re-screening was interrupted.
    ///
    /// An organization that fails or takes long does not block others. Returns the number of organizations.
    pub async fn sweep_suppressions(&self, judge: Arc<dyn Judge>) -> Result<usize, StoreError> {
        let mut concerned = BTreeSet::new();
        loop {
            let found = self.read(move |session| {
                let now = session.now()?;
                let stale = now.minus(STALE_PENDING_AFTER);
                let expired = query!(session, suppressions::organizations_with_expired(now))?;
                let overdue = query!(session, suppressions::organizations_with_overdue(stale))?;
                Ok(expired.into_iter().chain(overdue).collect::<BTreeSet<_>>())
            });
            let found = &found.await? - &concerned;
            if found.is_empty() {
                return Ok(concerned.len());
            }
            concerned.extend(found.iter().copied());
            let sweep = async |organization| {
                skip_failing_organization(
                    organization,
                    "suppressions",
                    self.sweep_lists(organization, &judge).await,
                )
            };
            let mut sweeps = pin!(stream::iter(found).map(sweep).buffer_unordered(SWEPT_AT_ONCE));
            while let Some(swept) = sweeps.next().await {
                swept?;
            }
        }
    }

    async fn sweep_lists(
        &self,
        organization: OrganizationId,
        judge: &Arc<dyn Judge>,
    ) -> Result<(), StoreError> {
        loop {
            let expired = self.write(move |session| {
                // Commits that read the entry as current have written their leads by then, and the rescreen
                // sees them.
                StoreTransaction::new(session).lock_exclusive(organization)?;
                let now = session.now()?;
                query!(session, suppressions::mark_expired(organization, now, EXPIRED_PER_TRANSACTION.into()))
            });
            let expired = expired.await?;
            self.rescreen(organization, Arc::clone(judge), |_| {}).await?;
            if expired < EXPIRED_PER_TRANSACTION.into() {
                return Ok(());
            }
        }
    }
}

/// After an error, leaves the organization to the next round, unless the whole store is unavailable.
pub(crate) fn skip_failing_organization<T: Default>(
    organization: OrganizationId,
    sweep: &'static str,
    swept: Result<T, StoreError>,
) -> Result<T, StoreError> {
    match swept {
        Err(StoreError::Unavailable { failure: failure @ StoreFailure::Connection, detail }) => {
            Err(StoreError::Unavailable { failure, detail })
        }
        Err(error) => {
            tracing::warn!(%organization, sweep, %error, "a sweep failed for an organization; it will be retried");
            Ok(T::default())
        }
        Ok(swept) => Ok(swept),
    }
}
