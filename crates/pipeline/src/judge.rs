//! Runs the stages in their order.

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
    match_key: MatchKey,
    geolocation: Option<Arc<GeoDatabase>>,
}

impl Pipeline {
    /// `match_key` is the installation's key for the hashes of claims and suppressions.
    pub fn new(match_key: MatchKey) -> Self {
        enrich::load_tables();
        Self { match_key, geolocation: None }
    }

    /// Also infers the location of a browser from its IP address.
    pub fn with_geolocation(self, geolocation: Option<Arc<GeoDatabase>>) -> Self {
        Self { geolocation, ..self }
    }

    /// The first stage, which runs before the transaction. `source` is the source of the submission, if it
    /// still exists. `scoring` is the scoring of its organization.
    pub fn normalize(
        &self,
        submission: Submission,
        source: Option<Arc<Source>>,
        scoring: Arc<ActiveScoring>,
    ) -> NormalizedSubmission {
        normalize::normalize(submission, source, scoring, &self.match_key, self.geolocation.as_deref())
    }

    fn lead_keys(&self, lead: &Lead) -> Vec<SuppressionKey> {
        screen::lead_keys(&self.match_key, lead)
    }

    /// The keys of a lead. Reuses the hashes of the submission if the lead has the same phone and email.
    fn keys_of<'r>(&self, lead: &Lead, reading: &'r NormalizedValues) -> Cow<'r, [SuppressionKey]> {
        let has_same_contact = reading.phone.value().and_then(|phone| phone.e164.as_deref()) == lead.e164()
            && reading.email.value().and_then(|email| email.address.as_deref()) == lead.email_address();
        if has_same_contact {
            Cow::Borrowed(&reading.suppression_keys)
        } else {
            Cow::Owned(self.lead_keys(lead))
        }
    }

    /// Judges a submission, then the lead that it creates or updates.
    fn judge_submission(
        &self,
        item: &mut ResolvedSubmission<'_>,
        leads: &mut BatchLeads,
        suppressions: &SuppressionMatches,
    ) {
        let CommitAction::Judge { reading, .. } = &item.normalized.action else { return };
        item.trace.record(Stage::Screen(screen::suppression(&reading.suppression_keys, suppressions).into()));
        self.judge_submission_lead(item, leads, suppressions);
        self.opt_out(item, leads, suppressions);
    }

    fn judge_submission_lead(
        &self,
        item: &mut ResolvedSubmission<'_>,
        leads: &mut BatchLeads,
        suppressions: &SuppressionMatches,
    ) {
        let CommitAction::Judge { source, scoring, reading } = &item.normalized.action else { return };
        let submission = &item.normalized.submission;
        let mut merge_trace = MergeTrace::default();
        if submission.fields.correction.is_some() && !leads.has(item.resolved.lead) {
            // The lead was deleted meanwhile. A correction does not create a lead.
            item.resolved = deduplicate::quarantined(QuarantineReason::NoMatch);
            return;
        }
        let Some(lead) =
            leads.apply(&mut item.resolved.outcome, item.resolved.lead, |existing, id| match existing {
                Some(lead) if item.matched_by_mailbox_only => {
                    merge_trace = merge::merge_mailbox_match(lead, submission, source, reading);
                }
                Some(lead) => merge_trace = merge::merge_submission(lead, submission, source, reading),
                None => *existing = Some(merge::create(id, submission, source, reading)),
            })
        else {
            return;
        };
        let keys = self.keys_of(lead, reading);
        let hits = screen::suppression(&keys, suppressions);
        enrich::lead(lead);
        let score = score::lead(lead, scoring);
        decide::lead(lead, &hits);

        let trace = &mut item.trace;
        if !merge_trace.is_complete() {
            trace.record(Stage::Merge(merge_trace.into()));
        }
        // With borrowed keys the result is the one under `screen`.
        if let Cow::Owned(_) = keys {
            trace.record(Stage::ScreenLead(hits.into()));
        }
        trace.record(Stage::Enrich(enrich::record(lead).into()));
        trace.record(Stage::Score(score.into()));
        trace.record(Stage::Decide(decide::record(lead).into()));
    }

    /// Applies an opt-out to stored leads, independent of the source and of its duplicate policy.
    fn opt_out(
        &self,
        item: &mut ResolvedSubmission<'_>,
        leads: &mut BatchLeads,
        suppressions: &SuppressionMatches,
    ) {
        let CommitAction::Judge { scoring, .. } = &item.normalized.action else { return };
        let mut opted_out = Vec::new();
        for id in &item.opted_out_leads {
            let Some(lead) = leads.change(*id, |lead| !lead.opt_out) else { continue };
            merge::opt_out(lead, &item.normalized.submission);
            let hits = screen::suppression(&self.lead_keys(lead), suppressions);
            let score = score::lead(lead, scoring);
            decide::lead(lead, &hits);
            let decision = decide::record(lead);
            opted_out.push(OptedOutLead { lead: *id, score, decision, other: Map::new() }.into());
        }
        if !opted_out.is_empty() {
            item.trace.record(Stage::OptOut(OptOutTrace(opted_out)));
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
        screen::suppression_keys(&self.match_key, normalized)
    }

    fn judge<'b>(
        &self,
        mut resolution: BatchResolution<'b>,
        leads: Vec<Lead>,
        suppressions: &SuppressionMatches,
    ) -> BatchChanges<'b> {
        let mut leads = BatchLeads::new(leads);
        for item in &mut resolution.submissions {
            self.judge_submission(item, &mut leads, suppressions);
        }
        let opt_outs = resolution.submissions.iter().filter(|item| item.normalized.is_opt_out());
        let opted_out = opt_outs
            .flat_map(|item| self.opt_out_entries(item.normalized, &leads.opted_out_leads(item)))
            .collect();
        let (created, updated) = leads.into_created_and_updated();
        let BatchResolution { submissions, claims, released, .. } = resolution;
        BatchChanges { created, updated, claims, released, submissions, opted_out }
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
        rebuild::lead(&self.match_key, before, parts, suppressions)
    }

    fn opt_out_entries(&self, normalized: &NormalizedSubmission, leads: &[&Lead]) -> Vec<Suppression> {
        screen::opt_out_entries(&self.match_key, normalized, leads)
    }

    fn consent_salt(&self, submission: &Submission) -> Salt {
        self.match_key.consent_salt(submission.organization, submission.id)
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
        screen::keys(&self.match_key, organization, e164, email)
    }
}

