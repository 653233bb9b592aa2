//! Long lists: row by row, written in chunks.

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

/// Entries that are written together.
const CHUNK: usize = 1_000;

/// A chunk that meets a lock or an outage is tried again, for about four minutes in all.
const RETRY_FIRST: Duration = Duration::from_millis(100);
const RETRY_LAST: Duration = Duration::from_secs(10);
const RETRIES: usize = 30;

const MAX_CHUNK_PAUSE: Duration = Duration::from_secs(1);

/// What entries have whose row does not say it.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ImportDefaults {
    pub list: Option<String>,
    pub reason: Option<String>,
    /// A time, a day, or how long from now, such as `90d`.
    pub expires_at: Option<String>,
    /// Reads phones without a country code.
    pub phone_country: Option<Region>,
}

impl ImportDefaults {
    /// Refuses what no row could be added with.
    ///
    /// # Errors
    /// The name of the setting, and a sentence about it.
    pub fn check(&self) -> Result<(), (&'static str, String)> {
        self.apply(SuppressionRequest::default()).check_terms(Timestamp::now())
    }

    /// A request with what it does not say.
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

/// How many values ended how.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct ImportCounts {
    pub rows: u64,
    pub added: u64,
    pub extended: u64,
    pub kept: u64,
    pub refused: u64,
}

/// What became of a value of a row, or of a row without one. Holds no value.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub struct ImportRowResult {
    pub row: u64,
    /// `added`, `extended`, `kept` or `refused`.
    pub result: &'static str,
    pub kind: &'static str,
    pub detail: String,
}

/// An import that has begun. Each chunk leaves its own audit entry with its count. After an error, the same list can be
/// imported again: what is in already costs no lock.
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

    /// Takes a row by its number. What became of the rows that were written now, which is none for most rows.
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
                vec![Err("it has neither phone nor email nor domain".to_owned())]
            }
            Ok(requests) => requests.into_iter().map(entry).collect(),
            Err(problem) => vec![Err(problem)],
        };
        self.waiting.extend(items.into_iter().map(|read| ImportItem { row, read }));
        if self.waiting.len() < CHUNK { Ok(Vec::new()) } else { self.write().await }
    }

    /// Writes what is left. What became of it, and of all rows together.
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

    /// After entries that are new, commits of the organization get as much time as the chunk took: while one is
    /// written, no leads of the organization are committed.
    async fn suppress(&self, entries: Vec<Suppression>) -> Result<Vec<AddOutcome>, OperationError> {
        let begun = Instant::now();
        let suppress = || self.store.suppress(self.organization, entries.clone(), Arc::clone(self.judge));
        let wait = ExponentialBuilder::default()
            .with_min_delay(RETRY_FIRST)
            .with_max_delay(RETRY_LAST)
            .with_max_times(RETRIES)
            .with_jitter();
        let listed = suppress.retry(wait).when(StoreError::is_transient).await?;
        if listed.iter().any(|listed| *listed != AddOutcome::Kept) {
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
            AddOutcome::Kept => &mut self.kept,
        } += 1;
    }
}
