use serde::{Deserialize, Serialize};

use super::extensible::{MaybeKnown, StageRecord};
use crate::Temperature;

/// The score, every point of it, and by which version of the scoring.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct ScoreTrace {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub score: Option<u8>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub temperature: Option<MaybeKnown<Temperature>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub points: Option<Vec<RulePoints>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scoring_version: Option<u32>,
}

/// A rule that applies, and what it adds.
pub type RulePoints = MaybeKnown<(String, i32)>;

impl StageRecord for ScoreTrace {
    fn sentences(&self) -> Vec<String> {
        let score = self.score.map_or_else(|| "unknown".to_owned(), |score| score.to_string());
        let temperature = self.temperature.as_ref().map(|how| format!(", so the lead is {}", how.words()));
        let rules = match self.scoring_version {
            None => String::new(),
            Some(0) => ", by the standard rules".to_owned(),
            Some(version) => format!(", by version {version} of the rules"),
        };
        let sentence = format!("The score is {score}{}{rules}.", temperature.unwrap_or_default());
        std::iter::once(sentence).chain(self.points.iter().flatten().map(given)).collect()
    }

    /// The points go: the name of a rule may tell what the lead said.
    fn erased(self) -> Option<Self> {
        let temperature = self.temperature.and_then(MaybeKnown::erased);
        Some(Self { temperature, points: None, ..self })
    }
}

fn given(points: &RulePoints) -> String {
    match points.known() {
        Some((rule, points @ ..0)) => format!("{rule} takes {} points.", points.unsigned_abs()),
        Some((rule, points)) => format!("{rule} gives {points} points."),
        None => format!("{}.", points.words()),
    }
}