/// The leads of a batch: leads that were read under lock, and leads that the batch creates.
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

    /// Creates or updates the lead of a submission with the outcome `Created` or `Updated`. Other outcomes
    /// change no lead.
    ///
    /// A claim can exist longer than its lead. In this case the submission creates the lead again.
    fn apply(
        &mut self,
        outcome: &mut Outcome,
        id: Option<LeadId>,
        write: impl FnOnce(&mut Option<Lead>, LeadId),
    ) -> Option<&mut Lead> {
        let id = id.filter(|_| matches!(outcome, Outcome::Created | Outcome::Updated))?;
        let mut lead = self.leads.remove(&id);
        if lead.is_none() {
            *outcome = Outcome::Created;
            self.created.insert(id);
        } else if !self.created.contains(&id) {
            self.updated.insert(id);
        }
        write(&mut lead, id);
        Some(self.leads.entry(id).insert_entry(lead?).into_mut())
    }

    fn has(&self, id: Option<LeadId>) -> bool {
        id.is_some_and(|id| self.leads.contains_key(&id))
    }

    /// Returns a lead for an update if it exists and `applies` is true.
    fn change(&mut self, id: LeadId, applies: impl FnOnce(&Lead) -> bool) -> Option<&mut Lead> {
        let lead = self.leads.get_mut(&id).filter(|lead| applies(lead))?;
        if !self.created.contains(&id) {
            self.updated.insert(id);
        }
        Some(lead)
    }

    /// The current state of the leads to which an opt-out applies.
    fn opted_out_leads(&self, item: &ResolvedSubmission<'_>) -> Vec<&Lead> {
        let written = item
            .resolved
            .lead
            .filter(|_| matches!(item.resolved.outcome, Outcome::Created | Outcome::Updated));
        let ids: BTreeSet<LeadId> = written.into_iter().chain(item.opted_out_leads.iter().copied()).collect();
        ids.iter().filter_map(|id| self.leads.get(id)).collect()
    }

    fn into_created_and_updated(mut self) -> (Vec<Lead>, Vec<Lead>) {
        let mut take = |ids: BTreeSet<LeadId>| ids.iter().filter_map(|id| self.leads.remove(id)).collect();
        (take(self.created), take(self.updated))
    }
}
