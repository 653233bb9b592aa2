//! The rows that statements take and return as JSON. Types of the domain are used where they fit.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use leadgate_domain::mapping::MappingFault;
use leadgate_domain::{
    BodyFormat, BodyHash, Dialect, Email, KeyHash, KeyId, Lead, LeadId, OrganizationId, RawBody, SourceId,
    Submission, SubmissionId, SuppressionKind, Timestamp, Trace, Trust, canonical_e164,
};
use serde::Serialize;
use serde_json::{Map, Value};

use crate::submissions::CLIENT;

/// One thing of an organization, by id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub(crate) struct ScopedId<Id> {
    pub(crate) organization: OrganizationId,
    pub(crate) id: Id,
}

/// Things looked up by id alone.
#[derive(Serialize)]
pub(crate) struct ById<Id> {
    pub(crate) id: Id,
}

/// Everything of an organization.
#[derive(Serialize)]
pub(crate) struct InOrganization {
    pub(crate) organization: OrganizationId,
}

#[derive(Serialize)]
pub(crate) struct ByName<'a> {
    pub(crate) name: &'a str,
}

#[derive(Serialize)]
pub(crate) struct ByDialect {
    pub(crate) organization: OrganizationId,
    pub(crate) dialect: Dialect,
}

/// A row that says in which generation it changed.
#[derive(Serialize)]
pub(crate) struct WithGeneration<'a, Row> {
    #[serde(flatten)]
    pub(crate) row: &'a Row,
    pub(crate) generation: i64,
}

/// A page of rows in the order of their last change: those after this one.
#[derive(Serialize)]
pub(crate) struct ChangedSince {
    pub(crate) generation: i64,
    pub(crate) id: String,
    pub(crate) most: usize,
}

#[derive(Serialize)]
pub(crate) struct KeyRevocation<'a> {
    pub(crate) id: &'a KeyId,
    /// `None` for an operator, who may revoke keys of all organizations.
    pub(crate) organization: Option<OrganizationId>,
    pub(crate) revoked_at: Timestamp,
    pub(crate) generation: i64,
}

#[derive(Serialize)]
pub(crate) struct KeyExpiry<'a> {
    pub(crate) id: &'a KeyId,
    /// As in [`KeyRevocation`].
    pub(crate) organization: Option<OrganizationId>,
    pub(crate) expires_at: Timestamp,
    pub(crate) generation: i64,
}

/// A page in the order of ids.
#[derive(Serialize)]
pub(crate) struct AfterId<Id> {
    pub(crate) organization: OrganizationId,
    pub(crate) id: Id,
    pub(crate) most: u32,
}

/// The leads of an organization, or of one of its sources.
#[derive(Serialize)]
pub(crate) struct InAnySource {
    pub(crate) organization: OrganizationId,
    pub(crate) source: Option<SourceId>,
}

/// A page of leads by its place.
#[derive(Serialize)]
pub(crate) struct PageAtOffset {
    pub(crate) organization: OrganizationId,
    pub(crate) source: Option<SourceId>,
    pub(crate) offset: i64,
    pub(crate) most: u32,
}

/// Everything of a source, or the newest of it.
#[derive(Serialize)]
pub(crate) struct InSource {
    pub(crate) organization: OrganizationId,
    pub(crate) source: SourceId,
    pub(crate) most: u32,
}

/// A page from the newest to the oldest.
#[derive(Serialize)]
pub(crate) struct PageBeforeLead {
    pub(crate) organization: OrganizationId,
    pub(crate) source: Option<SourceId>,
    pub(crate) at: Timestamp,
    pub(crate) id: LeadId,
    pub(crate) most: u32,
}

/// Who else may write leads of an organization while a transaction does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LockMode {
    /// For writers that do not change its suppression lists.
    Shared,
    Exclusive,
}

/// An advisory lock of one or more organizations.
#[derive(Serialize)]
pub(crate) struct AdvisoryLock {
    key: i64,
    alone: bool,
}

impl AdvisoryLock {
    /// The locks of these organizations, in the order in which every transaction takes them.
    pub(crate) fn for_organizations(
        organizations: impl IntoIterator<Item = (OrganizationId, LockMode)>,
    ) -> Vec<Self> {
        let mut locks = BTreeMap::new();
        for (organization, hold) in organizations {
            // The last bits of a UUIDv7 are random.
            let (_, low) = organization.as_uuid().as_u64_pair();
            let slot = i64::try_from(low % Self::LOCK_COUNT).unwrap_or(0);
            let alone = locks.entry(Self::CLASS | slot).or_insert(false);
            *alone |= hold == LockMode::Exclusive;
        }
        locks.into_iter().map(|(key, alone)| Self { key, alone }).collect()
    }

