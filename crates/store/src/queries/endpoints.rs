//! Endpoints.

use std::time::Duration;

use diesel::dsl::exists;
use diesel::prelude::*;
use leadgate_domain::{Endpoint, EndpointHealth, EndpointId, OrganizationId, Timestamp};

use super::deliveries::{is_new, is_to_retry};
use super::schema::{deliveries, endpoints};
use super::{Connection, Database};
use crate::endpoints::{StoredEndpoint, UnreadableEndpoint};
use crate::error::StoreError;
use crate::events::EndpointSubscription;
use crate::values::{Id, Time, document};

#[derive(Queryable, Selectable, Insertable)]
#[diesel(table_name = endpoints, check_for_backend(Database), treat_none_as_default_value = false)]
struct EndpointRow {
    id: Id,
    organization: Id,
    revision: i32,
    settings: String,
    sealed: String,
    created_at: Time,
    deleted_at: Option<Time>,
    #[diesel(embed)]
    health: HealthRow,
    lease_number: i64,
    lease_until: Time,
}

#[derive(Queryable, Selectable, Insertable, AsChangeset)]
#[diesel(table_name = endpoints, check_for_backend(Database), treat_none_as_default_value = false)]
#[diesel(treat_none_as_null = true)]
struct HealthRow {
    state: String,
    state_since: Time,
    failures: i32,
    failing_since: Option<Time>,
    paused_until: Option<Time>,
}

impl HealthRow {
    fn new(health: &EndpointHealth) -> Self {
        Self {
            state: health.state.to_string(),
            state_since: health.since.into(),
            failures: i32::try_from(health.failures).unwrap_or(i32::MAX),
            failing_since: health.failing_since.map(Time),
            paused_until: health.paused_until.map(Time),
        }
    }

    fn read(self) -> Option<EndpointHealth> {
        Some(EndpointHealth {
            state: self.state.parse().ok()?,
            since: self.state_since.into(),
            failures: self.failures.unsigned_abs(),
            failing_since: self.failing_since.map(Timestamp::from),
            paused_until: self.paused_until.map(Timestamp::from),
        })
    }
}

impl EndpointRow {
    fn new(StoredEndpoint { endpoint, sealed, lease_number }: &StoredEndpoint) -> Result<Self, StoreError> {
        Ok(Self {
            id: endpoint.id.into(),
            organization: endpoint.organization.into(),
            revision: endpoint.revision,
            settings: document(&endpoint.settings)?,
            sealed: sealed.clone(),
            created_at: endpoint.created_at.into(),
            deleted_at: endpoint.deleted_at.map(Time),
            health: HealthRow::new(&endpoint.health),
            lease_number: *lease_number,
            lease_until: endpoint.created_at.into(),
        })
    }

    fn read(self) -> Result<StoredEndpoint, UnreadableEndpoint> {
        let id = EndpointId::from(self.id);
        self.parse().ok_or(UnreadableEndpoint(id))
    }

    fn parse(self) -> Option<StoredEndpoint> {
        let endpoint = Endpoint {
            id: self.id.into(),
            organization: self.organization.into(),
            revision: self.revision,
            settings: serde_json::from_str(&self.settings).ok()?,
            health: self.health.read()?,
            created_at: self.created_at.into(),
            deleted_at: self.deleted_at.map(Timestamp::from),
        };
        Some(StoredEndpoint { endpoint, sealed: self.sealed, lease_number: self.lease_number })
    }
}

fn read_all(rows: Vec<EndpointRow>) -> Vec<StoredEndpoint> {
    // A warning for what only a newer build can read: the others are still good.
    let read = |row: EndpointRow| row.read().inspect_err(UnreadableEndpoint::warn).ok();
    rows.into_iter().filter_map(read).collect()
}

pub(crate) fn insert_endpoint(
    connection: &mut Connection,
    new: &StoredEndpoint,
) -> Result<(), crate::error::TransactionError> {
    let row = EndpointRow::new(new)?;
    Ok(diesel::insert_into(endpoints::table).values(row).execute(connection).map(drop)?)
}

