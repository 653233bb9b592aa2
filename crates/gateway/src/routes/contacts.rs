//! `GET /api/v1/contacts` and `GET /api/v1/deals` of AskAd.ai.

use leadgate_dialect::DialectResponse;
use leadgate_dialect::askad::{self, Paging};
use leadgate_domain::AuditAction;
use leadgate_operations::ItemLimit;
use leadgate_operations::leads::listed;
use serde::Deserialize;

use crate::authorized_request::{AuthorizedRequest, ReadAccess};
use crate::refusal::Refusal;
use crate::store_timeout::with_store_timeout;

/// The maximum offset. Larger offsets are too expensive for the database.
const MAX_OFFSET: u64 = 10_000;

/// The maximum size of a page, in bytes.
const MAX_PAGE_SIZE: usize = 1024 * 1024;

#[derive(Deserialize)]
pub(crate) struct PageNumberQuery {
    #[serde(default)]
    page: PageNumber,
    #[serde(default)]
    limit: ItemLimit,
}

/// Counted from 1.
#[derive(Clone, Copy, Deserialize)]
#[serde(try_from = "u32")]
struct PageNumber(u32);

impl Default for PageNumber {
    fn default() -> Self {
        Self(1)
    }
}

impl TryFrom<u32> for PageNumber {
    type Error = &'static str;

    fn try_from(number: u32) -> Result<Self, Self::Error> {
        if (1..=1_000_000).contains(&number) { Ok(Self(number)) } else { Err("out of range") }
    }
}

/// Lists the leads of the organization, or of the key's named source, in numbered pages.
pub(crate) async fn contacts(
    call: &mut AuthorizedRequest<ReadAccess, (), PageNumberQuery>,
) -> Result<DialectResponse, Refusal> {
    let PageNumberQuery { page: PageNumber(page), limit } = call.query;
    let limit = limit.get();
    let offset = u64::from(page - 1) * u64::from(limit);
    if offset >= MAX_OFFSET {
        let detail = "Only the newest 10000 contacts have pages; `GET /v1/leads` lists all.";
        return Err(Refusal::InvalidParameter { name: "page", detail: detail.into() });
    }
    let state = &call.state;
    // Counting and skipping rows is expensive, so few requests may do it at the same time.
    let _permit = state.counting_permits.acquire().await.map_err(|_| Refusal::StoreTimeout)?;
    let listing = state.store.leads_at(call.organization(), call.source_access().source(), offset, limit);
    let (leads, total) = with_store_timeout(state, listing).await?;
    call.record(listed(call.entry(AuditAction::ContactsListed).with_detail("page", page), &leads));
    let answer = askad::render_contacts_page(&leads, Paging { page, limit, total });
    // A numbered page must be complete, so a page that is too large is refused.
    if answer.body.len() > MAX_PAGE_SIZE && leads.len() > 1 {
        let detail = "These contacts are larger than 1 MB together. Ask for fewer with `limit`.";
        return Err(Refusal::InvalidParameter { name: "limit", detail: detail.into() });
    }
    Ok(answer)
}

#[derive(Deserialize)]
pub(crate) struct DealsQuery {
    #[serde(default)]
    page: PageNumber,
    #[serde(default)]
    limit: ItemLimit,
    /// Accepted and ignored, because there are no deals.
    #[serde(default, rename = "stage")]
    _stage: Option<String>,
}

/// Always an empty page, because Leadgate has no deals.
pub(crate) async fn deals(
    call: &mut AuthorizedRequest<ReadAccess, (), DealsQuery>,
) -> Result<DialectResponse, Refusal> {
    Ok(askad::render_deals_page(call.query.page.0, call.query.limit.get()))
}
