//! Suppression lists and the leads that they hold.

use std::sync::Arc;
use std::time::Duration;

use leadgate_domain::{
    ActiveScoring, Eligibility, LeadId, Reason, Sha256Digest, Submission, SuppressedValue, Suppression,
    SuppressionKind, Timestamp,
};
use leadgate_store::{AddOutcome, StoreError, SuppressionCursor};
use serde_json::Value;

use crate::races::{all_leads, suppression};
use crate::world::{World, over_both};

over_both!(
    an_entry_takes_stored_leads_out_and_its_removal_lets_them_in,
    an_entry_holds_what_comes_later,
    a_domain_holds_those_at_it_and_below_it,
    a_digest_holds_whoever_it_is_of,
    an_entry_that_ends_lets_stored_leads_in,
    each_list_holds_by_itself,
    an_entry_is_never_shortened,
    what_nobody_saw_to_is_swept,
    only_one_takes_a_task_on,
    a_list_comes_in_pages,
    nobody_writes_to_the_list_of_another,
    a_long_list_goes_in_chunks,
);

impl World {
    pub(crate) async fn suppress(&self, entries: &[Suppression]) -> Vec<AddOutcome> {
        self.store.suppress(self.organization.id, entries.to_vec(), self.judge()).await.unwrap()
    }

    pub(crate) async fn unsuppress(&self, entry: &Suppression, list: Option<&str>) -> Vec<Suppression> {
        self.store.unsuppress(self.organization.id, vec![entry.key], list, self.judge()).await.unwrap()
    }

    pub(crate) async fn rescreen(&self) -> usize {
        let mut looked_at = 0;
        self.store.rescreen(self.organization.id, self.judge(), |more| looked_at += more).await.unwrap();
        looked_at
    }

    pub(crate) async fn reasons(&self, submission: &Submission) -> Vec<Reason> {
        let lead = self.store.lead(self.organization.id, submission.id.into()).await.unwrap().unwrap();
        let held = lead.eligibility == Eligibility::Held;
        assert_eq!(held, !lead.reasons.is_empty());
        lead.reasons
    }

    pub(crate) async fn digest(&self, kind: SuppressionKind, of: &str) -> Suppression {
        let matching = self.store.match_key().await.unwrap();
        let digest = Sha256Digest::of(of.as_bytes()).to_string();
        let value = SuppressedValue::digest(kind, &digest).unwrap();
        Suppression::new(&matching, self.organization.id, &value, Timestamp::now())
    }
}

async fn an_entry_takes_stored_leads_out_and_its_removal_lets_them_in(world: World) {
    let submissions = [
        world.consenting("+14155550132", "Ann.Lee@Example.com"),
        world.consenting("+14155550133", "bob@example.com"),
    ];
    world.commit(&submissions).await;
    assert!(all_leads(&world).await.iter().all(|lead| lead.eligibility == Eligibility::Eligible));

    let email = suppression(&world, SuppressionKind::Email, "ann.lee@example.com").await;
    assert_eq!(world.suppress(std::slice::from_ref(&email)).await, [AddOutcome::Added]);
    assert_eq!(world.suppress(std::slice::from_ref(&email)).await, [AddOutcome::Kept]);
    assert_eq!(world.reasons(&submissions[0]).await, [Reason::SuppressedEmail]);
    assert_eq!(world.reasons(&submissions[1]).await, []);

    let removed = world.unsuppress(&email, None).await;
    assert_eq!(removed.iter().map(|entry| entry.key).collect::<Vec<_>>(), [email.key]);
    assert!(all_leads(&world).await.iter().all(|lead| lead.eligibility == Eligibility::Eligible));
    assert_eq!(world.unsuppress(&email, None).await, []);
    let remembered = world.store.suppressions_under(world.organization.id, vec![email.key]).await.unwrap();
    assert_eq!(remembered, removed, "whoever asks why she was called finds it");

    // Each change of mind is one more entry of the history, and says why.
    let record = world.store.submission(world.organization.id, submissions[0].id).await.unwrap().unwrap();
    let screened = |trace: &leadgate_domain::Trace| serde_json::to_value(trace.screen().unwrap()).unwrap();
    let screened: Vec<_> = record.outcomes.iter().map(|outcome| screened(&outcome.trace)).collect();
    assert_eq!(screened.len(), 3);
    assert_eq!([&screened[0], &screened[2]], [&Value::Array(vec![]), &Value::Array(vec![])]);
    assert_eq!(screened[1][0]["reason"], "suppressed_email");
    assert_eq!(screened[1][0]["added_at"], email.added_at.to_string());
    assert!(record.outcomes[1].trace.decide().unwrap().eligibility.as_ref().unwrap().is(&Eligibility::Held));
}

