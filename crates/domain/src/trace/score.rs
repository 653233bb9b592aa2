use serde::{Deserialize, Serialize};

use super::extensible::{MaybeKnown, StageRecord};
use crate::Temperature;

/// The score, the points of each rule, and the version of the scoring.
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

/// A rule that matches, and the points that it adds.
pub type RulePoints = MaybeKnown<(String, i32)>;

impl StageRecord for ScoreTrace {
    fn sentences(&self) -> Vec<String> {
        let score = self.score.map_or_else(|| "unknown".to_owned(), |score| score.to_string());
        let temperature = self.temperature.as_ref().map(|known| format!(" ({})", known.words()));
        let rules = match self.scoring_version {
            None => String::new(),
            Some(0) => ", by the standard rules".to_owned(),
            Some(version) => format!(", by version {version} of the rules"),
        };
        let sentence = format!("The score is {score}{}{rules}.", temperature.unwrap_or_default());
        std::iter::once(sentence).chain(self.points.iter().flatten().map(points_sentence)).collect()
    }

    /// The points are removed: the name of a rule may disclose a submitted value.
    fn erased(self) -> Option<Self> {
        let temperature = self.temperature.and_then(MaybeKnown::erased);
        Some(Self { temperature, points: None, ..self })
    }
}

fn points_sentence(points: &RulePoints) -> String {
    match points.known() {
        Some((rule, points @ ..0)) => format!("{rule} subtracts {} points.", points.unsigned_abs()),
        Some((rule, points)) => format!("{rule} adds {points} points."),
        None => format!("{}.", points.words()),
    }
}
