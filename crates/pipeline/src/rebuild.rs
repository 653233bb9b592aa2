//! A stored lead made anew out of what it was made of.

use leadgate_domain::secret::MatchKey;
use leadgate_domain::{
    ActiveScoring, Disposition, Lead, Normalized, Reading, Source, Stage, Submission, Suppressions, Trace,
    by_mailbox_alone,
};

use crate::{decide, enrich, merge, score, screen};

/// A submission that can be judged.
struct Part<'n> {
    submission: &'n Submission,
    source: &'n Source,
    scoring: &'n ActiveScoring,
    reading: &'n Reading,
}

impl<'n> Part<'n> {
    fn of(normalized: &'n Normalized) -> Option<Self> {
        match &normalized.disposition {
            Disposition::Judge { source, scoring, reading } => {
                Some(Self { submission: &normalized.submission, source, scoring, reading })
            }
            Disposition::Quarantine(_) => None,
        }
    }
}

/// Folds the parts in the order in which they count, whatever order they were worked on in, and goes through the later
/// stages once.
pub(crate) fn lead(
    matching: &MatchKey,
    before: &Lead,
    parts: &[&Normalized],
    suppressions: &Suppressions,
) -> Option<(Lead, Vec<Trace>)> {
    let mut in_order = parts.iter().map(|part| Part::of(part)).collect::<Option<Vec<_>>>()?;
    in_order.sort_by_key(|part| part.submission.order());
    let (first, later) = in_order.split_first()?;
    let mut lead = merge::create(before.id, first.submission, first.source, first.reading);
    let by_mailbox_alone = by_mailbox_alone(in_order.iter().map(|part| part.reading.keys.as_slice()));
    for (part, by_mailbox_alone) in later.iter().zip(by_mailbox_alone.into_iter().skip(1)) {
        let by_mailbox_alone = by_mailbox_alone && part.submission.fields.correction.is_none();
        let fold = if by_mailbox_alone { merge::fold_by_mailbox } else { merge::fold };
        fold(&mut lead, part.submission, part.source, part.reading);
    }
    lead.status.clone_from(&before.status);
    lead.opt_out |= before.opt_out;
    lead.reasons.clone_from(&before.reasons);
    lead.unknown.clone_from(&before.unknown);
    lead.updated_at = lead.updated_at.max(before.updated_at);
    let hits = screen::suppression(&screen::lead_keys(matching, &lead), suppressions);
    enrich::lead(&mut lead);
    let scored = score::lead(&mut lead, later.last().unwrap_or(first).scoring);
    decide::lead(&mut lead, &hits);
    let told = |normalized: &&Normalized| {
        let mut trace = normalized.trace.clone();
        trace.record(Stage::ScreenLead(hits.clone().into()));
        trace.record(Stage::Enrich(enrich::record(&lead).into()));
        trace.record(Stage::Score(scored.clone().into()));
        trace.record(Stage::Decide(decide::record(&lead).into()));
        trace
    };
    let traces = parts.iter().map(told).collect();
    Some((lead, traces))
}
