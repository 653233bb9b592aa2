//! The quarantine.

use std::collections::BTreeMap;
use std::iter;

use diesel::prelude::*;
use leadgate_domain::{
    BodyHash, Dialect, OrganizationId, QuarantineReason, SourceId, Submission, SubmissionId, Timestamp,
};
use uuid::Uuid;

use super::schema::{quarantine, submissions};
use super::{Connection, Database, submissions as submission_queries};
use crate::error::{StoreError, TransactionError};
use crate::quarantine_entries::{QuarantineContent, QuarantineEntry, QuarantineState};
use crate::rows::NewQuarantineEntry;
use crate::submissions::{QuarantineRecord, unwrap};
use crate::values::{Code, Digest, Id, Time};

#[derive(Insertable)]
#[diesel(table_name = quarantine, treat_none_as_default_value = false)]
pub(crate) struct QuarantineRow<'a> {
    pub(crate) organization: Id,
    pub(crate) id: Id,
    pub(crate) submission: Id,
    pub(crate) reason: &'static str,
    pub(crate) body_hash: Digest<BodyHash>,
    pub(crate) document: Option<&'a str>,
    pub(crate) quarantined_at: Time,
}

impl<'a> From<&'a NewQuarantineEntry> for QuarantineRow<'a> {
    fn from(new: &'a NewQuarantineEntry) -> Self {
        Self {
            organization: new.organization.into(),
            id: new.id.into(),
            submission: new.submission.into(),
            reason: new.reason.as_str(),
            body_hash: Digest(new.body_hash),
            document: new.document.as_deref(),
            quarantined_at: new.quarantined_at.into(),
        }
    }
}

/// An entry as its columns hold it.
#[derive(Queryable, Selectable)]
#[diesel(table_name = quarantine, check_for_backend(Database))]
struct QuarantineEntryRow {
    id: Id,
    submission: Id,
    reason: Code<QuarantineReason>,
    state: Code<QuarantineState>,
    quarantined_at: Time,
    settled_at: Option<Time>,
    settled_by: Option<String>,
    note: Option<String>,
    document: Option<String>,
    erased_at: Option<Time>,
    repair: Option<String>,
    repaired_at: Option<Time>,
    repaired_by: Option<String>,
}

impl QuarantineEntryRow {
    /// The entry, and the submission that it contains itself. `origin` is that of the stored submission.
    ///
    /// What came under the id of another may have come by another source, too. If there is a repair, it is
    /// read in place of the original.
    fn read(self, origin: (SourceId, Dialect)) -> Result<(QuarantineEntry, Option<Submission>), StoreError> {
        let own = self.repair.as_deref().or(self.document.as_deref()).map(unwrap).transpose()?;
        let (source, dialect) = own.as_ref().map_or(origin, |own| (own.source, own.dialect));
        let entry = QuarantineEntry {
            id: self.id.into(),
            submission: self.submission.into(),
            source,
            dialect,
            reason: self.reason.0,
            state: self.state.0,
            quarantined_at: self.quarantined_at.into(),
            settled_at: self.settled_at.map(Timestamp::from),
            settled_by: self.settled_by,
            note: self.note,
            erased_at: self.erased_at.map(Timestamp::from),
            repaired_at: self.repaired_at.map(Timestamp::from),
            repaired_by: self.repaired_by,
        };
        Ok((entry, own))
    }
}

/// Entries before this id, the newest first.
pub(crate) fn page_of_entries(
    connection: &mut Connection,
    organization: OrganizationId,
    state: Option<QuarantineState>,
    before: Uuid,
    most: u32,
) -> Result<Vec<QuarantineEntry>, TransactionError> {
    let page = quarantine::table
        .filter(quarantine::organization.eq(Id::from(organization)))
        .limit(most.into())
        .select(QuarantineEntryRow::as_select());
    let before = Id::from(before);
    let rows: Vec<QuarantineEntryRow> = match state.map(Code) {
        None => page.filter(quarantine::id.lt(before)).order(quarantine::id.desc()).load(connection)?,
        Some(state) => page
            .filter(quarantine::state.ge(state))
            .filter(row_is!(quarantine::state < (state, before)))
            .order((quarantine::state.desc(), quarantine::id.desc()))
            .load(connection)?,
    };
    let origins = origins(connection, organization, rows.iter().map(|row| row.submission))?;
    let entries = rows.into_iter().filter_map(|row| {
        let origin = origins.get(&row.submission)?;
        Some(row.read(*origin).map(|(entry, _)| entry))
    });
    Ok(entries.collect::<Result<_, _>>()?)
}

/// An entry, and the submission that it contains itself.
pub(crate) fn find_entry(
    connection: &mut Connection,
    organization: OrganizationId,
    id: Uuid,
) -> Result<Option<(QuarantineEntry, Option<Submission>)>, TransactionError> {
    let row: Option<QuarantineEntryRow> = quarantine::table
        .find((Id::from(organization), Id::from(id)))
        .select(QuarantineEntryRow::as_select())
        .first(connection)
        .optional()?;
    let Some(row) = row else { return Ok(None) };
    let origins = origins(connection, organization, iter::once(row.submission))?;
    let Some(origin) = origins.get(&row.submission) else { return Ok(None) };
    Ok(Some(row.read(*origin)?))
}

/// By which source and in which dialect submissions came.
fn origins(
    connection: &mut Connection,
    organization: OrganizationId,
    ids: impl Iterator<Item = Id>,
) -> QueryResult<BTreeMap<Id, (SourceId, Dialect)>> {
    let rows: Vec<(Id, Id, Code<Dialect>)> = submissions::table
        .filter(among!(submissions::id, organization, ids))
        .select((submissions::id, submissions::source, submissions::dialect))
        .load(connection)?;
    Ok(rows.into_iter().map(|(id, source, dialect)| (id, (source.into(), dialect.0))).collect())
}

