//! Leads: the current state about one person in one organization.

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

/// Unknown codes deserialize to the default. These fields are derived again on every change, so an older
/// build can read the lead.
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

/// The class of a lead by its score.
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

/// A phone as it was sent and as it was parsed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PhoneView {
    pub raw: String,
    pub e164: Option<String>,
    pub valid: bool,
    #[serde(default, deserialize_with = "deserialize_or_default")]
    pub region: Option<Region>,
    #[serde(default, deserialize_with = "deserialize_or_default")]
    pub kind: Option<PhoneKind>,
    /// The digits to dial after the call is answered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub extension: Option<String>,
    /// Text or a second number that was sent with the phone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
    #[serde(default, deserialize_with = "deserialize_or_default")]
    pub reason: Option<PhoneProblem>,
}

impl PhoneView {
    /// The value by which phones are compared: E.164, or the raw text if the phone is invalid.
    pub fn identity(&self) -> &str {
        self.e164.as_deref().unwrap_or(&self.raw)
    }
}

/// An email as it was sent and as it was parsed.
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

/// The version of a field value. The greater version wins: by trust, then by time, then by submission id.
///
/// In JSON it is an array of the three.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(from = "(Trust, Timestamp, SubmissionId)", into = "(Trust, Timestamp, SubmissionId)")]
pub struct FieldVersion {
    pub trust: Trust,
    pub received_at: Timestamp,
    pub submission: SubmissionId,
}

impl FieldVersion {
    /// The order of receipt, without regard to trust. A lead belongs to the source of its first submission: a
    /// later submission must not give its own source access to values that another source collected.
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
    fn from(version: FieldVersion) -> Self {
        (version.trust, version.received_at, version.submission)
    }
}

/// The version of each field of a lead. The later submission wins, in whatever order the submissions are
/// processed.
///
/// Fields that the creating submission set share `base`. Only fields that were set or cleared later are in
/// `by_field`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FieldVersions {
    pub base: FieldVersion,
    /// The version of the earliest submission ([`FieldVersion::order`]), if that is not the creating one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first: Option<FieldVersion>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub by_field: BTreeMap<String, FieldVersion>,
    /// Set if custom fields were dropped because there were too many. Custom fields up to this version are
    /// not added.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub custom_fields_dropped_up_to: Option<FieldVersion>,
    /// Tags that only public submissions set.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub public_tags: BTreeSet<String>,
}

/// A lead. Submitted values and derived values are separate fields. Derived values are computed again on
/// every change.
///
/// Optional members that are empty, absent or false are left out of the stored document. Responses use another type
/// and always contain them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Lead {
    pub id: LeadId,
    pub organization: OrganizationId,
    /// The source of its earliest submission.
    pub source: SourceId,
    /// When the earliest of its submissions was received.
    pub received_at: Timestamp,
    /// When the latest of its contributors was received.
    pub updated_at: Timestamp,
    /// Set by operators, never by a submission.
    #[serde(default, skip_serializing_if = "LeadStatus::is_new")]
    pub status: LeadStatus,

    /// Submitted texts in canonical form. The original texts are in the submissions.
    #[serde(default, skip_serializing_if = "TextValues::is_nothing")]
    pub texts: TextValues<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub phone: Option<PhoneView>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub email: Option<EmailView>,
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub tags: BTreeSet<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub consent: Option<Consent>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attribution: Option<Map<String, Value>>,
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub custom_fields: Map<String, Value>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub automations: Option<Value>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user_assignments: Option<Value>,
    /// Values that are inferred from the request of the person's browser, such as `device` and `location`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed: Option<BTreeMap<String, InferredValue>>,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub opt_out: bool,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_test: bool,
    /// Whether any source of its submissions requires consent.
    pub consent_required: bool,
    /// Maximum age of its consent in seconds: the smallest limit of the sources of its submissions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub consent_max_age_seconds: Option<u64>,
    /// Digest of the phone that was sent with the consent; `None` if none was sent. It is a digest, because
    /// the number itself would remain here after the phone is erased.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub consent_phone: Option<PhoneDigest>,
    pub field_versions: FieldVersions,

    /// Texts that are derived from submitted values, such as a first name from a full name.
    #[serde(default, skip_serializing_if = "TextValues::is_nothing")]
    pub derived: TextValues<String>,
    /// Other values that are inferred from submitted values, such as `state`, `company` or `utm_source`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub inferred: BTreeMap<String, InferredValue>,
    /// Tags that are derived from submitted values, such as `phone_review`.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub derived_tags: BTreeSet<String>,
    pub score: u8,
    #[serde(default, deserialize_with = "deserialize_or_default")]
    pub temperature: Temperature,
    #[serde(default, deserialize_with = "deserialize_or_default")]
    pub eligibility: Eligibility,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub reasons: Vec<Reason>,
    /// The earliest expiry of the evidence that the lead needs; `None` if none of it expires.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub eligible_until: Option<Timestamp>,
    /// Members that a newer build wrote. They are written back unchanged.
    #[serde(flatten)]
    pub unknown: Map<String, Value>,
}

impl Lead {
    /// The submitted text of a field, or else the derived one.
    pub fn text(&self, field: TextField) -> Option<&str> {
        self.texts.get(&field).or_else(|| self.derived.get(&field)).map(String::as_str)
    }

    /// When the submission that last set the field was received. A field that is not in
    /// [`FieldVersions::by_field`] was set by the creating submission, if at all.
    pub fn last_set_at(&self, field: &str) -> Timestamp {
        self.last_set_by(field).received_at
    }

    fn last_set_by(&self, field: &str) -> FieldVersion {
        *self.field_versions.by_field.get(field).unwrap_or(&self.field_versions.base)
    }

    /// Whether the consent was sent with another phone than the lead has now. A consent that was sent without
    /// a phone counts for the phone of the lead.
    pub fn has_consent_for_other_phone(&self) -> bool {
        match (&self.consent, &self.consent_phone, &self.phone) {
            (Some(_), Some(consented), Some(phone)) => {
                *consented != PhoneDigest::compute(self.last_set_by("consent").submission, phone.identity())
            }
            _ => false,
        }
    }

    /// The submitted or derived text, or else the inferred one. For responses that also show
    /// [`Lead::inferred_values`].
    pub fn text_or_inferred(&self, field: TextField) -> Option<&str> {
        self.text(field).or_else(|| self.inferred.get(field.as_str())?.value.as_str())
    }

    /// All inferred values with their basis.
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
        derived.chain(inferred.map(|(name, value)| (name.as_str(), Cow::Borrowed(value)))).collect()
    }

    /// Whether the lead may be called at this time.
    pub fn is_eligible_at(&self, time: Timestamp) -> bool {
        self.eligibility == Eligibility::Eligible && self.eligible_until.is_none_or(|until| time < until)
    }

    pub fn e164(&self) -> Option<&str> {
        self.phone.as_ref()?.e164.as_deref()
    }

    pub fn email_address(&self) -> Option<&str> {
        self.email.as_ref()?.address.as_deref()
    }

    /// All submitted and derived tags, sorted.
    pub fn all_tags(&self) -> BTreeSet<&str> {
        self.tags.iter().chain(&self.derived_tags).map(String::as_str).collect()
    }
}
