//! The stages in their order.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use leadgate_domain::secret::MatchKey;
use leadgate_domain::{
    Case, Claim, ClaimKey, Disposition, Effects, Judge, Lead, LeadId, Normalized, Outcome, Resolution,
    Source, Submission, SuppressionKey, Suppressions,
};

use crate::places::Places;
use crate::{decide, deduplicate, enrich, merge, normalize, score, screen};

/// `normalize → screen → deduplicate → enrich → score → decide`.
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

    /// The first stage, before the transaction. `source` is the submission's, if it still exists.
    pub fn normalize(&self, submission: Submission, source: Option<Arc<Source>>) -> Normalized {
        normalize::normalize(submission, source, &self.matching, self.places.as_deref())
    }

    fn lead_keys(&self, lead: &Lead) -> Vec<SuppressionKey> {
        screen::keys(&self.matching, lead.organization, lead.e164(), lead.email_address())
    }

    /// What was submitted, and then the lead that it made or changed.
    fn judge_case(&self, case: &mut Case<'_>, book: &mut Book, suppressions: &Suppressions) {
        let Disposition::Judge { source, reading } = &case.normalized.disposition else { return };
        let submission = &case.normalized.submission;
        let submitted = screen::submitted(&self.matching, submission.organization, reading);
        case.trace.record("screen", screen::suppression(&submitted, suppressions));

        let Some(lead) = book.apply(&mut case.ruling.outcome, case.ruling.lead, |held, id| match held {
            Some(lead) => merge::fold(lead, submission, source, reading),
            None => *held = Some(merge::create(id, submission, source, reading)),
        }) else {
            return;
        };
        let hits = screen::suppression(&self.lead_keys(lead), suppressions);
        enrich::lead(lead);
        let score = score::lead(lead);
        decide::lead(lead, &hits);

        let trace = &mut case.trace;
        trace.record("enrich", enrich::part(lead));
        trace.record("score", score);
        trace.record("decide", decide::part(lead));
    }
}

impl Judge for Pipeline {
    fn resolve<'b>(&self, fresh: Vec<&'b Normalized>, claims: BTreeMap<ClaimKey, Claim>) -> Resolution<'b> {
        deduplicate::resolve(fresh, claims)
    }

    fn watched(&self, resolution: &Resolution<'_>, leads: &[Lead]) -> BTreeSet<SuppressionKey> {
        let submitted = resolution.cases.iter().filter_map(|case| match &case.normalized.disposition {
            Disposition::Judge { reading, .. } => {
                Some(screen::submitted(&self.matching, case.normalized.submission.organization, reading))
            }
            Disposition::Quarantine(_) => None,
        });
        submitted.flatten().chain(self.watched_by(leads)).collect()
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
        let (created, updated) = book.close();
        let Resolution { cases, claims, released, .. } = resolution;
        Effects { created, updated, claims, released, cases }
    }

    fn reassess(&self, mut leads: Vec<Lead>, suppressions: &Suppressions) -> Vec<Lead> {
        for lead in &mut leads {
            let hits = screen::suppression(&self.lead_keys(lead), suppressions);
            decide::lead(lead, &hits);
        }
        leads
    }

    fn watched_by(&self, leads: &[Lead]) -> BTreeSet<SuppressionKey> {
        leads.iter().flat_map(|lead| self.lead_keys(lead)).collect()
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

    fn close(mut self) -> (Vec<Lead>, Vec<Lead>) {
        let mut take = |ids: BTreeSet<LeadId>| ids.iter().filter_map(|id| self.leads.remove(id)).collect();
        (take(self.created), take(self.updated))
    }
}