/// Changes an endpoint that is still at this revision, and gives it the next one.
pub(crate) fn update_endpoint(
    connection: &mut Connection,
    StoredEndpoint { endpoint, sealed, .. }: &StoredEndpoint,
) -> Result<bool, crate::error::TransactionError> {
    let unchanged = endpoints::table
        .find(Id::from(endpoint.id))
        .filter(endpoints::organization.eq(Id::from(endpoint.organization)))
        .filter(endpoints::revision.eq(endpoint.revision));
    let updated = diesel::update(unchanged)
        .set((
            endpoints::revision.eq(endpoints::revision + 1),
            endpoints::settings.eq(document(&endpoint.settings)?),
            endpoints::sealed.eq(sealed),
            endpoints::deleted_at.eq(endpoint.deleted_at.map(Time)),
        ))
        .execute(connection)?;
    Ok(updated > 0)
}

/// For an operator, and for results of attempts.
pub(crate) fn set_health(
    connection: &mut Connection,
    id: EndpointId,
    health: &EndpointHealth,
) -> QueryResult<usize> {
    diesel::update(endpoints::table.find(Id::from(id))).set(HealthRow::new(health)).execute(connection)
}

pub(crate) fn count_endpoints(connection: &mut Connection, organization: OrganizationId) -> QueryResult<u64> {
    endpoints::table
        .filter(endpoints::organization.eq(Id::from(organization)))
        .filter(endpoints::deleted_at.is_null())
        .count()
        .get_result(connection)
        .map(i64::unsigned_abs)
}

/// One that is not deleted.
pub(crate) fn find_endpoint(
    connection: &mut Connection,
    organization: OrganizationId,
    id: EndpointId,
) -> QueryResult<Option<StoredEndpoint>> {
    let row = endpoints::table
        .find(Id::from(id))
        .filter(endpoints::organization.eq(Id::from(organization)))
        .filter(endpoints::deleted_at.is_null())
        .select(EndpointRow::as_select())
        .first(connection)
        .optional()?;
    Ok(row.and_then(|row| row.read().inspect_err(UnreadableEndpoint::warn).ok()))
}

/// Those that are not deleted, by id.
pub(crate) fn endpoints_of(
    connection: &mut Connection,
    organization: OrganizationId,
) -> QueryResult<Vec<StoredEndpoint>> {
    let rows: Vec<EndpointRow> = endpoints::table
        .filter(endpoints::organization.eq(Id::from(organization)))
        .filter(endpoints::deleted_at.is_null())
        .order(endpoints::id)
        .select(EndpointRow::as_select())
        .load(connection)?;
    Ok(read_all(rows))
}

/// What the endpoints of these organizations want. Those that are not deleted, by id.
pub(crate) fn subscriptions_of(
    connection: &mut Connection,
    organizations: &[OrganizationId],
) -> QueryResult<Vec<EndpointSubscription>> {
    let rows: Vec<(Id, Id, String)> = endpoints::table
        .filter(endpoints::organization.eq_any(organizations.iter().map(|id| Id::from(*id))))
        .filter(endpoints::deleted_at.is_null())
        .order((endpoints::organization, endpoints::id))
        .select((endpoints::organization, endpoints::id, endpoints::settings))
        .load(connection)?;
    let read = |(organization, id, settings): (Id, Id, String)| {
        let endpoint = EndpointId::from(id);
        let settings = serde_json::from_str(&settings).map_err(|_| UnreadableEndpoint(endpoint));
        let settings = settings.inspect_err(UnreadableEndpoint::warn).ok()?;
        Some(EndpointSubscription { organization: organization.into(), endpoint, settings })
    };
    Ok(rows.into_iter().filter_map(read).collect())
}

pub(crate) fn deleted_endpoints(
    connection: &mut Connection,
    organization: OrganizationId,
) -> QueryResult<Vec<EndpointId>> {
    let ids: Vec<Id> = endpoints::table
        .filter(endpoints::organization.eq(Id::from(organization)))
        .filter(endpoints::deleted_at.is_not_null())
        .select(endpoints::id)
        .load(connection)?;
    Ok(ids.into_iter().map(EndpointId::from).collect())
}

/// Of all organizations.
pub(crate) fn all_endpoints(connection: &mut Connection) -> QueryResult<Vec<StoredEndpoint>> {
    let rows = endpoints::table.filter(endpoints::deleted_at.is_null()).select(EndpointRow::as_select());
    Ok(read_all(rows.load(connection)?))
}

/// Unless the secrets were changed since.
pub(crate) fn replace_sealed(
    connection: &mut Connection,
    id: EndpointId,
    before: &str,
    after: &str,
) -> QueryResult<usize> {
    let unchanged = endpoints::table.find(Id::from(id)).filter(endpoints::sealed.eq(before));
    diesel::update(unchanged).set(endpoints::sealed.eq(after)).execute(connection)
}

