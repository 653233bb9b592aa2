//! The audit log.

use diesel::prelude::*;
use diesel::sql_types::Bool;
use leadgate_domain::AuditEntry;

use super::queries::audit::AuditRow;
use super::schema::audit;
use crate::error::TransactionError;

pub(crate) use super::queries::audit::*;

/// Adds entries that do not exist, one by one: diesel has no batch with a conflict clause for SQLite.
pub(crate) fn insert_entries(
    connection: &mut SqliteConnection,
    entries: &[AuditEntry],
) -> Result<(), TransactionError> {
    for entry in entries {
        let insert = diesel::insert_into(audit::table).values(AuditRow::new(entry)?);
        insert.on_conflict_do_nothing().execute(connection)?;
    }
    Ok(())
}

#[diesel::declare_sql_function]
extern "SQL" {
    /// A hint for SQLite's estimates. By its own it would rather read all entries of the organization in order than the
    /// index with those of one actor.
    fn unlikely(condition: Bool) -> Bool;
}

#[diesel::dsl::auto_type]
pub(super) fn is_actor<'a>(actor: &'a str) -> _ {
    unlikely(audit::actor.eq(actor))
}

#[diesel::dsl::auto_type]
pub(super) fn is_action<'a>(action: &'a str) -> _ {
    unlikely(audit::action.eq(action))
}

#[cfg(test)]
mod tests {
    use leadgate_domain::{Actor, AuditAction, OrganizationId};
    use uuid::Uuid;

    use super::*;
    use crate::audit::AuditFilter;
    use crate::sqlite::plans::plan_of;

    #[test]
    fn a_page_of_the_audit_log_reads_its_entries_alone() {
        let (actor, action) = (Some(Actor::Leadgate), Some(AuditAction::LeadRead));
        for (actor, action, range) in [
            (None, None, "PRIMARY KEY (organization=? AND id>? AND id<?)"),
            (actor.clone(), None, "INDEX audit_by_actor (organization=? AND actor=? AND id>? AND id<?)"),
            (actor, action, "INDEX audit_by_actor (organization=? AND actor=? AND id>? AND id<?)"),
            (None, action, "INDEX audit_by_action (organization=? AND action=? AND id>? AND id<?)"),
        ] {
            let filter = AuditFilter { actor, action, since: None };
            let all = (Uuid::nil(), Uuid::max());
            let page =
                |connection: &mut _| audit_page(connection, OrganizationId::generate(), &filter, all, 10);
            assert_eq!(plan_of(page), [format!("SEARCH audit USING {range}")]);
        }
    }
}
