//! Imports long lists row by row, and writes them in chunks.

use std::sync::Arc;
use std::time::{Duration, Instant};

use backon::{ExponentialBuilder, Retryable as _};
use leadgate_domain::secret::MatchKey;
use leadgate_domain::suppression::SuppressionRequest;
use leadgate_domain::{Judge, OrganizationId, Region, Suppression, Timestamp};
use leadgate_store::{AddOutcome, Store, StoreError};
use serde::{Deserialize, Serialize};

use super::{CsvColumns, PendingRescreen, no_result};
use crate::OperationError;

/// The number of entries that are written together.
const CHUNK: usize = 1_000;

/// A chunk that fails because of a lock or an outage is retried for about four minutes in total.
const RETRY_FIRST: Duration = Duration::from_millis(100);
const RETRY_LAST: Duration = Duration::from_secs(10);
const RETRIES: usize = 30;

/// The maximum pause after a chunk.
const MAX_CHUNK_PAUSE: Duration = Duration::from_secs(1);

/// Values for entries whose row does not contain them.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ImportDefaults {
    pub list: Option<String>,
    pub reason: Option<String>,
    /// A time, a day, or a duration from now, such as `90d`.
    pub expires_at: Option<String>,
    /// The region of phones without a country code.
    pub phone_country: Option<Region>,
}

impl ImportDefaults {
    /// Checks the list, the reason and the expiry. With an invalid one, every row would be invalid.
    ///
    /// # Errors
    /// The name of the invalid setting, and what is wrong with it.
    pub fn check(&self) -> Result<(), (&'static str, String)> {
        self.apply(SuppressionRequest::default()).check_terms(Timestamp::now())
    }

    /// Fills the absent members of a request with the defaults.
    pub fn apply(&self, request: SuppressionRequest) -> SuppressionRequest {
        SuppressionRequest {
            phone_country: request.phone_country.or(self.phone_country),
            list: request.list.or_else(|| self.list.clone()),
            reason: request.reason.or_else(|| self.reason.clone()),
            expires_at: request.expires_at.or_else(|| self.expires_at.clone()),
            ..request
        }
    }
}

/// The number of values by result.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct ImportCounts {
    pub rows: u64,
    pub added: u64,
    pub extended: u64,
    pub already_listed: u64,
    pub refused: u64,
}

/// The result of a value of a row, or of a row without a value. It does not contain the value.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub struct ImportRowResult {
    pub row: u64,
    /// `added`, `extended`, `already_listed` or `refused`.
    pub result: &'static str,
    pub kind: &'static str,
    pub detail: String,
}

/// A running import. Each chunk adds an audit entry with its count. After an error the same list can be
/// imported again. Entries that are already stored need no lock.
pub struct SuppressionImport<'i> {
    store: &'i Store,
    organization: OrganizationId,
    matching: &'i MatchKey,
    judge: &'i Arc<dyn Judge>,
    columns: CsvColumns,
    defaults: ImportDefaults,
    waiting: Vec<ImportItem>,
    counts: ImportCounts,
}

/// A value of a row, or why it cannot be read.
struct ImportItem {
    row: u64,
    read: Result<Suppression, String>,
}

impl<'i> SuppressionImport<'i> {
    pub fn new(
        store: &'i Store,
        organization: OrganizationId,
        matching: &'i MatchKey,
        judge: &'i Arc<dyn Judge>,
        columns: CsvColumns,
        defaults: ImportDefaults,
    ) -> Self {
        let (waiting, counts) = (Vec::with_capacity(CHUNK), ImportCounts::default());
        Self { store, organization, matching, judge, columns, defaults, waiting, counts }
    }

    /// Adds a row. Returns the results of the rows that were written by this call, which are none for most
    /// calls.
    pub async fn add_row<'r>(
        &mut self,
        row: u64,
        cell: impl Fn(usize) -> Option<&'r str>,
    ) -> Result<Vec<ImportRowResult>, OperationError> {
        self.counts.rows += 1;
        let now = Timestamp::now();
        let entry = |request| self.defaults.apply(request).entry(self.matching, self.organization, now);
        let items: Vec<_> = match self.columns.read(cell, self.defaults.phone_country) {
            Ok(requests) if requests.is_empty() => {
                vec![Err("the row has neither a phone nor an email nor a domain".to_owned())]
            }
            Ok(requests) => requests.into_iter().map(entry).collect(),
            Err(problem) => vec![Err(problem)],
        };
        self.waiting.extend(items.into_iter().map(|read| ImportItem { row, read }));
        if self.waiting.len() < CHUNK { Ok(Vec::new()) } else { self.write().await }
    }

    /// Writes the remaining rows. Returns their results, and the counts of all rows.
    pub async fn finish(
        mut self,
    ) -> Result<(Vec<ImportRowResult>, ImportCounts, PendingRescreen), OperationError> {
        let results = self.write().await?;
        Ok((results, self.counts, PendingRescreen::new(self.store, self.organization, self.judge)))
    }

    async fn write(&mut self) -> Result<Vec<ImportRowResult>, OperationError> {
        let items = std::mem::take(&mut self.waiting);
        let good: Vec<_> = items.iter().filter_map(|item| item.read.as_ref().ok()).cloned().collect();
        let mut listed = self.suppress(good).await?.into_iter();
        let result = |ImportItem { row, read }| match read {
            Ok(entry) => {
                let listed = listed.next().ok_or_else(no_result)?;
                self.counts.add(listed);
                let (result, kind) = (listed.as_str(), entry.key.kind.as_str());
                Ok(ImportRowResult { row, result, kind, detail: String::new() })
            }
            Err(detail) => {
                self.counts.refused += 1;
                Ok(ImportRowResult { row, result: "refused", kind: "", detail })
            }
        };
        items.into_iter().map(result).collect()
    }

    /// Writes a chunk. While it is written, no leads of the organization are committed. Therefore a chunk
    /// with new entries is followed by a pause as long as the write took.
    async fn suppress(&self, entries: Vec<Suppression>) -> Result<Vec<AddOutcome>, OperationError> {
        let begun = Instant::now();
        let suppress = || self.store.suppress(self.organization, entries.clone(), Arc::clone(self.judge));
        let wait = ExponentialBuilder::default()
            .with_min_delay(RETRY_FIRST)
            .with_max_delay(RETRY_LAST)
            .with_max_times(RETRIES)
            .with_jitter();
        let listed = suppress.retry(wait).when(StoreError::is_transient).await?;
        if listed.iter().any(|listed| *listed != AddOutcome::AlreadyListed) {
            tokio::time::sleep(begun.elapsed().min(MAX_CHUNK_PAUSE)).await;
        }
        Ok(listed)
    }
}

impl ImportCounts {
    fn add(&mut self, listed: AddOutcome) {
        *match listed {
            AddOutcome::Added => &mut self.added,
            AddOutcome::Extended => &mut self.extended,
            AddOutcome::AlreadyListed => &mut self.already_listed,
        } += 1;
    }
}
