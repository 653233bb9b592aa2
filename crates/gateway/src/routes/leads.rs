//! `GET /v1/leads`, `GET /v1/leads/{id}`.

use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use leadgate_dialect::{self as dialect, native};
use leadgate_domain::AuditAction;
use leadgate_store::{Cursor, Found};

use crate::authenticate::Reach;
use crate::problem::Refused;
use crate::read::{self, Asked};
use crate::refusal::Refusal;
use crate::respond;
use crate::state::State;

/// A lead by its own id, or by that of any submission that it met.
pub(crate) async fn show(request: HttpRequest, state: Data<State>) -> Result<HttpResponse, Refused> {
    let asked = Asked::of(&request, &state).await?;
    let id = asked.id(&request)?;
    let found = read::within(&state, state.store.find(asked.organization(), id)).await?;
    match found.map(|found| within_reach(found, asked.reach())) {
        Some(None) => Err(asked.not_found(id, AuditAction::LeadRead, &state).into()),
        Some(Some(found)) => {
            let entry = asked.entry(AuditAction::LeadRead).about(id);
            state.audit.note(entry.with("lead", found.lead.as_ref().map(|lead| lead.id)));
            Ok(answer(&found))
        }
        None => Ok(asked.queued(id, AuditAction::LeadRead, &state)?),
    }
}

/// Removes what the key may not read. For its own submission the outcome stays visible even if the lead belongs to
/// another source.
fn within_reach(found: Found, reach: Reach) -> Option<Found> {
    match &found.lead {
        Some(lead) if reach.covers(lead.source) => Some(found),
        _ if reach.covers(found.source) => {
            let lead = found.lead.filter(|lead| reach.covers(lead.source));
            Some(Found { lead, ..found })
        }
        _ => None,
    }
}

fn answer(found: &Found) -> HttpResponse {
    match (&found.lead, found.outcome) {
        (_, None) => respond::json(&native::queued(found.submission)),
        (Some(lead), Some(outcome)) => respond::json(&native::lead(lead, found.submission, outcome)),
        (None, Some(outcome)) if found.erased_at.is_some() => {
            respond::json(&native::erased(found.submission, outcome))
        }
        (None, Some(outcome)) => {
            respond::json(&native::leadless(found.submission, outcome, found.quarantine))
        }
    }
}

/// The leads of the organization or, for a key of a named source, of that source; from the newest to the oldest, as the
/// caller's dialect shows them.
pub(crate) async fn list(request: HttpRequest, state: Data<State>) -> Result<HttpResponse, Refused> {
    let asked = Asked::of(&request, &state).await?;
    let listing = async {
        let (limit, after) = (asked.query().limit()?, asked.query().after::<Cursor>()?);
        let listing = state.store.leads(asked.organization(), asked.reach().source(), after, limit);
        let page = read::within(&state, listing).await?;
        state.audit.note(read::listed(asked.entry(AuditAction::LeadsListed), &page.data));
        let next = page.next.map(|next| next.to_string());
        Ok(respond::answer(dialect::leads_page(asked.spoken(), &page.data, next.as_deref())))
    };
    listing.await.map_err(|refusal: Refusal| refusal.said_in(asked.spoken()))
}
