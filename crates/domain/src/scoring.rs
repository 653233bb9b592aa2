//! Scoring: named rules whose points are added, so that each score can be explained.
//!
//! A scoring is parsed once from TOML or JSON. A parsed scoring can score every lead without errors.

mod condition;
mod facts;
mod field;
mod operand;
mod parse;

use std::fmt;
use std::sync::{Arc, LazyLock};

use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;

pub use condition::{Condition, FieldTest};
pub use field::ScoringField;
pub use operand::Operand;

use facts::Facts;

use crate::{Lead, Temperature, read_toml};

/// The TOML text of the standard scoring, for organizations without a custom one.
pub const STANDARD: &str = include_str!("scoring/standard.toml");

/// The active version of an organization's scoring.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ActiveScoring {
    /// Starts at 1 for each organization; 0 is the standard scoring of this build.
    pub version: u32,
    pub scoring: Scoring,
}

impl ActiveScoring {
    /// The standard scoring.
    pub fn standard() -> Arc<Self> {
        #[expect(clippy::expect_used, reason = "the text is a constant, and tests parse it")]
        static PARSED: LazyLock<Arc<ActiveScoring>> = LazyLock::new(|| {
            let scoring = Scoring::from_toml(STANDARD).expect("the standard scoring");
            Arc::new(ActiveScoring { version: 0, scoring })
        });
        Arc::clone(&PARSED)
    }
}

/// Rules, and the minimum scores of hot and warm leads.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Scoring {
    hot: u8,
    warm: u8,
    rules: Vec<ScoreRule>,
}

/// A rule and the points that it adds if it matches.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ScoreRule {
    pub name: String,
    pub points: i32,
    /// A comment for people.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
    pub when: Condition,
}

/// The faults of a scoring: one sentence for each fault, with the name of its rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScoringFaults(Vec<String>);

/// The score of a lead.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LeadScore<'s> {
    pub score: u8,
    pub temperature: Temperature,
    /// The rules that match, with their points.
    pub points: Vec<(&'s str, i32)>,
}

impl Scoring {
    /// # Errors
    /// All faults of the scoring.
    pub fn from_toml(text: &str) -> Result<Self, ScoringFaults> {
        let document = read_toml(text).map_err(|error| ScoringFaults(vec![error.to_string()]))?;
        Self::read(&document)
    }

    /// # Errors
    /// All faults of the scoring.
    pub fn read(document: &Value) -> Result<Self, ScoringFaults> {
        parse::scoring(document)
    }

    /// The scoring as TOML, which [`Scoring::from_toml`] can parse.
    pub fn to_toml(&self) -> String {
        let value = |part: &dyn Fn(toml::ser::ValueSerializer<'_>) -> bool| {
            let mut text = String::new();
            part(toml::ser::ValueSerializer::new(&mut text));
            text
        };
        let mut text = format!("hot = {}\nwarm = {}\n", self.hot, self.warm);
        for ScoreRule { name, points, note, when } in &self.rules {
            text.push_str(&format!("\n[[rules]]\nname = \"{name}\"\npoints = {points}\n"));
            if let Some(note) = note {
                let note = value(&|serializer| note.serialize(serializer).is_ok());
                text.push_str(&format!("note = {note}\n"));
            }
            let when = value(&|serializer| when.serialize(serializer).is_ok());
            text.push_str(&format!("when = {when}\n"));
        }
        text
    }

    pub fn hot(&self) -> u8 {
        self.hot
    }

    pub fn warm(&self) -> u8 {
        self.warm
    }

    pub fn rules(&self) -> &[ScoreRule] {
        &self.rules
    }

    /// The sum of the points of all matching rules, limited to 0 to 100.
    pub fn score(&self, lead: &Lead) -> LeadScore<'_> {
        let mut facts = Facts::new(lead);
        let matching = self.rules.iter().filter(|rule| rule.when.matches(&mut facts));
        let points: Vec<_> = matching.map(|rule| (rule.name.as_str(), rule.points)).collect();
        let sum: i32 = points.iter().map(|(_, points)| points).sum();
        let score = u8::try_from(sum.clamp(0, 100)).unwrap_or(0);
        let temperature = match score {
            score if score >= self.hot => Temperature::Hot,
            score if score >= self.warm => Temperature::Warm,
            _ => Temperature::Cold,
        };
        LeadScore { score, temperature, points }
    }
}

impl<'de> Deserialize<'de> for Scoring {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::read(&Value::deserialize(deserializer)?).map_err(serde::de::Error::custom)
    }
}

impl ScoringFaults {
    pub fn sentences(&self) -> &[String] {
        &self.0
    }
}

impl fmt::Display for ScoringFaults {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0.join("; "))
    }
}

impl std::error::Error for ScoringFaults {}

#[cfg(test)]
mod tests;
