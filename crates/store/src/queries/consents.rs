//! Evidence of consent.

use diesel::prelude::*;
use leadgate_domain::{
    ConsentEvidence, LeadId, OrganizationId, PersonDigest, PersonDocument, SourceId, SubmissionId, Timestamp,
};
use serde::Serialize;

use super::schema::{consent_people, consents};
use super::{Connection, Database};
use crate::consents::ConsentCursor;
use crate::values::{Code, Digest, Id, Time};

#[derive(Insertable, Serialize)]
#[diesel(table_name = consents, treat_none_as_default_value = false)]
pub(crate) struct ConsentRow<'a> {
    pub(crate) organization: Id,
    pub(crate) submission: Id,
    pub(crate) lead: Option<Id>,
    pub(crate) source: Id,
    pub(crate) received_at: Time,
    pub(crate) recorded_at: Time,
    pub(crate) consent_timestamp: Option<&'a str>,
    pub(crate) consented_at: Option<Time>,
    pub(crate) text_version: Option<&'a str>,
    pub(crate) page_url: Option<&'a str>,
    pub(crate) trustedform_certificate: Option<&'a str>,
    pub(crate) jornaya_leadid: Option<&'a str>,
    pub(crate) digest: Digest<PersonDigest>,
    pub(crate) revision: i32,
}

impl<'a> From<&'a ConsentEvidence> for ConsentRow<'a> {
    fn from(evidence: &'a ConsentEvidence) -> Self {
        Self {
            organization: evidence.organization.into(),
            submission: evidence.submission.into(),
            lead: evidence.lead.map(Id::from),
            source: evidence.source.into(),
            received_at: evidence.received_at.into(),
            recorded_at: evidence.recorded_at.into(),
            consent_timestamp: evidence.consent_timestamp.as_deref(),
            consented_at: evidence.consented_at.map(Time),
            text_version: evidence.text_version.as_deref(),
            page_url: evidence.page_url.as_deref(),
            trustedform_certificate: evidence.trustedform_certificate.as_deref(),
            jornaya_leadid: evidence.jornaya_leadid.as_deref(),
            digest: Digest(evidence.digest),
            revision: evidence.revision.try_into().unwrap_or(i32::MAX),
        }
    }
}

/// Who consented.
#[derive(Insertable, Serialize)]
#[diesel(table_name = consent_people, treat_none_as_default_value = false)]
pub(crate) struct PersonRow<'a> {
    pub(crate) organization: Id,
    pub(crate) submission: Id,
    pub(crate) person: &'a str,
}

impl<'a> PersonRow<'a> {
    pub(crate) fn from_evidence(evidence: &'a ConsentEvidence) -> Option<Self> {
        Some(Self {
            organization: evidence.organization.into(),
            submission: evidence.submission.into(),
            person: evidence.person.as_ref()?.as_str(),
        })
    }
}

/// Evidence as its columns hold it.
#[derive(Queryable, Selectable)]
#[diesel(table_name = consents, check_for_backend(Database))]
struct StoredConsentRow {
    organization: Id,
    submission: Id,
    lead: Option<Id>,
    source: Id,
    received_at: Time,
    recorded_at: Time,
    consent_timestamp: Option<String>,
    consented_at: Option<Time>,
    text_version: Option<String>,
    page_url: Option<String>,
    trustedform_certificate: Option<String>,
    jornaya_leadid: Option<String>,
    digest: Digest<PersonDigest>,
    revision: i32,
}

/// With the person, if it is not erased.
type EvidenceRow = (StoredConsentRow, Option<Code<PersonDocument>>);