async fn an_entry_holds_what_comes_later(world: World) {
    let phone = suppression(&world, SuppressionKind::Phone, "+14155550132").await;
    world.suppress(&[phone]).await;
    let later = world.consenting("+14155550132", "ann@example.com");
    world.commit(std::slice::from_ref(&later)).await;
    assert_eq!(world.reasons(&later).await, [Reason::SuppressedPhone]);
}

async fn a_domain_holds_those_at_it_and_below_it(world: World) {
    let at = |n: usize, domain: &str| world.consenting(&format!("+1415555{n:04}"), &format!("p{n}@{domain}"));
    let held = [at(1, "example.co.uk"), at(2, "mail.example.co.uk"), at(3, "a.b.Example.co.uk")];
    let free = [at(4, "xexample.co.uk"), at(5, "other.co.uk"), at(6, "example.co.uk.test.org")];
    world.commit(&[held.as_slice(), free.as_slice()].concat()).await;

    let domain = suppression(&world, SuppressionKind::Domain, "www.Example.co.uk").await;
    assert_eq!(world.suppress(std::slice::from_ref(&domain)).await, [AddOutcome::Added]);
    let later = at(7, "late.example.co.uk");
    world.commit(std::slice::from_ref(&later)).await;
    assert_eq!(world.reasons(&later).await, [Reason::SuppressedDomain], "it holds new leads from then on");
    assert_eq!(world.rescreen().await, held.len() + 1, "nobody else is looked at");
    assert_eq!(world.rescreen().await, 0, "they have learnt of it");
    for submission in &held {
        assert_eq!(world.reasons(submission).await, [Reason::SuppressedDomain]);
    }
    for submission in &free {
        assert_eq!(world.reasons(submission).await, []);
    }
    world.unsuppress(&domain, None).await;
    world.rescreen().await;
    assert!(all_leads(&world).await.iter().all(|lead| lead.eligibility == Eligibility::Eligible));
}

async fn a_digest_holds_whoever_it_is_of(world: World) {
    let [ann, bob, cid] = [
        world.consenting("+14155550132", "ann@example.com"),
        world.consenting("+14155550133", "Bob@Example.com"),
        world.consenting("+14155550134", "cid@example.com"),
    ];
    world.commit(&[ann.clone(), bob.clone(), cid.clone()]).await;
    let phone = world.digest(SuppressionKind::Phone, "4155550132").await;
    let email = world.digest(SuppressionKind::Email, "bob@example.com").await;
    world.suppress(&[phone.clone(), email]).await;
    assert_eq!(world.rescreen().await, 3);
    assert_eq!(world.reasons(&ann).await, [Reason::SuppressedPhone]);
    assert_eq!(world.reasons(&bob).await, [Reason::SuppressedEmail]);
    assert_eq!(world.reasons(&cid).await, []);

    world.unsuppress(&phone, None).await;
    world.rescreen().await;
    assert_eq!(world.reasons(&ann).await, []);
    assert_eq!(world.rescreen().await, 0);
}