    /// Organizations share this many locks. PostgreSQL's lock table has room for 64 locks per connection, and
    /// a batch may be of as many organizations as it has submissions.
    const LOCK_COUNT: u64 = 256;

    /// The upper half of every key, so that other users of the database do not meet ours by chance.
    const CLASS: i64 = 0x6c65_6164 << 32;
}

/// A value on a suppression list, as leads hold it.
#[derive(Serialize, Clone, Copy)]
pub(crate) struct LeadsWithListedValue<'a> {
    pub(crate) organization: OrganizationId,
    pub(crate) kind: SuppressionKind,
    pub(crate) value: &'a str,
}

#[derive(Serialize)]
pub(crate) struct SubmissionRow<'a> {
    pub(crate) organization: OrganizationId,
    pub(crate) id: SubmissionId,
    source: SourceId,
    source_revision: i32,
    dialect: Dialect,
    received_at: Timestamp,
    trust: Trust,
    client_address: Option<&'a str>,
    client_user_agent: Option<&'a str>,
    client_key: Option<&'a KeyId>,
    fields: &'a leadgate_domain::Fields,
    raw: &'a str,
    raw_encoding: &'static str,
    /// Not there for JSON, which most bodies are.
    #[serde(skip_serializing_if = "Option::is_none")]
    media: Option<&'a BodyFormat>,
    query: Option<&'a str>,
    mapping_version: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    mapping_fault: Option<&'a MappingFault>,
    body_hash: BodyHash,
    idempotency_key_hash: Option<KeyHash>,
    traceparent: Option<&'a str>,
    extra: Cow<'a, Map<String, Value>>,
}

/// What this build has no column for.
fn extra(submission: &Submission) -> Cow<'_, Map<String, Value>> {
    let client = &submission.client.unknown;
    if client.is_empty() {
        return Cow::Borrowed(&submission.unknown);
    }
    let mut extra = submission.unknown.clone();
    extra.insert(CLIENT.to_owned(), client.clone().into());
    Cow::Owned(extra)
}

impl<'a> SubmissionRow<'a> {
    pub(crate) fn from_submission(submission: &'a Submission) -> Self {
        let (raw, raw_encoding) = match &submission.raw {
            RawBody::Text(text) => (text, "text"),
            RawBody::Base64(text) => (text, "base64"),
        };
        Self {
            organization: submission.organization,
            id: submission.id,
            source: submission.source,
            source_revision: submission.source_revision,
            dialect: submission.dialect,
            received_at: submission.received_at,
            trust: submission.trust,
            client_address: submission.client.address.as_deref(),
            client_user_agent: submission.client.user_agent.as_deref(),
            client_key: submission.client.key.as_ref(),
            fields: &submission.fields,
            raw,
            raw_encoding,
            media: Some(&submission.media).filter(|media| **media != BodyFormat::default()),
            query: submission.query.as_deref(),
            mapping_version: submission.mapping_version,
            mapping_fault: submission.mapping_fault.as_ref(),
            body_hash: submission.body_hash,
            idempotency_key_hash: submission.idempotency_key_hash,
            traceparent: submission.traceparent.as_deref(),
            extra: extra(submission),
        }
    }

    /// The form that no database can refuse: nothing that a stranger wrote stands outside of the base64.
    pub(crate) fn wrapped(
        submission: &'a Submission,
        whole: &'a str,
        now: Timestamp,
        none: &'a WrappedSubmission,
    ) -> Self {
        Self {
            received_at: now,
            client_address: None,
            client_user_agent: None,
            client_key: None,
            fields: &none.fields,
            raw: whole,
            raw_encoding: "submission",
            media: None,
            query: None,
            mapping_version: None,
            mapping_fault: None,
            traceparent: None,
            extra: Cow::Borrowed(&none.extra),
            ..Self::from_submission(submission)
        }
    }
}

/// What a wrapped submission has in place of its fields.
#[derive(Default)]
pub(crate) struct WrappedSubmission {
    fields: leadgate_domain::Fields,
    extra: Map<String, Value>,
}

#[derive(Serialize)]
pub(crate) struct OutcomeRow<'a> {
    pub(crate) organization: OrganizationId,
    pub(crate) submission: SubmissionId,
    pub(crate) revision: i32,
    pub(crate) outcome: leadgate_domain::Outcome,
    pub(crate) lead: Option<LeadId>,
    pub(crate) decided_at: Timestamp,
    pub(crate) trace: &'a Trace,
}

