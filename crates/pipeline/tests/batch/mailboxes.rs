//! Different spellings of one Gmail mailbox.

use leadgate_domain::{
    ClaimKind, Consent, DuplicatePolicy, GmailIdentity, IdentityKey, IdentityRule, Judge as _, LeadId,
    Outcome, Patch, Reason, Submission, TextField, Timestamp, Trust,
};
use serde_json::json;

use crate::{ANN, BEN, World, outcome};

const ADDRESS: &str = "ann.lee@gmail.com";
const OTHER_SPELLING: &str = "AnnLee+shop@googlemail.com";

/// A source whose identity keys are the email, then the phone.
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
fn spellings_of_a_gmail_mailbox_match_only_if_the_source_is_configured_so() {
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
            assert_eq!(post(1, ADDRESS), Outcome::Created);
            assert_eq!(post(2, OTHER_SPELLING), expected, "{gmail_identity} {rule}");
            assert_eq!(post(3, "ann.lee@acme.example"), Outcome::Created);
            assert_eq!(
                post(4, "annlee@acme.example"),
                Outcome::Created,
                "dots are significant at other providers"
            );
        }
    }
}

#[test]
fn an_address_is_stored_as_submitted() {
    let mut world = world(DuplicatePolicy::Update, GmailIdentity::Mailbox);
    let first = submission(&mut world, 1, ANN, "Ann.Lee+news@googlemail.com");
    world.commit(vec![first]);
    assert_eq!(world.leads[0].email_address(), Some("Ann.Lee+news@googlemail.com"));
}

#[test]
fn a_match_by_mailbox_only_changes_neither_phone_email_nor_consent() {
    let now = 1_790_000_000_000_000;
    let mut world = world(DuplicatePolicy::Update, GmailIdentity::Mailbox);
    let mut first = submission(&mut world, now, ANN, ADDRESS);
    first.fields.consent = Patch::Value(Consent { consent_refused: true, ..Consent::default() });
    world.commit(vec![first]);
    assert!(world.leads[0].reasons.contains(&Reason::ConsentRefused));

    let mut second = submission(&mut world, now + 1, BEN, OTHER_SPELLING);
    second.fields.consent = Patch::Value(consent(now));
    second.fields.texts.insert(TextField::Company, Some("Acme".into()));
    let normalized = world.normalize(second.clone());
    let result = world.commit(vec![second]);
    assert_eq!(outcome(&result, 0), (Outcome::Updated, Some(1)));
    assert_eq!(json!(result.outcomes[0].1)["deduplicate"]["matched_by_mailbox_only"], true);
    let lead = &world.leads[0];
    assert_eq!((lead.e164(), lead.email_address()), (Some(ANN), Some(ADDRESS)));
    assert!(lead.reasons.contains(&Reason::ConsentRefused), "{:?}", lead.reasons);
    assert_eq!(lead.text(TextField::Company), Some("Acme"), "other fields are merged");
    assert!(
        normalized
            .claim_keys()
            .filter(|key| key.kind == ClaimKind::Phone)
            .all(|key| !world.claims.contains_key(key))
    );

    // The second phone was not claimed, so the next submission with it creates a lead.
    let mut third = world.submission(now + 2, BEN, "");
    third.fields.consent = Patch::Value(consent(now));
    assert_eq!(outcome(&world.commit(vec![third]), 0), (Outcome::Created, Some(3)));
}

#[test]
fn a_match_by_mailbox_only_merges_a_refusal_and_an_opt_out() {
    let now = 1_790_000_000_000_000;
    let mut world = world(DuplicatePolicy::Update, GmailIdentity::Mailbox);
    let mut first = submission(&mut world, now, ANN, ADDRESS);
    first.fields.consent = Patch::Value(consent(now));
    world.commit(vec![first]);
    assert_eq!(world.leads[0].reasons, []);

    let mut refusal = submission(&mut world, now + 1, "", OTHER_SPELLING);
    refusal.fields.phone = Patch::Absent;
    refusal.fields.consent = Patch::Value(Consent { consent_refused: true, ..Consent::default() });
    world.commit(vec![refusal]);
    assert_eq!(world.leads[0].reasons, [Reason::ConsentRefused]);
    let mut opt_out = submission(&mut world, now + 2, "", OTHER_SPELLING);
    opt_out.fields.opt_out = true;
    world.commit(vec![opt_out]);
    assert!(world.leads[0].opt_out && world.leads[0].reasons.contains(&Reason::OptedOut));
}

#[test]
fn a_match_by_phone_and_mailbox_merges_all_fields() {
    let now = 1_790_000_000_000_000;
    let mut world = world(DuplicatePolicy::Update, GmailIdentity::Mailbox);
    let first = submission(&mut world, now, ANN, ADDRESS);
    world.commit(vec![first]);
    let mut second = submission(&mut world, now + 1, ANN, OTHER_SPELLING);
    second.fields.consent = Patch::Value(consent(now));
    world.commit(vec![second]);
    assert_eq!(world.leads[0].reasons, []);
    assert_eq!(world.leads[0].email_address(), Some("AnnLee+shop@googlemail.com"));
}

#[test]
fn a_rebuild_also_ignores_the_contact_of_a_match_by_mailbox_only() {
    let now = 1_790_000_000_000_000;
    let mut world = world(DuplicatePolicy::Update, GmailIdentity::Mailbox);
    let first = submission(&mut world, now, ANN, ADDRESS);
    let mut second = submission(&mut world, now + 1, BEN, OTHER_SPELLING);
    second.fields.consent = Patch::Value(consent(now));
    let parts = [world.normalize(first.clone()), world.normalize(second.clone())];
    world.commit(vec![first]);
    world.commit(vec![second]);
    let before = world.leads[0].clone();
    let (after, _) = world.pipeline.rebuild(&before, &[&parts[1], &parts[0]], &world.suppressions).unwrap();
    assert_eq!((after.e164(), after.email_address(), &after.consent), (Some(ANN), Some(ADDRESS), &None));
    assert_eq!(after.reasons, before.reasons);
}

#[test]
fn a_mailbox_of_a_public_submission_does_not_match_a_secret_one() {
    let mut world = world(DuplicatePolicy::ReturnExisting, GmailIdentity::Mailbox);
    let mut form = submission(&mut world, 1, "", ADDRESS);
    form.trust = Trust::Public;
    world.commit(vec![form]);
    let mut server = submission(&mut world, 2, ANN, OTHER_SPELLING);
    server.trust = Trust::Secret;
    assert_eq!(outcome(&world.commit(vec![server]), 0), (Outcome::Created, Some(2)));
    let lead =
        world.leads.iter().find(|lead| lead.id == LeadId::from_uuid(uuid::Uuid::from_u128(2))).unwrap();
    assert_eq!(lead.e164(), Some(ANN));
}