/// Endpoints with deliveries that are due, and that no dispatcher has. The longest without one first.
pub(crate) fn endpoints_with_due_deliveries(
    connection: &mut Connection,
    now: Timestamp,
    limit: u32,
) -> QueryResult<Vec<EndpointId>> {
    let now = Time(now);
    let due = deliveries::table
        .filter(deliveries::organization.eq(endpoints::organization))
        .filter(deliveries::endpoint.eq(endpoints::id))
        .filter(deliveries::next_attempt_at.le(now));
    let (is_new, is_due) = (exists(due.filter(is_new())), exists(due.filter(is_to_retry())));
    let ids: Vec<Id> = endpoints::table
        .filter(endpoints::deleted_at.is_null())
        .filter(endpoints::state.ne("disabled"))
        .filter(endpoints::lease_until.lt(now))
        .filter(endpoints::paused_until.is_null().or(endpoints::paused_until.le(now)))
        .filter(is_new.or(is_due))
        .order(endpoints::lease_until)
        .limit(limit.into())
        .select(endpoints::id)
        .load(connection)?;
    Ok(ids.into_iter().map(EndpointId::from).collect())
}

/// The due time of the oldest due delivery. Endpoints that are disabled or paused do not count.
pub(crate) fn oldest_due_delivery(
    connection: &mut Connection,
    now: Timestamp,
) -> QueryResult<Option<Timestamp>> {
    let of_endpoint = deliveries::table
        .filter(deliveries::organization.eq(endpoints::organization))
        .filter(deliveries::endpoint.eq(endpoints::id))
        .filter(deliveries::next_attempt_at.le(Time(now)))
        .order(deliveries::next_attempt_at)
        .limit(1)
        .select(deliveries::next_attempt_at);
    let first =
        (of_endpoint.filter(is_new()).single_value(), of_endpoint.filter(is_to_retry()).single_value());
    let firsts: Vec<(Option<Time>, Option<Time>)> = endpoints::table
        .filter(endpoints::deleted_at.is_null())
        .filter(endpoints::state.ne("disabled"))
        .filter(endpoints::paused_until.is_null().or(endpoints::paused_until.le(Time(now))))
        .select(first)
        .load(connection)?;
    let firsts = firsts.into_iter().flat_map(|(new, to_retry)| [new, to_retry]).flatten();
    Ok(firsts.map(Timestamp::from).min())
}

/// Takes the lease of each that still has none.
pub(crate) fn take_leases(
    connection: &mut Connection,
    ids: &[EndpointId],
    now: Timestamp,
    until: Timestamp,
) -> QueryResult<Vec<StoredEndpoint>> {
    let free = endpoints::table
        .filter(endpoints::id.eq_any(ids.iter().map(|id| Id::from(*id))))
        .filter(endpoints::lease_until.lt(Time(now)));
    let rows: Vec<EndpointRow> = diesel::update(free)
        .set((
            endpoints::lease_number.eq(endpoints::lease_number + 1),
            endpoints::lease_until.eq(Time(until)),
        ))
        .returning(EndpointRow::as_returning())
        .get_results(connection)?;
    Ok(read_all(rows))
}

/// Ends all leases.
pub(crate) fn end_leases(connection: &mut Connection, now: Timestamp) -> QueryResult<usize> {
    let leased = endpoints::table.filter(endpoints::lease_until.ge(Time(now)));
    let ended = now.minus(Duration::from_micros(1));
    diesel::update(leased).set(endpoints::lease_until.eq(Time(ended))).execute(connection)
}

/// Prolongs or ends a lease. `None` if another dispatcher has taken it.
pub(crate) fn set_lease_end(
    connection: &mut Connection,
    id: EndpointId,
    lease_number: i64,
    until: Timestamp,
) -> QueryResult<Option<StoredEndpoint>> {
    let own = endpoints::table.find(Id::from(id)).filter(endpoints::lease_number.eq(lease_number));
    let row = diesel::update(own)
        .set(endpoints::lease_until.eq(Time(until)))
        .returning(EndpointRow::as_returning())
        .get_result(connection)
        .optional()?;
    Ok(row.and_then(|row: EndpointRow| row.read().inspect_err(UnreadableEndpoint::warn).ok()))
}
