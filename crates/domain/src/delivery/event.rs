//! Events: facts about a lead that others may want to know.

use serde::{Deserialize, Serialize};

use crate::{
    Eligibility, EndpointId, EventId, Lead, LeadId, OrganizationId, Outcome, QuarantineReason, Source,
    SourceId, SubmissionId, Timestamp,
};

/// The type of an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[derive(strum::IntoStaticStr, strum::Display, strum::EnumString, strum::VariantNames, strum::VariantArray)]
#[serde(try_from = "String", into = "String")]
#[strum(parse_err_ty = String, parse_err_fn = crate::unknown_code::<Self>)]
pub enum EventType {
    /// A lead was created.
    #[strum(serialize = "lead.created")]
    LeadCreated,
    /// A submission or an operator changed values of a lead.
    #[strum(serialize = "lead.updated")]
    LeadUpdated,
    /// A submission matched a lead and changed nothing.
    #[strum(serialize = "lead.duplicate")]
    LeadDuplicate,
    /// A lead became eligible, or was created as eligible.
    #[strum(serialize = "lead.eligible")]
    LeadEligible,
    /// A lead that was eligible is held, or a lead was created as held.
    #[strum(serialize = "lead.held")]
    LeadHeld,
    /// The status of a lead was set.
    #[strum(serialize = "lead.status_changed")]
    LeadStatusChanged,
    /// A lead was deleted. The event contains its id only.
    #[strum(serialize = "lead.erased")]
    LeadErased,
    /// A submission was quarantined.
    #[strum(serialize = "submission.quarantined")]
    SubmissionQuarantined,
    /// An endpoint was disabled because it failed for too long or answered 410.
    #[strum(serialize = "endpoint.disabled")]
    EndpointDisabled,
    /// Sent on request, to test an endpoint.
    #[strum(serialize = "test")]
    Test,
}

impl EventType {
    pub const ALL: &[Self] = <Self as strum::VariantArray>::VARIANTS;

    pub fn as_str(self) -> &'static str {
        self.into()
    }

    /// The events of a change from `before` to `after`. A new lead has no `before`.
    pub fn of_change(before: Option<&Lead>, after: &Lead) -> Vec<Self> {
        let mut events = Vec::new();
        match before {
            None => events.push(Self::LeadCreated),
            Some(before) => {
                if before.status != after.status {
                    events.push(Self::LeadStatusChanged);
                }
                if has_other_values(before, after) {
                    events.push(Self::LeadUpdated);
                }
            }
        }
        // A lead whose evidence had expired was not eligible any more, though nothing had been written.
        let was_eligible = before.map(|before| before.is_eligible_at(after.updated_at));
        if was_eligible != Some(after.eligibility == Eligibility::Eligible) {
            events.push(match after.eligibility {
                Eligibility::Eligible => Self::LeadEligible,
                Eligibility::Held => Self::LeadHeld,
            });
        }
        events
    }
}

impl TryFrom<String> for EventType {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl From<EventType> for String {
    fn from(event: EventType) -> Self {
        event.as_str().to_owned()
    }
}

/// Whether the two differ in more than the status, the decision about eligibility, and who set the values when.
fn has_other_values(before: &Lead, after: &Lead) -> bool {
    let decided = Lead {
        status: after.status.clone(),
        eligibility: after.eligibility,
        reasons: after.reasons.clone(),
        eligible_until: after.eligible_until,
        updated_at: after.updated_at,
        field_versions: after.field_versions.clone(),
        ..before.clone()
    };
    decided != *after
}

/// A fact about a lead or a submission, as it was stored in the transaction that caused it.
#[derive(Debug, Clone, PartialEq)]
pub struct Event {
    pub organization: OrganizationId,
    /// Ordered by time.
    pub id: EventId,
    pub kind: EventType,
    pub lead: Option<LeadId>,
    pub submission: Option<SubmissionId>,
    pub at: Timestamp,
    /// The lead after the event. `None` if it has none, or was erased since.
    pub document: Option<Lead>,
    pub detail: EventDetail,
}

impl Event {
    /// Whether an erasure removed the lead from the event.
    pub fn is_emptied(&self) -> bool {
        self.lead.is_some() && self.document.is_none() && self.kind != EventType::LeadErased
    }
}

/// The source of an event's lead as it is now, for its name in requests.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventSource {
    pub name: String,
    /// The campaign id for clients of KickoffLabs.
    pub campaign: Option<String>,
}

impl From<&Source> for EventSource {
    fn from(source: &Source) -> Self {
        Self { name: source.display_name(), campaign: source.campaign.clone() }
    }
}

/// What an event says apart from the lead.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct EventDetail {
    /// The outcome of the submission.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub outcome: Option<Outcome>,
    /// Why the submission is quarantined.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub quarantine: Option<QuarantineReason>,
    /// The source of the lead or the submission, if the event has no document.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source: Option<SourceId>,
    /// The endpoint that was disabled.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub endpoint: Option<EndpointId>,
    /// Whether an operator corrected the lead.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub corrected: bool,
    /// The status before a change of the status.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub previous_status: Option<String>,
}
