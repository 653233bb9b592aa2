//! The current state about one person for one organization.

mod claim;
mod inferred_value;
mod judge;
mod outcome;
mod reason;
mod status;

pub use claim::{Claim, ClaimKey, ClaimKind, matched_by_mailbox_only};
pub use inferred_value::{InferenceBasis, InferredValue};
pub use judge::{
    BatchChanges, BatchResolution, CommitAction, Judge, NormalizedSubmission, NormalizedValues,
    ResolvedOutcome, ResolvedSubmission,
};
pub use outcome::{Outcome, QuarantineReason};
pub use reason::{Reason, UnknownCode};
pub use status::LeadStatus;

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Map, Value};

use crate::{
    Consent, EmailKind, EmailProblem, LeadId, OrganizationId, PhoneDigest, PhoneKind, PhoneProblem, Region,
    SourceId, SubmissionId, TextField, TextValues, Timestamp, Trust,
};

/// Unknown codes deserialize to the default. These fields are derived again on every change, so an older build may read
/// the lead.
fn deserialize_or_default<'de, D: Deserializer<'de>, T: DeserializeOwned + Default>(
    deserializer: D,
) -> Result<T, D::Error> {
    Ok(T::deserialize(Value::deserialize(deserializer)?).unwrap_or_default())
}

/// Whether a lead may be called.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize, strum::IntoStaticStr)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum Eligibility {
    Eligible,
    #[default]
    Held,
}

impl Eligibility {
    pub fn as_str(self) -> &'static str {
        self.into()
    }
}

/// How promising a lead is, by its score.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize, strum::IntoStaticStr)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum Temperature {
    Hot,
    Warm,
    #[default]
    Cold,
}

impl Temperature {
    pub fn as_str(self) -> &'static str {
        self.into()
    }
}

/// A phone as it came and as it was read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PhoneView {
    pub raw: String,
    pub e164: Option<String>,
    pub valid: bool,
    #[serde(default, deserialize_with = "deserialize_or_default")]
    pub region: Option<Region>,
    #[serde(default, deserialize_with = "deserialize_or_default")]
    pub kind: Option<PhoneKind>,
    /// What to dial once the call is taken.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub extension: Option<String>,
    /// Words or a further number that stood beside it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
    #[serde(default, deserialize_with = "deserialize_or_default")]
    pub reason: Option<PhoneProblem>,
}

impl PhoneView {
    /// What tells one number from another: E.164, or what came where nothing could be read.
    pub fn identity(&self) -> &str {
        self.e164.as_deref().unwrap_or(&self.raw)
    }
}

/// An email as it came and as it was read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EmailView {
    pub raw: String,
    pub address: Option<String>,
    pub valid: bool,
    #[serde(default, deserialize_with = "deserialize_or_default")]
    pub kind: Option<EmailKind>,
    #[serde(default, deserialize_with = "deserialize_or_default")]
    pub reason: Option<EmailProblem>,
}

/// The place of a submission in the order in which its values win: by trust, then by time, then by id.
///
/// In JSON an array of the three.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(from = "(Trust, Timestamp, SubmissionId)", into = "(Trust, Timestamp, SubmissionId)")]
pub struct FieldVersion {
    pub trust: Trust,
    pub received_at: Timestamp,
    pub submission: SubmissionId,
}

impl FieldVersion {
    /// The order in which submissions were received, whatever their trust. A lead belongs to the source of the first: a
    /// later submission must not open to its source what another source collected.
    pub fn order(&self) -> (Timestamp, SubmissionId) {
        (self.received_at, self.submission)
    }
}

impl From<(Trust, Timestamp, SubmissionId)> for FieldVersion {
    fn from((trust, received_at, submission): (Trust, Timestamp, SubmissionId)) -> Self {
        Self { trust, received_at, submission }
    }
}

impl From<FieldVersion> for (Trust, Timestamp, SubmissionId) {
    fn from(clock: FieldVersion) -> Self {
        (clock.trust, clock.received_at, clock.submission)
    }
}

/// When each field of a lead was last said, so that the later submission wins whatever the order of work.
///
/// Fields that the creating submission set share `base`; only those said again, or said to be nothing, have a
/// clock of their own.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FieldVersions {
    pub base: FieldVersion,
    /// Of the earliest submission ([`FieldVersion::order`]), where that is not the creating one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first: Option<FieldVersion>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub own: BTreeMap<String, FieldVersion>,
    /// Where there were too many custom fields: none is kept that was said by then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub left_out: Option<FieldVersion>,
    /// Tags that only public submissions set.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub public_tags: BTreeSet<String>,
}

