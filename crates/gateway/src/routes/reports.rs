//! `GET /v1/reports/intake`: what became of what came in on a day.

use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use leadgate_domain::{AuditAction, AuditEntry, Day, OrganizationId, SourceId, Timestamp, Zone};
use leadgate_store::{IntakeReport, StoreError, Trouble};
use url::form_urlencoded;

use crate::problem::Refused;
use crate::read::{self, Asked};
use crate::refusal::Refusal;
use crate::respond;
use crate::state::State;

/// A day of the organization, or of one of its sources; a key of a named source sees its own.
pub(crate) async fn intake(request: HttpRequest, state: Data<State>) -> Result<HttpResponse, Refused> {
    let asked = Asked::of(&request, &state).await?;
    let Query { source, day } = Query::parse(request.query_string())?;
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

struct Query {
    source: Option<SourceId>,
    day: Day,
}

impl Query {
    /// A report of something else than was asked for would be believed: what is not known is refused here.
    fn parse(text: &str) -> Result<Self, Refusal> {
        let wrong = |name, detail| Refusal::InvalidParameter { name, detail };
        let (mut source, mut day, mut zone) = (None, None, Zone::utc());
        for (name, value) in form_urlencoded::parse(text.as_bytes()) {
            match &*name {
                "source" => {
                    let id = value.parse().map_err(|_| wrong("source", "`source` is the id of a source."))?;
                    source = Some(id);
                }
                "day" => day = Some(value),
                "timezone" => {
                    let detail = "`timezone` is one of the IANA database, such as America/New_York.";
                    zone = value.parse().map_err(|_| wrong("timezone", detail))?;
                }
                _ => return Err(wrong("query", "The parameters are `source`, `day` and `timezone`.")),
            }
        }
        let day = match day {
            Some(day) => {
                Day::read(&day, zone).map_err(|_| wrong("day", "`day` is a date, such as 2026-11-21."))?
            }
            None => Day::of(Timestamp::now(), zone),
        };
        Ok(Self { source, day })
    }
}
