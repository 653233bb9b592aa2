use serde::{Deserialize, Serialize};
use serde_json::{Map, json};

use super::extensible::{Extensible, MaybeKnown, StageRecord, TraceItem};
use super::quarantine;
use super::sentences::{listed, remark_suffix, unknown_members_sentence};
use crate::mapping::MappingFault;
use crate::{CertificateProblem, QuarantineReason, Region, Repair, TextField, TimeProblem};

/// The results of normalizing the values of a submission, or why it was quarantined.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct NormalizeTrace {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub quarantined: Option<MaybeKnown<QuarantineReason>>,
    /// The field for which the mapping failed, and why. It contains no value.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mapping: Option<TraceItem<MappingFault>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub phone: Option<MaybeKnown<ContactVerdict>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub phone_reason: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub phone_default_region: Option<MaybeKnown<Region>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub email: Option<MaybeKnown<ContactVerdict>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub email_reason: Option<String>,
    /// Text fields that were changed to their canonical form.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub rewritten: Vec<MaybeKnown<TextField>>,
    /// Name fields that contained only a placeholder, such as `N/A`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub placeholders: Vec<MaybeKnown<TextField>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub currency: Option<MaybeKnown<TextVerdict>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub locale: Option<MaybeKnown<TextVerdict>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub state: Option<MaybeKnown<TextVerdict>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub timezone: Option<MaybeKnown<TextVerdict>>,
    /// Repairs that were made before a value was read.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub repaired: Vec<MaybeKnown<Repair>>,
    /// Names of submitted fields that a public credential may not set.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub untrusted_fields: Vec<String>,
    /// The time zone of the source, if the time of the consent was sent without a zone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub consent_timezone: Option<String>,
    /// Why the time of the consent cannot be read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub consent_time: Option<MaybeKnown<TimeProblem>>,
    /// Why the TrustedForm certificate is invalid. The value is kept as it was sent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub consent_trustedform: Option<MaybeKnown<CertificateProblem>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub consent_jornaya: Option<MaybeKnown<CertificateProblem>>,
    /// The name of the source, for the sentence about the receipt.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
}

/// The result of reading a phone or an email.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ContactVerdict {
    Absent,
    Valid,
    Invalid,
}

/// What is wrong with a value that must be in a standard list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TextVerdict {
    /// The value is not in the list. It is kept as it was sent.
    Unknown,
}

impl NormalizeTrace {
    /// The trace of a submission that is quarantined before it is judged.
    pub fn quarantined(reason: QuarantineReason, mapping: Option<MappingFault>) -> Self {
        Self { quarantined: Some(reason.into()), mapping: mapping.map(TraceItem::from), ..Self::default() }
    }

    /// Records that the value of a field is not in the standard list for that field.
    pub fn unlisted(&mut self, field: TextField) {
        let verdict = match field {
            TextField::Currency => &mut self.currency,
            TextField::Locale => &mut self.locale,
            TextField::State => &mut self.state,
            TextField::Timezone => &mut self.timezone,
            _ => return,
        };
        *verdict = Some(TextVerdict::Unknown.into());
    }

    fn phone_sentence(&self) -> Option<String> {
        let region = match &self.phone_default_region {
            Some(region) => {
                format!("The region {} was applied if the number had no country code", region.words())
            }
            None => "The number has a country code".to_owned(),
        };
        let valid = format!("The phone was converted to E.164. {region}.");
        contact_sentence("phone", self.phone.as_ref()?, self.phone_reason.as_deref(), valid)
    }

    fn email_sentence(&self) -> Option<String> {
        let valid = "The email is a valid address.".to_owned();
        contact_sentence("email", self.email.as_ref()?, self.email_reason.as_deref(), valid)
    }

