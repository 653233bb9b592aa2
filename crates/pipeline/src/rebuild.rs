//! Rebuilds a stored lead from its contributors.

use leadgate_domain::secret::MatchKey;
use leadgate_domain::{
    ActiveScoring, CommitAction, Lead, NormalizedSubmission, NormalizedValues, Source, Stage, Submission,
    SuppressionMatches, Trace, matched_by_mailbox_only,
};

use crate::{decide, enrich, merge, score, screen};

/// A contributor that can be judged.
struct NormalizedPart<'n> {
    submission: &'n Submission,
    source: &'n Source,
    scoring: &'n ActiveScoring,
    reading: &'n NormalizedValues,
}

impl<'n> NormalizedPart<'n> {
    fn from_normalized(normalized: &'n NormalizedSubmission) -> Option<Self> {
        match &normalized.action {
            CommitAction::Judge { source, scoring, reading } => {
                Some(Self { submission: &normalized.submission, source, scoring, reading })
            }
            CommitAction::Quarantine(_) => None,
        }
    }
}

/// Merges the contributors in the order of receipt, which can differ from the order in which they were
/// processed, and runs the later stages once.
pub(crate) fn lead(
    match_key: &MatchKey,
    before: &Lead,
    parts: &[&NormalizedSubmission],
    suppressions: &SuppressionMatches,
) -> Option<(Lead, Vec<Trace>)> {
    let mut in_order =
        parts.iter().map(|part| NormalizedPart::from_normalized(part)).collect::<Option<Vec<_>>>()?;
    in_order.sort_by_key(|part| part.submission.processing_order());
    let (first, later) = in_order.split_first()?;
    let mut lead = merge::create(before.id, first.submission, first.source, first.reading);
    let by_mailbox_only = matched_by_mailbox_only(in_order.iter().map(|part| part.reading.keys.as_slice()));
    for (part, by_mailbox_only) in later.iter().zip(by_mailbox_only.into_iter().skip(1)) {
        let by_mailbox_only = by_mailbox_only && part.submission.fields.correction.is_none();
        let merge_part = if by_mailbox_only { merge::merge_mailbox_match } else { merge::merge_submission };
        merge_part(&mut lead, part.submission, part.source, part.reading);
    }
    lead.status.clone_from(&before.status);
    lead.opt_out |= before.opt_out;
    lead.reasons.clone_from(&before.reasons);
    lead.unknown.clone_from(&before.unknown);
    lead.updated_at = lead.updated_at.max(before.updated_at);
    let hits = screen::suppression(&screen::lead_keys(match_key, &lead), suppressions);
    enrich::lead(&mut lead);
    let score = score::lead(&mut lead, later.last().unwrap_or(first).scoring);
    decide::lead(&mut lead, &hits);
    let with_stages = |normalized: &&NormalizedSubmission| {
        let mut trace = normalized.trace.clone();
        trace.record(Stage::ScreenLead(hits.clone().into()));
        trace.record(Stage::Enrich(enrich::record(&lead).into()));
        trace.record(Stage::Score(score.clone().into()));
        trace.record(Stage::Decide(decide::record(&lead).into()));
        trace
    };
    let traces = parts.iter().map(with_stages).collect();
    Some((lead, traces))
}
