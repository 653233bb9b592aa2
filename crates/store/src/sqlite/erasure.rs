//! Erasures. Each emptied row gets a value of its own.

use diesel::prelude::*;
use leadgate_domain::{BodyHash, OrganizationId, SubmissionId, Timestamp};
use uuid::Uuid;

pub(crate) use super::queries::erasure::*;
use super::schema::{outcomes, quarantine, submissions};
use crate::erasure::{ErasedTrace, ErasureCause};
use crate::error::TransactionError;
use crate::quarantine_entries::QuarantineState;
use crate::values::{Code, Digest, Id, Time, document};

/// Leaves what is erased alone. Returns how many were emptied.
pub(crate) fn empty_submissions(
    connection: &mut SqliteConnection,
    organization: OrganizationId,
    ids: &[SubmissionId],
    (by, at): (ErasureCause, Timestamp),
) -> QueryResult<usize> {
    let mut emptied = 0;
    for id in ids {
        let full = submissions::table
            .find((Id::from(organization), Id::from(*id)))
            .filter(submissions::erased_at.is_null());
        let change = (
            submissions::client_address.eq(None::<String>),
            submissions::client_user_agent.eq(None::<String>),
            submissions::fields.eq("{}"),
            submissions::raw.eq(""),
            submissions::raw_encoding.eq("text"),
            submissions::media.eq(None::<String>),
            submissions::query.eq(None::<String>),
            submissions::mapping_fault.eq(None::<String>),
            submissions::body_hash.eq(Digest(BodyHash::erased(id.as_uuid()))),
            submissions::idempotency_key_hash.eq(None::<Vec<u8>>),
            submissions::traceparent.eq(None::<String>),
            submissions::extra.eq("{}"),
            submissions::erased_at.eq(Time(at)),
            submissions::erased_by.eq(by.as_str()),
        );
        emptied += diesel::update(full).set(change).execute(connection)?;
    }
    Ok(emptied)
}

/// The same for entries of the quarantine. Open ones are discarded.
pub(crate) fn empty_entries(
    connection: &mut SqliteConnection,
    organization: OrganizationId,
    ids: &[Uuid],
    (by, at): (ErasureCause, Timestamp),
) -> QueryResult<usize> {
    let mut emptied = 0;
    for id in ids {
        let full = || {
            quarantine::table
                .find((Id::from(organization), Id::from(*id)))
                .filter(quarantine::erased_at.is_null())
        };
        let discard = (
            quarantine::state.eq(Code(QuarantineState::Discarded)),
            quarantine::settled_at.eq(Time(at)),
            quarantine::settled_by.eq(by.as_str()),
        );
        let open = full().filter(quarantine::state.eq(Code(QuarantineState::Open)));
        diesel::update(open).set(discard).execute(connection)?;
        let change = (
            quarantine::document.eq(None::<String>),
            quarantine::repair.eq(None::<String>),
            quarantine::note.eq(None::<String>),
            quarantine::body_hash.eq(Digest(BodyHash::erased(*id))),
            quarantine::erased_at.eq(Time(at)),
        );
        emptied += diesel::update(full()).set(change).execute(connection)?;
    }
    Ok(emptied)
}

/// Replaces traces of outcomes.
pub(crate) fn update_traces(
    connection: &mut SqliteConnection,
    organization: OrganizationId,
    traces: &[ErasedTrace],
) -> Result<usize, TransactionError> {
    let mut updated = 0;
    for one in traces {
        let outcome = outcomes::table.find((Id::from(organization), Id::from(one.submission), one.revision));
        let trace = document(&one.trace)?;
        updated += diesel::update(outcome).set(outcomes::trace.eq(trace)).execute(connection)?;
    }
    Ok(updated)
}

#[cfg(test)]
mod tests {
    use leadgate_domain::LeadId;

    use super::*;
    use crate::sqlite::plans::plan_of;

    #[test]
    fn leads_are_found_by_their_ids() {
        let organization = OrganizationId::generate();
        let leads = [LeadId::from_uuid(Uuid::nil()); 200];
        let deleted = plan_of(|connection| delete_leads(connection, organization, &leads));
        let by_key = "SEARCH leads USING INDEX sqlite_autoindex_leads_1 (organization=? AND id=?)";
        assert_eq!(deleted, [by_key]);
        let noted =
            plan_of(|connection| add_leads_to_rebuild(connection, organization, &leads, Timestamp::now()));
        assert_eq!(noted, [by_key.replace("INDEX", "COVERING INDEX")]);
        let state = plan_of(|connection| leads_to_rebuild(connection, organization));
        let outcomes = "SEARCH outcomes USING INDEX outcomes_by_lead (organization=? AND lead=?)";
        assert!(state.iter().any(|step| step == outcomes), "{state:#?}");
        assert!(!state.iter().any(|step| step.contains("SCAN")), "{state:#?}");
    }
}