    fn unlisted_sentences(&self) -> impl Iterator<Item = String> {
        let texts = [
            ("currency", &self.currency),
            ("locale", &self.locale),
            ("state", &self.state),
            ("timezone", &self.timezone),
        ];
        texts.into_iter().filter_map(|(field, verdict)| {
            Some(match verdict.as_ref()? {
                MaybeKnown::Known(TextVerdict::Unknown) => {
                    format!("The {field} is not a known value and was kept as it was sent.")
                }
                newer => format!("The {field}: {}.", newer.words()),
            })
        })
    }

    fn consent_sentences(&self) -> impl Iterator<Item = String> {
        let zone = self.consent_timezone.as_ref().map(|zone| {
            format!(
                "The time of consent was sent without a zone and was read in the zone {zone} of the source."
            )
        });
        let unreadable = self.consent_time.as_ref().map(|problem| {
            let why = problem.known().map_or_else(|| problem.words(), TimeProblem::to_string);
            format!("The time of consent cannot be read: {why}.")
        });
        let mut certificates = Map::new();
        for (name, problem) in
            [("consent_jornaya", &self.consent_jornaya), ("consent_trustedform", &self.consent_trustedform)]
        {
            certificates.extend(problem.as_ref().map(|problem| (name.to_owned(), json!(problem))));
        }
        zone.into_iter().chain(unreadable).chain(unknown_members_sentence(&certificates))
    }
}

impl StageRecord for NormalizeTrace {
    fn sentences(&self) -> Vec<String> {
        let mut sentences = Vec::new();
        sentences.extend(self.quarantined.as_ref().map(quarantine::sentence));
        sentences.extend(self.mapping.as_ref().map(mapping));
        sentences.extend(self.phone_sentence());
        sentences.extend(self.email_sentence());
        let rewritten: Vec<_> = self.rewritten.iter().map(MaybeKnown::words).collect();
        sentences.extend(listed("Converted to canonical form", &rewritten));
        let placeholders: Vec<_> = self.placeholders.iter().map(MaybeKnown::words).collect();
        sentences.extend(listed("Ignored, because the value is a placeholder", &placeholders));
        for repair in &self.repaired {
            let what = repair.known().map_or_else(|| repair.words(), |known| known.sentence().to_owned());
            sentences.push(format!("Repaired: {what}."));
        }
        let untrusted = "Stored but not used, because a public credential may not set it";
        sentences.extend(listed(untrusted, &self.untrusted_fields));
        sentences.extend(self.unlisted_sentences());
        sentences.extend(self.consent_sentences());
        sentences
    }

    fn erased(self) -> Option<Self> {
        Some(Self {
            quarantined: self.quarantined.and_then(MaybeKnown::erased),
            phone: self.phone.and_then(MaybeKnown::erased),
            email: self.email.and_then(MaybeKnown::erased),
            ..Self::default()
        })
    }
}

fn mapping(fault: &TraceItem<MappingFault>) -> String {
    match fault {
        MaybeKnown::Known(Extensible { known: MappingFault { to, code }, other }) => {
            format!("The mapping failed for the field {to}: {}{}.", code.as_str(), remark_suffix(other))
        }
        unknown => format!("The mapping could not be applied: {}.", unknown.words()),
    }
}

/// The sentence about a phone or an email.
fn contact_sentence(
    name: &str,
    verdict: &MaybeKnown<ContactVerdict>,
    reason: Option<&str>,
    valid: String,
) -> Option<String> {
    Some(match (verdict, reason) {
        (MaybeKnown::Known(ContactVerdict::Valid), _) => valid,
        (MaybeKnown::Known(ContactVerdict::Absent), _) => format!("No {name} was sent."),
        (MaybeKnown::Known(ContactVerdict::Invalid), Some(reason)) => {
            format!("The {name} is not valid and was kept as it was sent: {reason}.")
        }
        (MaybeKnown::Known(ContactVerdict::Invalid), None) => {
            format!("The {name} is not valid and was kept as it was sent.")
        }
        (newer, reason) => format!("The {name}: {} {}.", newer.words(), reason.unwrap_or_default()),
    })
}
