//! Decisions in sentences, for whoever has to read them aloud.

mod history;

use crate::{Dialect, Outcome, Submission, Trace};

pub use crate::trace::date;
pub use history::{EntryExplanation, HistoryEntry, history};

/// What a stage did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StageExplanation<'t> {
    pub stage: &'t str,
    pub sentences: Vec<String>,
}

/// Every stage of a trace, in the order of the pipeline; those that only another build knows come last.
pub fn trace(trace: &Trace) -> Vec<StageExplanation<'_>> {
    trace
        .stages()
        .iter()
        .map(|stage| StageExplanation { stage: stage.name(), sentences: stage.sentences() })
        .collect()
}

/// How a submission came in. `source` is the name of its source; a default one has none.
pub fn receipt_sentence(submission: &Submission, source: Option<&str>) -> String {
    let Submission { dialect, .. } = submission;
    let by = describe_source(*dialect, source);
    let key = submission.client.key.as_ref().map(|key| format!(", with the key {key}")).unwrap_or_default();
    let mapping = submission
        .mapping_version
        .map(|version| format!(" Its names were read by version {version} of the source's mapping."));
    let at = date(submission.received_at);
    format!("It was received on {at} by {by}{key}.{}", mapping.unwrap_or_default())
}

fn describe_source(dialect: Dialect, name: Option<&str>) -> String {
    match name {
        Some(name) => format!("the source \"{name}\" in the dialect {dialect}"),
        None => format!("the default source of the dialect {dialect}"),
    }
}

/// What became of a submission, or that its lead was checked again, and when that was decided.
pub fn outcome(entry: &HistoryEntry<'_>) -> String {
    let HistoryEntry { outcome, lead, quarantine, at, trace } = *entry;
    let lead = lead.map(|lead| format!("the lead {lead}"));
    let lead = lead.as_deref().unwrap_or("no lead");
    let became = match outcome {
        Outcome::Created | Outcome::Updated | Outcome::Linked | Outcome::Duplicate
            if trace.is_reassessment() =>
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
