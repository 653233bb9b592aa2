//! The audit log: who read or changed what.

use std::collections::BTreeSet;

use leadgate_domain::{Actor, AuditAction, AuditDetail, AuditEntry, OrganizationId, SubmissionId, Timestamp};
use serde::Serialize;
use serde_json::{Map, Value};
use uuid::Uuid;

use crate::connection::{StoreConnection, query};
use crate::error::{StoreError, TransactionError};
use crate::page::Page;
use crate::store::Store;

/// An audit entry as it is stored. Another build may have written it, with an action that this build does not
/// know.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct AuditRecord {
    pub id: Uuid,
    pub at: Timestamp,
    pub actor: String,
    pub action: String,
    pub target: Option<String>,
    pub detail: AuditDetail,
}

/// Selects audit entries.
#[derive(Debug, Clone, Default)]
pub struct AuditFilter {
    pub actor: Option<Actor>,
    pub action: Option<AuditAction>,
    /// Only entries from this time on, with a precision of a millisecond.
    pub since: Option<Timestamp>,
}

impl Store {
    /// Writes entries. Existing entries do not change.
    pub async fn record(&self, entries: Vec<AuditEntry>) -> Result<(), StoreError> {
        if entries.is_empty() {
            return Ok(());
        }
        self.write(move |session| record(session, &entries)).await
    }

    /// An entry with the current time and this store's actor, for [`Store::record`].
    pub fn entry(&self, organization: OrganizationId, action: AuditAction) -> AuditEntry {
        AuditEntry::now(organization, self.actor().clone(), action)
    }

    /// At most `limit` entries from the newest to the oldest, starting after the given one.
    pub async fn audit(
        &self,
        organization: OrganizationId,
        filter: AuditFilter,
        after: Option<Uuid>,
        limit: u32,
    ) -> Result<Page<AuditRecord, Uuid>, StoreError> {
        let first = filter.since.map_or(Uuid::nil(), |since| SubmissionId::min_at(since).as_uuid());
        let range = (first, after.unwrap_or(Uuid::max()));
        self.read(move |session| query!(session, audit::audit_page(organization, &filter, range, limit)))
            .await
    }
}

/// Stores the entries in the transaction of the changes that they describe.
pub(crate) fn record(session: &mut StoreConnection, entries: &[AuditEntry]) -> Result<(), TransactionError> {
    if entries.is_empty() { Ok(()) } else { query!(session, audit::insert_entries(entries)) }
}

/// The names of the columns in which two states of a row differ.
pub(crate) fn differences<Row: Serialize>(before: &Row, after: &Row) -> BTreeSet<String> {
    let members = |row| match serde_json::to_value(row) {
        Ok(Value::Object(members)) => members,
        _ => Map::new(),
    };
    let (before, after) = (members(before), members(after));
    let mut names: BTreeSet<String> = before.keys().chain(after.keys()).cloned().collect();
    names.retain(|name| before.get(name) != after.get(name));
    names
}
