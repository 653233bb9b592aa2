//! Suppression lists: the phones, emails and domains that an organization must not contact.

mod columns;
mod csv_list;
mod import;

use std::sync::Arc;

use leadgate_domain::secret::MatchKey;
use leadgate_domain::suppression::SuppressionRequest;
use leadgate_domain::{AuditAction, Judge, OrganizationId, Suppression, SuppressionKey, Timestamp};
use leadgate_store::{AddOutcome, Page, Store, StoreError, SuppressionCursor};

pub use columns::CsvColumns;
pub use csv_list::{csv_reader, encoding_of};
pub use import::{ImportCounts, ImportDefaults, ImportRowResult, SuppressionImport};

use crate::{OperationError, ReadLog};

/// The number of entries read at once.
const PAGE: u32 = 1_000;

/// An entry with its result, or why it was refused.
pub type AddResult = Result<(AddOutcome, Suppression), String>;

/// The re-screening of stored leads that remains after a change of a list. It is needed for entries whose
/// leads cannot be found by an index, such as a domain. If it is dropped, a sweep of a worker does it later.
#[must_use = "without `run`, stored leads are re-screened only by the next sweep"]
pub struct PendingRescreen {
    store: Store,
    organization: OrganizationId,
    judge: Arc<dyn Judge>,
}

impl PendingRescreen {
    fn new(store: &Store, organization: OrganizationId, judge: &Arc<dyn Judge>) -> Self {
        Self { store: store.clone(), organization, judge: Arc::clone(judge) }
    }

    /// Whether any entry still needs a re-screening.
    pub async fn is_pending(&self) -> Result<bool, OperationError> {
        Ok(self.store.has_pending(self.organization).await?)
    }

    /// Re-screens the stored leads. `progress` is called with the number of further leads that were checked.
    pub async fn run(self, progress: impl FnMut(usize)) -> Result<(), OperationError> {
        if self.is_pending().await? {
            self.store.rescreen(self.organization, self.judge, progress).await?;
        }
        Ok(())
    }
}

/// Adds entries independently: a refused entry does not prevent the others. Returns the result of each, in
/// order.
pub async fn add_entries(
    store: &Store,
    organization: OrganizationId,
    requests: &[SuppressionRequest],
    matching: &MatchKey,
    judge: &Arc<dyn Judge>,
) -> Result<(Vec<AddResult>, PendingRescreen), OperationError> {
    let now = Timestamp::now();
    let read: Vec<_> = requests.iter().map(|request| request.entry(matching, organization, now)).collect();
    let valid: Vec<_> = read.iter().filter_map(|read| read.as_ref().ok()).cloned().collect();
    let mut listed = store.suppress(organization, valid, Arc::clone(judge)).await?.into_iter();
    let added = read.into_iter().map(|read| match read {
        Ok(entry) => Ok(Ok((listed.next().ok_or_else(no_result)?, entry))),
        Err(problem) => Ok(Err(problem)),
    });
    let added = added.collect::<Result<Vec<AddResult>, StoreError>>()?;
    Ok((added, PendingRescreen::new(store, organization, judge)))
}

/// The error for an entry without a result. It must not count as added, because the person could be
/// contacted.
fn no_result() -> StoreError {
    StoreError::Bug("the store returned no result for an entry".to_owned())
}

/// Adds entries, or none of them if one cannot be read. Returns the result of each, in order. More than 1,000
/// entries are written in chunks. After an error of the store, some chunks may be stored. The call can be
/// repeated.
///
/// # Errors
/// [`OperationError::Invalid`] with the number of the first one that cannot be read.
pub async fn add(
    store: &Store,
    organization: OrganizationId,
    requests: &[SuppressionRequest],
    matching: &MatchKey,
    judge: &Arc<dyn Judge>,
) -> Result<(Vec<AddOutcome>, PendingRescreen), OperationError> {
    let now = Timestamp::now();
    let entry = |request: &SuppressionRequest| request.entry(matching, organization, now);
    let entries = parse_numbered(requests, entry)?;
    let listed = store.suppress(organization, entries, Arc::clone(judge)).await?;
    Ok((listed, PendingRescreen::new(store, organization, judge)))
}

/// Ends the entries of values, on one list or on all lists, in chunks like [`add`]. Returns the ended
/// entries.
///
/// # Errors
/// Like [`add`].
pub async fn remove(
    store: &Store,
    organization: OrganizationId,
    requests: &[SuppressionRequest],
    list: Option<&str>,
    matching: &MatchKey,
    judge: &Arc<dyn Judge>,
) -> Result<(Vec<Suppression>, PendingRescreen), OperationError> {
    let key = |request: &SuppressionRequest| Ok(request.value()?.key(matching, organization));
    let keys = parse_numbered(requests, key)?;
    let ended = store.unsuppress(organization, keys, list, Arc::clone(judge)).await?;
    Ok((ended, PendingRescreen::new(store, organization, judge)))
}

/// Every entry that matches one of these values, including expired ones.
///
/// # Errors
/// Like [`add`].
pub async fn find(
    store: &Store,
    organization: OrganizationId,
    requests: &[SuppressionRequest],
    matching: &MatchKey,
    log: &impl ReadLog,
) -> Result<Vec<Suppression>, OperationError> {
    let keys = |request: &SuppressionRequest| Ok(request.value()?.suppression_keys(matching, organization));
    let keys: Vec<SuppressionKey> = parse_numbered(requests, keys)?.concat();
    let found = store.suppressions_under(organization, keys).await?;
    audit_listing(store, organization, found.len(), log).await?;
    Ok(found)
}

/// All entries that have not expired.
pub async fn list(
    store: &Store,
    organization: OrganizationId,
    log: &impl ReadLog,
) -> Result<Vec<Suppression>, OperationError> {
    let (mut all, mut after) = (Vec::new(), None);
    loop {
        let page = store.suppressions(organization, after, PAGE).await?;
        all.extend(page.data);
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    audit_listing(store, organization, all.len(), log).await?;
    Ok(all)
}

/// A page of at most `limit` entries after a cursor.
pub async fn page(
    store: &Store,
    organization: OrganizationId,
    after: Option<SuppressionCursor>,
    limit: u32,
    log: &impl ReadLog,
) -> Result<Page<Suppression, SuppressionCursor>, OperationError> {
    let page = store.suppressions(organization, after, limit).await?;
    audit_listing(store, organization, page.data.len(), log).await?;
    Ok(page)
}

async fn audit_listing(
    store: &Store,
    organization: OrganizationId,
    count: usize,
    log: &impl ReadLog,
) -> Result<(), OperationError> {
    let entry = store.entry(organization, AuditAction::SuppressionsListed);
    Ok(log.note_read(entry.with_detail("count", count)).await?)
}

/// Reads values. The error contains the number of a value that cannot be read, and not the value itself.
fn parse_numbered<T>(
    requests: &[SuppressionRequest],
    read: impl Fn(&SuppressionRequest) -> Result<T, String>,
) -> Result<Vec<T>, OperationError> {
    let read = requests.iter().enumerate().map(|(at, request)| {
        read(request).map_err(|problem| match requests {
            [_] => OperationError::Invalid(problem),
            _ => OperationError::Invalid(format!("value {}: {problem}; nothing was changed", at + 1)),
        })
    });
    read.collect()
}
