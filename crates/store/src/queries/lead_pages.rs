//! Pages of the leads that a filter selects.

use diesel::dsl::case_when;
use diesel::prelude::*;
use diesel::sql_types::{Bool, Nullable};
use leadgate_domain::{Lead, LeadId, OrganizationId};

use super::leads::read_leads_by_id;
use super::schema::leads;
use super::{Connection, Database};
use crate::error::TransactionError;
use crate::lead_filter::{LeadFilter, LeadIndex, MAX_SCANNED};
use crate::page::{self, LeadCursor, Page};
use crate::values::{Id, document, reversed};

/// Leads that one query looks at.
const SCANNED_AT_ONCE: u32 = 1_000;

type Leads<'q> = leads::BoxedQuery<'q, Database>;
type Condition<'q> = Box<dyn BoxableExpression<leads::table, Database, SqlType = Nullable<Bool>> + 'q>;

/// At most `limit` selected leads before this id, the newest first. A page of large leads has fewer, and so has a page
/// that looked at [`MAX_SCANNED`] leads: then it has `next` although it is short.
///
/// The leads of one index are looked at in its order. The other conditions are no part of the `WHERE`: so they have no
/// influence on the plan, and the number of leads that are looked at has a limit. The sizes are read first, so that no
/// more of the documents is in memory than the page has.
pub(crate) fn page_of_leads(
    connection: &mut Connection,
    organization: OrganizationId,
    filter: &LeadFilter,
    before: LeadId,
    limit: u32,
) -> Result<Page<Lead, LeadCursor>, TransactionError> {
    let (first, mut end) = filter.id_range(before.into());
    let rest = filter.unindexed();
    let at_once = if rest == LeadFilter::default() { limit.saturating_add(1) } else { SCANNED_AT_ONCE };
    let mut selected: Vec<(Id, i32)> = Vec::new();
    let (mut scanned, mut is_last) = (0, false);
    while !is_last && selected.len() <= to_usize(limit) && scanned < to_usize(MAX_SCANNED) {
        let mut rows: Vec<(Id, Option<i32>)> = leads_of_index(organization, &filter.index(), end)
            .limit(at_once.into())
            .select((leads::id, case_when(matches(&rest)?, size_of_document!())))
            .load(connection)?;
        is_last = rows.len() < to_usize(at_once);
        if let Some(position) = rows.iter().position(|(id, _)| *id < first) {
            rows.truncate(position);
            is_last = true;
        }
        scanned += rows.len();
        end = rows.last().map_or(end, |(id, _)| *id);
        selected.extend(rows.into_iter().filter_map(|(id, size)| Some((id, size?))));
    }
    let kept = page::fitting(selected.iter().map(|(_, size)| usize::try_from(*size).unwrap_or(0)), limit);
    let ids: Vec<LeadId> = selected.iter().take(kept).map(|(id, _)| LeadId::from(*id)).collect();
    let next = if kept < selected.len() { ids.last().copied() } else { (!is_last).then(|| end.into()) };
    let mut data =
        if ids.is_empty() { Vec::new() } else { read_leads_by_id(connection, organization, &ids)? };
    data.retain(|lead| filter.confirms(lead));
    Ok(Page { data, next: next.map(|id| LeadCursor { id }) })
}

fn to_usize(count: u32) -> usize {
    usize::try_from(count).unwrap_or(usize::MAX)
}

/// The leads of an index before `end`, the newest first.
///
/// The order is that of the index, so every other plan would need a sort. The condition on the value alone is there for
/// indexes that have only the leads with a value.
fn leads_of_index<'q>(organization: OrganizationId, index: &LeadIndex<'_>, end: Id) -> Leads<'q> {
    let query = leads::table.filter(leads::organization.eq(Id::from(organization))).into_boxed();
    match index {
        LeadIndex::Phone(phone) => query
            .filter(leads::phone.ge(phone.clone()))
            .filter(row_is!(leads::phone < (phone.clone(), end)))
            .order((leads::phone.desc(), leads::id.desc())),
        LeadIndex::Email(email) => query
            .filter(leads::email_reversed.ge(email.clone()))
            .filter(row_is!(leads::email_reversed < (email.clone(), end)))
            .order((leads::email_reversed.desc(), leads::id.desc())),
        LeadIndex::ExternalId(id) => query
            .filter(leads::external_id.ge((*id).to_owned()))
            .filter(row_is!(leads::external_id < ((*id).to_owned(), end)))
            .order((leads::external_id.desc(), leads::id.desc())),
        LeadIndex::Source(source) => query
            .filter(leads::source.ge(*source))
            .filter(row_is!(leads::source < (*source, end)))
            .order((leads::source.desc(), leads::id.desc())),
        LeadIndex::Id => query.filter(leads::id.lt(end)).order(leads::id.desc()),
    }
}

/// The condition that a lead matches all these members. It does not look at the phone and the time, which an index
/// answers.
pub(super) fn matches<'q>(rest: &LeadFilter) -> Result<Condition<'q>, TransactionError> {
    let mut all: Condition<'q> = Box::new(true.into_sql::<Bool>().nullable());
    if let Some(source) = rest.source.map(Id::from) {
        all = Box::new(all.and(leads::source.eq(source)));
    }
    if let Some(email) = &rest.email {
        all = Box::new(all.and(leads::email_reversed.eq(reversed(&email.comparison_form()))));
    }
    if let Some(external_id) = &rest.external_id {
        all = Box::new(all.and(leads::external_id.eq(external_id.clone())));
    }
    if let Some(eligibility) = rest.eligibility {
        all = Box::new(all.and(leads::eligibility.eq(eligibility.as_str())));
    }
    if let Some(temperature) = rest.temperature {
        all = Box::new(all.and(leads::temperature.eq(temperature.as_str())));
    }
    if let Some(status) = &rest.status {
        all = Box::new(all.and(leads::status.eq(status.as_str().to_owned())));
    }
    if let Some(tag) = &rest.tag {
        // Tags are a JSON list. A quote within a tag is escaped there; only a tag of one comma may also be found within
        // another, see `confirms`.
        let tag = document(tag)?;
        let is_first = position_in!(leads::tags, format!("[{tag}"));
        let is_later = position_in!(leads::tags, format!(",{tag}"));
        all = Box::new(all.and(is_first.gt(0).or(is_later.gt(0))));
    }
    Ok(all)
}
