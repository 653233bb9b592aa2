//! Runs complete batches through the pipeline. Two maps simulate the store.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a panic fails the test")]

use std::collections::BTreeMap;
use std::sync::Arc;

use leadgate_domain::mapping::{MappingFault, MappingFaultCode};
use leadgate_domain::secret::MatchKey;
use leadgate_domain::{
    ActiveScoring, Claim, ClaimKey, ClaimKind, CommitAction, Consent, ConsentPolicy, Dialect,
    DuplicatePolicy, Fields, IdentityKey, IdentityRule, Judge, KeyHash, Lead, ListEntry,
    NormalizedSubmission, OrganizationId, Outcome, Patch, QuarantineReason, Reason, ResolvedOutcome, Source,
    Submission, SubmissionId, SuppressionForm, SuppressionMatches, TextField, Timestamp, Trace,
};
use leadgate_pipeline::Pipeline;
use serde_json::json;

mod consents;
mod mailboxes;
mod opting_out;

const DAY: i64 = 24 * 60 * 60 * 1_000_000;

struct World {
    pipeline: Pipeline,
    source: Source,
    scoring: Arc<ActiveScoring>,
    claims: BTreeMap<ClaimKey, Claim>,
    leads: Vec<Lead>,
    suppressions: SuppressionMatches,
    submission_count: u128,
}

impl World {
    fn new(policy: DuplicatePolicy) -> Self {
        let source = Source::new(
            OrganizationId::generate(),
            &leadgate_dialect::protocol(Dialect::Native).source_defaults,
            None,
            Timestamp::from_microseconds(0),
        );
        Self {
            pipeline: Pipeline::new(MatchKey::new([0x55; 32])),
            source: Source { policy, default_region: "US".parse().ok(), ..source },
            scoring: ActiveScoring::standard(),
            claims: BTreeMap::new(),
            leads: Vec::new(),
            suppressions: SuppressionMatches::new(),
            submission_count: 0,
        }
    }

    fn submission(&mut self, at: i64, phone: &str, external_id: &str) -> Submission {
        self.submission_count += 1;
        let texts = [(TextField::ExternalId, Some(external_id.to_owned()))];
        let body = format!("{phone}|{external_id}");
        let id = SubmissionId::from_uuid(uuid::Uuid::from_u128(self.submission_count));
        let fields =
            Fields { phone: Patch::Value(phone.to_owned()), texts: texts.into(), ..Fields::default() };
        Submission::new(id, &self.source, Timestamp::from_microseconds(at), fields, body.as_bytes())
    }

    fn normalize(&self, submission: Submission) -> NormalizedSubmission {
        self.pipeline.normalize(submission, Some(Arc::new(self.source.clone())), Arc::clone(&self.scoring))
    }

    /// Simulates a commit of the store: inserts provisional claims, calls the two pure steps, and writes the
    /// changes.
    fn commit(&mut self, batch: Vec<Submission>) -> CommitResult {
        let batch: Vec<_> = batch.into_iter().map(|submission| self.normalize(submission)).collect();
        for normalized in &batch {
            for key in normalized.claim_keys() {
                self.claims.entry(*key).or_insert_with(|| normalized.provisional_claim(*key));
            }
        }
        let keys: Vec<_> = batch.iter().flat_map(NormalizedSubmission::claim_keys).copied().collect();
        let read = self.claims.iter().filter(|(key, _)| keys.contains(key));
        let resolution = self
            .pipeline
            .resolve(batch.iter().collect(), read.map(|(key, claim)| (*key, claim.clone())).collect());
        let locked: Vec<_> =
            self.leads.iter().filter(|lead| resolution.leads.contains(&lead.id)).cloned().collect();
        let changes = self.pipeline.judge(resolution, locked, &self.suppressions);
        self.claims.extend(changes.claims.iter().map(|claim| (claim.key, claim.clone())));
        self.claims.retain(|key, _| !changes.released.contains(key));
        self.leads.retain(|lead| changes.updated.iter().all(|updated| updated.id != lead.id));
        self.leads.extend(changes.created.iter().chain(&changes.updated).cloned());
        let outcomes = changes.submissions.into_iter().map(|item| (item.resolved, item.trace)).collect();
        CommitResult { outcomes, created: changes.created }
    }