/// Why a submission is quarantined, or was.
pub(crate) fn find_reason(
    connection: &mut Connection,
    organization: OrganizationId,
    id: Uuid,
) -> QueryResult<Option<QuarantineReason>> {
    let reason: Option<Code<QuarantineReason>> = quarantine::table
        .find((Id::from(organization), Id::from(id)))
        .select(quarantine::reason)
        .first(connection)
        .optional()?;
    Ok(reason.map(|reason| reason.0))
}

/// The repairs of submissions, as far as they have one.
pub(crate) fn repairs(
    connection: &mut Connection,
    organization: OrganizationId,
    ids: &[SubmissionId],
) -> Result<BTreeMap<SubmissionId, Submission>, TransactionError> {
    let rows: Vec<(Id, Option<String>)> = quarantine::table
        .filter(among!(quarantine::id, organization, ids.iter().copied().map(Id::from)))
        .select((quarantine::id, quarantine::repair))
        .load(connection)?;
    let read = |(id, repair): (Id, Option<String>)| Some(unwrap(&repair?).map(|repair| (id.into(), repair)));
    Ok(rows.into_iter().filter_map(read).collect::<Result<_, _>>()?)
}

/// The entries of a submission, and those of other submissions with the same id, the oldest first.
pub(crate) fn records_of_submission(
    connection: &mut Connection,
    organization: OrganizationId,
    submission: SubmissionId,
) -> QueryResult<Vec<QuarantineRecord>> {
    type Row = (Id, Code<QuarantineReason>, Code<QuarantineState>, Digest<BodyHash>, Time);
    // Two queries: for an OR, PostgreSQL may read all entries of the organization.
    let all = quarantine::table.filter(quarantine::organization.eq(Id::from(organization))).select((
        quarantine::id,
        quarantine::reason,
        quarantine::state,
        quarantine::body_hash,
        quarantine::quarantined_at,
    ));
    let id = Id::from(submission);
    let mut rows: Vec<Row> = all.filter(quarantine::submission.eq(id)).load(connection)?;
    let own = all.filter(quarantine::id.eq(id)).filter(quarantine::submission.ne(id));
    rows.extend(own.load::<Row>(connection)?);
    rows.sort_by_key(|(id, .., quarantined_at)| (*quarantined_at, *id));
    let record = |(id, reason, state, body_hash, quarantined_at): Row| QuarantineRecord {
        id: id.into(),
        reason: reason.0,
        state: state.0,
        body_hash: body_hash.0,
        quarantined_at: quarantined_at.into(),
    };
    Ok(rows.into_iter().map(record).collect())
}

/// Changes an open entry. Returns how many.
pub(crate) fn repair_entry(
    connection: &mut Connection,
    organization: OrganizationId,
    id: Uuid,
    repair: &str,
    (by, at): (&str, Timestamp),
) -> QueryResult<usize> {
    let open = quarantine::table
        .find((Id::from(organization), Id::from(id)))
        .filter(quarantine::state.eq(Code(QuarantineState::Open)));
    let change =
        (quarantine::repair.eq(repair), quarantine::repaired_at.eq(Time(at)), quarantine::repaired_by.eq(by));
    diesel::update(open).set(change).execute(connection)
}

/// Changes an open entry. Returns how many.
pub(crate) fn discard_entry(
    connection: &mut Connection,
    organization: OrganizationId,
    id: Uuid,
    note: Option<&str>,
    (by, at): (&str, Timestamp),
) -> QueryResult<usize> {
    let open = quarantine::table
        .find((Id::from(organization), Id::from(id)))
        .filter(quarantine::state.eq(Code(QuarantineState::Open)));
    let change = (
        quarantine::state.eq(Code(QuarantineState::Discarded)),
        quarantine::settled_at.eq(Time(at)),
        quarantine::settled_by.eq(by),
        quarantine::note.eq(note),
    );
    diesel::update(open).set(change).execute(connection)
}

/// Entries that are not erased, after this id and in the order of ids. Of released ones only those with
/// content that no submission holds.
pub(crate) fn page_of_contents(
    connection: &mut Connection,
    organization: OrganizationId,
    after: Uuid,
    most: u32,
) -> Result<Vec<QuarantineContent>, TransactionError> {
    type Row = (Id, Id, Code<QuarantineState>, Option<String>, Option<String>);
    let has_content = quarantine::state
        .ne(Code(QuarantineState::Released))
        .or(quarantine::document.is_not_null())
        .or(quarantine::repair.is_not_null());
    let rows: Vec<Row> = quarantine::table
        .filter(quarantine::organization.eq(Id::from(organization)))
        .filter(quarantine::id.gt(Id::from(after)))
        .filter(quarantine::erased_at.is_null())
        .filter(has_content)
        .order((quarantine::organization, quarantine::id))
        .limit(most.into())
        .select((
            quarantine::id,
            quarantine::submission,
            quarantine::state,
            quarantine::document,
            quarantine::repair,
        ))
        .load(connection)?;
    let stored = rows
        .iter()
        .filter(|(id, submission, state, ..)| id == submission && state.0 != QuarantineState::Released);
    let stored: Vec<SubmissionId> = stored.map(|(id, ..)| (*id).into()).collect();
    let stored = submission_queries::unerased_submissions(connection, organization, &stored)?;
    let mut stored: BTreeMap<_, _> =
        stored.into_iter().map(|submission| (submission.id.as_uuid(), submission)).collect();
    let read = |(id, submission, _, document, repair): Row| QuarantineContent {
        id: id.into(),
        submission: submission.into(),
        document,
        repair,
        stored: stored.remove(&id.0),
    };
    Ok(rows.into_iter().map(read).collect())
}
