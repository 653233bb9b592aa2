//! Addresses at Gmail that are written in different ways.

use leadgate_domain::{
    ClaimKind, Consent, DuplicatePolicy, GmailIdentity, IdentityKey, IdentityRule, Judge as _, LeadId,
    Outcome, Patch, Reason, Submission, TextField, Timestamp, Trust,
};
use serde_json::json;

use crate::{ANN, BEN, World, outcome};

const WRITTEN: &str = "ann.lee@gmail.com";
const OTHERWISE: &str = "AnnLee+shop@googlemail.com";

/// A source that knows people by email, then by phone.
fn world(policy: DuplicatePolicy, gmail_identity: GmailIdentity) -> World {
    let mut world = World::new(policy);
    let key = |kind| IdentityKey { kind, window: None };
    world.source.identity = vec![key(ClaimKind::Email), key(ClaimKind::Phone)];
    world.source.identity_rule = IdentityRule::AnyOf;
    world.source.gmail_identity = gmail_identity;
    world
}

fn submission(world: &mut World, at: i64, phone: &str, email: &str) -> Submission {
    let mut submission = world.submission(at, phone, "");
    submission.fields.email = Patch::Value(email.to_owned());
    submission
}

fn consent(at: i64) -> Consent {
    Consent {
        consent_timestamp: Some(Timestamp::from_microseconds(at).to_string()),
        consent_text_version: Some("v1".into()),
        source_url: Some("https://example.com".into()),
        ..Consent::default()
    }
}

#[test]
fn one_mailbox_at_gmail_is_one_lead_only_where_its_source_says_so() {
    for (gmail_identity, expected) in
        [(GmailIdentity::Mailbox, Outcome::Duplicate), (GmailIdentity::Exact, Outcome::Created)]
    {
        for rule in [IdentityRule::AnyOf, IdentityRule::FirstOf] {
            let mut world = world(DuplicatePolicy::ReturnExisting, gmail_identity);
            world.source.identity_rule = rule;
            let mut post = |at, email: &str| {
                let submission = submission(&mut world, at, "", email);
                outcome(&world.commit(vec![submission]), 0).0
            };
            assert_eq!(post(1, WRITTEN), Outcome::Created);
            assert_eq!(post(2, OTHERWISE), expected, "{gmail_identity} {rule}");
            assert_eq!(post(3, "ann.lee@acme.example"), Outcome::Created);
            assert_eq!(post(4, "annlee@acme.example"), Outcome::Created, "dots count elsewhere");
        }
    }
}

#[test]
fn an_address_stays_as_it_was_written() {
    let mut world = world(DuplicatePolicy::Update, GmailIdentity::Mailbox);
    let first = submission(&mut world, 1, ANN, "Ann.Lee+news@googlemail.com");
    world.commit(vec![first]);
    assert_eq!(world.leads[0].email_address(), Some("Ann.Lee+news@googlemail.com"));
}

#[test]
fn a_mailbox_alone_changes_neither_phone_email_nor_consent() {
    let now = 1_790_000_000_000_000;
    let mut world = world(DuplicatePolicy::Update, GmailIdentity::Mailbox);
    let mut first = submission(&mut world, now, ANN, WRITTEN);
    first.fields.consent = Patch::Value(Consent { consent_refused: true, ..Consent::default() });
    world.commit(vec![first]);
    assert!(world.leads[0].reasons.contains(&Reason::ConsentRefused));

    let mut second = submission(&mut world, now + 1, BEN, OTHERWISE);
    second.fields.consent = Patch::Value(consent(now));
    second.fields.texts.insert(TextField::Company, Some("Acme".into()));
    let normalized = world.normalize(second.clone());
    let settled = world.commit(vec![second]);
    assert_eq!(outcome(&settled, 0), (Outcome::Updated, Some(1)));
    assert_eq!(json!(settled.cases[0].1)["deduplicate"]["by_mailbox_alone"], true);
    let lead = &world.leads[0];
    assert_eq!((lead.e164(), lead.email_address()), (Some(ANN), Some(WRITTEN)));
    assert!(lead.reasons.contains(&Reason::ConsentRefused), "{:?}", lead.reasons);
    assert_eq!(lead.text(TextField::Company), Some("Acme"), "the rest is taken");
    assert!(
        normalized
            .claim_keys()
            .filter(|key| key.kind == ClaimKind::Phone)
            .all(|key| !world.claims.contains_key(key))
    );

    // The next one with that phone is another person's for all that is known.
    let mut third = world.submission(now + 2, BEN, "");
    third.fields.consent = Patch::Value(consent(now));
    assert_eq!(outcome(&world.commit(vec![third]), 0), (Outcome::Created, Some(3)));
}

