//! Which lead a submission makes or meets, decided over the claims that the store read under lock.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use leadgate_domain::trace::{Deduplicate, Item, KeyMatch, MaybeKnown};
use leadgate_domain::{
    Case, Claim, ClaimKey, ClaimKind, Correction, Disposition, IdentityRule, LeadId, Normalized,
    OrganizationId, Outcome, Policy, QuarantineReason, Reading, Resolution, Ruling, Source, Stage,
    Submission, SubmissionId, Timestamp, Trust,
};

/// Which of a submission's keys are held, and which of them decides.
#[derive(Default)]
struct KeyMatches {
    matched: Option<Match>,
    /// A secret submission met a lead that only public ones had made, and updates it.
    over_public: bool,
    conflicts: Vec<Match>,
    expired: Vec<ClaimKind>,
    by_mailbox_alone: bool,
    /// Who held what is expired, or the mailbox of a submission that is more trusted. An opt-out reaches them, too.
    also_named: Vec<LeadId>,
}
impl KeyMatches {
    /// Every lead that the supplied keys name, however long ago they were seen.
    fn leads(&self) -> Vec<LeadId> {
        let met = self.matched.iter().chain(&self.conflicts).map(|one| one.lead);
        let named: BTreeSet<_> = met.chain(self.also_named.iter().copied()).collect();
        named.into_iter().collect()
    }

    /// What the trace says about how the submission was recognized.
    fn record(self, source: &Source) -> Deduplicate {
        Deduplicate {
            rule: Some(source.identity_rule.into()),
            policy: Some(source.policy.into()),
            matched: self.matched.map(Match::record),
            over_public: self.over_public,
            conflicts: self.conflicts.into_iter().map(Match::record).collect(),
            expired: self.expired.into_iter().map(MaybeKnown::from).collect(),
            by_mailbox_alone: self.by_mailbox_alone,
            ..Deduplicate::default()
        }
    }
}

/// A lead that holds a key of the submission.
#[derive(Clone, Copy, PartialEq)]
struct Match {
    by: ClaimKind,
    lead: LeadId,
    last_seen: Timestamp,
    trust: Trust,
}

impl Match {
    fn of(claim: &Claim, by: ClaimKind) -> Self {
        Self { by, lead: claim.lead, last_seen: claim.last_seen, trust: claim.trust }
    }

    fn by_mailbox(&self) -> bool {
        self.by == ClaimKind::GmailMailbox
    }

    fn record(self) -> Item<KeyMatch> {
        KeyMatch { by: self.by, lead: self.lead, last_seen: self.last_seen }.into()
    }
}

/// Walks a batch in the order of receipt over the claims, writing to them as it goes.
pub(crate) fn resolve<'b>(
    mut fresh: Vec<&'b Normalized>,
    stored: BTreeMap<ClaimKey, Claim>,
) -> Resolution<'b> {
    fresh.sort_by_key(|normalized| normalized.submission.order());
    let batch: BTreeSet<SubmissionId> = fresh.iter().map(|normalized| normalized.submission.id).collect();
    let mut claims = Claims::new(&stored, &batch);
    let cases: Vec<Case<'b>> = fresh.into_iter().map(|normalized| claims.rule(normalized)).collect();
    let changed = |lead: &LeadId| !batch.contains(&SubmissionId::from(*lead));
    let updated = |case: &Case<'_>| case.ruling.lead.filter(|_| case.ruling.outcome == Outcome::Updated);
    let leads = cases
        .iter()
        .flat_map(|case| updated(case).into_iter().chain(case.opts_out.iter().copied()))
        .filter(changed)
        .collect();
    let taken_over = claims.taken_over.clone();
    let (claims, released) = claims.settle(&stored);
    Resolution { cases, claims, released, leads, taken_over }
}

/// Who holds each key of the batch at this point of the walk; `None` is free.
struct Claims {
    held: BTreeMap<ClaimKey, Option<Claim>>,
    /// Leads that only public submissions had made before this batch.
    taken_over: BTreeSet<(OrganizationId, LeadId)>,
}

