//! `GET /v1/reports/intake`: what became of what came in on a day.

use leadgate_domain::{AuditAction, Day, OrganizationId, SourceId, Timestamp, Zone};
use leadgate_operations::reports as operations;
use leadgate_store::{IntakeReport, StoreError, StoreFailure};
use serde::Deserialize;

use crate::authorized_request::{AuthorizedRequest, ReadAccess};
use crate::query;
use crate::refusal::Refusal;
use crate::route_response::JsonResponse;
use crate::state::GatewayState;
use crate::store_timeout::with_store_timeout;

#[derive(Deserialize)]
pub(crate) struct IntakeReportQuery {
    #[serde(default)]
    source: Option<SourceId>,
    /// Today, if it is not said.
    #[serde(default)]
    day: Option<String>,
    #[serde(default, deserialize_with = "query::parsed")]
    timezone: Option<Zone>,
}

/// A day of the organization, or of one of its sources; a key of a named source sees its own.
pub(crate) async fn intake(
    call: &mut AuthorizedRequest<ReadAccess, (), IntakeReportQuery>,
) -> Result<JsonResponse<IntakeReport>, Refusal> {
    let day = day(&call.query)?;
    let source = call.query.source.or(call.source_access().source());
    if let Some(source) = source {
        let not_found = || call.not_found(source.as_uuid(), AuditAction::ReportRead);
        if !call.source_access().covers(source) {
            return Err(not_found());
        }
        let reading = call.state.store.source(call.organization(), source);
        with_store_timeout(&call.state, reading).await?.ok_or_else(not_found)?;
    }
    let report = report(&call.state, call.organization(), source, &day).await?;
    operations::note_intake(&call.store(), call.organization(), source, &day, call.log()).await?;
    Ok(JsonResponse::ok(&report))
}

/// Large days are counted on a separate connection: each organization has one such report at a time.
async fn report(
    state: &GatewayState,
    organization: OrganizationId,
    source: Option<SourceId>,
    day: &Day,
) -> Result<IntakeReport, Refusal> {
    let soon = async {
        // Counting is expensive, so at most two run at once.
        let _permit = state.counting.acquire().await.map_err(|_| Refusal::StoreTimeout)?;
        with_store_timeout(state, state.store.intake_report(organization, source, day)).await
    };
    match soon.await {
        Err(Refusal::StoreTimeout) => {}
        Err(Refusal::Store(StoreError::Unavailable {
            trouble: StoreFailure::Timeout | StoreFailure::NoAnswer,
            ..
        })) => {}
        settled => return settled,
    }
    let permit = state.long_reports.begin(organization).ok_or(Refusal::StoreTimeout)?;
    let reporting = state.store.intake_report_without_timeout(organization, source, day, permit);
    reporting.await.map_err(Refusal::Store)
}

fn day(query: &IntakeReportQuery) -> Result<Day, Refusal> {
    let zone = query.timezone.clone().unwrap_or(Zone::utc());
    match &query.day {
        Some(day) => Day::read(day, zone).map_err(|_| query::invalid("day")),
        None => Ok(Day::of(Timestamp::now(), zone)),
    }
}
