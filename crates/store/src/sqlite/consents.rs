//! Evidence of consent.

use diesel::prelude::*;
use leadgate_domain::ConsentEvidence;

pub(crate) use super::queries::consents::*;
use super::schema::{consent_people, consents};
use crate::commit::SubmissionKey;
use crate::connection::InsertMode;
use crate::rows::ScopedId;

/// Evidence of submissions that have none.
pub(crate) fn insert_consents(
    connection: &mut SqliteConnection,
    _mode: InsertMode,
    new: &[ConsentEvidence],
) -> QueryResult<()> {
    for evidence in new {
        diesel::insert_into(consents::table).values(ConsentRow::from(evidence)).execute(connection)?;
    }
    Ok(())
}

pub(crate) fn insert_people(
    connection: &mut SqliteConnection,
    _mode: InsertMode,
    new: &[ConsentEvidence],
) -> QueryResult<()> {
    for row in new.iter().filter_map(PersonRow::from_evidence) {
        diesel::insert_into(consent_people::table).values(row).execute(connection)?;
    }
    Ok(())
}

/// Keeps the evidence that is there. Returns the submissions that had none.
pub(crate) fn insert_missing_consents(
    connection: &mut SqliteConnection,
    new: &[ConsentEvidence],
) -> QueryResult<Vec<SubmissionKey>> {
    let mut inserted = Vec::with_capacity(new.len());
    for evidence in new {
        let key = ScopedId { organization: evidence.organization, id: evidence.submission };
        let insert =
            diesel::insert_into(consents::table).values(ConsentRow::from(evidence)).on_conflict_do_nothing();
        if insert.execute(connection)? > 0 {
            inserted.push(key);
        }
    }
    Ok(inserted)
}

#[cfg(test)]
mod tests {
    use leadgate_domain::{LeadId, OrganizationId, SubmissionId, Timestamp};
    use uuid::Uuid;

    use super::*;
    use crate::consents::ConsentCursor;
    use crate::sqlite::plans::plan_of;

    #[test]
    fn evidence_is_found_by_an_index() {
        let (organization, now) = (OrganizationId::generate(), Timestamp::now());
        let (id, lead) = (SubmissionId::from_uuid(Uuid::nil()), LeadId::from_uuid(Uuid::nil()));
        let after = ConsentCursor { at: now, id };
        let evidence = |index: &str, range: &str| format!("SEARCH consents USING {index} ({range})");
        let person = |range: &str| format!("SEARCH consent_people USING PRIMARY KEY ({range})");
        let its_person = format!("{} LEFT-JOIN", person("organization=? AND submission=?"));
        let page = plan_of(|connection| page_of_evidence(connection, organization, after, now, 10));
        let by_time = "organization=? AND received_at>? AND received_at<?";
        assert_eq!(page, [evidence("INDEX consents_by_time", by_time), its_person.clone()]);
        let page = plan_of(|connection| page_of_evidence_of_lead(connection, organization, lead, after, 10));
        let of_lead = "organization=? AND lead=? AND received_at>?";
        assert_eq!(page, [evidence("INDEX consents_of_lead", of_lead), its_person.clone()]);
        let one = plan_of(|connection| evidence_of_submission(connection, organization, id));
        assert_eq!(one, [evidence("PRIMARY KEY", "organization=? AND submission=?"), its_person]);
        let several = plan_of(|connection| submissions_with_evidence(connection, organization, &[lead; 200]));
        assert_eq!(several, [evidence("COVERING INDEX consents_of_lead", "organization=? AND lead=?")]);
        let forgotten = plan_of(|connection| forget_people(connection, organization, &[id; 200]));
        assert_eq!(forgotten, [person("organization=? AND submission=?")]);
    }
}
