//! Outcomes of submissions.

use std::collections::{BTreeMap, BTreeSet};

use diesel::dsl::not;
use diesel::prelude::*;
use leadgate_domain::{LeadId, OrganizationId, Outcome, SubmissionId, Trace};
use serde::Serialize;

use super::schema::outcomes;
use super::{Connection, Database};
use crate::error::StoreError;
use crate::rows::NewOutcome;
use crate::submissions::OutcomeRecord;
use crate::values::{Code, Id, Json, Time, document};

#[derive(Insertable, Serialize)]
#[diesel(table_name = outcomes, treat_none_as_default_value = false)]
pub(crate) struct OutcomeRow {
    pub(crate) organization: Id,
    pub(crate) submission: Id,
    pub(crate) revision: i32,
    pub(crate) outcome: &'static str,
    pub(crate) lead: Option<Id>,
    pub(crate) decided_at: Time,
    pub(crate) trace: String,
}

impl OutcomeRow {
    /// As the first outcome of its submission.
    pub(crate) fn first(new: &NewOutcome<'_>) -> Result<Self, StoreError> {
        Ok(Self {
            organization: new.organization.into(),
            submission: new.submission.into(),
            revision: 1,
            outcome: new.outcome.as_str(),
            lead: new.lead.map(Id::from),
            decided_at: new.decided_at.into(),
            trace: document(new.trace)?,
        })
    }
}

/// An outcome as its columns hold it.
#[derive(Queryable, Selectable)]
#[diesel(table_name = outcomes, check_for_backend(Database))]
struct StoredOutcomeRow {
    revision: i32,
    outcome: Code<Outcome>,
    lead: Option<Id>,
    decided_at: Time,
    trace: Json<Trace>,
}

impl From<StoredOutcomeRow> for OutcomeRecord {
    fn from(row: StoredOutcomeRow) -> Self {
        Self {
            revision: row.revision,
            outcome: row.outcome.0,
            lead: row.lead.map(LeadId::from),
            decided_at: row.decided_at.into(),
            trace: row.trace.0,
        }
    }
}

/// All outcomes of submissions, each submission's from the first to the current one.
pub(crate) fn outcomes_of(
    connection: &mut Connection,
    organization: OrganizationId,
    submissions: &[SubmissionId],
) -> QueryResult<BTreeMap<SubmissionId, Vec<OutcomeRecord>>> {
    let rows: Vec<(Id, StoredOutcomeRow)> = outcomes::table
        .filter(among!(outcomes::submission, organization, submissions.iter().copied().map(Id::from)))
        .order((outcomes::submission, outcomes::revision))
        .select((outcomes::submission, StoredOutcomeRow::as_select()))
        .load(connection)?;
    let mut found: BTreeMap<SubmissionId, Vec<OutcomeRecord>> = BTreeMap::new();
    for (submission, row) in rows {
        found.entry(submission.into()).or_default().push(row.into());
    }
    Ok(found)
}

/// The current outcomes of submissions.
pub(crate) fn current_outcomes(
    connection: &mut Connection,
    organization: OrganizationId,
    submissions: &[SubmissionId],
) -> QueryResult<BTreeMap<SubmissionId, (Outcome, Option<LeadId>)>> {
    let rows: Vec<(Id, Code<Outcome>, Option<Id>)> = outcomes::table
        .filter(among!(outcomes::submission, organization, submissions.iter().copied().map(Id::from)))
        .filter(not(is_superseded!()))
        .select((outcomes::submission, outcomes::outcome, outcomes::lead))
        .load(connection)?;
    let read = |(submission, outcome, lead): (Id, Code<Outcome>, Option<Id>)| {
        (submission.into(), (outcome.0, lead.map(LeadId::from)))
    };
    Ok(rows.into_iter().map(read).collect())
}

/// The submissions that created or matched these leads.
pub(crate) fn submissions_of_leads(
    connection: &mut Connection,
    organization: OrganizationId,
    leads: &[LeadId],
) -> QueryResult<BTreeSet<SubmissionId>> {
    // Without DISTINCT: SQLite would read all outcomes of the organization in the order of submissions for it.
    let submissions: Vec<Id> = outcomes::table
        .filter(among!(outcomes::lead, organization, leads.iter().copied().map(Id::from)))
        .select(outcomes::submission)
        .load(connection)?;
    Ok(submissions.into_iter().map(SubmissionId::from).collect())
}

/// The outcomes of submissions that created or matched a lead.
pub(crate) fn outcomes_of_lead(
    connection: &mut Connection,
    organization: OrganizationId,
    lead: LeadId,
) -> QueryResult<Vec<(SubmissionId, OutcomeRecord)>> {
    let rows: Vec<(Id, StoredOutcomeRow)> = outcomes::table
        .filter(outcomes::organization.eq(Id::from(organization)))
        .filter(outcomes::lead.eq(Id::from(lead)))
        .select((outcomes::submission, StoredOutcomeRow::as_select()))
        .load(connection)?;
    Ok(rows.into_iter().map(|(submission, row)| (submission.into(), row.into())).collect())
}
