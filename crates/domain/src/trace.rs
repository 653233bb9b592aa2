//! Why a submission ended as it did.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

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

    pub fn stages(&self) -> impl Iterator<Item = (&str, &Value)> {
        self.0.iter().map(|(stage, part)| (stage.as_str(), part))
    }
}