#[test]
fn a_refusal_and_an_opt_out_count_by_a_mailbox_alone() {
    let now = 1_790_000_000_000_000;
    let mut world = world(DuplicatePolicy::Update, GmailIdentity::Mailbox);
    let mut first = submission(&mut world, now, ANN, WRITTEN);
    first.fields.consent = Patch::Value(consent(now));
    world.commit(vec![first]);
    assert_eq!(world.leads[0].reasons, []);

    let mut refuses = submission(&mut world, now + 1, "", OTHERWISE);
    refuses.fields.phone = Patch::Absent;
    refuses.fields.consent = Patch::Value(Consent { consent_refused: true, ..Consent::default() });
    world.commit(vec![refuses]);
    assert_eq!(world.leads[0].reasons, [Reason::ConsentRefused]);
    let mut asks = submission(&mut world, now + 2, "", OTHERWISE);
    asks.fields.opt_out = true;
    world.commit(vec![asks]);
    assert!(world.leads[0].opt_out && world.leads[0].reasons.contains(&Reason::OptedOut));
}

#[test]
fn with_the_phone_in_common_a_submission_counts_as_any_other() {
    let now = 1_790_000_000_000_000;
    let mut world = world(DuplicatePolicy::Update, GmailIdentity::Mailbox);
    let first = submission(&mut world, now, ANN, WRITTEN);
    world.commit(vec![first]);
    let mut second = submission(&mut world, now + 1, ANN, OTHERWISE);
    second.fields.consent = Patch::Value(consent(now));
    world.commit(vec![second]);
    assert_eq!(world.leads[0].reasons, []);
    assert_eq!(world.leads[0].email_address(), Some("AnnLee+shop@googlemail.com"));
}

#[test]
fn a_rebuilt_lead_takes_as_little_by_a_mailbox_alone() {
    let now = 1_790_000_000_000_000;
    let mut world = world(DuplicatePolicy::Update, GmailIdentity::Mailbox);
    let first = submission(&mut world, now, ANN, WRITTEN);
    let mut second = submission(&mut world, now + 1, BEN, OTHERWISE);
    second.fields.consent = Patch::Value(consent(now));
    let parts = [world.normalize(first.clone()), world.normalize(second.clone())];
    world.commit(vec![first]);
    world.commit(vec![second]);
    let before = world.leads[0].clone();
    let (after, _) = world.pipeline.rebuild(&before, &[&parts[1], &parts[0]], &world.suppressions).unwrap();
    assert_eq!((after.e164(), after.email_address(), &after.consent), (Some(ANN), Some(WRITTEN), &None));
    assert_eq!(after.reasons, before.reasons);
}

#[test]
fn a_forms_mailbox_does_not_stand_in_a_servers_way() {
    let mut world = world(DuplicatePolicy::ReturnExisting, GmailIdentity::Mailbox);
    let mut form = submission(&mut world, 1, "", WRITTEN);
    form.trust = Trust::Public;
    world.commit(vec![form]);
    let mut server = submission(&mut world, 2, ANN, OTHERWISE);
    server.trust = Trust::Secret;
    assert_eq!(outcome(&world.commit(vec![server]), 0), (Outcome::Created, Some(2)));
    let lead =
        world.leads.iter().find(|lead| lead.id == LeadId::from_uuid(uuid::Uuid::from_u128(2))).unwrap();
    assert_eq!(lead.e164(), Some(ANN));
}
