use serde::{Deserialize, Serialize};
use serde_json::json;

use super::extensible::{Extensible, MaybeKnown, TraceItem, erased_items};
use super::sentences::{date, remark_suffix};
use crate::{ListEntry, Reason, SuppressionForm, Timestamp};

/// The suppression list entries that match a phone or an email.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct ScreenTrace(pub Vec<TraceItem<SuppressionHit>>);

/// A matching entry and the reason code that it causes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SuppressionHit {
    pub reason: Reason,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub list: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub added_at: Option<Timestamp>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Timestamp>,
    #[serde(default, skip_serializing_if = "SuppressionForm::is_plain")]
    pub form: SuppressionForm,
}

impl SuppressionHit {
    pub fn new(reason: Reason, listing: &ListEntry) -> Self {
        let ListEntry { list, added_at, expires_at, form } = listing;
        Self {
            reason,
            list: Some(list.clone()),
            added_at: Some(*added_at),
            expires_at: *expires_at,
            form: *form,
        }
    }
}

/// Which phone and email were looked up: those of the submission or those of the lead.
#[derive(Debug, Clone, Copy)]
pub(super) enum ScreenedValues {
    Submission,
    Lead,
}

impl ScreenTrace {
    pub(super) fn sentences(&self, owner: ScreenedValues) -> Vec<String> {
        if self.0.is_empty() {
            let owner = owner.words();
            return vec![format!("No entry of a suppression list matches the phone or the email {owner}.")];
        }
        self.0.iter().map(|hit| sentence(hit, owner)).collect()
    }

    /// The entries that hold the lead, as sentences.
    pub(crate) fn lead_sentences(&self) -> impl Iterator<Item = String> {
        self.0.iter().map(|hit| sentence(hit, ScreenedValues::Lead))
    }

    pub(super) fn erased(self) -> Self {
        Self(erased_items(self.0))
    }
}

impl From<Vec<SuppressionHit>> for ScreenTrace {
    fn from(hits: Vec<SuppressionHit>) -> Self {
        Self(hits.into_iter().map(TraceItem::from).collect())
    }
}

impl ScreenedValues {
    fn words(self) -> &'static str {
        match self {
            Self::Submission => "of the submission",
            Self::Lead => "of the lead",
        }
    }
}

fn sentence(hit: &TraceItem<SuppressionHit>, owner: ScreenedValues) -> String {
    let MaybeKnown::Known(Extensible { known: hit, other }) = hit else { return hit.words() };
    let owner = owner.words();
    let what = match hit.reason {
        Reason::SuppressedPhone => format!("The phone {owner}"),
        Reason::SuppressedEmail => format!("The email {owner}"),
        Reason::OptedOut => format!("The phone or the email {owner}"),
        Reason::SuppressedDomain => format!("The domain of the email {owner}"),
        reason => format!("The contact {owner} ({reason})"),
    };
    let on = hit.list.as_ref().map(|list| format!(" \"{list}\"")).unwrap_or_default();
    let since = hit.added_at.map(|at| format!(", since {}", date(at))).unwrap_or_default();
    let until = hit.expires_at.map(|at| format!(", until {}", date(at))).unwrap_or_default();
    let mut other = other.clone();
    if !hit.form.is_plain() {
        other.insert("form".to_owned(), json!(hit.form));
    }
    format!("{what} is on the suppression list{on}{since}{until}{}.", remark_suffix(&other))
}
