//! Why a submission ended as it did.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::Timestamp;

/// The stage of a trace that was erased.
const ERASED: &str = "erased";

/// The stage that repeats what its lead says in other words.
const INFERRED: &str = "enrich";

/// The stages that look at a submission only.
const OF_SUBMISSION: [&str; 6] = ["remap", "normalize", "deduplicate", "screen", "quarantine", ERASED];

/// Of each stage the parts that hold words of ours, ids and times; a stage without parts is such a word itself, or a
/// list of entries of suppression lists.
const HARMLESS: &[(&str, &[&str])] = &[
    ("normalize", &["phone", "email", "quarantined"]),
    ("screen", &[]),
    ("screen_lead", &[]),
    ("deduplicate", &["rule", "policy", "matched", "identity_conflict", "expired"]),
    ("score", &["score", "temperature", "scoring_version"]),
    ("decide", &["eligibility", "reasons", "consent_not_required", "eligible_until", "registry"]),
    ("remap", &["mapping_version"]),
    ("reprocess", &["identity_conflict"]),
    ("reassess", &[]),
    ("quarantine", &[]),
];

/// One compact record per submission: each stage's verdict, reason and evidence, under the stage's name.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Trace(Map<String, Value>);

impl Trace {
    /// Writes a stage's part. What cannot be written as JSON is recorded as null: a trace never fails a lead.
    pub fn record(&mut self, stage: &str, part: impl Serialize) {
        self.0.insert(stage.to_owned(), serde_json::to_value(part).unwrap_or_default());
    }

    pub fn stage(&self, stage: &str) -> Option<&Value> {
        self.0.get(stage)
    }

    /// The part of a trace that may be kept after its person was erased: outcome, reasons and lists, and no submitted
    /// or derived value. A stage or a part of one that this build does not know goes.
    pub fn erased(&self, at: Timestamp) -> Self {
        if self.0.contains_key(ERASED) {
            return self.clone();
        }
        let mut kept = Map::from_iter([(ERASED.to_owned(), Value::String(at.to_string()))]);
        for (stage, parts) in HARMLESS {
            let part = match self.0.get(*stage) {
                Some(Value::Object(part)) => {
                    let harmless = part.iter().filter(|(name, _)| parts.contains(&name.as_str()));
                    harmless.map(|(name, value)| (name.clone(), value.clone())).collect::<Map<_, _>>().into()
                }
                Some(part) if parts.is_empty() => part.clone(),
                _ => continue,
            };
            kept.insert((*stage).to_owned(), part);
        }
        Self(kept)
    }

    /// Only what is about the submission itself: nothing of the lead that it met but the lead's id.
    pub fn of_submission(&self) -> Self {
        let own = |stage: &str| OF_SUBMISSION.contains(&stage);
        Self(
            self.0
                .iter()
                .filter(|(stage, _)| own(stage))
                .map(|(stage, part)| (stage.clone(), part.clone()))
                .collect(),
        )
    }

    /// Without what follows from everything that its lead said: of that, others may have said a part.
    pub fn without_inferred(mut self) -> Self {
        self.0.remove(INFERRED);
        self
    }

    pub fn stages(&self) -> impl Iterator<Item = (&str, &Value)> {
        self.0.iter().map(|(stage, part)| (stage.as_str(), part))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn an_erased_trace_says_how_it_ended_and_nothing_of_the_person() {
        let trace: Trace = serde_json::from_value(json!({
            "normalize": {"phone": "valid", "email": "absent", "phone_reason": "Ann", "state": "unknown"},
            "screen": [{"reason": "suppressed_phone", "list": "default", "added_at": "2026-01-01T00:00:00Z"}],
            "deduplicate": {"rule": "any_of", "policy": "update", "matched": {"by": "phone", "lead": "1"}},
            "enrich": {"inferred": {"first_name": {"value": "Ann"}}, "email_kind": "free"},
            "score": {"score": 40, "temperature": "warm", "points": [["Ann", 40]]},
            "decide": {"eligibility": "held", "reasons": ["suppressed_phone"], "note": "Ann"},
            "of a newer build": "Ann",
        }))
        .unwrap();
        let at = Timestamp::parse("2026-11-21T12:00:00Z").unwrap();
        let erased = trace.erased(at);
        let expected = json!({
            "erased": "2026-11-21T12:00:00.000000Z",
            "normalize": {"phone": "valid", "email": "absent"},
            "screen": [{"reason": "suppressed_phone", "list": "default", "added_at": "2026-01-01T00:00:00Z"}],
            "deduplicate": {"rule": "any_of", "policy": "update", "matched": {"by": "phone", "lead": "1"}},
            "score": {"score": 40, "temperature": "warm"},
            "decide": {"eligibility": "held", "reasons": ["suppressed_phone"]},
        });
        assert_eq!(serde_json::to_value(&erased).unwrap(), expected);
        assert_eq!(erased.erased(Timestamp::now()), erased, "once");
    }
}