    fn post(&mut self, at: i64, phone: &str, external_id: &str) -> (Outcome, Option<u128>) {
        let submission = self.submission(at, phone, external_id);
        outcome(&self.commit(vec![submission]), 0)
    }
}

struct CommitResult {
    outcomes: Vec<(ResolvedOutcome, Trace)>,
    created: Vec<Lead>,
}

fn outcome(result: &CommitResult, index: usize) -> (Outcome, Option<u128>) {
    let resolved = &result.outcomes[index].0;
    (resolved.outcome, resolved.lead.map(|lead| lead.as_uuid().as_u128()))
}

const ANN: &str = "+14155550132";
const BEN: &str = "+14155550133";

#[test]
fn either_key_matches_the_lead_and_a_duplicate_adds_its_free_keys() {
    let mut world = World::new(DuplicatePolicy::ReturnExisting);
    assert_eq!(world.post(1, ANN, ""), (Outcome::Created, Some(1)));
    assert_eq!(world.post(2, "(415) 555-0132", "x1"), (Outcome::Duplicate, Some(1)));
    assert_eq!(world.post(3, "not a phone", "x1"), (Outcome::Duplicate, Some(1)));
    assert_eq!(world.post(4, BEN, "x2"), (Outcome::Created, Some(4)));
    assert_eq!(world.leads.len(), 2);
}

#[test]
fn an_invalid_phone_or_an_empty_key_matches_no_lead() {
    let mut world = World::new(DuplicatePolicy::ReturnExisting);
    assert_eq!(world.post(1, "12", " ").0, Outcome::Created);
    assert_eq!(world.post(2, "12", " ").0, Outcome::Created);
    assert!(world.claims.is_empty());
    assert_eq!(world.leads[0].reasons, [Reason::PhoneInvalid, Reason::ConsentMissing]);
    assert!(world.leads[0].all_tags().contains("phone_review"));
}

#[test]
fn a_window_starts_when_the_key_was_last_seen() {
    let mut world = World::new(DuplicatePolicy::ReturnExisting);
    world.post(0, ANN, "");
    assert_eq!(world.post(29 * DAY, ANN, "").0, Outcome::Duplicate);
    assert_eq!(
        world.post(58 * DAY, ANN, "").0,
        Outcome::Duplicate,
        "the first duplicate extended the window"
    );
    assert_eq!(world.post(89 * DAY, ANN, ""), (Outcome::Created, Some(4)));
    assert_eq!(
        world.post(90 * DAY, ANN, ""),
        (Outcome::Duplicate, Some(4)),
        "the new lead holds the claim now"
    );
}

#[test]
fn keys_that_disagree_are_a_conflict_and_the_first_in_order_decides() {
    let mut world = World::new(DuplicatePolicy::ReturnExisting);
    world.post(1, ANN, "x1");
    world.post(2, BEN, "x2");
    let submission = world.submission(3, BEN, "x1");
    let result = world.commit(vec![submission]);
    assert_eq!(outcome(&result, 0), (Outcome::Duplicate, Some(1)));
    let deduplicate = json!(result.outcomes[0].1)["deduplicate"].clone();
    assert_eq!(deduplicate["identity_conflict"][0]["by"], "phone");
    assert_eq!(world.post(4, BEN, ""), (Outcome::Duplicate, Some(2)), "a held claim never moves");
}

#[test]
fn the_rule_first_of_uses_only_the_first_key() {
    let mut world = World::new(DuplicatePolicy::Update);
    world.source.identity_rule = IdentityRule::FirstOf;
    world.source.identity =
        [ClaimKind::ExternalId, ClaimKind::Phone].map(|kind| IdentityKey { kind, window: None }).into();
    assert_eq!(world.post(1, ANN, "x1"), (Outcome::Created, Some(1)));
    assert_eq!(world.post(2, ANN, "x2"), (Outcome::Created, Some(2)));
    assert_eq!(world.post(3, ANN, ""), (Outcome::Updated, Some(1)));
}

#[test]
fn must_exist_creates_no_lead_and_claims_no_key() {
    let mut world = World::new(DuplicatePolicy::Update);
    let mut unknown = world.submission(1, ANN, "");
    unknown.fields.must_exist = true;
    let resolved = world.commit(vec![unknown]).outcomes.remove(0).0;
    assert_eq!((resolved.lead, resolved.quarantine), (None, Some(QuarantineReason::NoMatch)));
    assert!(world.claims.is_empty() && world.leads.is_empty());
    assert_eq!(world.post(2, ANN, ""), (Outcome::Created, Some(2)));
    let mut known = world.submission(3, ANN, "");
    known.fields.must_exist = true;
    assert_eq!(outcome(&world.commit(vec![known]), 0), (Outcome::Updated, Some(2)));
}

