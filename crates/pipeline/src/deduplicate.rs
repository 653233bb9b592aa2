//! Decides which lead a submission creates or matches, from the claims that the store read under lock.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use leadgate_domain::trace::{DeduplicateTrace, KeyMatch, MaybeKnown, TraceItem};
use leadgate_domain::{
    BatchResolution, Claim, ClaimKey, ClaimKind, CommitAction, Correction, DuplicatePolicy, IdentityRule,
    LeadId, NormalizedSubmission, NormalizedValues, OrganizationId, Outcome, QuarantineReason,
    ResolvedOutcome, ResolvedSubmission, Source, Stage, Submission, SubmissionId, Timestamp, Trust,
};

/// The leads that hold keys of a submission.
#[derive(Default)]
struct KeyMatches {
    /// The lead that the submission matches.
    matched: Option<KeyHolder>,
    /// Whether a secret submission updates a lead that only public submissions had created.
    updates_public_lead: bool,
    /// Other leads that hold keys of the submission.
    conflicts: Vec<KeyHolder>,
    expired: Vec<ClaimKind>,
    matched_by_mailbox_only: bool,
    /// Leads with an expired key, and public leads with the mailbox of a secret submission. An opt-out
    /// applies to them too.
    other_leads: Vec<LeadId>,
}

impl KeyMatches {
    /// Every lead that holds or held one of the keys.
    fn leads(&self) -> Vec<LeadId> {
        let current = self.matched.iter().chain(&self.conflicts).map(|holder| holder.lead);
        let leads: BTreeSet<_> = current.chain(self.other_leads.iter().copied()).collect();
        leads.into_iter().collect()
    }

    /// The trace of the match.
    fn record(self, source: &Source) -> DeduplicateTrace {
        DeduplicateTrace {
            rule: Some(source.identity_rule.into()),
            policy: Some(source.policy.into()),
            matched: self.matched.map(KeyHolder::record),
            updates_public_lead: self.updates_public_lead,
            conflicts: self.conflicts.into_iter().map(KeyHolder::record).collect(),
            expired: self.expired.into_iter().map(MaybeKnown::from).collect(),
            matched_by_mailbox_only: self.matched_by_mailbox_only,
            ..DeduplicateTrace::default()
        }
    }
}

/// A lead that holds a key of the submission.
#[derive(Clone, Copy, PartialEq)]
struct KeyHolder {
    by: ClaimKind,
    lead: LeadId,
    last_seen: Timestamp,
    trust: Trust,
}

impl KeyHolder {
    fn new(claim: &Claim, by: ClaimKind) -> Self {
        Self { by, lead: claim.lead, last_seen: claim.last_seen, trust: claim.trust }
    }

    fn by_mailbox(&self) -> bool {
        self.by == ClaimKind::GmailMailbox
    }

    fn record(self) -> TraceItem<KeyMatch> {
        KeyMatch { by: self.by, lead: self.lead, last_seen: self.last_seen }.into()
    }
}

/// Resolves the submissions of a batch in the order of receipt. Each one sees the claims of the earlier ones.
pub(crate) fn resolve<'b>(
    mut fresh: Vec<&'b NormalizedSubmission>,
    stored: BTreeMap<ClaimKey, Claim>,
) -> BatchResolution<'b> {
    fresh.sort_by_key(|normalized| normalized.submission.processing_order());
    let batch: BTreeSet<SubmissionId> = fresh.iter().map(|normalized| normalized.submission.id).collect();
    let mut claims = BatchClaims::new(&stored, &batch);
    let submissions: Vec<ResolvedSubmission<'b>> =
        fresh.into_iter().map(|normalized| claims.resolve(normalized)).collect();
    let is_stored = |lead: &LeadId| !batch.contains(&SubmissionId::from(*lead));
    let updated = |item: &ResolvedSubmission<'_>| {
        item.resolved.lead.filter(|_| item.resolved.outcome == Outcome::Updated)
    };
    let leads = submissions
        .iter()
        .flat_map(|item| updated(item).into_iter().chain(item.opted_out_leads.iter().copied()))
        .filter(is_stored)
        .collect();
    let taken_over_leads = claims.taken_over_leads.clone();
    let (claims, released) = claims.changed_claims(&stored);
    BatchResolution { submissions, claims, released, leads, taken_over_leads }
}

/// The claims of the batch while its submissions are resolved.
struct BatchClaims {
    /// The holder of each key; `None` if the key is free.
    holders: BTreeMap<ClaimKey, Option<Claim>>,
    /// Leads that only public submissions had created before this batch, and that a secret submission
    /// updates.
    taken_over_leads: BTreeSet<(OrganizationId, LeadId)>,
}

impl BatchClaims {
    /// A stored claim of a submission in this batch is provisional, so its key is free.
    fn new(stored: &BTreeMap<ClaimKey, Claim>, batch: &BTreeSet<SubmissionId>) -> Self {
        let holder = |claim: &Claim| (!batch.contains(&claim.submission)).then(|| claim.clone());
        let holders = stored.iter().map(|(key, claim)| (*key, holder(claim))).collect();
        Self { holders, taken_over_leads: BTreeSet::new() }
    }