#[derive(Serialize)]
pub(crate) struct QuarantineRow {
    pub(crate) organization: OrganizationId,
    /// The submission's, if that is stored; else the row's own.
    pub(crate) id: uuid::Uuid,
    pub(crate) submission: SubmissionId,
    pub(crate) reason: leadgate_domain::QuarantineReason,
    pub(crate) body_hash: BodyHash,
    /// Base64 of the serialized submission, if `submissions` does not hold it.
    pub(crate) document: Option<String>,
    pub(crate) quarantined_at: Timestamp,
}

/// A quarantine entry to release.
#[derive(Serialize)]
pub(crate) struct ReleaseRow {
    pub(crate) organization: OrganizationId,
    pub(crate) id: SubmissionId,
    pub(crate) released_at: Timestamp,
}

/// A lead with what queries filter and sort by. [`LeadRow::from_lead`] makes columns and document agree.
#[derive(Serialize)]
pub(crate) struct LeadRow<'a> {
    organization: OrganizationId,
    id: LeadId,
    source: SourceId,
    external_id: Option<&'a str>,
    /// In the one spelling of its subscriber.
    phone_e164: Option<Cow<'a, str>>,
    email_address: Option<String>,
    /// For finding all leads at a domain.
    email_reversed: Option<String>,
    status: &'a str,
    eligibility: &'static str,
    reasons: Vec<&'static str>,
    eligible_until: Option<Timestamp>,
    score: u8,
    temperature: &'static str,
    tags: BTreeSet<&'a str>,
    is_test: bool,
    received_at: Timestamp,
    updated_at: Timestamp,
    document: &'a Lead,
}

impl<'a> LeadRow<'a> {
    pub(crate) fn from_lead(lead: &'a Lead) -> Self {
        let email = lead.email_address().and_then(Email::from_stored).map(|email| email.comparison_form());
        Self {
            organization: lead.organization,
            id: lead.id,
            source: lead.source,
            external_id: lead.text(leadgate_domain::TextField::ExternalId),
            phone_e164: lead.e164().map(canonical_e164),
            email_reversed: email.as_deref().map(reversed),
            email_address: email,
            status: lead.status.as_str(),
            eligibility: lead.eligibility.as_str(),
            reasons: lead.reasons.iter().map(|reason| reason.as_str()).collect(),
            eligible_until: lead.eligible_until,
            score: lead.score,
            temperature: lead.temperature.as_str(),
            tags: lead.all_tags(),
            is_test: lead.is_test,
            received_at: lead.received_at,
            updated_at: lead.updated_at,
            document: lead,
        }
    }
}

/// Character by character.
pub(crate) fn reversed(text: &str) -> String {
    text.chars().rev().collect()
}

#[derive(Serialize)]
pub(crate) struct CrashAttemptRow {
    pub(crate) submission: SubmissionId,
    pub(crate) last_at: Timestamp,
}

#[derive(Serialize)]
pub(crate) struct CrashAttemptsUntil {
    pub(crate) last_at: Timestamp,
}

/// A page of evidence: of a lead, or of a time.
#[derive(Serialize)]
pub(crate) struct PageAfterConsent {
    pub(crate) organization: OrganizationId,
    pub(crate) lead: Option<LeadId>,
    pub(crate) at: Timestamp,
    pub(crate) id: SubmissionId,
    pub(crate) before: Timestamp,
    pub(crate) most: u32,
}

/// Who consented.
#[derive(Serialize)]
pub(crate) struct PersonRow {
    pub(crate) organization: OrganizationId,
    pub(crate) submission: SubmissionId,
    pub(crate) person: leadgate_domain::PersonDocument,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_batch_of_very_many_organizations_takes_few_locks() {
        let organizations: Vec<_> = (0..20_000).map(|_| OrganizationId::generate()).collect();
        let shared = organizations.iter().map(|organization| (*organization, LockMode::Shared));
        let locks = AdvisoryLock::for_organizations(shared);
        assert!(locks.len() <= 256 && locks.is_sorted_by_key(|lock| lock.key) && !locks[0].alone);
        let both = [LockMode::Shared, LockMode::Exclusive].map(|mode| (organizations[0], mode));
        let alone = AdvisoryLock::for_organizations(both);
        assert!(alone.len() == 1 && alone[0].alone);
    }
}
