use serde::{Deserialize, Serialize};

use super::extensible::{MaybeKnown, StageRecord};
use super::sentences::date;
use crate::{Eligibility, Reason, Timestamp};

/// Whether a lead may be called, and all reasons that hold it.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct DecideTrace {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub eligibility: Option<MaybeKnown<Eligibility>>,
    pub reasons: Vec<Reason>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub consent_not_required: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub eligible_until: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub registry: Option<MaybeKnown<RegistryCheck>>,
}

/// Which national do-not-call registry was consulted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RegistryCheck {
    /// No registry was consulted: this build has no access to one.
    Off,
}

impl DecideTrace {
    pub(crate) fn is_eligible(&self) -> bool {
        self.eligibility.as_ref().is_some_and(|eligibility| eligibility.is(&Eligibility::Eligible))
    }
}

impl StageRecord for DecideTrace {
    fn sentences(&self) -> Vec<String> {
        let eligibility = self.eligibility.as_ref();
        let mut sentences = match (eligibility.and_then(MaybeKnown::known), self.eligible_until) {
            (Some(Eligibility::Eligible), Some(until)) => {
                vec![format!("The lead is eligible until {}.", date(until))]
            }
            (Some(Eligibility::Eligible), None) => {
                vec!["The lead is eligible. None of the evidence that it needs expires.".to_owned()]
            }
            (Some(Eligibility::Held), _) if !self.reasons.is_empty() => Vec::new(),
            _ => {
                let eligibility = eligibility.map_or("not decided".to_owned(), MaybeKnown::words);
                vec![format!("The lead is {eligibility}.")]
            }
        };
        for reason in &self.reasons {
            let why = match reason {
                Reason::Newer(code) => code.as_str(),
                known => known.sentence(),
            };
            sentences.push(format!("The lead is held because {why}."));
        }
        if self.consent_not_required {
            sentences.push("Its sources do not require consent.".to_owned());
        }
        match &self.registry {
            None => {}
            Some(MaybeKnown::Known(RegistryCheck::Off)) => {
                sentences.push("No national do-not-call registry was consulted.".to_owned());
            }
            Some(other) => sentences.push(format!("National do-not-call registry: {}.", other.words())),
        }
        sentences
    }

    fn erased(self) -> Option<Self> {
        let eligibility = self.eligibility.and_then(MaybeKnown::erased);
        let registry = self.registry.and_then(MaybeKnown::erased);
        Some(Self { eligibility, registry, ..self })
    }
}
