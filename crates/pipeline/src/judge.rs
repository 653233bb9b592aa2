//! The stages in their order.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use leadgate_domain::secret::MatchKey;
use leadgate_domain::trace::{Merge, OptOut, OptedOutLead, Reassess, ReassessReason};
use leadgate_domain::{
    ActiveScoring, Case, Claim, ClaimKey, Disposition, Effects, Judge, Lead, LeadId, Normalized,
    OrganizationId, Outcome, QuarantineReason, Reading, Resolution, Salt, Source, Stage, Submission,
    Suppression, SuppressionKey, Suppressions, Trace,
};
use serde_json::Map;

use crate::places::Places;
use crate::{decide, deduplicate, enrich, merge, normalize, rebuild, score, screen};

/// `normalize → deduplicate → screen → merge → enrich → score → decide`.
pub struct Pipeline {
    matching: MatchKey,
    places: Option<Arc<Places>>,
}

impl Pipeline {
    /// `matching` is the key that the store keeps for claims and suppressions.
    pub fn new(matching: MatchKey) -> Self {
        enrich::load_tables();
        Self { matching, places: None }
    }

    /// Also infers from a browser's address where it is.
    pub fn with_places(self, places: Option<Arc<Places>>) -> Self {
        Self { places, ..self }
    }

    /// The first stage, before the transaction. `source` is the submission's, if it still exists; `scoring` its
    /// organization's.
    pub fn normalize(
        &self,
        submission: Submission,
        source: Option<Arc<Source>>,
        scoring: Arc<ActiveScoring>,
    ) -> Normalized {
        normalize::normalize(submission, source, scoring, &self.matching, self.places.as_deref())
    }

    fn lead_keys(&self, lead: &Lead) -> Vec<SuppressionKey> {
        screen::lead_keys(&self.matching, lead)
    }

