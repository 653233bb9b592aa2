//! The stages in their order.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use leadgate_domain::secret::MatchKey;
use leadgate_domain::trace::{MergeTrace, OptOutTrace, OptedOutLead, ReassessReason, ReassessTrace};
use leadgate_domain::{
    ActiveScoring, BatchChanges, BatchResolution, Claim, ClaimKey, CommitAction, Judge, Lead, LeadId,
    NormalizedSubmission, NormalizedValues, OrganizationId, Outcome, QuarantineReason, ResolvedSubmission,
    Salt, Source, Stage, Submission, Suppression, SuppressionKey, SuppressionMatches, Trace,
};
use serde_json::Map;

use crate::geolocation::GeoDatabase;
use crate::{decide, deduplicate, enrich, merge, normalize, rebuild, score, screen};

/// `normalize → deduplicate → screen → merge → enrich → score → decide`.
pub struct Pipeline {
    matching: MatchKey,
    places: Option<Arc<GeoDatabase>>,
}

impl Pipeline {
    /// `matching` is the key that the store keeps for claims and suppressions.
    pub fn new(matching: MatchKey) -> Self {
        enrich::load_tables();
        Self { matching, places: None }
    }

    /// Also infers from a browser's address where it is.
    pub fn with_places(self, places: Option<Arc<GeoDatabase>>) -> Self {
        Self { places, ..self }
    }

    /// The first stage, before the transaction. `source` is the submission's, if it still exists; `scoring` its
    /// organization's.
    pub fn normalize(
        &self,
        submission: Submission,
        source: Option<Arc<Source>>,
        scoring: Arc<ActiveScoring>,
    ) -> NormalizedSubmission {
        normalize::normalize(submission, source, scoring, &self.matching, self.places.as_deref())
    }

    fn lead_keys(&self, lead: &Lead) -> Vec<SuppressionKey> {
        screen::lead_keys(&self.matching, lead)
    }

    /// The same, without hashing what the submission said just now.
    fn keys_of<'r>(&self, lead: &Lead, reading: &'r NormalizedValues) -> Cow<'r, [SuppressionKey]> {
        let same = reading.phone.value().and_then(|phone| phone.e164.as_deref()) == lead.e164()
            && reading.email.value().and_then(|email| email.address.as_deref()) == lead.email_address();
        if same { Cow::Borrowed(&reading.suppression_keys) } else { Cow::Owned(self.lead_keys(lead)) }
    }

    /// What was submitted, and then the lead that it made or changed.
    fn judge_case(
        &self,
        case: &mut ResolvedSubmission<'_>,
        book: &mut BatchLeads,
        suppressions: &SuppressionMatches,
    ) {
        let CommitAction::Judge { reading, .. } = &case.normalized.disposition else { return };
        case.trace.record(Stage::Screen(screen::suppression(&reading.suppression_keys, suppressions).into()));
        self.judge_submission_lead(case, book, suppressions);
        self.opt_out(case, book, suppressions);
    }

    fn judge_submission_lead(
        &self,
        case: &mut ResolvedSubmission<'_>,
        book: &mut BatchLeads,
        suppressions: &SuppressionMatches,
    ) {
        let CommitAction::Judge { source, scoring, reading } = &case.normalized.disposition else { return };
        let submission = &case.normalized.submission;
        let mut left_out = MergeTrace::default();
        if submission.fields.correction.is_some() && !book.has(case.resolved.lead) {
            // It was deleted meanwhile: a correction makes no lead.
            case.resolved = deduplicate::quarantined(QuarantineReason::NoMatch);
            return;
        }
        let Some(lead) = book.apply(&mut case.resolved.outcome, case.resolved.lead, |held, id| match held {
            Some(lead) if case.matched_by_mailbox_only => {
                left_out = merge::merge_mailbox_match(lead, submission, source, reading);
            }
            Some(lead) => left_out = merge::merge_submission(lead, submission, source, reading),
            None => *held = Some(merge::create(id, submission, source, reading)),
        }) else {
            return;
        };
        let keys = self.keys_of(lead, reading);
        let hits = screen::suppression(&keys, suppressions);
        enrich::lead(lead);
        let score = score::lead(lead, scoring);
        decide::lead(lead, &hits);

        let trace = &mut case.trace;
        if !left_out.is_complete() {
            trace.record(Stage::Merge(left_out.into()));
        }
        // Else it says what stands under `screen` already.
        if let Cow::Owned(_) = keys {
            trace.record(Stage::ScreenLead(hits.into()));
        }
        trace.record(Stage::Enrich(enrich::record(lead).into()));
        trace.record(Stage::Score(score.into()));
        trace.record(Stage::Decide(decide::record(lead).into()));
    }

    /// An opt-out reaches stored leads by whichever source it came in, and whatever that does with duplicates.
    fn opt_out(
        &self,
        case: &mut ResolvedSubmission<'_>,
        book: &mut BatchLeads,
        suppressions: &SuppressionMatches,
    ) {
        let CommitAction::Judge { scoring, .. } = &case.normalized.disposition else { return };
        let mut reached = Vec::new();
        for id in &case.opted_out_leads {
            let Some(lead) = book.change(*id, |lead| !lead.opt_out) else { continue };
            merge::opt_out(lead, &case.normalized.submission);
            let hits = screen::suppression(&self.lead_keys(lead), suppressions);
            let score = score::lead(lead, scoring);
            decide::lead(lead, &hits);
            let decision = decide::record(lead);
            reached.push(OptedOutLead { lead: *id, score, decision, other: Map::new() }.into());
        }
        if !reached.is_empty() {
            case.trace.record(Stage::OptOut(OptOutTrace(reached)));
        }
    }
}

