use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::part::{MaybeKnown, Record};
use super::words::{remark, words};
use crate::Temperature;

/// The score, every point of it, and by which version of the scoring.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Score {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub score: Option<u8>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub temperature: Option<MaybeKnown<Temperature>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub points: Option<Vec<Points>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scoring_version: Option<u32>,
}

/// A rule that applies, and what it adds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Points {
    Pair(String, i32),
    /// In the form of another build.
    Object {
        #[serde(skip_serializing_if = "Option::is_none")]
        rule: Option<String>,
        #[serde(skip_serializing_if = "Option::is_none")]
        name: Option<String>,
        points: Value,
        #[serde(flatten)]
        other: Map<String, Value>,
    },
    Unknown(Value),
}

impl Record for Score {
    fn sentences(&self) -> Vec<String> {
        let score = self.score.map_or_else(|| "unknown".to_owned(), |score| score.to_string());
        let temperature = self.temperature.as_ref().map(|how| format!(", so the lead is {}", how.words()));
        let rules = match self.scoring_version {
            None => String::new(),
            Some(0) => ", by the standard rules".to_owned(),
            Some(version) => format!(", by version {version} of the rules"),
        };
        let sentence = format!("The score is {score}{}{rules}.", temperature.unwrap_or_default());
        std::iter::once(sentence).chain(self.points.iter().flatten().map(Points::sentence)).collect()
    }

    /// The points go: the name of a rule may tell what the lead said.
    fn erased(self) -> Option<Self> {
        let temperature = self.temperature.and_then(MaybeKnown::erased);
        Some(Self { temperature, points: None, ..self })
    }
}

impl Points {
    fn sentence(&self) -> String {
        match self {
            Self::Pair(rule, points) => given(rule, i64::from(*points), ""),
            Self::Object { rule: Some(name), points, other, .. }
            | Self::Object { name: Some(name), points, other, .. } => match points.as_i64() {
                Some(points) => given(name, points, &remark(other)),
                None => format!("{name}: {}{}.", words(points), remark(other)),
            },
            unnamed => format!("{}.", words(&serde_json::to_value(unnamed).unwrap_or_default())),
        }
    }
}

fn given(rule: &str, points: i64, remark: &str) -> String {
    match points {
        ..0 => format!("{rule} takes {} points{remark}.", points.unsigned_abs()),
        _ => format!("{rule} gives {points} points{remark}."),
    }
}