#[test]
fn every_policy_has_its_outcome_for_a_known_person() {
    let expected = [
        (DuplicatePolicy::ReturnExisting, Outcome::Duplicate, Some(1), 1),
        (DuplicatePolicy::Update, Outcome::Updated, Some(1), 1),
        (DuplicatePolicy::Link, Outcome::Linked, Some(1), 1),
        (DuplicatePolicy::Create, Outcome::Created, Some(2), 2),
    ];
    for (policy, second, lead, leads) in expected {
        for one_batch in [false, true] {
            let mut world = World::new(policy);
            let (first, again) = (world.submission(1, ANN, ""), world.submission(2, ANN, ""));
            let last = if one_batch {
                outcome(&world.commit(vec![again, first]), 1)
            } else {
                world.commit(vec![first]);
                outcome(&world.commit(vec![again]), 0)
            };
            assert_eq!((last, world.leads.len()), ((second, lead), leads), "{policy} {one_batch}");
        }
    }
}

#[test]
fn a_repeated_idempotency_key_is_a_duplicate_or_a_mismatch() {
    let mut world = World::new(DuplicatePolicy::Create);
    let key = KeyHash::parse(&"a".repeat(32));
    let mut post = |at, phone| {
        let submission = world.submission(at, phone, "");
        outcome(&world.commit(vec![Submission { idempotency_key_hash: key, ..submission }]), 0)
    };
    assert_eq!(post(0, ANN), (Outcome::Created, Some(1)));
    assert_eq!(post(1, ANN), (Outcome::Duplicate, Some(1)));
    assert_eq!(post(2, BEN), (Outcome::Quarantined, None));
    assert_eq!(post(DAY + 1, BEN), (Outcome::Created, Some(4)), "after a day the key is free again");
    assert!(world.claims.values().all(|claim| [1, 4].contains(&claim.lead.as_uuid().as_u128())));
}

#[test]
fn a_submission_without_a_source_or_a_valid_mapping_is_quarantined() {
    let mut world = World::new(DuplicatePolicy::ReturnExisting);
    let orphan = world.submission(1, ANN, "");
    let normalized = world.pipeline.normalize(orphan, None, ActiveScoring::standard());
    assert!(matches!(normalized.action, CommitAction::Quarantine(QuarantineReason::SourceGone)));
    assert_eq!(normalized.claim_keys().count(), 0);
    let mut unmapped = world.submission(2, ANN, "");
    unmapped.mapping_fault = Some(MappingFault { to: "phone".into(), code: MappingFaultCode::Missing });
    let normalized = world.normalize(unmapped);
    assert!(matches!(normalized.action, CommitAction::Quarantine(QuarantineReason::MappingFailed)));
}

#[test]
fn a_suppressed_phone_holds_the_lead_and_the_trace_names_the_entries() {
    let mut world = World::new(DuplicatePolicy::ReturnExisting);
    let submission = world.submission(1, ANN, "");
    let normalized = world.normalize(submission.clone());
    let keys = world.pipeline.suppression_keys(&normalized);
    let added = Timestamp::from_microseconds(7);
    let listing = |list: &str| ListEntry {
        list: list.to_owned(),
        added_at: added,
        expires_at: None,
        form: SuppressionForm::default(),
    };
    // The phone is on two lists.
    let phone = keys[0];
    world.suppressions = [(phone, vec![listing("asked"), listing("bought")])].into();
    let result = world.commit(vec![submission]);
    assert_eq!(result.created[0].reasons, [Reason::SuppressedPhone, Reason::ConsentMissing]);
    let screen = &json!(result.outcomes[0].1)["screen"];
    let shown = |list: &str| json!({ "reason": "suppressed_phone", "list": list, "added_at": added });
    assert_eq!(*screen, json!([shown("asked"), shown("bought")]));

    let cleared = world.pipeline.reassess(result.created, &SuppressionMatches::new());
    let (cleared, trace) = &cleared[0];
    assert_eq!(cleared.reasons, [Reason::ConsentMissing]);
    assert_eq!(json!(trace)["screen_lead"], json!([]));
    assert_eq!(trace.decide().unwrap().reasons, [Reason::ConsentMissing]);
}

