//! The audit log.

use diesel::prelude::*;
use diesel::result::Error;
use leadgate_domain::{AuditEntry, OrganizationId};
use serde_json::Value;
use uuid::Uuid;

use super::super::audit::{is_action, is_actor};
use super::schema::audit;
use super::{Connection, Database};
use crate::audit::{AuditFilter, AuditRecord};
use crate::error::StoreError;
use crate::page::Page;
use crate::values::{Id, Time, document};

#[derive(Queryable, Selectable, Insertable)]
#[diesel(table_name = audit, check_for_backend(Database), treat_none_as_default_value = false)]
pub(crate) struct AuditRow {
    pub(crate) organization: Id,
    pub(crate) id: Id,
    pub(crate) at: Time,
    pub(crate) actor: String,
    pub(crate) action: String,
    pub(crate) target: Option<String>,
    pub(crate) detail: String,
}

impl AuditRow {
    pub(crate) fn new(entry: &AuditEntry) -> Result<Self, StoreError> {
        Ok(Self {
            organization: entry.organization.into(),
            id: entry.id.into(),
            at: entry.at.into(),
            actor: entry.actor.to_string(),
            action: entry.action.as_str().to_owned(),
            target: entry.target.clone(),
            detail: document(&entry.detail)?,
        })
    }

    fn read(self) -> QueryResult<AuditRecord> {
        let Ok(Value::Object(detail)) = serde_json::from_str(&self.detail) else {
            return Err(Error::DeserializationError("an unreadable detail".into()));
        };
        Ok(AuditRecord {
            id: self.id.into(),
            at: self.at.into(),
            actor: self.actor,
            action: self.action,
            target: self.target,
            detail,
        })
    }

    /// About its length in an answer.
    fn size(&self) -> usize {
        let Self { actor, action, target, detail, .. } = self;
        150 + [actor, action, detail].into_iter().chain(target).map(String::len).sum::<usize>()
    }
}

/// Newest first: the entries from the id `first` on, before the id `before`.
pub(crate) fn audit_page(
    connection: &mut Connection,
    organization: OrganizationId,
    filter: &AuditFilter,
    (first, before): (Uuid, Uuid),
    limit: u32,
) -> QueryResult<Page<AuditRecord, Uuid>> {
    let actor = filter.actor.as_ref().map(ToString::to_string);
    let entries = audit::table
        .filter(audit::organization.eq(Id::from(organization)))
        .filter(audit::id.ge(Id(first)))
        .filter(audit::id.lt(Id(before)))
        .select(AuditRow::as_select())
        .limit(i64::from(limit) + 1)
        .into_boxed::<Database>();
    let entries = match (&actor, filter.action) {
        (Some(actor), None) => entries.filter(is_actor(actor)).order((audit::actor.desc(), audit::id.desc())),
        (Some(actor), Some(action)) => entries
            .filter(is_actor(actor))
            .filter(audit::action.eq(action.as_str()))
            .order((audit::actor.desc(), audit::id.desc())),
        (None, Some(action)) => {
            entries.filter(is_action(action.as_str())).order((audit::action.desc(), audit::id.desc()))
        }
        (None, None) => entries.order(audit::id.desc()),
    };
    let page = Page::fit(entries.load(connection)?, limit, AuditRow::size, |row| row.id.into());
    Ok(Page { data: page.data.into_iter().map(AuditRow::read).collect::<Result<_, _>>()?, next: page.next })
}