async fn an_entry_that_ends_lets_stored_leads_in(world: World) {
    let ann = world.consenting("+14155550132", "ann@example.com");
    world.commit(std::slice::from_ref(&ann)).await;
    let mut entry = suppression(&world, SuppressionKind::Phone, "+14155550132").await;
    entry.expires_at = Some(entry.added_at.plus(Duration::from_millis(300)));
    world.suppress(std::slice::from_ref(&entry)).await;
    assert_eq!(world.reasons(&ann).await, [Reason::SuppressedPhone]);
    assert_eq!(world.store.sweep_suppressions(world.judge()).await.unwrap(), 0, "it holds still");
    assert_eq!(world.reasons(&ann).await, [Reason::SuppressedPhone]);

    while Timestamp::now() < entry.expires_at.unwrap() {
        tokio::task::yield_now().await;
    }
    let late = world.consenting("+14155550132", "bob@example.com");
    let mut source = world.source.as_ref().clone();
    source.policy = leadgate_domain::DuplicatePolicy::Create;
    let normalized =
        world.pipeline.normalize(late.clone(), Some(Arc::new(source)), ActiveScoring::standard());
    world.store.commit(vec![normalized], world.judge()).await.unwrap();
    assert_eq!(world.reasons(&late).await, [], "an ended entry holds nobody");
    assert_eq!(world.store.sweep_suppressions(world.judge()).await.unwrap(), 1);
    assert_eq!(world.reasons(&ann).await, []);
    assert_eq!(world.store.sweep_suppressions(world.judge()).await.unwrap(), 0);
}

async fn each_list_holds_by_itself(world: World) {
    let ann = world.consenting("+14155550132", "ann@example.com");
    world.commit(std::slice::from_ref(&ann)).await;
    let asked = suppression(&world, SuppressionKind::Phone, "+14155550132").await;
    let bought = Suppression { list: "litigators".into(), ..asked.clone() };
    assert_eq!(world.suppress(&[asked.clone(), bought]).await, [AddOutcome::Added; 2]);
    let removed = world.unsuppress(&asked, Some("litigators")).await;
    assert_eq!(removed[0].list, "litigators");
    assert_eq!(world.reasons(&ann).await, [Reason::SuppressedPhone], "the other list holds her");
    world.unsuppress(&asked, None).await;
    assert_eq!(world.reasons(&ann).await, []);
}

async fn an_entry_is_never_shortened(world: World) {
    let for_ever = suppression(&world, SuppressionKind::Phone, "+14155550132").await;
    let until = |days: u64| Suppression {
        expires_at: Some(for_ever.added_at.plus(Duration::from_secs(days * 86_400))),
        ..for_ever.clone()
    };
    let listed = world.suppress(&[until(5), until(3), until(9), for_ever.clone(), until(20)]).await;
    use AddOutcome::{Added, Extended, Kept};
    assert_eq!(listed, [Added, Kept, Extended, Extended, Kept]);
    assert_eq!(world.suppress(&[until(5)]).await, [Kept]);
    let there = world.store.suppressions_under(world.organization.id, vec![for_ever.key]).await.unwrap();
    assert_eq!(there, [for_ever]);
}

async fn what_nobody_saw_to_is_swept(world: World) {
    let ann = world.consenting("+14155550132", "ann@example.com");
    world.commit(std::slice::from_ref(&ann)).await;
    let domain = suppression(&world, SuppressionKind::Domain, "example.com").await;
    world.suppress(std::slice::from_ref(&domain)).await;
    assert_eq!(world.store.sweep_suppressions(world.judge()).await.unwrap(), 0, "its author is at it");
    assert_eq!(world.reasons(&ann).await, []);
    world.sql("UPDATE suppressions SET pending_since = '2026-01-01T00:00:00.000000Z'").await;
    assert_eq!(world.store.sweep_suppressions(world.judge()).await.unwrap(), 1);
    assert_eq!(world.reasons(&ann).await, [Reason::SuppressedDomain]);
}

