//! What changed from one decision about a submission to the next.

use std::collections::BTreeSet;

use serde_json::Value;

use super::stages::{known, screened};
use super::words::{Part, words};
use super::{Told, outcome, trace};
use crate::{LeadId, Outcome, QuarantineReason, Reason, Timestamp, Trace};

/// One entry of a submission's history.
#[derive(Debug, Clone, Copy)]
pub struct Entry<'t> {
    pub outcome: Outcome,
    pub lead: Option<LeadId>,
    pub quarantine: Option<QuarantineReason>,
    pub at: Timestamp,
    pub trace: &'t Trace,
}

/// An entry in sentences.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ToldEntry<'t> {
    /// How the submission ended, or that its lead was checked again.
    pub headline: String,
    pub stages: Vec<Told<'t>>,
}

/// The stage under which a later entry says what is different from the one before.
const CHANGED: &str = "changed";

/// Every entry; one that checks a stored lead again says first what that changed.
pub fn history<'t>(entries: &[Entry<'t>]) -> Vec<ToldEntry<'t>> {
    let mut before = None;
    let tell = |entry: &Entry<'t>| {
        let mut stages = trace(entry.trace);
        let last: Option<&Trace> = before.replace(entry.trace);
        if let (Some(last), true) = (last, is_check(entry.trace)) {
            stages.insert(0, Told { stage: CHANGED, sentences: changes(last, entry.trace) });
        }
        ToldEntry { headline: outcome(entry), stages }
    };
    entries.iter().map(tell).collect()
}

/// Whether a stored lead was decided again, and the outcome of the submission is what it was.
pub(super) fn is_check(trace: &Trace) -> bool {
    trace.stage("reassess").is_some() || trace.stage("reprocess").is_some()
}

fn changes(before: &Trace, after: &Trace) -> Vec<String> {
    let mut told = Vec::new();
    told.extend(eligibility(before, after));
    let (had, has) = (reasons(before), reasons(after));
    told.extend(has.difference(&had).map(|reason| format!("New reason that holds it: {}.", named(reason))));
    told.extend(had.difference(&has).map(|reason| format!("No longer a reason: {}.", named(reason))));
    let (had, has) = (hits(before), hits(after));
    told.extend(has.difference(&had).map(|hit| format!("New on a suppression list: {hit}")));
    told.extend(had.difference(&has).map(|hit| format!("No longer on a suppression list: {hit}")));
    told.extend(score(before, after));
    if told.is_empty() {
        told.push("Eligibility, reasons and score stayed as they were.".to_owned());
    }
    told
}

fn member(trace: &Trace, stage: &str, name: &str) -> Option<Value> {
    trace.stage(stage)?.get(name).filter(|value| !value.is_null()).cloned()
}

fn eligibility(before: &Trace, after: &Trace) -> Option<String> {
    let of = |trace| member(trace, "decide", "eligibility").map(|value| words(&value));
    match (of(before)?, of(after)?) {
        (was, is) if was != is => Some(format!("The lead was {was} and is {is} now.")),
        (_, is) if is == "eligible" && eligible_until(before) != eligible_until(after) => {
            let end = |trace| {
                eligible_until(trace).map_or_else(|| "without an end".to_owned(), |at| format!("until {at}"))
            };
            Some(format!("The lead was eligible {} and is {} now.", end(before), end(after)))
        }
        _ => None,
    }
}

fn eligible_until(trace: &Trace) -> Option<String> {
    Part::of(trace.stage("decide")?)?.take_date("eligible_until")
}

fn reasons(trace: &Trace) -> BTreeSet<String> {
    let reasons = member(trace, "decide", "reasons");
    reasons.as_ref().and_then(Value::as_array).into_iter().flatten().map(words).collect()
}

fn named(code: &str) -> String {
    match known::<Reason>(&code.into()) {
        Some(known) if !matches!(known, Reason::Newer(_)) => format!("{code} ({})", known.sentence()),
        _ => code.to_owned(),
    }
}

/// The entries of suppression lists by which a lead was decided, in sentences.
fn hits(trace: &Trace) -> BTreeSet<String> {
    let found = trace.stage("screen_lead").or_else(|| trace.stage("screen"));
    let found = found.and_then(Value::as_array);
    found.into_iter().flatten().map(screened).collect()
}

/// A check by itself does not score; a lead that was made again from its submissions is scored by the rules of that day.
fn score(before: &Trace, after: &Trace) -> Option<String> {
    let of = |trace, name| member(trace, "score", name).map(|value| words(&value));
    let (was, is) = (of(before, "score")?, of(after, "score")?);
    let rules = |trace| match of(trace, "scoring_version").as_deref() {
        None => "unknown rules".to_owned(),
        Some("0") => "the standard rules".to_owned(),
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
