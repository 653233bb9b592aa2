//! Submissions.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use diesel::prelude::*;
use leadgate_domain::mapping::MappingFault;
use leadgate_domain::{
    BodyFormat, BodyHash, ClientInfo, Dialect, Fields, KeyHash, KeyId, LeadId, OrganizationId, Outcome,
    RawBody, SourceId, Submission, SubmissionId, Timestamp, Trust,
};
use serde_json::{Map, Value};

use super::schema::submissions;
use super::{Connection, Database, outcomes as outcome_queries, quarantine as quarantine_queries};
use crate::erasure::ErasureCause;
use crate::error::{StoreError, TransactionError};
use crate::rebuild::Contributor;
use crate::rows::SubmissionToStore;
use crate::submissions::{CLIENT, StoredSubmission, SubmissionSummary, known, unwrap};
use crate::values::{Code, Digest, Id, Json, Time, document};

#[derive(Insertable)]
#[diesel(table_name = submissions, treat_none_as_default_value = false)]
pub(crate) struct SubmissionRow<'a> {
    pub(crate) organization: Id,
    pub(crate) id: Id,
    pub(crate) source: Id,
    pub(crate) source_revision: i32,
    pub(crate) dialect: &'static str,
    pub(crate) received_at: Time,
    pub(crate) trust: &'static str,
    pub(crate) client_address: Option<&'a str>,
    pub(crate) client_user_agent: Option<&'a str>,
    pub(crate) client_key: Option<&'a str>,
    pub(crate) fields: Cow<'static, str>,
    pub(crate) raw: &'a str,
    pub(crate) raw_encoding: &'static str,
    /// Not there for JSON, which most bodies are.
    pub(crate) media: Option<String>,
    pub(crate) query: Option<&'a str>,
    pub(crate) mapping_version: Option<i32>,
    pub(crate) mapping_fault: Option<String>,
    pub(crate) body_hash: Digest<BodyHash>,
    pub(crate) idempotency_key_hash: Option<Digest<KeyHash>>,
    pub(crate) traceparent: Option<&'a str>,
    pub(crate) extra: Cow<'static, str>,
}

const EMPTY: Cow<'static, str> = Cow::Borrowed("{}");

impl<'a> SubmissionRow<'a> {
    pub(crate) fn new(new: &SubmissionToStore<'a>) -> Result<Self, StoreError> {
        match new.wrapped {
            None => Self::in_columns(new.submission),
            Some(whole) => Ok(Self::wrapped(new.submission, whole)),
        }
    }

    fn in_columns(submission: &'a Submission) -> Result<Self, StoreError> {
        let (raw, raw_encoding) = match &submission.raw {
            RawBody::Text(text) => (text, "text"),
            RawBody::Base64(text) => (text, "base64"),
        };
        let media = Some(&submission.media).filter(|media| **media != BodyFormat::default());
        Ok(Self {
            organization: submission.organization.into(),
            id: submission.id.into(),
            source: submission.source.into(),
            source_revision: submission.source_revision,
            dialect: submission.dialect.into(),
            received_at: submission.received_at.into(),
            trust: submission.trust.into(),
            client_address: submission.client.address.as_deref(),
            client_user_agent: submission.client.user_agent.as_deref(),
            client_key: submission.client.key.as_ref().map(KeyId::as_str),
            fields: document(&submission.fields)?.into(),
            raw,
            raw_encoding,
            media: media.map(document).transpose()?,
            query: submission.query.as_deref(),
            mapping_version: submission.mapping_version.and_then(|version| version.try_into().ok()),
            mapping_fault: submission.mapping_fault.as_ref().map(document).transpose()?,
            body_hash: Digest(submission.body_hash),
            idempotency_key_hash: submission.idempotency_key_hash.map(Digest),
            traceparent: submission.traceparent.as_deref(),
            extra: extra(submission)?,
        })
    }

