//! The history of the decisions about a submission, with the changes from one decision to the next.

use std::collections::BTreeSet;

use super::{StageExplanation, outcome, trace};
use crate::trace::{DecideTrace, ScoreTrace, date};
use crate::{LeadId, Outcome, QuarantineReason, Reason, Timestamp, Trace};

/// One entry of a submission's history.
#[derive(Debug, Clone, Copy)]
pub struct HistoryEntry<'t> {
    pub outcome: Outcome,
    pub lead: Option<LeadId>,
    pub quarantine: Option<QuarantineReason>,
    pub at: Timestamp,
    pub trace: &'t Trace,
}

/// An entry as sentences.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EntryExplanation<'t> {
    /// The outcome of the submission, or that its lead was evaluated again.
    pub headline: String,
    pub stages: Vec<StageExplanation<'t>>,
}

/// The name of the first stage of a later entry: the changes since the entry before.
const CHANGED: &str = "changed";

/// Explains all entries. An entry that evaluates a stored lead again begins with the changes.
pub fn history<'t>(entries: &[HistoryEntry<'t>]) -> Vec<EntryExplanation<'t>> {
    let mut previous = None;
    let explain = |entry: &HistoryEntry<'t>| {
        let mut stages = trace(entry.trace);
        let before: Option<&Trace> = previous.replace(entry.trace);
        if let (Some(before), true) = (before, entry.trace.is_reassessment()) {
            stages.insert(0, StageExplanation { stage: CHANGED, sentences: changes(before, entry.trace) });
        }
        EntryExplanation { headline: outcome(entry), stages }
    };
    entries.iter().map(explain).collect()
}

fn changes(before: &Trace, after: &Trace) -> Vec<String> {
    let mut sentences = Vec::new();
    if let (Some(before), Some(after)) = (before.decide(), after.decide()) {
        sentences.extend(eligibility(before, after));
    }
    let (had, has) = (reasons(before), reasons(after));
    sentences.extend(has.difference(&had).map(|reason| format!("New reason: {}.", quoted_code(*reason))));
    sentences.extend(had.difference(&has).map(|reason| format!("Removed reason: {}.", quoted_code(*reason))));
    let (had, has) = (suppression_sentences(before), suppression_sentences(after));
    sentences.extend(has.difference(&had).map(|hit| format!("New suppression match: {hit}")));
    sentences.extend(had.difference(&has).map(|hit| format!("Removed suppression match: {hit}")));
    if let (Some(before), Some(after)) = (before.score(), after.score()) {
        sentences.extend(score(before, after));
    }
    if sentences.is_empty() {
        sentences.push("Eligibility, reasons and score did not change.".to_owned());
    }
    sentences
}

fn eligibility(before: &DecideTrace, after: &DecideTrace) -> Option<String> {
    let (was, is) = (before.eligibility.as_ref()?, after.eligibility.as_ref()?);
    if was != is {
        return Some(format!("The lead was {} and is now {}.", was.words(), is.words()));
    }
    if !after.is_eligible() || before.eligible_until == after.eligible_until {
        return None;
    }
    let end = |decide: &DecideTrace| {
        decide
            .eligible_until
            .map_or_else(|| "without an end date".to_owned(), |at| format!("until {}", date(at)))
    };
    Some(format!("The lead was eligible {} and is now eligible {}.", end(before), end(after)))
}

fn reasons(trace: &Trace) -> BTreeSet<Reason> {
    trace.decide().into_iter().flat_map(|decide| decide.reasons.iter().copied()).collect()
}

fn quoted_code(reason: Reason) -> String {
    match reason {
        Reason::Newer(code) => code.as_str().to_owned(),
        known => format!("{known} ({})", known.sentence()),
    }
}

/// The suppression list entries on which the decision about a lead is based, as sentences.
fn suppression_sentences(trace: &Trace) -> BTreeSet<String> {
    trace.screen().into_iter().flat_map(|screen| screen.lead_sentences()).collect()
}

/// A re-screening does not score. A rebuild scores the lead with the rules of that time.
fn score(before: &ScoreTrace, after: &ScoreTrace) -> Option<String> {
    let (was, is) = (before.score?, after.score?);
    let rules = |score: &ScoreTrace| match score.scoring_version {
        None => "unknown rules".to_owned(),
        Some(0) => "the standard rules".to_owned(),
        Some(version) => format!("version {version} of the rules"),
    };
    let (old, new) = (rules(before), rules(after));
    match (was == is, old == new) {
        (true, true) => None,
        (true, false) => Some(format!("The score is still {is}. It was computed by {new} (before: {old}).")),
        (false, true) => Some(format!("The score changed from {was} to {is}, by the same rules: {new}.")),
        (false, false) => {
            Some(format!("The score changed from {was} to {is}. It was computed by {new} (before: {old})."))
        }
    }
}