/// A lead. What was said is kept apart from what was derived from it, which is derived anew at every change.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Lead {
    pub id: LeadId,
    pub organization: OrganizationId,
    /// The source that its earliest submission came in by.
    pub source: SourceId,
    /// When the earliest of its submissions was received.
    pub received_at: Timestamp,
    /// When the latest submission that it is made of was received.
    pub updated_at: Timestamp,
    /// Set by the people who work the lead, never by a submission.
    #[serde(default, skip_serializing_if = "LeadStatus::is_new")]
    pub status: LeadStatus,

    /// What was said, in one spelling; the letter of it is in the submission.
    #[serde(default)]
    pub texts: TextValues<String>,
    pub phone: Option<PhoneView>,
    pub email: Option<EmailView>,
    #[serde(default)]
    pub tags: BTreeSet<String>,
    pub consent: Option<Consent>,
    pub attribution: Option<Map<String, Value>>,
    #[serde(default)]
    pub custom_fields: Map<String, Value>,
    pub automations: Option<Value>,
    pub user_assignments: Option<Value>,
    /// What a person's browser sent in addition, such as `device` and `place`.
    #[serde(default)]
    pub observed: Option<BTreeMap<String, InferredValue>>,
    #[serde(default)]
    pub opt_out: bool,
    #[serde(default)]
    pub is_test: bool,
    /// Whether any source that it came in by requires consent.
    pub consent_required: bool,
    /// How old its consent may be: the least of what the sources that it came in by say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub consent_max_age_seconds: Option<u64>,
    /// Stands for the phone that was sent together with its consent; `None` if none was. The number itself would
    /// remain here after the phone was erased.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub consent_phone: Option<PhoneDigest>,
    pub clocks: FieldVersions,

    /// Texts that follow from what was said, such as a first name out of a full one.
    #[serde(default)]
    pub derived: TextValues<String>,
    /// What else follows from what was said, such as `state`, `company` or `utm_source`.
    #[serde(default)]
    pub inferred: BTreeMap<String, InferredValue>,
    /// Tags that follow from what was said, such as `phone_review`.
    #[serde(default)]
    pub derived_tags: BTreeSet<String>,
    pub score: u8,
    #[serde(default, deserialize_with = "deserialize_or_default")]
    pub temperature: Temperature,
    #[serde(default, deserialize_with = "deserialize_or_default")]
    pub eligibility: Eligibility,
    #[serde(default)]
    pub reasons: Vec<Reason>,
    /// The earliest expiry over the evidence that was needed; `None` if none of it expires.
    pub eligible_until: Option<Timestamp>,
    /// What a newer build wrote and this one does not know: written back.
    #[serde(flatten)]
    pub unknown: Map<String, Value>,
}

impl Lead {
    /// A text as it was said, else as it was derived.
    pub fn text(&self, field: TextField) -> Option<&str> {
        self.texts.get(&field).or_else(|| self.derived.get(&field)).map(String::as_str)
    }

    /// When a field was last said, by the order in which submissions count. A field without a clock of its own was
    /// set by the creating submission, if at all.
    pub fn last_set_at(&self, field: &str) -> Timestamp {
        self.last_set_by(field).received_at
    }

    fn last_set_by(&self, field: &str) -> FieldVersion {
        *self.clocks.own.get(field).unwrap_or(&self.clocks.base)
    }

    /// Whether its consent came together with another phone than it has by now. One that came without a phone is for
    /// the lead's.
    pub fn has_consent_for_other_phone(&self) -> bool {
        match (&self.consent, &self.consent_phone, &self.phone) {
            (Some(_), Some(consented), Some(phone)) => {
                *consented != PhoneDigest::of(self.last_set_by("consent").submission, phone.identity())
            }
            _ => false,
        }
    }

    /// The same, else as it was inferred: for whoever is shown [`Lead::all_inferred`] beside it.
    pub fn text_or_inferred(&self, field: TextField) -> Option<&str> {
        self.text(field).or_else(|| self.inferred.get(field.as_str())?.value.as_str())
    }

    /// Every inferred value with its basis.
    pub fn inferred_values(&self) -> BTreeMap<&str, Cow<'_, InferredValue>> {
        let derived = self.derived.iter().map(|(field, text)| {
            let basis = if *field == TextField::FullName {
                InferenceBasis::NameParts
            } else {
                InferenceBasis::FullName
            };
            (field.as_str(), Cow::Owned(InferredValue::new(text.as_str(), basis)))
        });
        let inferred = self.observed.iter().flatten().chain(&self.inferred);
        derived.chain(inferred.map(|(name, one)| (name.as_str(), Cow::Borrowed(one)))).collect()
    }

    pub fn e164(&self) -> Option<&str> {
        self.phone.as_ref()?.e164.as_deref()
    }

    pub fn email_address(&self) -> Option<&str> {
        self.email.as_ref()?.address.as_deref()
    }

    /// Every tag, said or derived, in order.
    pub fn all_tags(&self) -> BTreeSet<&str> {
        self.tags.iter().chain(&self.derived_tags).map(String::as_str).collect()
    }
}