    /// The form that no database can refuse: nothing that a stranger wrote stands outside of the base64.
    fn wrapped(submission: &'a Submission, whole: &'a str) -> Self {
        Self {
            organization: submission.organization.into(),
            id: submission.id.into(),
            source: submission.source.into(),
            source_revision: submission.source_revision,
            dialect: submission.dialect.into(),
            received_at: Timestamp::now().into(),
            trust: submission.trust.into(),
            client_address: None,
            client_user_agent: None,
            client_key: None,
            fields: EMPTY,
            raw: whole,
            raw_encoding: "submission",
            media: None,
            query: None,
            mapping_version: None,
            mapping_fault: None,
            body_hash: Digest(submission.body_hash),
            idempotency_key_hash: submission.idempotency_key_hash.map(Digest),
            traceparent: None,
            extra: EMPTY,
        }
    }
}

/// What this build has no column for.
fn extra(submission: &Submission) -> Result<Cow<'static, str>, StoreError> {
    let client = &submission.client.unknown;
    if client.is_empty() && submission.unknown.is_empty() {
        return Ok(EMPTY);
    }
    let mut extra = submission.unknown.clone();
    if !client.is_empty() {
        extra.insert(CLIENT.to_owned(), client.clone().into());
    }
    document(&extra).map(Cow::Owned)
}

/// Submissions per query of contributors. A query of SQLite has at most 32,766 values.
const CHUNK: usize = 1_000;

/// A submission as its columns hold it.
#[derive(Queryable, Selectable)]
#[diesel(table_name = submissions, check_for_backend(Database))]
struct StoredSubmissionRow {
    organization: Id,
    id: Id,
    source: Id,
    source_revision: i32,
    dialect: Code<Dialect>,
    received_at: Time,
    trust: Code<Trust>,
    client_address: Option<String>,
    client_user_agent: Option<String>,
    client_key: Option<Code<KeyId>>,
    fields: Json<Fields>,
    raw: String,
    raw_encoding: String,
    media: Option<Json<BodyFormat>>,
    query: Option<String>,
    mapping_version: Option<i32>,
    mapping_fault: Option<Json<MappingFault>>,
    body_hash: Digest<BodyHash>,
    idempotency_key_hash: Option<Digest<KeyHash>>,
    traceparent: Option<String>,
    extra: Json<Map<String, Value>>,
    erased_at: Option<Time>,
}

impl StoredSubmissionRow {
    fn read(self) -> Result<StoredSubmission, StoreError> {
        let erased_at = self.erased_at.map(Timestamp::from);
        Ok(StoredSubmission { submission: self.submission()?, erased_at })
    }

    fn submission(self) -> Result<Submission, StoreError> {
        let raw = match self.raw_encoding.as_str() {
            "text" => RawBody::Text(self.raw),
            "base64" => RawBody::Base64(self.raw),
            _ => return unwrap(&self.raw),
        };
        let mut extra = self.extra.0;
        // Never stored, except by a build that did not know them.
        extra.retain(|name, _| !["reply_to", "release"].contains(&name.as_str()));
        let mapping_version = self.mapping_version.and_then(|version| version.try_into().ok());
        Ok(Submission {
            id: self.id.into(),
            organization: self.organization.into(),
            source: self.source.into(),
            source_revision: self.source_revision,
            dialect: self.dialect.0,
            received_at: self.received_at.into(),
            trust: self.trust.0,
            client: ClientInfo {
                address: self.client_address,
                user_agent: self.client_user_agent,
                key: self.client_key.map(|key| key.0),
                unknown: known(&mut extra, CLIENT).unwrap_or_default(),
            },
            fields: self.fields.0,
            raw,
            media: self.media.map(|media| media.0).or(known(&mut extra, "media")).unwrap_or_default(),
            query: self.query.or(known(&mut extra, "query")),
            mapping_version: mapping_version.or(known(&mut extra, "mapping_version")),
            mapping_fault: self.mapping_fault.map(|fault| fault.0).or(known(&mut extra, "mapping_fault")),
            body_hash: self.body_hash.0,
            idempotency_key_hash: self.idempotency_key_hash.map(|hash| hash.0),
            traceparent: self.traceparent,
            reply_to: None,
            release: None,
            unknown: extra,
        })
    }
}

