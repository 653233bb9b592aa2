//! Which lead a submission makes or meets, decided over the claims that the store read under lock.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use leadgate_domain::trace::{DeduplicateTrace, KeyMatch, MaybeKnown, TraceItem};
use leadgate_domain::{
    BatchResolution, Claim, ClaimKey, ClaimKind, CommitAction, Correction, DuplicatePolicy, IdentityRule,
    LeadId, NormalizedSubmission, NormalizedValues, OrganizationId, Outcome, QuarantineReason,
    ResolvedOutcome, ResolvedSubmission, Source, Stage, Submission, SubmissionId, Timestamp, Trust,
};

/// Which of a submission's keys are held, and which of them decides.
#[derive(Default)]
struct KeyMatches {
    matched: Option<KeyHolder>,
    /// A secret submission met a lead that only public ones had made, and updates it.
    updates_public_lead: bool,
    conflicts: Vec<KeyHolder>,
    expired: Vec<ClaimKind>,
    matched_by_mailbox_only: bool,
    /// Who held what is expired, or the mailbox of a submission that is more trusted. An opt-out reaches them, too.
    other_leads: Vec<LeadId>,
}
impl KeyMatches {
    /// Every lead that the supplied keys name, however long ago they were seen.
    fn leads(&self) -> Vec<LeadId> {
        let met = self.matched.iter().chain(&self.conflicts).map(|one| one.lead);
        let named: BTreeSet<_> = met.chain(self.other_leads.iter().copied()).collect();
        named.into_iter().collect()
    }

    /// What the trace says about how the submission was recognized.
    fn record(self, source: &Source) -> DeduplicateTrace {
        DeduplicateTrace {
            rule: Some(source.identity_rule.into()),
            policy: Some(source.policy.into()),
            matched: self.matched.map(KeyHolder::record),
            over_public: self.updates_public_lead,
            conflicts: self.conflicts.into_iter().map(KeyHolder::record).collect(),
            expired: self.expired.into_iter().map(MaybeKnown::from).collect(),
            by_mailbox_alone: self.matched_by_mailbox_only,
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
    fn of(claim: &Claim, by: ClaimKind) -> Self {
        Self { by, lead: claim.lead, last_seen: claim.last_seen, trust: claim.trust }
    }

    fn by_mailbox(&self) -> bool {
        self.by == ClaimKind::GmailMailbox
    }

    fn record(self) -> TraceItem<KeyMatch> {
        KeyMatch { by: self.by, lead: self.lead, last_seen: self.last_seen }.into()
    }
}

/// Walks a batch in the order of receipt over the claims, writing to them as it goes.
pub(crate) fn resolve<'b>(
    mut fresh: Vec<&'b NormalizedSubmission>,
    stored: BTreeMap<ClaimKey, Claim>,
) -> BatchResolution<'b> {
    fresh.sort_by_key(|normalized| normalized.submission.processing_order());
    let batch: BTreeSet<SubmissionId> = fresh.iter().map(|normalized| normalized.submission.id).collect();
    let mut claims = BatchClaims::new(&stored, &batch);
    let cases: Vec<ResolvedSubmission<'b>> =
        fresh.into_iter().map(|normalized| claims.rule(normalized)).collect();
    let changed = |lead: &LeadId| !batch.contains(&SubmissionId::from(*lead));
    let updated = |case: &ResolvedSubmission<'_>| {
        case.resolved.lead.filter(|_| case.resolved.outcome == Outcome::Updated)
    };
    let leads = cases
        .iter()
        .flat_map(|case| updated(case).into_iter().chain(case.opted_out_leads.iter().copied()))
        .filter(changed)
        .collect();
    let taken_over = claims.taken_over.clone();
    let (claims, released) = claims.changed_claims(&stored);
    BatchResolution { submissions: cases, claims, released, leads, taken_over_leads: taken_over }
}

/// Who holds each key of the batch at this point of the walk; `None` is free.
struct BatchClaims {
    held: BTreeMap<ClaimKey, Option<Claim>>,
    /// Leads that only public submissions had made before this batch.
    taken_over: BTreeSet<(OrganizationId, LeadId)>,
}

