//! Decisions as English sentences, for `leadgate lead trace` and the member `explanation` of the API.

mod history;

use crate::{Dialect, Outcome, Submission, Trace};

pub use crate::trace::date;
pub use history::{EntryExplanation, HistoryEntry, history};

/// The sentences about one stage.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StageExplanation<'t> {
    pub stage: &'t str,
    pub sentences: Vec<String>,
}

/// All stages of a trace in the order of the pipeline. Stages that this build does not know come last.
pub fn trace(trace: &Trace) -> Vec<StageExplanation<'_>> {
    trace
        .stages()
        .iter()
        .map(|stage| StageExplanation { stage: stage.name(), sentences: stage.sentences() })
        .collect()
}

/// The sentence about the receipt of a submission. `source` is the name of its source; a default source has
/// none.
pub fn receipt_sentence(submission: &Submission, source: Option<&str>) -> String {
    let Submission { dialect, .. } = submission;
    let source = describe_source(*dialect, source);
    let key = submission.client.key.as_ref().map(|key| format!(", with the key {key}")).unwrap_or_default();
    let mapping = submission
        .mapping_version
        .map(|version| format!(" Version {version} of the mapping of the source was applied."));
    let at = date(submission.received_at);
    format!("It was received on {at} by {source}{key}.{}", mapping.unwrap_or_default())
}

fn describe_source(dialect: Dialect, name: Option<&str>) -> String {
    match name {
        Some(name) => format!("the source \"{name}\" in the dialect {dialect}"),
        None => format!("the default source of the dialect {dialect}"),
    }
}

/// The outcome of a submission, or that its lead was evaluated again, with the time of the decision.
pub fn outcome(entry: &HistoryEntry<'_>) -> String {
    let HistoryEntry { outcome, lead, quarantine, at, trace } = *entry;
    let lead = lead.map(|lead| format!("the lead {lead}"));
    let lead = lead.as_deref().unwrap_or("no lead");
    let result = match outcome {
        Outcome::Created | Outcome::Updated | Outcome::Linked | Outcome::Duplicate
            if trace.is_reassessment() =>
        {
            format!("{lead} was evaluated again")
        }
        Outcome::Created => format!("it created {lead}"),
        Outcome::Updated => format!("it updated {lead}"),
        Outcome::Linked => format!("it was linked to {lead}, which did not change"),
        Outcome::Duplicate => format!("it was recognized as a duplicate of {lead}, which did not change"),
        Outcome::Quarantined => match quarantine {
            Some(reason) => format!("it was quarantined: {}", reason.sentence()),
            None => "it was quarantined".to_owned(),
        },
    };
    format!("On {} {result}.", date(at))
}

#[cfg(test)]
mod tests;