pub(crate) fn find_submission(
    connection: &mut Connection,
    organization: OrganizationId,
    id: SubmissionId,
) -> Result<Option<StoredSubmission>, TransactionError> {
    let row: Option<StoredSubmissionRow> = submissions::table
        .find((Id::from(organization), Id::from(id)))
        .select(StoredSubmissionRow::as_select())
        .first(connection)
        .optional()?;
    Ok(row.map(StoredSubmissionRow::read).transpose()?)
}

/// The source of a submission, and when its content was erased.
pub(crate) fn find_source_of(
    connection: &mut Connection,
    organization: OrganizationId,
    id: SubmissionId,
) -> QueryResult<Option<(SourceId, Option<Timestamp>)>> {
    let found: Option<(Id, Option<Time>)> = submissions::table
        .find((Id::from(organization), Id::from(id)))
        .select((submissions::source, submissions::erased_at))
        .first(connection)
        .optional()?;
    Ok(found.map(|(source, erased_at)| (source.into(), erased_at.map(Timestamp::from))))
}

/// Those of the given ones that are not erased.
pub(crate) fn unerased_submissions(
    connection: &mut Connection,
    organization: OrganizationId,
    ids: &[SubmissionId],
) -> Result<Vec<Submission>, TransactionError> {
    // Not filtered by the database: without statistics PostgreSQL takes `erased_at IS NULL` for rare, and may
    // begin with all submissions.
    let rows: Vec<StoredSubmissionRow> = submissions::table
        .filter(among!(submissions::id, organization, ids.iter().copied().map(Id::from)))
        .select(StoredSubmissionRow::as_select())
        .load(connection)?;
    let unerased = rows.into_iter().filter(|row| row.erased_at.is_none());
    Ok(unerased.map(StoredSubmissionRow::submission).collect::<Result<_, _>>()?)
}

/// The newest submissions of a source, newest first.
pub(crate) fn recent_submissions(
    connection: &mut Connection,
    organization: OrganizationId,
    source: SourceId,
    most: u32,
) -> Result<Vec<Submission>, TransactionError> {
    let source = Id::from(source);
    let rows: Vec<StoredSubmissionRow> = submissions::table
        .filter(submissions::organization.eq(Id::from(organization)))
        .filter(exactly!(submissions::source, source))
        .order((submissions::source.desc(), submissions::id.desc()))
        .limit(most.into())
        .select(StoredSubmissionRow::as_select())
        .load(connection)?;
    Ok(rows.into_iter().map(StoredSubmissionRow::submission).collect::<Result<_, _>>()?)
}

/// In the order of ids.
pub(crate) fn page_of_submissions(
    connection: &mut Connection,
    organization: OrganizationId,
    after: SubmissionId,
    most: u32,
) -> QueryResult<Vec<SubmissionSummary>> {
    let rows: Vec<(Id, Digest<BodyHash>, Time)> = submissions::table
        .filter(submissions::organization.eq(Id::from(organization)))
        .filter(submissions::id.gt(Id::from(after)))
        .order((submissions::organization, submissions::id))
        .limit(most.into())
        .select((submissions::id, submissions::body_hash, submissions::received_at))
        .load(connection)?;
    let ids: Vec<SubmissionId> = rows.iter().map(|(id, ..)| (*id).into()).collect();
    let current = outcome_queries::current_outcomes(connection, organization, &ids)?;
    let summary = |(id, body_hash, received_at): (Id, Digest<BodyHash>, Time)| {
        let id = SubmissionId::from(id);
        let (outcome, lead) =
            current.get(&id).map_or((None, None), |(outcome, lead)| (Some(*outcome), *lead));
        SubmissionSummary { id, body_hash: body_hash.0, received_at: received_at.into(), outcome, lead }
    };
    Ok(rows.into_iter().map(summary).collect())
}