async fn only_one_takes_a_task_on(world: World) {
    let lease = |name, millis| world.store.lease(name, Duration::from_millis(millis));
    assert!(lease("one", 60_000).await.unwrap().is_some());
    assert!(lease("one", 60_000).await.unwrap().is_none());
    assert!(lease("other", 0).await.unwrap().is_some());
    assert!(lease("other", 0).await.unwrap().is_some(), "it was over");
}

async fn a_list_comes_in_pages(world: World) {
    let mut entries = Vec::new();
    for n in 0..25 {
        entries.push(suppression(&world, SuppressionKind::Email, &format!("p{n}@example.com")).await);
        entries.push(suppression(&world, SuppressionKind::Phone, &format!("+141555500{n:02}")).await);
    }
    let other_list = Suppression { list: "a.b c".into(), ..entries[0].clone() };
    entries.push(other_list);
    world.suppress(&entries).await;
    let (mut listed, mut after) = (Vec::new(), None::<SuppressionCursor>);
    loop {
        let page = world.store.suppressions(world.organization.id, after, 7).await.unwrap();
        assert!(page.data.len() <= 7);
        listed.extend(page.data);
        after = page.next.map(|next| next.to_string().parse().unwrap());
        if after.is_none() {
            break;
        }
    }
    listed.sort_by_key(|entry| (entry.key, entry.list.clone()));
    entries.sort_by_key(|entry| (entry.key, entry.list.clone()));
    assert_eq!(listed, entries);
}

async fn nobody_writes_to_the_list_of_another(world: World) {
    let other = world.store.ensure_organization("other").await.unwrap();
    let entry = suppression(&world, SuppressionKind::Phone, "+14155550132").await;
    world.commit(&[world.consenting("+14155550132", "ann@example.com")]).await;
    let refused = world.store.suppress(other.id, vec![entry.clone()], world.judge()).await;
    assert!(matches!(refused, Err(StoreError::Bug(_))), "{refused:?}");
    let refused = world.store.unsuppress(other.id, vec![entry.key], None, world.judge()).await;
    assert!(matches!(refused, Err(StoreError::Bug(_))), "{refused:?}");
    let refused = world.store.suppressions_under(other.id, vec![entry.key]).await;
    assert!(matches!(refused, Err(StoreError::Bug(_))), "{refused:?}");
    assert_eq!(all_leads(&world).await[0].eligibility, Eligibility::Eligible);

    // The other's own entries of the same values are other keys, and hold the other's leads only.
    let matching = world.store.match_key().await.unwrap();
    for (kind, value) in [(SuppressionKind::Phone, "+14155550132"), (SuppressionKind::Domain, "example.com")]
    {
        let value = SuppressedValue::parse_kind(kind, value, None).unwrap();
        let theirs = Suppression::new(&matching, other.id, &value, Timestamp::now());
        world.store.suppress(other.id, vec![theirs], world.judge()).await.unwrap();
    }
    world.store.rescreen(other.id, world.judge(), |_| {}).await.unwrap();
    assert_eq!(all_leads(&world).await[0].eligibility, Eligibility::Eligible);
    assert_eq!(world.store.suppressions(world.organization.id, None, 10).await.unwrap().data, []);
}

async fn a_long_list_goes_in_chunks(world: World) {
    let lead = world.consenting("+14155552400", "ann@example.com");
    world.commit(std::slice::from_ref(&lead)).await;
    let mut entries = Vec::new();
    for n in 0..2_500 {
        entries.push(suppression(&world, SuppressionKind::Phone, &format!("+1415555{n:04}")).await);
    }
    assert_eq!(world.suppress(&entries).await.len(), 2_500);
    assert_eq!(world.store.suppressions(world.organization.id, None, 3_000).await.unwrap().data.len(), 2_500);
    let id: LeadId = lead.id.into();
    let held = world.store.lead(world.organization.id, id).await.unwrap().unwrap();
    assert_eq!(held.reasons, [Reason::SuppressedPhone]);
}
