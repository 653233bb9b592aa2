//! Which leads a list shows.

use leadgate_domain::{
    Eligibility, Email, Lead, LeadStatus, Phone, SourceId, SubmissionId, Temperature, Timestamp,
    canonical_e164,
};
use uuid::Uuid;

use crate::values::{Id, reversed};

/// Maximum number of leads that one page looks at.
pub(crate) const MAX_SCANNED: u32 = 10_000;

/// Selects leads of an organization. `None` selects all; a lead has to match every other member.
///
/// A phone, an email, an external id and a source are found with an index. Leads are looked at one by one for the
/// other members, see [`Store::leads`](crate::Store::leads).
#[derive(Debug, Clone, PartialEq, Default)]
pub struct LeadFilter {
    /// The source of the submission that created the lead.
    pub source: Option<SourceId>,
    pub eligibility: Option<Eligibility>,
    pub temperature: Option<Temperature>,
    pub status: Option<LeadStatus>,
    /// One of the tags of the lead, of its key or of its source.
    pub tag: Option<String>,
    pub phone: Option<Phone>,
    pub email: Option<Email>,
    pub external_id: Option<String>,
    /// Only leads whose id was created at this time or later, to the millisecond. An id is created when the
    /// submission that creates the lead is received.
    pub received_after: Option<Timestamp>,
    /// Only leads whose id was created before this time.
    pub received_before: Option<Timestamp>,
}

/// The member of a filter whose index a list is read with.
pub(crate) enum LeadIndex<'f> {
    Phone(String),
    /// Reversed, as the column is.
    Email(String),
    ExternalId(&'f str),
    Source(Id),
    Id,
}

impl LeadFilter {
    /// All leads, or those of one source.
    pub fn of_source(source: Option<SourceId>) -> Self {
        Self { source, ..Self::default() }
    }

    /// The names of the members that are set, for the audit log. Their values may be personal data.
    pub fn names(&self) -> Vec<&'static str> {
        let Self { source, eligibility, temperature, status, tag, phone, email, .. } = self;
        let Self { external_id, received_after, received_before, .. } = self;
        let members = [
            ("source", source.is_some()),
            ("eligibility", eligibility.is_some()),
            ("temperature", temperature.is_some()),
            ("status", status.is_some()),
            ("tag", tag.is_some()),
            ("phone", phone.is_some()),
            ("email", email.is_some()),
            ("external_id", external_id.is_some()),
            ("received_after", received_after.is_some()),
            ("received_before", received_before.is_some()),
        ];
        members.into_iter().filter(|(_, is_set)| *is_set).map(|(name, _)| name).collect()
    }

    /// The index with the fewest rows for this filter.
    pub(crate) fn index(&self) -> LeadIndex<'_> {
        match self {
            Self { phone: Some(phone), .. } => LeadIndex::Phone(canonical_e164(phone.e164()).into_owned()),
            Self { email: Some(email), .. } => LeadIndex::Email(reversed(&email.comparison_form())),
            Self { external_id: Some(external_id), .. } => LeadIndex::ExternalId(external_id),
            Self { source: Some(source), .. } => LeadIndex::Source((*source).into()),
            _ => LeadIndex::Id,
        }
    }

    /// The members that the index does not answer.
    pub(crate) fn unindexed(&self) -> Self {
        let mut rest = Self { received_after: None, received_before: None, ..self.clone() };
        match self.index() {
            LeadIndex::Phone(_) => rest.phone = None,
            LeadIndex::Email(_) => rest.email = None,
            LeadIndex::ExternalId(_) => rest.external_id = None,
            LeadIndex::Source(_) => rest.source = None,
            LeadIndex::Id => {}
        }
        rest
    }

    /// Whether a lead that was found still has the source, which may change, and really has the tag.
    pub(crate) fn confirms(&self, lead: &Lead) -> bool {
        self.source.is_none_or(|source| lead.source == source)
            && self.tag.as_deref().is_none_or(|tag| lead.all_tags().contains(tag))
    }

    /// The first id of the selected time, and the first after it, which is at most `end`.
    pub(crate) fn id_range(&self, end: Id) -> (Id, Id) {
        let id_at = |at: Timestamp| Id::from(SubmissionId::min_at(at));
        let first = self.received_after.map_or(Id(Uuid::nil()), id_at);
        (first, self.received_before.map_or(end, |at| id_at(at).min(end)))
    }
}