#[test]
fn the_trace_names_the_entry_that_matches_a_stored_phone() {
    let mut world = World::new(DuplicatePolicy::Update);
    world.post(1, ANN, "x1");
    let listing = ListEntry {
        list: "partners".to_owned(),
        added_at: Timestamp::from_microseconds(7),
        expires_at: None,
        form: SuppressionForm::default(),
    };
    let phone = world.pipeline.suppression_keys_of_leads(&world.leads).into_iter().next().unwrap();
    world.suppressions = [(phone, vec![listing])].into();
    let mut again = world.submission(2, "", "x1");
    again.fields.phone = Patch::Absent;
    let result = world.commit(vec![again]);
    assert!(world.leads[0].reasons.contains(&Reason::SuppressedPhone));
    let trace = json!(result.outcomes[0].1);
    assert_eq!(trace["screen"], json!([]), "no phone was sent");
    assert_eq!(trace["screen_lead"][0]["list"], "partners");
}

#[test]
fn spellings_of_one_email_address_match_one_lead() {
    let mut world = World::new(DuplicatePolicy::ReturnExisting);
    world.source.identity = vec![IdentityKey { kind: ClaimKind::Email, window: None }];
    let mut post = |at, email: &str| {
        let mut submission = world.submission(at, "", "");
        submission.fields.email = Patch::Value(email.to_owned());
        outcome(&world.commit(vec![submission]), 0)
    };
    assert_eq!(post(1, "ü@münchen.de"), (Outcome::Created, Some(1)));
    for (at, again) in
        [(2, "u\u{308}@xn--mnchen-3ya.de."), (3, "mailto:Ü@MÜNCHEN.de"), (4, "\u{200b}ü@münchen.de\u{a0}")]
    {
        assert_eq!(post(at, again), (Outcome::Duplicate, Some(1)), "{again}");
    }
    for (at, other) in [(5, "ü+tag@münchen.de"), (6, "u@münchen.de"), (7, "ü@muenchen.de")] {
        assert_eq!(post(at, other).0, Outcome::Created, "{other}");
    }
}

#[test]
fn an_invalid_value_is_in_the_trace_and_does_not_hold_the_lead() {
    let mut world = World::new(DuplicatePolicy::ReturnExisting);
    world.source.consent = ConsentPolicy::Optional;
    let mut submission = world.submission(1, ANN, "");
    let texts = [(TextField::State, "Bavaria"), (TextField::Currency, "$"), (TextField::FullName, "null")];
    submission.fields.texts = texts.map(|(field, text)| (field, Some(text.to_owned()))).into();
    let time = Some("2024-02-29 12:00".to_owned());
    let more = [("xxTrustedFormCertUrl", "http://cert.trustedform.com/1"), ("leadid_token", "undefined")];
    let more = more.map(|(name, value)| (name.to_owned(), value.into())).into_iter().collect();
    submission.fields.consent = Patch::Value(Consent { consent_timestamp: time, more, ..Consent::default() });
    submission.client.user_agent = Some(
        "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 Mobile/15E148"
            .to_owned(),
    );
    let result = world.commit(vec![submission]);
    let trace = json!(result.outcomes[0].1);
    let normalize = &trace["normalize"];
    for (name, verdict) in [
        ("state", "unknown"),
        ("currency", "unknown"),
        ("consent_time", "no_zone"),
        ("consent_trustedform", "not_https"),
        ("consent_jornaya", "not_a_guid"),
    ] {
        assert_eq!(normalize[name], verdict);
    }
    assert_eq!(normalize["placeholders"][0], "full_name");
    let lead = &result.created[0];
    assert_eq!((lead.reasons.as_slice(), lead.text(TextField::State)), (&[][..], Some("Bavaria")));
    assert_eq!(lead.text(TextField::FullName), None);
    assert_eq!(lead.consent.as_ref().unwrap().more["leadid_token"], "undefined", "stored unchanged");
    let inferred = &trace["enrich"]["inferred"];
    assert_eq!(inferred["device"]["value"]["kind"], "phone");
    assert_eq!(
        (&inferred["timezone"]["value"], &inferred["timezone"]["basis"]),
        (&"America/Los_Angeles".into(), &"phone_prefix".into())
    );
}