impl Judge for Pipeline {
    fn resolve<'b>(
        &self,
        fresh: Vec<&'b NormalizedSubmission>,
        claims: BTreeMap<ClaimKey, Claim>,
    ) -> BatchResolution<'b> {
        deduplicate::resolve(fresh, claims)
    }

    fn suppression_keys<'n>(&self, normalized: &'n NormalizedSubmission) -> Cow<'n, [SuppressionKey]> {
        screen::suppression_keys(&self.matching, normalized)
    }

    fn judge<'b>(
        &self,
        mut resolution: BatchResolution<'b>,
        leads: Vec<Lead>,
        suppressions: &SuppressionMatches,
    ) -> BatchChanges<'b> {
        let mut book = BatchLeads::new(leads);
        for case in &mut resolution.submissions {
            self.judge_case(case, &mut book, suppressions);
        }
        let opted_out = resolution.submissions.iter().filter(|case| case.normalized.is_opt_out());
        let opted_out = opted_out
            .flat_map(|case| self.opt_out_entries(case.normalized, &book.opted_out_leads(case)))
            .collect();
        let (created, updated) = book.into_created_and_updated();
        let BatchResolution { submissions: cases, claims, released, .. } = resolution;
        BatchChanges { created, updated, claims, released, submissions: cases, opted_out }
    }

    fn reassess(&self, leads: Vec<Lead>, suppressions: &SuppressionMatches) -> Vec<(Lead, Trace)> {
        let reassess = |mut lead: Lead| {
            let hits = screen::suppression(&self.lead_keys(&lead), suppressions);
            decide::lead(&mut lead, &hits);
            let mut trace = Trace::default();
            trace.record(Stage::Reassess(ReassessTrace(ReassessReason::SuppressionListsChanged.into())));
            trace.record(Stage::ScreenLead(hits.into()));
            trace.record(Stage::Decide(decide::record(&lead).into()));
            (lead, trace)
        };
        leads.into_iter().map(reassess).collect()
    }

    fn rebuild(
        &self,
        before: &Lead,
        parts: &[&NormalizedSubmission],
        suppressions: &SuppressionMatches,
    ) -> Option<(Lead, Vec<Trace>)> {
        rebuild::lead(&self.matching, before, parts, suppressions)
    }

    fn opt_out_entries(&self, normalized: &NormalizedSubmission, reached: &[&Lead]) -> Vec<Suppression> {
        screen::opt_out_entries(&self.matching, normalized, reached)
    }

    fn consent_salt(&self, submission: &Submission) -> Salt {
        self.matching.consent_salt(submission.organization, submission.id)
    }

    fn suppression_keys_of_leads(&self, leads: &[Lead]) -> BTreeSet<SuppressionKey> {
        leads.iter().flat_map(|lead| self.lead_keys(lead)).collect()
    }

    fn suppression_keys_of_contact(
        &self,
        organization: OrganizationId,
        e164: Option<&str>,
        email: Option<&str>,
    ) -> Vec<SuppressionKey> {
        screen::keys(&self.matching, organization, e164, email)
    }
}

/// The leads of a batch: those read under lock and those it makes.
struct BatchLeads {
    leads: BTreeMap<LeadId, Lead>,
    created: BTreeSet<LeadId>,
    updated: BTreeSet<LeadId>,
}

impl BatchLeads {
    fn new(leads: Vec<Lead>) -> Self {
        let leads = leads.into_iter().map(|lead| (lead.id, lead)).collect();
        Self { leads, created: BTreeSet::new(), updated: BTreeSet::new() }
    }

    /// Lets a submission that makes or changes a lead write to it; the others change nothing.
    ///
    /// A claim may outlive its lead. Then there is nothing to update, and the submission makes the lead anew.
    fn apply(
        &mut self,
        outcome: &mut Outcome,
        id: Option<LeadId>,
        write: impl FnOnce(&mut Option<Lead>, LeadId),
    ) -> Option<&mut Lead> {
        let id = id.filter(|_| matches!(outcome, Outcome::Created | Outcome::Updated))?;
        let mut held = self.leads.remove(&id);
        if held.is_none() {
            *outcome = Outcome::Created;
            self.created.insert(id);
        } else if !self.created.contains(&id) {
            self.updated.insert(id);
        }
        write(&mut held, id);
        Some(self.leads.entry(id).insert_entry(held?).into_mut())
    }

    fn has(&self, id: Option<LeadId>) -> bool {
        id.is_some_and(|id| self.leads.contains_key(&id))
    }

    /// A lead that is there and that something applies to, to be changed.
    fn change(&mut self, id: LeadId, applies: impl FnOnce(&Lead) -> bool) -> Option<&mut Lead> {
        let lead = self.leads.get_mut(&id).filter(|lead| applies(lead))?;
        if !self.created.contains(&id) {
            self.updated.insert(id);
        }
        Some(lead)
    }

    /// The leads of which an opt-out is told, as they are now.
    fn opted_out_leads(&self, case: &ResolvedSubmission<'_>) -> Vec<&Lead> {
        let made = case
            .resolved
            .lead
            .filter(|_| matches!(case.resolved.outcome, Outcome::Created | Outcome::Updated));
        let ids: BTreeSet<LeadId> = made.into_iter().chain(case.opted_out_leads.iter().copied()).collect();
        ids.iter().filter_map(|id| self.leads.get(id)).collect()
    }

    fn into_created_and_updated(mut self) -> (Vec<Lead>, Vec<Lead>) {
        let mut take = |ids: BTreeSet<LeadId>| ids.iter().filter_map(|id| self.leads.remove(id)).collect();
        (take(self.created), take(self.updated))
    }
}
