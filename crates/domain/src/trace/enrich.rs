use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::extensible::{MaybeKnown, StageRecord, TraceItem};
use super::sentences::words;
use crate::{EmailKind, InferenceBasis, InferredValue, Region};

/// The inferred values, each with the value that it is based on.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct EnrichTrace {
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub inferred: BTreeMap<String, TraceItem<InferredValue>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub email_kind: Option<MaybeKnown<EmailKind>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub phone_region: Option<MaybeKnown<Region>>,
}

impl StageRecord for EnrichTrace {
    fn sentences(&self) -> Vec<String> {
        let mut sentences = Vec::new();
        if let Some(kind) = &self.email_kind {
            sentences.push(format!("Kind of email: {}.", kind.words()));
        }
        if let Some(region) = &self.phone_region {
            sentences.push(format!("Region of the phone: {}.", region.words()));
        }
        if self.inferred.is_empty() {
            sentences.push("Nothing was inferred.".to_owned());
        }
        sentences.extend(self.inferred.iter().map(|(name, value)| inferred(name, value)));
        sentences
    }

    /// Nothing is kept, because all of it is derived from submitted values.
    fn erased(self) -> Option<Self> {
        None
    }
}

fn inferred(name: &str, value: &TraceItem<InferredValue>) -> String {
    let Some(InferredValue { value: inferred, basis }) = value.record() else {
        return format!("{name} was inferred: {}.", value.words());
    };
    let from = match basis {
        InferenceBasis::FullName => "the full name",
        InferenceBasis::NameParts => "first and last name",
        InferenceBasis::PhonePrefix => "the phone prefix",
        InferenceBasis::EmailDomain => "the domain of the email",
        InferenceBasis::PageUrl => "the URL of the page",
        InferenceBasis::Referrer => "the referrer",
        InferenceBasis::UserAgent => "the user agent",
        InferenceBasis::ClientAddress => "the IP address of the client",
        InferenceBasis::Newer(code) => code.as_str(),
    };
    format!("{name} was inferred from {from}: {}.", words(inferred))
}