    /// The same, without hashing what the submission said just now.
    fn keys_of<'r>(&self, lead: &Lead, reading: &'r Reading) -> Cow<'r, [SuppressionKey]> {
        let same = reading.phone.value().and_then(|phone| phone.e164.as_deref()) == lead.e164()
            && reading.email.value().and_then(|email| email.address.as_deref()) == lead.email_address();
        if same { Cow::Borrowed(&reading.watched) } else { Cow::Owned(self.lead_keys(lead)) }
    }

    /// What was submitted, and then the lead that it made or changed.
    fn judge_case(&self, case: &mut Case<'_>, book: &mut Book, suppressions: &Suppressions) {
        let Disposition::Judge { reading, .. } = &case.normalized.disposition else { return };
        case.trace.record(Stage::Screen(screen::suppression(&reading.watched, suppressions).into()));
        self.judge_own(case, book, suppressions);
        self.opt_out(case, book, suppressions);
    }

    fn judge_own(&self, case: &mut Case<'_>, book: &mut Book, suppressions: &Suppressions) {
        let Disposition::Judge { source, scoring, reading } = &case.normalized.disposition else { return };
        let submission = &case.normalized.submission;
        let mut left_out = Merge::default();
        if submission.fields.correction.is_some() && !book.has(case.ruling.lead) {
            // It was deleted meanwhile: a correction makes no lead.
            case.ruling = deduplicate::quarantined(QuarantineReason::NoMatch);
            return;
        }
        let Some(lead) = book.apply(&mut case.ruling.outcome, case.ruling.lead, |held, id| match held {
            Some(lead) if case.by_mailbox_alone => {
                left_out = merge::fold_by_mailbox(lead, submission, source, reading);
            }
            Some(lead) => left_out = merge::fold(lead, submission, source, reading),
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
        if !left_out.left_nothing_out() {
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
    fn opt_out(&self, case: &mut Case<'_>, book: &mut Book, suppressions: &Suppressions) {
        let Disposition::Judge { scoring, .. } = &case.normalized.disposition else { return };
        let mut reached = Vec::new();
        for id in &case.opts_out {
            let Some(lead) = book.change(*id, |lead| !lead.opt_out) else { continue };
            merge::opt_out(lead, &case.normalized.submission);
            let hits = screen::suppression(&self.lead_keys(lead), suppressions);
            let score = score::lead(lead, scoring);
            decide::lead(lead, &hits);
            let decision = decide::record(lead);
            reached.push(OptedOutLead { lead: *id, score, decision, other: Map::new() }.into());
        }
        if !reached.is_empty() {
            case.trace.record(Stage::OptOut(OptOut(reached)));
        }
    }
}

impl Judge for Pipeline {
    fn resolve<'b>(&self, fresh: Vec<&'b Normalized>, claims: BTreeMap<ClaimKey, Claim>) -> Resolution<'b> {
        deduplicate::resolve(fresh, claims)
    }

    fn suppression_keys<'n>(&self, normalized: &'n Normalized) -> Cow<'n, [SuppressionKey]> {
        screen::suppression_keys(&self.matching, normalized)
    }

    fn judge<'b>(
        &self,
        mut resolution: Resolution<'b>,
        leads: Vec<Lead>,
        suppressions: &Suppressions,
    ) -> Effects<'b> {
        let mut book = Book::new(leads);
        for case in &mut resolution.cases {
            self.judge_case(case, &mut book, suppressions);
        }
        let opted_out = resolution.cases.iter().filter(|case| case.normalized.asks_out());
        let opted_out =
            opted_out.flat_map(|case| self.opted_out(case.normalized, &book.reached(case))).collect();
        let (created, updated) = book.close();
        let Resolution { cases, claims, released, .. } = resolution;
        Effects { created, updated, claims, released, cases, opted_out }
    }

    fn reassess(&self, leads: Vec<Lead>, suppressions: &Suppressions) -> Vec<(Lead, Trace)> {
        let reassess = |mut lead: Lead| {
            let hits = screen::suppression(&self.lead_keys(&lead), suppressions);
            decide::lead(&mut lead, &hits);
            let mut trace = Trace::default();
            trace.record(Stage::Reassess(Reassess(ReassessReason::SuppressionListsChanged.into())));
            trace.record(Stage::ScreenLead(hits.into()));
            trace.record(Stage::Decide(decide::record(&lead).into()));
            (lead, trace)
        };
        leads.into_iter().map(reassess).collect()
    }

    fn rebuild(
        &self,
        before: &Lead,
        parts: &[&Normalized],
        suppressions: &Suppressions,
    ) -> Option<(Lead, Vec<Trace>)> {
        rebuild::lead(&self.matching, before, parts, suppressions)
    }

    fn opted_out(&self, normalized: &Normalized, reached: &[&Lead]) -> Vec<Suppression> {
        screen::opted_out(&self.matching, normalized, reached)
    }

    fn consent_salt(&self, submission: &Submission) -> Salt {
        self.matching.consent_salt(submission.organization, submission.id)
    }

    fn watched_by(&self, leads: &[Lead]) -> BTreeSet<SuppressionKey> {
        leads.iter().flat_map(|lead| self.lead_keys(lead)).collect()
    }

    fn watched_of(
        &self,
        organization: OrganizationId,
        e164: Option<&str>,
        email: Option<&str>,
    ) -> Vec<SuppressionKey> {
        screen::keys(&self.matching, organization, e164, email)
    }
}

/// The leads of a batch: those read under lock and those it makes.
struct Book {
    leads: BTreeMap<LeadId, Lead>,
    created: BTreeSet<LeadId>,
    updated: BTreeSet<LeadId>,
}

impl Book {
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
    fn reached(&self, case: &Case<'_>) -> Vec<&Lead> {
        let made =
            case.ruling.lead.filter(|_| matches!(case.ruling.outcome, Outcome::Created | Outcome::Updated));
        let ids: BTreeSet<LeadId> = made.into_iter().chain(case.opts_out.iter().copied()).collect();
        ids.iter().filter_map(|id| self.leads.get(id)).collect()
    }

    fn close(mut self) -> (Vec<Lead>, Vec<Lead>) {
        let mut take = |ids: BTreeSet<LeadId>| ids.iter().filter_map(|id| self.leads.remove(id)).collect();
        (take(self.created), take(self.updated))
    }
}
