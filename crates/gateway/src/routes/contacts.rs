//! `GET /api/v1/contacts` and `GET /api/v1/deals` of AskAd.ai.

use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use leadgate_dialect::askad::{self, Paging};
use leadgate_domain::{AuditAction, Dialect};

use crate::problem::Refused;
use crate::query::{self, Query};
use crate::read::{self, Asked};
use crate::refusal::Refusal;
use crate::respond;
use crate::state::State;

/// Deeper pages would cost the database too much.
const DEEPEST: u64 = 10_000;

/// How large a page may be, in bytes.
const LARGEST: usize = 1024 * 1024;

/// The leads of the organization or, for a key of a named source, of that source; by numbered pages.
pub(crate) async fn contacts(request: HttpRequest, state: Data<State>) -> Result<HttpResponse, Refused> {
    let asked = Asked::of(&request, &state).await?;
    let listing = async {
        let (page, limit) = (page(asked.query())?, asked.query().limit()?);
        let offset = u64::from(page - 1) * u64::from(limit);
        if offset >= DEEPEST {
            let detail = "Only the newest 10000 contacts have pages; `GET /v1/leads` lists all.";
            return Err(Refusal::InvalidParameter { name: "page", detail });
        }
        let source = asked.reach().source();
        // Counting and skipping cost what they count and skip, and readers are few.
        let _turn = state.counting.acquire().await.map_err(|_| Refusal::StoreSlow)?;
        let (leads, total) =
            read::within(&state, state.store.leads_at(asked.organization(), source, offset, limit)).await?;
        let entry = asked.entry(AuditAction::ContactsListed).with("page", page);
        state.audit.note(read::listed(entry, &leads));
        let answer = askad::contacts_page(&leads, Paging { page, limit, total });
        // Pages that are numbered cannot end early.
        if answer.body.len() > LARGEST && leads.len() > 1 {
            let detail = "These contacts are larger than 1 MB together. Ask for fewer with `limit`.";
            return Err(Refusal::InvalidParameter { name: "limit", detail });
        }
        Ok(respond::answer(answer))
    };
    listing.await.map_err(|refusal: Refusal| refusal.said_in(Dialect::AskAd))
}

/// There are no deals: an honest empty page.
pub(crate) async fn deals(request: HttpRequest, state: Data<State>) -> Result<HttpResponse, Refused> {
    let asked = Asked::of(&request, &state).await?;
    let numbers = page(asked.query()).and_then(|page| Ok((page, asked.query().limit()?)));
    let (page, limit) = numbers.map_err(|refusal| refusal.said_in(Dialect::AskAd))?;
    Ok(respond::answer(askad::deals_page(page, limit)))
}

/// The number of a page, from 1.
fn page(query: &Query) -> Result<u32, Refusal> {
    let expected = "`page` is a number from 1 to 1000000.";
    Ok(query.get("page", expected, |value| query::number(value, 1..=1_000_000))?.unwrap_or(1))
}
