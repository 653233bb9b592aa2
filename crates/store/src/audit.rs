//! The audit log: who read or changed what.

use std::collections::BTreeSet;

use leadgate_domain::{Actor, AuditAction, AuditDetail, AuditEntry, OrganizationId, SubmissionId, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use uuid::Uuid;

use crate::connection::StoreConnection;
use crate::error::{StoreError, TransactionError};
use crate::page::Page;
use crate::store::Store;

/// An audit entry as it is stored. Another build may have written it, with an action that this build does not
/// know.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
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

#[derive(Serialize)]
struct AuditPage {
    organization: OrganizationId,
    actor: Option<Actor>,
    action: Option<AuditAction>,
    first: Uuid,
    before: Uuid,
    most: u32,
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
        let AuditFilter { actor, action, since } = filter;
        let first = since.map_or(Uuid::nil(), |since| SubmissionId::min_at(since).as_uuid());
        let before = after.unwrap_or(Uuid::max());
        let most = limit.saturating_add(1);
        let between = [AuditPage { organization, actor, action, first, before, most }];
        self.read(move |session| {
            let audit = &session.sql.audit;
            let text = match between {
                [AuditPage { actor: Some(_), .. }] => audit.page_of_actor,
                [AuditPage { action: Some(_), .. }] => audit.page_of_action,
                _ => audit.page,
            };
            session.load_page(text, &between, limit, |entry: &AuditRecord| entry.id)
        })
        .await
    }
}

/// Stores the entries in the transaction of the changes that they describe.
pub(crate) fn record(session: &mut StoreConnection, entries: &[AuditEntry]) -> Result<(), TransactionError> {
    session.execute(session.sql.audit.insert, entries).map(drop)
}

/// The names of the columns in which two states of a row differ.
pub(crate) fn differences<Row: Serialize>(before: &Row, after: &Row) -> BTreeSet<String> {
    let members = |row| match serde_json::to_value(row) {
        Ok(Value::Object(members)) => members,
        _ => Map::new(),
    };
    let (before, after) = (members(before), members(after));
    let mut names: BTreeSet<String> = before.keys().chain(after.keys()).cloned().collect();
    names.retain(|name| name != "revision" && before.get(name) != after.get(name));
    names
}
