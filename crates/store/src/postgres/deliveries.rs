//! Events, deliveries and attempts: new ones by COPY.

use diesel::prelude::*;
use leadgate_domain::Attempt;

use super::insert::insert_rows;
pub(crate) use super::queries::attempts::*;
pub(crate) use super::queries::deliveries::*;
use super::queries::events::NewEventRow;
use super::schema::{attempts, deliveries, events};
use super::statement::{Column, Statement};
use crate::connection::InsertMode;
use crate::dispatch::{EndpointLease, FailedDelivery, NewDelivery};
use crate::error::TransactionError;
use crate::events::NewEvent;

pub(crate) fn insert_events(
    connection: &mut PgConnection,
    mode: InsertMode,
    new: &[NewEvent<'_>],
) -> Result<(), TransactionError> {
    let rows = new.iter().map(NewEventRow::new).collect::<Result<Vec<_>, _>>()?;
    insert_rows!(
        connection,
        mode,
        events(organization, id, kind, lead, submission, at, lead_document, detail),
        rows
    )
}

pub(crate) fn insert_deliveries(
    connection: &mut PgConnection,
    mode: InsertMode,
    new: &[NewDelivery],
) -> Result<(), TransactionError> {
    let rows: Vec<_> = new.iter().map(DeliveryRow::from).collect();
    insert_rows!(
        connection,
        mode,
        deliveries(organization, endpoint, event, state, attempts, next_attempt_at),
        rows
    )
}

pub(crate) fn insert_attempts(
    connection: &mut PgConnection,
    mode: InsertMode,
    new: &[Attempt],
) -> Result<(), TransactionError> {
    let rows: Vec<_> = new.iter().map(AttemptRow::from).collect();
    insert_rows!(
        connection,
        mode,
        attempts(organization, id, endpoint, event, number, at, duration_micros, result, status, response),
        rows
    )
}

/// Each has one more failed attempt, and its next attempt or none. A delivery that was restarted during the attempt stays
/// as it is.
pub(crate) fn fail_deliveries(
    connection: &mut PgConnection,
    lease: EndpointLease,
    failed: &[FailedDelivery],
) -> Result<(), TransactionError> {
    const TEXT: &str = "
        UPDATE deliveries AS d
        SET attempts = r.attempts,
            state = CASE WHEN r.next_attempt_at IS NULL THEN 'exhausted' ELSE 'pending' END,
            next_attempt_at = coalesce(r.next_attempt_at, d.next_attempt_at)
        FROM (SELECT ($1::uuid[])[1], ($2::uuid[])[1]) AS e (organization, endpoint),
             unnest($3::uuid[], $4::integer[], $5::timestamptz[]) AS r (event, attempts, next_attempt_at)
        WHERE d.organization = e.organization AND d.endpoint = e.endpoint AND d.event = r.event
          AND d.state = 'pending' AND d.attempts = r.attempts - 1";
    let columns = [
        Column::one_id(lease.organization.into()),
        Column::one_id(lease.endpoint.into()),
        Column::ids(failed.iter().map(|one| one.event)),
        Column::optional_integers(failed.iter().map(|one| i32::try_from(one.attempts).ok())),
        Column::optional_times(failed.iter().map(|one| one.next_attempt_at)),
    ];
    Statement::<()>::new(TEXT, columns).execute(connection).map(drop)
}

/// Adds deliveries, and starts those again that do not wait for their first attempt. Returns how many.
pub(crate) fn add_or_restart_deliveries(
    connection: &mut PgConnection,
    all: &[NewDelivery],
) -> Result<usize, TransactionError> {
    const TEXT: &str = "
        INSERT INTO deliveries AS d (organization, endpoint, event, state, attempts, next_attempt_at)
        SELECT organization, endpoint, event, 'pending', 0, next_attempt_at
        FROM unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::timestamptz[])
            AS r (organization, endpoint, event, next_attempt_at)
        ON CONFLICT (organization, endpoint, event) DO UPDATE
        SET state = 'pending', attempts = 0, next_attempt_at = excluded.next_attempt_at
        WHERE d.state <> 'pending' OR d.attempts > 0";
    let columns = [
        Column::ids(all.iter().map(|one| one.organization)),
        Column::ids(all.iter().map(|one| one.endpoint)),
        Column::ids(all.iter().map(|one| one.event)),
        Column::times(all.iter().map(|one| one.due_at)),
    ];
    Statement::<()>::new(TEXT, columns).execute(connection)
}
