//! Scores a lead by the scoring of its organization.

use leadgate_domain::trace::ScoreTrace;
use leadgate_domain::{ActiveScoring, Lead};

/// Scores a lead from 0 to 100, and returns the trace.
pub(crate) fn lead(lead: &mut Lead, active: &ActiveScoring) -> ScoreTrace {
    let scored = active.scoring.score(lead);
    let points = scored.points.into_iter().map(|(rule, points)| (rule.to_owned(), points).into()).collect();
    (lead.score, lead.temperature) = (scored.score, scored.temperature);
    ScoreTrace {
        score: Some(lead.score),
        temperature: Some(lead.temperature.into()),
        points: Some(points),
        scoring_version: Some(active.version),
    }
}
