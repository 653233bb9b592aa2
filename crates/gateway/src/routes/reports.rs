//! `GET /v1/reports/intake`: what became of what came in on a day.

use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use leadgate_domain::{AuditAction, AuditEntry, Day, OrganizationId, SourceId, Timestamp, Zone};
use leadgate_store::{IntakeReport, StoreError, Trouble};

use crate::problem::Refused;
use crate::query::Query;
use crate::read::{self, Asked};
use crate::refusal::Refusal;
use crate::respond;
use crate::state::State;

/// A day of the organization, or of one of its sources; a key of a named source sees its own.
pub(crate) async fn intake(request: HttpRequest, state: Data<State>) -> Result<HttpResponse, Refused> {
    let asked = Asked::of(&request, &state).await?;
    let source = asked.query().get("source", "`source` is the id of a source.", |id| id.parse().ok())?;
    let day = day(asked.query())?;
    let source = source.or(asked.reach().source());
    if let Some(source) = source.filter(|source| !asked.reach().covers(*source)) {
        return Err(asked.not_found(source.as_uuid(), AuditAction::ReportRead, &state).into());
    }
    if let Some(source) = source {
        let own = read::within(&state, state.store.source(asked.organization(), source)).await?;
        own.ok_or_else(|| asked.not_found(source.as_uuid(), AuditAction::ReportRead, &state))?;
    }
    let report = report(&state, asked.organization(), source, &day).await?;
    let entry = asked.entry(AuditAction::ReportRead).with("report", "intake").with("day", &day);
    state.audit.note(AuditEntry { target: source.map(|source| source.to_string()), ..entry });
    Ok(respond::json(&report))
}

/// Large days are counted on a separate connection: each organization has one such report at a time.
async fn report(
    state: &State,
    organization: OrganizationId,
    source: Option<SourceId>,
    day: &Day,
) -> Result<IntakeReport, Refusal> {
    let soon = async {
        // Counting is expensive, so at most two run at once.
        let _turn = state.counting.acquire().await.map_err(|_| Refusal::StoreSlow)?;
        read::within(state, state.store.intake_report(organization, source, day)).await
    };
    match soon.await {
        Err(Refusal::StoreSlow) => {}
        Err(Refusal::Store(StoreError::Unavailable {
            trouble: Trouble::Timeout | Trouble::NoAnswer,
            ..
        })) => {}
        settled => return settled,
    }
    let permit = state.long_reports.begin(organization).ok_or(Refusal::StoreSlow)?;
    let reporting = state.store.intake_report_patiently(organization, source, day, permit);
    reporting.await.map_err(Refusal::Store)
}

/// The day that is reported: today, unless the query names another.
fn day(query: &Query) -> Result<Day, Refusal> {
    let zone = "`timezone` is one of the IANA database, such as America/New_York.";
    let zone = query.get("timezone", zone, |zone| zone.parse().ok())?.unwrap_or(Zone::utc());
    let expected = "`day` is a date, such as 2026-11-21.";
    let day = query.get("day", expected, |day| Day::read(day, zone.clone()).ok())?;
    Ok(day.unwrap_or_else(|| Day::of(Timestamp::now(), zone)))
}
