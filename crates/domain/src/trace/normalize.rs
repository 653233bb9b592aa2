use serde::{Deserialize, Serialize};
use serde_json::{Map, json};

use super::extensible::{Extensible, MaybeKnown, StageRecord, TraceItem};
use super::quarantine;
use super::sentences::{listed, remark_suffix, unknown_members_sentence};
use crate::mapping::MappingFault;
use crate::{CertificateProblem, QuarantineReason, Region, Repair, TextField, TimeProblem};

/// What was read of a submission's values, or why it cannot be judged.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct NormalizeTrace {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub quarantined: Option<MaybeKnown<QuarantineReason>>,
    /// The field that could not be filled, and why; no value.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mapping: Option<TraceItem<MappingFault>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub phone: Option<MaybeKnown<ContactVerdict>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub phone_reason: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub phone_read_in: Option<MaybeKnown<Region>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub email: Option<MaybeKnown<ContactVerdict>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub email_reason: Option<String>,
    /// Texts that are written in another way than they came.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub rewritten: Vec<MaybeKnown<TextField>>,
    /// Names that were no more than what programs write for nothing.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub not_said: Vec<MaybeKnown<TextField>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub currency: Option<MaybeKnown<TextVerdict>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub locale: Option<MaybeKnown<TextVerdict>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub state: Option<MaybeKnown<TextVerdict>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub timezone: Option<MaybeKnown<TextVerdict>>,
    /// What was put right before it was read.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub repaired: Vec<MaybeKnown<Repair>>,
    /// What a public credential sent and may not set, by name.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub not_trusted: Vec<String>,
    /// The source's zone, in which the time of the consent was read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub consent_time_read_in: Option<String>,
    /// Why the time of the consent cannot be read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub consent_time: Option<MaybeKnown<TimeProblem>>,
    /// Why what was sent as a certificate of consent is none; it is kept as it came.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub consent_trustedform: Option<MaybeKnown<CertificateProblem>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub consent_jornaya: Option<MaybeKnown<CertificateProblem>>,
    /// The source's name, which stands in the sentence about the receipt.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
}

/// What a phone or an email is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ContactVerdict {
    Absent,
    Valid,
    Invalid,
}

/// What is wrong with a value of a standard list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TextVerdict {
    /// It is not on the list, and was kept as it came.
    Unknown,
}

impl NormalizeTrace {
    /// Of a submission that cannot be judged.
    pub fn quarantined(reason: QuarantineReason, mapping: Option<MappingFault>) -> Self {
        Self { quarantined: Some(reason.into()), mapping: mapping.map(TraceItem::from), ..Self::default() }
    }

    /// Notes that the value of a field is not on the list of such values.
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
        let read_in = match &self.phone_read_in {
            Some(region) => {
                format!("as a number of {} unless it has a country code of its own", region.words())
            }
            None => "by its own country code".to_owned(),
        };
        let valid = format!("The phone was read in E.164, {read_in}.");
        contact("phone", self.phone.as_ref()?, self.phone_reason.as_deref(), valid)
    }

    fn email_sentence(&self) -> Option<String> {
        let valid = "The email was read as an address.".to_owned();
        contact("email", self.email.as_ref()?, self.email_reason.as_deref(), valid)
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
                    format!("The {field} is on no list of such values and was kept as it came.")
                }
                newer => format!("The {field}: {}.", newer.words()),
            })
        })
    }

    fn consent_sentences(&self) -> impl Iterator<Item = String> {
        let read_in = self.consent_time_read_in.as_ref().map(|zone| {
            format!("When consent was given was read as a time of {zone}: it was sent without a zone.")
        });
        let unread = self.consent_time.as_ref().map(|problem| {
            let why = problem.known().map_or_else(|| problem.words(), TimeProblem::to_string);
            format!("When consent was given cannot be read: {why}.")
        });
        let mut certificates = Map::new();
        for (name, problem) in
            [("consent_jornaya", &self.consent_jornaya), ("consent_trustedform", &self.consent_trustedform)]
        {
            certificates.extend(problem.as_ref().map(|problem| (name.to_owned(), json!(problem))));
        }
        read_in.into_iter().chain(unread).chain(unknown_members_sentence(&certificates))
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
        sentences.extend(listed("Written in the one spelling of their kind", &rewritten));
        let not_said: Vec<_> = self.not_said.iter().map(MaybeKnown::words).collect();
        sentences.extend(listed("Taken for nothing, which is all that programs mean by it", &not_said));
        for repair in &self.repaired {
            let what = repair.known().map_or_else(|| repair.words(), |known| known.sentence().to_owned());
            sentences.push(format!("Repaired: {what}."));
        }
        let kept = "Kept but not used, because a public credential may not set it";
        sentences.extend(listed(kept, &self.not_trusted));
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
            format!("The mapping could not fill {to}: {}{}.", code.as_str(), remark_suffix(other))
        }
        unknown => format!("The mapping could not be applied: {}.", unknown.words()),
    }
}

/// What was read of a phone or an email.
fn contact(
    name: &str,
    verdict: &MaybeKnown<ContactVerdict>,
    reason: Option<&str>,
    valid: String,
) -> Option<String> {
    Some(match (verdict, reason) {
        (MaybeKnown::Known(ContactVerdict::Valid), _) => valid,
        (MaybeKnown::Known(ContactVerdict::Absent), _) => format!("No {name} was sent."),
        (MaybeKnown::Known(ContactVerdict::Invalid), Some(reason)) => {
            format!("The {name} was kept as it came: {reason}.")
        }
        (MaybeKnown::Known(ContactVerdict::Invalid), None) => format!("The {name} was kept as it came."),
        (newer, reason) => format!("The {name}: {} {}.", newer.words(), reason.unwrap_or_default()),
    })
}