/// Those whose current outcome is that they created or updated one of the leads, without those that were erased on
/// request.
pub(crate) fn contributors(
    connection: &mut Connection,
    organization: OrganizationId,
    leads: &[LeadId],
) -> Result<Vec<Contributor>, TransactionError> {
    let mut found = Vec::new();
    for made in contributing_submissions(connection, organization, leads)? {
        let ids: Vec<SubmissionId> = made.keys().copied().collect();
        let mut repairs = quarantine_queries::repairs(connection, organization, &ids)?;
        let rows: Vec<(StoredSubmissionRow, Option<String>)> = submissions::table
            .filter(among!(submissions::id, organization, ids.iter().copied().map(Id::from)))
            .select((StoredSubmissionRow::as_select(), submissions::erased_by))
            .load(connection)?;
        for (row, erased_by) in rows {
            let id = SubmissionId::from(row.id);
            let Some(&(lead, outcome)) = made.get(&id) else { continue };
            if is_erased_on_request(erased_by.as_deref()) {
                continue;
            }
            let StoredSubmission { submission, erased_at } = row.read()?;
            let submission = match repairs.remove(&id) {
                // A repaired submission keeps its id.
                Some(repaired) => Submission { id: submission.id, ..repaired },
                None => submission,
            };
            found.push(Contributor { lead, outcome, submission, erased: erased_at.is_some() });
        }
    }
    Ok(found)
}

/// The ids of the same submissions, each with its lead.
pub(crate) fn contributor_ids(
    connection: &mut Connection,
    organization: OrganizationId,
    leads: &[LeadId],
) -> QueryResult<Vec<(LeadId, SubmissionId)>> {
    let mut found = Vec::new();
    for contributing in contributing_submissions(connection, organization, leads)? {
        let rows: Vec<(Id, Option<String>)> = submissions::table
            .filter(among!(submissions::id, organization, contributing.keys().copied().map(Id::from)))
            .select((submissions::id, submissions::erased_by))
            .load(connection)?;
        let kept = rows.into_iter().filter(|(_, erased_by)| !is_erased_on_request(erased_by.as_deref()));
        found.extend(kept.filter_map(|(id, _)| {
            let id = SubmissionId::from(id);
            Some((contributing.get(&id)?.0, id))
        }));
    }
    Ok(found)
}

/// The submissions whose current outcome is that they created or updated one of the leads, in chunks.
///
/// Step by step, each by ids alone: a query with all these conditions has no plan on PostgreSQL that is good without
/// statistics.
fn contributing_submissions(
    connection: &mut Connection,
    organization: OrganizationId,
    leads: &[LeadId],
) -> QueryResult<Vec<BTreeMap<SubmissionId, (LeadId, Outcome)>>> {
    let submissions = outcome_queries::submissions_of_leads(connection, organization, leads)?;
    let submissions: Vec<SubmissionId> = submissions.into_iter().collect();
    let leads: BTreeSet<LeadId> = leads.iter().copied().collect();
    let mut chunks = Vec::new();
    for chunk in submissions.chunks(CHUNK) {
        let current = outcome_queries::current_outcomes(connection, organization, chunk)?;
        let contributing = current.into_iter().filter_map(|(id, (outcome, lead))| match outcome {
            Outcome::Created | Outcome::Updated => {
                Some((id, (lead.filter(|lead| leads.contains(lead))?, outcome)))
            }
            _ => None,
        });
        chunks.push(contributing.collect());
    }
    Ok(chunks)
}

fn is_erased_on_request(erased_by: Option<&str>) -> bool {
    erased_by == Some(ErasureCause::Request.as_str())
}