impl Claims {
    /// A claim taken by a submission of this very batch is one that the store inserted provisionally.
    fn new(stored: &BTreeMap<ClaimKey, Claim>, batch: &BTreeSet<SubmissionId>) -> Self {
        let held = |claim: &Claim| (!batch.contains(&claim.submission)).then(|| claim.clone());
        let held = stored.iter().map(|(key, claim)| (*key, held(claim))).collect();
        Self { held, taken_over: BTreeSet::new() }
    }

    fn holder(&self, key: &ClaimKey) -> Option<&Claim> {
        self.held.get(key)?.as_ref()
    }

    fn rule<'b>(&mut self, normalized: &'b Normalized) -> Case<'b> {
        let mut trace = normalized.trace.clone();
        let (ruling, by_mailbox_alone, opts_out) = match &normalized.disposition {
            Disposition::Quarantine(reason) => (quarantined(*reason), false, Vec::new()),
            Disposition::Judge { source, reading, .. } => {
                let (ruling, record, named) = self.resolve_one(normalized, source, reading);
                let by_mailbox_alone = record.by_mailbox_alone;
                trace.record(Stage::Deduplicate(Box::new(record.into())));
                (ruling, by_mailbox_alone, named)
            }
        };
        Case { normalized, trace, ruling, by_mailbox_alone, opts_out }
    }

    /// Of an opt-out also every lead that its keys name.
    fn resolve_one(
        &mut self,
        normalized: &Normalized,
        source: &Source,
        reading: &Reading,
    ) -> (Ruling, Deduplicate, Vec<LeadId>) {
        let submission = &normalized.submission;
        if let Some(correction) = &submission.fields.correction {
            return self.correct(normalized, source, reading, correction);
        }
        let mut met = self.meet(submission, source, reading);
        let named = if submission.fields.opt_out { met.leads() } else { Vec::new() };
        if let Some((ruling, record)) = self.repeated(submission, source, reading) {
            return (ruling, record, named);
        }
        // A public submission may hold the claim; a secret submission must still update the lead.
        met.over_public = source.policy != Policy::Create
            && met.matched.is_some_and(|existing| existing.trust < submission.trust);
        let ruling = match (met.matched, source.policy) {
            (None, _) if submission.fields.must_exist => quarantined(QuarantineReason::NoMatch),
            (None, _) | (Some(_), Policy::Create) => ruling(Outcome::Created, submission.id.into()),
            (Some(existing), _) if met.over_public => ruling(Outcome::Updated, existing.lead),
            (Some(existing), Policy::ReturnExisting) => ruling(Outcome::Duplicate, existing.lead),
            (Some(existing), Policy::Update) => ruling(Outcome::Updated, existing.lead),
            (Some(existing), Policy::Link) => ruling(Outcome::Linked, existing.lead),
        };
        if let Some(lead) = ruling.lead {
            if met.over_public {
                self.take_over(submission, reading, lead);
            }
            // A form may know a person's phone and any other's email: it ties no key to a lead that a server made.
            let trusted = met.matched.is_none_or(|met| met.lead != lead || met.trust <= submission.trust);
            // What it supplies beside the mailbox would make the next such submission one that is written alike.
            let is_tied = |key: &&ClaimKey| {
                lead == submission.id.into() || !met.by_mailbox_alone || key.kind == ClaimKind::GmailMailbox
            };
            let keys = reading.keys.iter().filter(|_| trusted).filter(is_tied);
            for key in keys.chain(&reading.idempotency) {
                self.take(normalized, source, *key, lead);
            }
        }
        (ruling, met.record(source), named)
    }

    /// Updates the lead that an operator named, whatever its keys are, and gives it the keys that are free.
    fn correct(
        &mut self,
        normalized: &Normalized,
        source: &Source,
        reading: &Reading,
        correction: &Correction,
    ) -> (Ruling, Deduplicate, Vec<LeadId>) {
        let met = self.meet(&normalized.submission, source, reading);
        let others = met.matched.into_iter().chain(met.conflicts).filter(|met| met.lead != correction.lead);
        let record = Deduplicate {
            correction: Some(correction.clone().into()),
            conflicts: others.map(Match::record).collect(),
            expired: met.expired.into_iter().map(MaybeKnown::from).collect(),
            ..Deduplicate::default()
        };
        for key in &reading.keys {
            self.take(normalized, source, *key, correction.lead);
        }
        let named = if normalized.submission.fields.opt_out { vec![correction.lead] } else { Vec::new() };
        (ruling(Outcome::Updated, correction.lead), record, named)
    }

    /// Frees what public submissions tied to the lead and the server does not: another person may be behind it.
    fn take_over(&mut self, submission: &Submission, reading: &Reading, lead: LeadId) {
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
    fn repeated(
        &self,
        submission: &Submission,
        source: &Source,
        reading: &Reading,
    ) -> Option<(Ruling, Deduplicate)> {
        let first = self.holder(&reading.idempotency?)?;
        if first.is_expired(source, submission) {
            return None;
        }
        if first.body_hash != Some(submission.body_hash) {
            return Some((quarantined(QuarantineReason::IdempotencyMismatch), Deduplicate::default()));
        }
        let matched = Some(Match::of(first, ClaimKind::Idempotency).record());
        let record = Deduplicate { matched, ..Deduplicate::default() };
        Some((ruling(Outcome::Duplicate, first.lead), record))
    }

    /// Which held keys the submission supplies, and which of them decides.
    fn meet(&self, submission: &Submission, source: &Source, reading: &Reading) -> KeyMatches {
        let mut found = KeyMatches::default();
        let mut matches = Vec::new();
        for (position, key) in reading.keys.iter().enumerate() {
            let Some(claim) = self.holder(key) else { continue };
            if claim.is_expired(source, submission) {
                found.expired.push(key.kind);
                found.also_named.push(claim.lead);
                continue;
            }
            // A form that names a mailbox does not stand in a server's way: the server's lead is a new one.
            if key.kind == ClaimKind::GmailMailbox && claim.trust < submission.trust {
                found.also_named.push(claim.lead);
                continue;
            }
            matches.push((position, Match::of(claim, key.kind)));
        }
        let first = reading.keys.first().map(|key| key.kind.configured());
        let decides =
            |by: ClaimKind| source.identity_rule == IdentityRule::AnyOf || first == Some(by.configured());
        let deciding = matches.iter().filter(|(_, met)| decides(met.by));
        // One that is written alike goes before a mailbox; then the more trusted one; of those the first.
        let rank = |position: usize, met: &Match| (met.by_mailbox(), Reverse(met.trust), position);
        found.matched = deciding.min_by_key(|(position, met)| rank(*position, met)).map(|(_, met)| *met);
        let deciding = found.matched.map(|met| met.lead);
        found.by_mailbox_alone = deciding.is_some()
            && matches.iter().all(|(_, met)| Some(met.lead) != deciding || met.by_mailbox());
        found.conflicts =
            matches.into_iter().map(|(_, met)| met).filter(|met| Some(met.lead) != deciding).collect();
        found
    }

    /// Gives a free or expired key to the lead, and remembers when the lead's own keys were last seen. A key that
    /// another lead holds never moves.
    fn take(&mut self, normalized: &Normalized, source: &Source, key: ClaimKey, lead: LeadId) {
        let Some(slot) = self.held.get_mut(&key) else { return };
        let own = Claim { lead, ..normalized.provisional(key) };
        match slot {
            Some(claim) if claim.is_expired(source, &normalized.submission) => *claim = own,
            Some(claim) if claim.lead == lead => claim.extend(&own),
            Some(_) => {}
            None => *slot = Some(own),
        }
    }

    /// Claims that differ from the store, and claims that were taken provisionally and are not needed.
    fn settle(self, stored: &BTreeMap<ClaimKey, Claim>) -> (Vec<Claim>, Vec<ClaimKey>) {
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

fn ruling(outcome: Outcome, lead: LeadId) -> Ruling {
    Ruling { outcome, lead: Some(lead), quarantine: None }
}

pub(crate) fn quarantined(reason: QuarantineReason) -> Ruling {
    Ruling { outcome: Outcome::Quarantined, lead: None, quarantine: Some(reason) }
}