    fn holder(&self, key: &ClaimKey) -> Option<&Claim> {
        self.holders.get(key)?.as_ref()
    }

    fn resolve<'b>(&mut self, normalized: &'b NormalizedSubmission) -> ResolvedSubmission<'b> {
        let mut trace = normalized.trace.clone();
        let (resolved, matched_by_mailbox_only, opted_out_leads) = match &normalized.action {
            CommitAction::Quarantine(reason) => (quarantined(*reason), false, Vec::new()),
            CommitAction::Judge { source, reading, .. } => {
                let (resolved, record, opted_out_leads) = self.resolve_by_keys(normalized, source, reading);
                let matched_by_mailbox_only = record.matched_by_mailbox_only;
                trace.record(Stage::Deduplicate(Box::new(record.into())));
                (resolved, matched_by_mailbox_only, opted_out_leads)
            }
        };
        ResolvedSubmission { normalized, trace, resolved, matched_by_mailbox_only, opted_out_leads }
    }

    /// Resolves a submission. If it is an opt-out, also returns every lead that holds or held its keys.
    fn resolve_by_keys(
        &mut self,
        normalized: &NormalizedSubmission,
        source: &Source,
        reading: &NormalizedValues,
    ) -> (ResolvedOutcome, DeduplicateTrace, Vec<LeadId>) {
        let submission = &normalized.submission;
        if let Some(correction) = &submission.fields.correction {
            return self.resolve_correction(normalized, source, reading, correction);
        }
        let mut matches = self.match_keys(submission, source, reading);
        let opted_out_leads = if submission.fields.opt_out { matches.leads() } else { Vec::new() };
        if let Some((outcome, record)) = self.idempotency_match(submission, source, reading) {
            return (outcome, record, opted_out_leads);
        }
        // A public submission may hold the claim; a secret submission must still update the lead.
        matches.updates_public_lead = source.policy != DuplicatePolicy::Create
            && matches.matched.is_some_and(|existing| existing.trust < submission.trust);
        let outcome = match (matches.matched, source.policy) {
            (None, _) if submission.fields.must_exist => quarantined(QuarantineReason::NoMatch),
            (None, _) | (Some(_), DuplicatePolicy::Create) => {
                resolved(Outcome::Created, submission.id.into())
            }
            (Some(existing), _) if matches.updates_public_lead => resolved(Outcome::Updated, existing.lead),
            (Some(existing), DuplicatePolicy::ReturnExisting) => resolved(Outcome::Duplicate, existing.lead),
            (Some(existing), DuplicatePolicy::Update) => resolved(Outcome::Updated, existing.lead),
            (Some(existing), DuplicatePolicy::Link) => resolved(Outcome::Linked, existing.lead),
        };
        if let Some(lead) = outcome.lead {
            if matches.updates_public_lead {
                self.release_public_claims(submission, reading, lead);
            }
            // The sender of a form may combine one person's phone with another person's email. A public
            // submission therefore adds no key to a lead with a secret claim.
            let may_claim = matches
                .matched
                .is_none_or(|existing| existing.lead != lead || existing.trust <= submission.trust);
            // A match by mailbox only adds no other key. Otherwise the next such submission would match
            // exactly.
            let is_claimed = |key: &&ClaimKey| {
                lead == submission.id.into()
                    || !matches.matched_by_mailbox_only
                    || key.kind == ClaimKind::GmailMailbox
            };
            let keys = reading.keys.iter().filter(|_| may_claim).filter(is_claimed);
            for key in keys.chain(&reading.idempotency) {
                self.claim_key(normalized, source, *key, lead);
            }
        }
        (outcome, matches.record(source), opted_out_leads)
    }

    /// Updates the lead that an operator selected, independent of its keys, and gives it the free keys.
    fn resolve_correction(
        &mut self,
        normalized: &NormalizedSubmission,
        source: &Source,
        reading: &NormalizedValues,
        correction: &Correction,
    ) -> (ResolvedOutcome, DeduplicateTrace, Vec<LeadId>) {
        let matches = self.match_keys(&normalized.submission, source, reading);
        let holders = matches.matched.into_iter().chain(matches.conflicts);
        let conflicts = holders.filter(|holder| holder.lead != correction.lead);
        let record = DeduplicateTrace {
            correction: Some(correction.clone().into()),
            conflicts: conflicts.map(KeyHolder::record).collect(),
            expired: matches.expired.into_iter().map(MaybeKnown::from).collect(),
            ..DeduplicateTrace::default()
        };
        for key in &reading.keys {
            self.claim_key(normalized, source, *key, correction.lead);
        }
        let opts_out = normalized.submission.fields.opt_out;
        let opted_out_leads = if opts_out { vec![correction.lead] } else { Vec::new() };
        (resolved(Outcome::Updated, correction.lead), record, opted_out_leads)
    }

    /// Releases the keys that only public submissions gave to the lead. They may belong to another person.
    fn release_public_claims(&mut self, submission: &Submission, reading: &NormalizedValues, lead: LeadId) {
        self.taken_over_leads.insert((submission.organization, lead));
        for (key, holder) in &mut self.holders {
            let is_public = |claim: &Claim| claim.lead == lead && claim.trust == Trust::Public;
            if key.kind != ClaimKind::Idempotency
                && !reading.keys.contains(key)
                && holder.as_ref().is_some_and(is_public)
            {
                *holder = None;
            }
        }
    }

    /// Checks for a repeated idempotency key. With the same body it is a duplicate, otherwise a client error.
    fn idempotency_match(
        &self,
        submission: &Submission,
        source: &Source,
        reading: &NormalizedValues,
    ) -> Option<(ResolvedOutcome, DeduplicateTrace)> {
        let first = self.holder(&reading.idempotency?)?;
        if first.is_expired(source, submission) {
            return None;
        }
        if first.body_hash != Some(submission.body_hash) {
            return Some((quarantined(QuarantineReason::IdempotencyMismatch), DeduplicateTrace::default()));
        }
        let matched = Some(KeyHolder::new(first, ClaimKind::Idempotency).record());
        let record = DeduplicateTrace { matched, ..DeduplicateTrace::default() };
        Some((resolved(Outcome::Duplicate, first.lead), record))
    }

    /// Finds the leads that hold keys of the submission, and the one that it matches.
    fn match_keys(&self, submission: &Submission, source: &Source, reading: &NormalizedValues) -> KeyMatches {
        let mut matches = KeyMatches::default();
        let mut holders = Vec::new();
        for (position, key) in reading.keys.iter().enumerate() {
            let Some(claim) = self.holder(key) else { continue };
            if claim.is_expired(source, submission) {
                matches.expired.push(key.kind);
                matches.other_leads.push(claim.lead);
                continue;
            }
            // A public claim of a mailbox does not match a secret submission, which creates a new lead.
            if key.kind == ClaimKind::GmailMailbox && claim.trust < submission.trust {
                matches.other_leads.push(claim.lead);
                continue;
            }
            holders.push((position, KeyHolder::new(claim, key.kind)));
        }
        let first = reading.keys.first().map(|key| key.kind.configured());
        let decides =
            |by: ClaimKind| source.identity_rule == IdentityRule::AnyOf || first == Some(by.configured());
        let candidates = holders.iter().filter(|(_, holder)| decides(holder.by));
        // An exact match takes precedence over a mailbox, then the more trusted claim, then the order of the
        // keys.
        let rank =
            |position: usize, holder: &KeyHolder| (holder.by_mailbox(), Reverse(holder.trust), position);
        matches.matched =
            candidates.min_by_key(|(position, holder)| rank(*position, holder)).map(|(_, holder)| *holder);
        let matched_lead = matches.matched.map(|holder| holder.lead);
        matches.matched_by_mailbox_only = matched_lead.is_some()
            && holders.iter().all(|(_, holder)| Some(holder.lead) != matched_lead || holder.by_mailbox());
        matches.conflicts = holders
            .into_iter()
            .map(|(_, holder)| holder)
            .filter(|holder| Some(holder.lead) != matched_lead)
            .collect();
        matches
    }

    /// Gives a free or expired key to the lead, and updates the time of a key that the lead already holds. A
    /// key that another lead holds does not move.
    fn claim_key(&mut self, normalized: &NormalizedSubmission, source: &Source, key: ClaimKey, lead: LeadId) {
        let Some(holder) = self.holders.get_mut(&key) else { return };
        let new_claim = Claim { lead, ..normalized.provisional_claim(key) };
        match holder {
            Some(claim) if claim.is_expired(source, &normalized.submission) => *claim = new_claim,
            Some(claim) if claim.lead == lead => claim.extend(&new_claim),
            Some(_) => {}
            None => *holder = Some(new_claim),
        }
    }

    /// The claims that differ from the stored ones, and the provisional claims that are not needed.
    fn changed_claims(self, stored: &BTreeMap<ClaimKey, Claim>) -> (Vec<Claim>, Vec<ClaimKey>) {
        let (mut changed, mut released) = (Vec::new(), Vec::new());
        for (key, claim) in self.holders {
            match claim {
                Some(claim) if stored.get(&key) != Some(&claim) => changed.push(claim),
                Some(_) => {}
                None => released.push(key),
            }
        }
        (changed, released)
    }
}

fn resolved(outcome: Outcome, lead: LeadId) -> ResolvedOutcome {
    ResolvedOutcome { outcome, lead: Some(lead), quarantine: None }
}

pub(crate) fn quarantined(reason: QuarantineReason) -> ResolvedOutcome {
    ResolvedOutcome { outcome: Outcome::Quarantined, lead: None, quarantine: Some(reason) }
}
