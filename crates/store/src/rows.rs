//! What queries take and return beside types of the domain.

use std::borrow::Cow;

use leadgate_domain::{
    BodyHash, Lead, LeadId, OrganizationId, Outcome, QuarantineReason, Submission, SubmissionId,
    SuppressionKind, Timestamp, Trace,
};
use uuid::Uuid;

use crate::error::StoreError;
use crate::values::{Id, document, reversed};

/// One thing of an organization, by id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct ScopedId<T> {
    pub(crate) organization: OrganizationId,
    pub(crate) id: T,
}

/// From the columns of a row.
impl<T: From<Id>> From<(Id, Id)> for ScopedId<T> {
    fn from((organization, id): (Id, Id)) -> Self {
        Self { organization: organization.into(), id: id.into() }
    }
}

/// A lead and the text of its document, which is written to several tables and made once.
pub(crate) struct SerializedLead<'a> {
    pub(crate) lead: &'a Lead,
    pub(crate) document: String,
}

impl<'a> SerializedLead<'a> {
    pub(crate) fn new(lead: &'a Lead) -> Result<Self, StoreError> {
        Ok(Self { lead, document: document(lead)? })
    }

    pub(crate) fn key(&self) -> ScopedId<LeadId> {
        ScopedId { organization: self.lead.organization, id: self.lead.id }
    }
}

/// A value on a suppression list, as leads hold it.
#[derive(Clone, Copy)]
pub(crate) struct LeadsWithListedValue<'a> {
    pub(crate) organization: OrganizationId,
    pub(crate) kind: SuppressionKind,
    pub(crate) value: &'a str,
}

impl<'a> LeadsWithListedValue<'a> {
    /// `None` for a domain.
    pub(crate) fn stored(&self) -> Option<StoredContact<'a>> {
        match self.kind {
            SuppressionKind::Phone => Some(StoredContact::Phone(self.value.into())),
            SuppressionKind::Email => Some(StoredContact::ReversedEmail(reversed(self.value))),
            SuppressionKind::Domain => None,
        }
    }
}

/// A phone or an email as the columns of leads hold it.
#[derive(Clone)]
pub(crate) enum StoredContact<'a> {
    Phone(Cow<'a, str>),
    ReversedEmail(String),
}

impl StoredContact<'_> {
    pub(crate) fn into_owned(self) -> StoredContact<'static> {
        match self {
            Self::Phone(phone) => StoredContact::Phone(phone.into_owned().into()),
            Self::ReversedEmail(email) => StoredContact::ReversedEmail(email),
        }
    }
}

/// An outcome of a submission.
pub(crate) struct NewOutcome<'a> {
    pub(crate) organization: OrganizationId,
    pub(crate) submission: SubmissionId,
    pub(crate) outcome: Outcome,
    pub(crate) lead: Option<LeadId>,
    pub(crate) decided_at: Timestamp,
    pub(crate) trace: &'a Trace,
}

/// An entry of the quarantine.
pub(crate) struct NewQuarantineEntry {
    pub(crate) organization: OrganizationId,
    /// The submission's, if that is stored; else the entry's own.
    pub(crate) id: Uuid,
    pub(crate) submission: SubmissionId,
    pub(crate) reason: QuarantineReason,
    pub(crate) body_hash: BodyHash,
    /// Base64 of the serialized submission, if `submissions` does not hold it.
    pub(crate) document: Option<String>,
    pub(crate) quarantined_at: Timestamp,
}

/// A submission to store.
#[derive(Clone, Copy)]
pub(crate) struct SubmissionToStore<'a> {
    pub(crate) submission: &'a Submission,
    /// The base64 of the serialized submission: the form that no database can refuse. `None`: in columns.
    pub(crate) wrapped: Option<&'a str>,
}
