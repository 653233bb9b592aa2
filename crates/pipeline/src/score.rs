//! How promising a lead is, by its organization's scoring.

use leadgate_domain::{ActiveScoring, Lead, Temperature};
use serde::Serialize;

/// What the trace says about the score: every point of it, and by which version of the scoring.
#[derive(Serialize)]
pub(crate) struct Part<'s> {
    score: u8,
    temperature: Temperature,
    points: Vec<(&'s str, i32)>,
    scoring_version: u32,
}

/// Scores a lead from 0 to 100.
pub(crate) fn lead<'s>(lead: &mut Lead, active: &'s ActiveScoring) -> Part<'s> {
    let scored = active.scoring.score(lead);
    (lead.score, lead.temperature) = (scored.score, scored.temperature);
    Part {
        score: lead.score,
        temperature: lead.temperature,
        points: scored.points,
        scoring_version: active.version,
    }
}
