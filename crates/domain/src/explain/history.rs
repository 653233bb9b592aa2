//! What changed from one decision about a submission to the next.

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

/// An entry in sentences.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EntryExplanation<'t> {
    /// How the submission ended, or that its lead was checked again.
    pub headline: String,
    pub stages: Vec<StageExplanation<'t>>,
}

/// The stage under which a later entry says what is different from the one before.
const CHANGED: &str = "changed";

/// Every entry; one that checks a stored lead again says first what that changed.
pub fn history<'t>(entries: &[HistoryEntry<'t>]) -> Vec<EntryExplanation<'t>> {
    let mut before = None;
    let tell = |entry: &HistoryEntry<'t>| {
        let mut stages = trace(entry.trace);
        let last: Option<&Trace> = before.replace(entry.trace);
        if let (Some(last), true) = (last, entry.trace.is_reassessment()) {
            stages.insert(0, StageExplanation { stage: CHANGED, sentences: changes(last, entry.trace) });
        }
        EntryExplanation { headline: outcome(entry), stages }
    };
    entries.iter().map(tell).collect()
}

fn changes(before: &Trace, after: &Trace) -> Vec<String> {
    let mut told = Vec::new();
    if let (Some(before), Some(after)) = (before.decide(), after.decide()) {
        told.extend(eligibility(before, after));
    }
    let (had, has) = (reasons(before), reasons(after));
    told.extend(
        has.difference(&had).map(|reason| format!("New reason that holds it: {}.", quoted_code(*reason))),
    );
    told.extend(had.difference(&has).map(|reason| format!("No longer a reason: {}.", quoted_code(*reason))));
    let (had, has) = (suppression_sentences(before), suppression_sentences(after));
    told.extend(has.difference(&had).map(|hit| format!("New on a suppression list: {hit}")));
    told.extend(had.difference(&has).map(|hit| format!("No longer on a suppression list: {hit}")));
    if let (Some(before), Some(after)) = (before.score(), after.score()) {
        told.extend(score(before, after));
    }
    if told.is_empty() {
        told.push("Eligibility, reasons and score stayed as they were.".to_owned());
    }
    told
}

fn eligibility(before: &DecideTrace, after: &DecideTrace) -> Option<String> {
    let (was, is) = (before.eligibility.as_ref()?, after.eligibility.as_ref()?);
    if was != is {
        return Some(format!("The lead was {} and is {} now.", was.words(), is.words()));
    }
    if !after.is_eligible() || before.eligible_until == after.eligible_until {
        return None;
    }
    let end = |decide: &DecideTrace| {
        decide.eligible_until.map_or_else(|| "without an end".to_owned(), |at| format!("until {}", date(at)))
    };
    Some(format!("The lead was eligible {} and is {} now.", end(before), end(after)))
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

/// The entries of suppression lists by which a lead was decided, in sentences.
fn suppression_sentences(trace: &Trace) -> BTreeSet<String> {
    trace.screen().into_iter().flat_map(|screen| screen.of_lead()).collect()
}

/// A check by itself does not score; a lead that was made again from its submissions is scored by the rules of that day.
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
        (true, false) => Some(format!("The score stayed {is}, by {new} in place of {old}.")),
        (false, true) => Some(format!("The score was {was} and is {is} now, by {new} as before.")),
        (false, false) => Some(format!("The score was {was} and is {is} now, by {new} in place of {old}.")),
    }
}
