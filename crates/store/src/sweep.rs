//! Periodic tasks, each of which one worker at a time runs.

use std::collections::BTreeSet;
use std::pin::pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::{StreamExt, stream};
use leadgate_domain::{Judge, OrganizationId, Timestamp};
use serde::Serialize;
use uuid::Uuid;

use crate::error::{StoreError, StoreFailure};
use crate::retention::first_id_at;
use crate::store::Store;
use crate::store_transaction::StoreTransaction;

/// The program that adds an entry also re-screens the stored leads. After this time a sweep does it instead.
const STALE_PENDING_AFTER: Duration = Duration::from_secs(60);

/// Organizations that are gone through at the same time.
const SWEPT_AT_ONCE: usize = 3;

/// An idempotency key counts for 24 hours by the time of its gateway; a submission may wait in the queue for
/// longer.
const IDEMPOTENCY_KEPT: Duration = Duration::from_secs(48 * 60 * 60);

/// Idempotency keys per transaction.
const PURGED_AT_ONCE: usize = 1_000;

/// Entries that end are marked so many at a time.
const EXPIRED_PER_TRANSACTION: usize = 10_000;

#[derive(Serialize, Clone, Copy)]
struct DatabaseTime {
    now: Timestamp,
}

#[derive(Serialize, Clone, Copy)]
struct ExpiredEntries {
    organization: OrganizationId,
    now: Timestamp,
    most: usize,
}

/// The lease of a periodic task.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Lease {
    name: &'static str,
    taken_at: Timestamp,
    until: Timestamp,
}

#[derive(Serialize)]
struct ByLeaseName {
    name: &'static str,
}

#[derive(Serialize, Clone, Copy)]
struct SweepPosition {
    name: &'static str,
    position: Option<Uuid>,
}

/// Idempotency keys that no longer count.
#[derive(Serialize, Clone, Copy)]
struct IdempotencyPurge {
    /// The first submission that is too young.
    before: Uuid,
    last_seen: Timestamp,
    most: usize,
}

impl Store {
    /// Acquires the lease of a task for a time. `None` if another worker has it.
    pub async fn lease(&self, name: &'static str, for_: Duration) -> Result<Option<Lease>, StoreError> {
        self.write(move |session| {
            let taken_at = session.now()?;
            let lease = Lease { name, taken_at, until: taken_at.plus(for_) };
            Ok(session.find::<_, String>(session.sql.sweeps.lease, lease)?.map(|_| lease))
        })
        .await
    }

    /// Releases a lease. Any worker may acquire it again after the pause.
    pub async fn end_lease(&self, lease: Lease, pause: Duration) -> Result<(), StoreError> {
        self.write(move |session| {
            let ended = Lease { until: session.now()?.plus(pause), ..lease };
            session.execute(session.sql.sweeps.end, &[ended]).map(drop)
        })
        .await
    }

    /// Where the last run of a sweep stopped.
    pub(crate) async fn sweep_position(&self, name: &'static str) -> Result<Option<Uuid>, StoreError> {
        self.read(move |session| session.find(session.sql.sweeps.position, ByLeaseName { name })).await
    }

    pub(crate) async fn set_sweep_position(
        &self,
        name: &'static str,
        position: Option<Uuid>,
    ) -> Result<(), StoreError> {
        let row = [SweepPosition { name, position }];
        self.write(move |session| session.execute(session.sql.sweeps.set_position, &row).map(drop)).await
    }

    /// Deletes idempotency keys that expired more than a day ago. Returns their number, and whether keys
    /// remain because the deadline was reached.
    pub async fn purge_idempotency_keys(&self, deadline: Instant) -> Result<(usize, bool), StoreError> {
        let last_seen = self.now().await?.minus(IDEMPOTENCY_KEPT);
        let purge = [IdempotencyPurge { before: first_id_at(last_seen), last_seen, most: PURGED_AT_ONCE }];
        let mut purged = 0;
        while Instant::now() < deadline {
            let gone = self.write(move |session| session.execute(session.sql.claims.purge, &purge)).await?;
            purged += gone;
            if gone < PURGED_AT_ONCE {
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
                let now = DatabaseTime { now: session.now()? };
                let overdue = DatabaseTime { now: now.now.minus(STALE_PENDING_AFTER) };
                let lapsing: Vec<OrganizationId> = session.load(session.sql.suppressions.lapsing, &[now])?;
                let left: Vec<OrganizationId> = session.load(session.sql.suppressions.overdue, &[overdue])?;
                Ok(lapsing.into_iter().chain(left).collect::<BTreeSet<_>>())
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
            let lapsed = self.write(move |session| {
                // Commits that read the entry as current have written their leads by then, and the rescreen
                // sees them.
                StoreTransaction::new(session).lock_exclusive(organization)?;
                let lapsing =
                    ExpiredEntries { organization, now: session.now()?, most: EXPIRED_PER_TRANSACTION };
                session.execute(session.sql.suppressions.lapse, &[lapsing])
            });
            let lapsed = lapsed.await?;
            self.rescreen(organization, Arc::clone(judge), |_| {}).await?;
            if lapsed < EXPIRED_PER_TRANSACTION {
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
