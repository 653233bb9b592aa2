//! Decisions in sentences, for whoever has to read them aloud.
//!
//! A trace is read as it was stored, by this build or by another: what is not known is told all the same, as
//! plainly as it can be, and nothing here fails.

mod history;
mod stages;
mod words;

use crate::{Dialect, Outcome, Submission, Trace};

pub use history::{Entry, ToldEntry, history};
pub use words::{date, words};

/// Why something was decided once more, then the stages of the pipeline in their order.
const STAGES: [&str; 13] = [
    "reassess",
    "reprocess",
    "remap",
    "normalize",
    "screen",
    "deduplicate",
    "merge",
    "screen_lead",
    "enrich",
    "score",
    "decide",
    "opt_out",
    "erased",
];

/// What a stage did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Told<'t> {
    pub stage: &'t str,
    pub sentences: Vec<String>,
}

/// Every stage of a trace, in the order of the pipeline; those that only another build knows come last.
pub fn trace(trace: &Trace) -> Vec<Told<'_>> {
    let place = |stage: &str| STAGES.iter().position(|known| *known == stage).unwrap_or(STAGES.len());
    let mut told: Vec<_> =
        trace.stages().map(|(stage, part)| Told { stage, sentences: stages::tell(stage, part) }).collect();
    told.sort_by_key(|told| place(told.stage));
    told
}

/// How a submission came in. `source` is the name of its source; a default one has none.
pub fn received(submission: &Submission, source: Option<&str>) -> String {
    let Submission { dialect, .. } = submission;
    let by = source_in_words(*dialect, source);
    let key = submission.client.key.as_ref().map(|key| format!(", with the key {key}")).unwrap_or_default();
    let mapping = submission
        .mapping_version
        .map(|version| format!(" Its names were read by version {version} of the source's mapping."));
    let at = date(submission.received_at);
    format!("It was received on {at} by {by}{key}.{}", mapping.unwrap_or_default())
}

fn source_in_words(dialect: Dialect, name: Option<&str>) -> String {
    match name {
        Some(name) => format!("the source \"{name}\" in the dialect {dialect}"),
        None => format!("the default source of the dialect {dialect}"),
    }
}

/// What became of a submission, or that its lead was checked again, and when that was decided.
pub fn outcome(entry: &Entry<'_>) -> String {
    let Entry { outcome, lead, quarantine, at, trace } = *entry;
    let lead = lead.map(|lead| format!("the lead {lead}"));
    let lead = lead.as_deref().unwrap_or("no lead");
    let became = match outcome {
        Outcome::Created | Outcome::Updated | Outcome::Linked | Outcome::Duplicate
            if history::is_check(trace) =>
        {
            format!("{lead} was checked again")
        }
        Outcome::Created => format!("it made {lead}"),
        Outcome::Updated => format!("it updated {lead}"),
        Outcome::Linked => format!("it was listed under {lead}, which stayed as it was"),
        Outcome::Duplicate => format!("it was found to be a duplicate of {lead}, which stayed as it was"),
        Outcome::Quarantined => match quarantine {
            Some(reason) => format!("it was put aside: {}", reason.sentence()),
            None => "it was put aside".to_owned(),
        },
    };
    format!("On {} {became}.", date(at))
}

#[cfg(test)]
mod tests;
