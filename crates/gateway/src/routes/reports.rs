//! `GET /v1/reports/intake`: counts the submissions of a day by outcome.

use leadgate_domain::{AuditAction, Day, OrganizationId, SourceId, Timestamp, Zone};
use leadgate_operations::reports as operations;
use leadgate_store::IntakeReport;
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
    /// Default: today.
    #[serde(default)]
    day: Option<String>,
    #[serde(default, deserialize_with = "query::parsed")]
    timezone: Option<Zone>,
}

/// The report of a day for the organization or for one source. A key of a named source sees its own source
/// only.
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

/// Counts a day. If that exceeds the store timeout, it is counted again on a separate connection without a
/// timeout. Each organization can have one such report at a time.
async fn report(
    state: &GatewayState,
    organization: OrganizationId,
    source: Option<SourceId>,
    day: &Day,
) -> Result<IntakeReport, Refusal> {
    let with_timeout = async {
        // Counting is expensive, so at most two run at once.
        let _permit = state.counting_permits.acquire().await.map_err(|_| Refusal::StoreTimeout)?;
        with_store_timeout(state, state.store.intake_report(organization, source, day)).await
    };
    match with_timeout.await {
        Err(Refusal::StoreTimeout) => {}
        Err(Refusal::Store(refusal)) if refusal.is_timeout() => {}
        result => return result,
    }
    let permit = state.long_report_permits.try_acquire(organization).ok_or(Refusal::StoreTimeout)?;
    let reporting = state.store.intake_report_without_timeout(organization, source, day, permit);
    reporting.await.map_err(Refusal::from)
}

fn day(query: &IntakeReportQuery) -> Result<Day, Refusal> {
    let zone = query.timezone.clone().unwrap_or(Zone::utc());
    match &query.day {
        Some(day) => Day::read(day, zone).map_err(|_| query::invalid("day")),
        None => Ok(Day::from_timestamp(Timestamp::now(), zone)),
    }
}
