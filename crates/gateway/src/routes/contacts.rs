//! `GET /api/v1/contacts` and `GET /api/v1/deals` of AskAd.ai.

use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use leadgate_dialect::askad::{self, Paging};
use leadgate_domain::Dialect;
use url::form_urlencoded;

use crate::problem::Refused;
use crate::read::{self, Asked};
use crate::refusal::Refusal;
use crate::respond;
use crate::state::State;

/// The organization's leads, by numbered pages.
pub(crate) async fn contacts(request: HttpRequest, state: Data<State>) -> Result<HttpResponse, Refused> {
    let listing = async {
        let asked = Asked::of(&request, &state).await?;
        let Asking { page, limit } = Asking::parse(request.query_string())?;
        let offset = u64::from(page - 1) * u64::from(limit);
        let (leads, total) =
            read::within(&state, state.store.leads_at(asked.organization(), offset, limit)).await?;
        Ok(respond::answer(askad::contacts_page(&leads, Paging { page, limit, total })))
    };
    listing.await.map_err(|refusal: Refusal| refusal.said_in(Dialect::AskAd))
}

/// There are no deals: an honest empty page.
pub(crate) async fn deals(request: HttpRequest, state: Data<State>) -> Result<HttpResponse, Refused> {
    let listing = async {
        Asked::of(&request, &state).await?;
        let Asking { page, limit } = Asking::parse(request.query_string())?;
        Ok(respond::answer(askad::deals_page(page, limit)))
    };
    listing.await.map_err(|refusal: Refusal| refusal.said_in(Dialect::AskAd))
}

struct Asking {
    /// From 1.
    page: u32,
    limit: u32,
}

impl Asking {
    fn parse(query: &str) -> Result<Self, Refusal> {
        let mut paging = Self { page: 1, limit: 50 };
        for (name, value) in form_urlencoded::parse(query.as_bytes()) {
            let number = |most: u32| value.parse().ok().filter(|number| (1..=most).contains(number));
            let wrong = |name, detail| Refusal::InvalidParameter { name, detail };
            match &*name {
                "page" => {
                    paging.page =
                        number(1_000_000).ok_or(wrong("page", "`page` is a number from 1 to 1000000."))?;
                }
                "limit" => {
                    paging.limit = number(100).ok_or(wrong("limit", "`limit` is a number from 1 to 100."))?;
                }
                _ => {}
            }
        }
        Ok(paging)
    }
}