impl BatchClaims {
    /// A claim taken by a submission of this very batch is one that the store inserted provisionally.
    fn new(stored: &BTreeMap<ClaimKey, Claim>, batch: &BTreeSet<SubmissionId>) -> Self {
        let held = |claim: &Claim| (!batch.contains(&claim.submission)).then(|| claim.clone());
        let held = stored.iter().map(|(key, claim)| (*key, held(claim))).collect();
        Self { held, taken_over: BTreeSet::new() }
    }

    fn holder(&self, key: &ClaimKey) -> Option<&Claim> {
        self.held.get(key)?.as_ref()
    }

    fn rule<'b>(&mut self, normalized: &'b NormalizedSubmission) -> ResolvedSubmission<'b> {
        let mut trace = normalized.trace.clone();
        let (ruling, by_mailbox_alone, opts_out) = match &normalized.disposition {
            CommitAction::Quarantine(reason) => (quarantined(*reason), false, Vec::new()),
            CommitAction::Judge { source, reading, .. } => {
                let (ruling, record, named) = self.resolve_one(normalized, source, reading);
                let by_mailbox_alone = record.by_mailbox_alone;
                trace.record(Stage::Deduplicate(Box::new(record.into())));
                (ruling, by_mailbox_alone, named)
            }
        };
        ResolvedSubmission {
            normalized,
            trace,
            resolved: ruling,
            matched_by_mailbox_only: by_mailbox_alone,
            opted_out_leads: opts_out,
        }
    }

    /// Of an opt-out also every lead that its keys name.
    fn resolve_one(
        &mut self,
        normalized: &NormalizedSubmission,
        source: &Source,
        reading: &NormalizedValues,
    ) -> (ResolvedOutcome, DeduplicateTrace, Vec<LeadId>) {
        let submission = &normalized.submission;
        if let Some(correction) = &submission.fields.correction {
            return self.resolve_correction(normalized, source, reading, correction);
        }
        let mut met = self.match_keys(submission, source, reading);
        let named = if submission.fields.opt_out { met.leads() } else { Vec::new() };
        if let Some((ruling, record)) = self.idempotency_match(submission, source, reading) {
            return (ruling, record, named);
        }
        // A public submission may hold the claim; a secret submission must still update the lead.
        met.updates_public_lead = source.policy != DuplicatePolicy::Create
            && met.matched.is_some_and(|existing| existing.trust < submission.trust);
        let ruling = match (met.matched, source.policy) {
            (None, _) if submission.fields.must_exist => quarantined(QuarantineReason::NoMatch),
            (None, _) | (Some(_), DuplicatePolicy::Create) => {
                resolved(Outcome::Created, submission.id.into())
            }
            (Some(existing), _) if met.updates_public_lead => resolved(Outcome::Updated, existing.lead),
            (Some(existing), DuplicatePolicy::ReturnExisting) => resolved(Outcome::Duplicate, existing.lead),
            (Some(existing), DuplicatePolicy::Update) => resolved(Outcome::Updated, existing.lead),
            (Some(existing), DuplicatePolicy::Link) => resolved(Outcome::Linked, existing.lead),
        };
        if let Some(lead) = ruling.lead {
            if met.updates_public_lead {
                self.release_public_claims(submission, reading, lead);
            }
            // A form may know a person's phone and any other's email: it ties no key to a lead that a server made.
            let trusted = met.matched.is_none_or(|met| met.lead != lead || met.trust <= submission.trust);
            // What it supplies beside the mailbox would make the next such submission one that is written alike.
            let is_tied = |key: &&ClaimKey| {
                lead == submission.id.into()
                    || !met.matched_by_mailbox_only
                    || key.kind == ClaimKind::GmailMailbox
            };
            let keys = reading.keys.iter().filter(|_| trusted).filter(is_tied);
            for key in keys.chain(&reading.idempotency) {
                self.claim_key(normalized, source, *key, lead);
            }
        }
        (ruling, met.record(source), named)
    }

    /// Updates the lead that an operator named, whatever its keys are, and gives it the keys that are free.
    fn resolve_correction(
        &mut self,
        normalized: &NormalizedSubmission,
        source: &Source,
        reading: &NormalizedValues,
        correction: &Correction,
    ) -> (ResolvedOutcome, DeduplicateTrace, Vec<LeadId>) {
        let met = self.match_keys(&normalized.submission, source, reading);
        let others = met.matched.into_iter().chain(met.conflicts).filter(|met| met.lead != correction.lead);
        let record = DeduplicateTrace {
            correction: Some(correction.clone().into()),
            conflicts: others.map(KeyHolder::record).collect(),
            expired: met.expired.into_iter().map(MaybeKnown::from).collect(),
            ..DeduplicateTrace::default()
        };
        for key in &reading.keys {
            self.claim_key(normalized, source, *key, correction.lead);
        }
        let named = if normalized.submission.fields.opt_out { vec![correction.lead] } else { Vec::new() };
        (resolved(Outcome::Updated, correction.lead), record, named)
    }

    /// Frees what public submissions tied to the lead and the server does not: another person may be behind it.
    fn release_public_claims(&mut self, submission: &Submission, reading: &NormalizedValues, lead: LeadId) {
        self.taken_over.insert((submission.organization, lead));
        for (key, slot) in &mut self.held {
            let is_public = |claim: &Claim| claim.lead == lead && claim.trust == Trust::Public;
            if key.kind != ClaimKind::Idempotency
                && !reading.keys.contains(key)
                && slot.as_ref().is_some_and(is_public)
            {
                *slot = None;
            }
        }
    }

    /// An idempotency key that was used before: with the same body a duplicate, otherwise a client error.
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
        let matched = Some(KeyHolder::of(first, ClaimKind::Idempotency).record());
        let record = DeduplicateTrace { matched, ..DeduplicateTrace::default() };
        Some((resolved(Outcome::Duplicate, first.lead), record))
    }

    /// Which held keys the submission supplies, and which of them decides.
    fn match_keys(&self, submission: &Submission, source: &Source, reading: &NormalizedValues) -> KeyMatches {
        let mut found = KeyMatches::default();
        let mut matches = Vec::new();
        for (position, key) in reading.keys.iter().enumerate() {
            let Some(claim) = self.holder(key) else { continue };
            if claim.is_expired(source, submission) {
                found.expired.push(key.kind);
                found.other_leads.push(claim.lead);
                continue;
            }
            // A form that names a mailbox does not stand in a server's way: the server's lead is a new one.
            if key.kind == ClaimKind::GmailMailbox && claim.trust < submission.trust {
                found.other_leads.push(claim.lead);
                continue;
            }
            matches.push((position, KeyHolder::of(claim, key.kind)));
        }
        let first = reading.keys.first().map(|key| key.kind.configured());
        let decides =
            |by: ClaimKind| source.identity_rule == IdentityRule::AnyOf || first == Some(by.configured());
        let deciding = matches.iter().filter(|(_, met)| decides(met.by));
        // One that is written alike goes before a mailbox; then the more trusted one; of those the first.
        let rank = |position: usize, met: &KeyHolder| (met.by_mailbox(), Reverse(met.trust), position);
        found.matched = deciding.min_by_key(|(position, met)| rank(*position, met)).map(|(_, met)| *met);
        let deciding = found.matched.map(|met| met.lead);
        found.matched_by_mailbox_only = deciding.is_some()
            && matches.iter().all(|(_, met)| Some(met.lead) != deciding || met.by_mailbox());
        found.conflicts =
            matches.into_iter().map(|(_, met)| met).filter(|met| Some(met.lead) != deciding).collect();
        found
    }

    /// Gives a free or expired key to the lead, and remembers when the lead's own keys were last seen. A key that
    /// another lead holds never moves.
    fn claim_key(&mut self, normalized: &NormalizedSubmission, source: &Source, key: ClaimKey, lead: LeadId) {
        let Some(slot) = self.held.get_mut(&key) else { return };
        let own = Claim { lead, ..normalized.provisional_claim(key) };
        match slot {
            Some(claim) if claim.is_expired(source, &normalized.submission) => *claim = own,
            Some(claim) if claim.lead == lead => claim.extend(&own),
            Some(_) => {}
            None => *slot = Some(own),
        }
    }

    /// Claims that differ from the store, and claims that were taken provisionally and are not needed.
    fn changed_claims(self, stored: &BTreeMap<ClaimKey, Claim>) -> (Vec<Claim>, Vec<ClaimKey>) {
        let (mut changed, mut released) = (Vec::new(), Vec::new());
        for (key, claim) in self.held {
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