/// The salt is not stored.
fn read((row, person): EvidenceRow) -> ConsentEvidence {
    ConsentEvidence {
        organization: row.organization.into(),
        submission: row.submission.into(),
        lead: row.lead.map(LeadId::from),
        source: SourceId::from(row.source),
        received_at: row.received_at.into(),
        recorded_at: row.recorded_at.into(),
        consent_timestamp: row.consent_timestamp,
        consented_at: row.consented_at.map(Timestamp::from),
        text_version: row.text_version,
        page_url: row.page_url,
        trustedform_certificate: row.trustedform_certificate,
        jornaya_leadid: row.jornaya_leadid,
        salt: None,
        digest: row.digest.0,
        revision: row.revision.try_into().unwrap_or(0),
        person: person.map(|person| person.0),
    }
}

#[diesel::dsl::auto_type]
fn with_people() -> _ {
    consents::table.left_join(
        consent_people::table.on(consent_people::organization
            .eq(consents::organization)
            .and(consent_people::submission.eq(consents::submission))),
    )
}

/// Evidence received before a time, in the order of receipt.
pub(crate) fn page_of_evidence(
    connection: &mut Connection,
    organization: OrganizationId,
    after: ConsentCursor,
    before: Timestamp,
    most: u32,
) -> QueryResult<Vec<ConsentEvidence>> {
    let (at, id) = (Time(after.at), Id::from(after.id));
    let rows: Vec<EvidenceRow> = with_people()
        .filter(consents::organization.eq(Id::from(organization)))
        .filter(consents::received_at.ge(at))
        .filter(consents::received_at.gt(at).or(consents::submission.gt(id)))
        .filter(consents::received_at.lt(Time(before)))
        .order((consents::received_at, consents::submission))
        .limit(most.into())
        .select((StoredConsentRow::as_select(), consent_people::person.nullable()))
        .load(connection)?;
    Ok(rows.into_iter().map(read).collect())
}

/// Evidence of the submissions that created or matched a lead, in the order of receipt.
pub(crate) fn page_of_evidence_of_lead(
    connection: &mut Connection,
    organization: OrganizationId,
    lead: LeadId,
    after: ConsentCursor,
    most: u32,
) -> QueryResult<Vec<ConsentEvidence>> {
    let (lead, at, id) = (Id::from(lead), Time(after.at), Id::from(after.id));
    let rows: Vec<EvidenceRow> = with_people()
        .filter(consents::organization.eq(Id::from(organization)))
        .filter(exactly!(consents::lead, lead))
        .filter(consents::received_at.ge(at))
        .filter(consents::received_at.gt(at).or(consents::submission.gt(id)))
        .order((consents::lead, consents::received_at, consents::submission))
        .limit(most.into())
        .select((StoredConsentRow::as_select(), consent_people::person.nullable()))
        .load(connection)?;
    Ok(rows.into_iter().map(read).collect())
}

pub(crate) fn evidence_of_submission(
    connection: &mut Connection,
    organization: OrganizationId,
    submission: SubmissionId,
) -> QueryResult<Vec<ConsentEvidence>> {
    let rows: Vec<EvidenceRow> = with_people()
        .filter(consents::organization.eq(Id::from(organization)))
        .filter(consents::submission.eq(Id::from(submission)))
        .select((StoredConsentRow::as_select(), consent_people::person.nullable()))
        .load(connection)?;
    Ok(rows.into_iter().map(read).collect())
}

/// The submissions with evidence that created or matched these leads.
pub(crate) fn submissions_with_evidence(
    connection: &mut Connection,
    organization: OrganizationId,
    leads: &[LeadId],
) -> QueryResult<Vec<SubmissionId>> {
    let submissions: Vec<Id> = consents::table
        .filter(among!(consents::lead, organization, leads.iter().copied().map(Id::from)))
        .select(consents::submission)
        .load(connection)?;
    Ok(submissions.into_iter().map(SubmissionId::from).collect())
}

/// Deletes the persons who consented. The evidence stays. Returns how many there were.
pub(crate) fn forget_people(
    connection: &mut Connection,
    organization: OrganizationId,
    submissions: &[SubmissionId],
) -> QueryResult<usize> {
    let people = consent_people::table.filter(among!(
        consent_people::submission,
        organization,
        submissions.iter().copied().map(Id::from)
    ));
    diesel::delete(people).execute(connection)
}
