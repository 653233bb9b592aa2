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
    an_entry_holds_stored_leads_until_it_is_removed,
    an_entry_holds_later_leads,
    a_domain_holds_its_addresses_and_those_of_subdomains,
    a_digest_holds_the_matching_lead,
    an_expired_entry_releases_stored_leads,
    each_list_holds_independently,
    an_entry_is_never_shortened,
    a_stale_pending_entry_is_swept,
    a_lease_is_exclusive,
    entries_are_listed_in_pages,
    another_organization_cannot_change_a_list,
    a_long_list_is_added_in_chunks,
);

impl World {
    pub(crate) async fn suppress(&self, entries: &[Suppression]) -> Vec<AddOutcome> {
        self.store.suppress(self.organization.id, entries.to_vec(), self.judge()).await.unwrap()
    }

    pub(crate) async fn unsuppress(&self, entry: &Suppression, list: Option<&str>) -> Vec<Suppression> {
        self.store.unsuppress(self.organization.id, vec![entry.key], list, self.judge()).await.unwrap()
    }

    pub(crate) async fn rescreen(&self) -> usize {
        let mut leads = 0;
        self.store.rescreen(self.organization.id, self.judge(), |more| leads += more).await.unwrap();
        leads
    }

    pub(crate) async fn reasons(&self, submission: &Submission) -> Vec<Reason> {
        let lead = self.store.lead(self.organization.id, submission.id.into()).await.unwrap().unwrap();
        let held = lead.eligibility == Eligibility::Held;
        assert_eq!(held, !lead.reasons.is_empty());
        lead.reasons
    }

    pub(crate) async fn digest(&self, kind: SuppressionKind, text: &str) -> Suppression {
        let match_key = self.store.match_key().await.unwrap();
        let digest = Sha256Digest::compute(text.as_bytes()).to_string();
        let value = SuppressedValue::digest(kind, &digest).unwrap();
        Suppression::new(&match_key, self.organization.id, &value, Timestamp::now())
    }
}

async fn an_entry_holds_stored_leads_until_it_is_removed(world: World) {
    let submissions = [
        world.eligible("+14155550132", "Ann.Lee@Example.com"),
        world.eligible("+14155550133", "bob@example.com"),
    ];
    world.commit(&submissions).await;
    assert!(all_leads(&world).await.iter().all(|lead| lead.eligibility == Eligibility::Eligible));

    let email = suppression(&world, SuppressionKind::Email, "ann.lee@example.com").await;
    assert_eq!(world.suppress(std::slice::from_ref(&email)).await, [AddOutcome::Added]);
    assert_eq!(world.suppress(std::slice::from_ref(&email)).await, [AddOutcome::AlreadyListed]);
    assert_eq!(world.reasons(&submissions[0]).await, [Reason::SuppressedEmail]);
    assert_eq!(world.reasons(&submissions[1]).await, []);

    let removed = world.unsuppress(&email, None).await;
    assert_eq!(removed.iter().map(|entry| entry.key).collect::<Vec<_>>(), [email.key]);
    assert!(all_leads(&world).await.iter().all(|lead| lead.eligibility == Eligibility::Eligible));
    assert_eq!(world.unsuppress(&email, None).await, []);
    let history = world.store.suppressions_under(world.organization.id, vec![email.key]).await.unwrap();
    assert_eq!(history, removed, "a removed entry is still listed under its key");

    // Each new decision is an entry of the history with its reason.
    let record = world.store.submission(world.organization.id, submissions[0].id).await.unwrap().unwrap();
    let screened = |trace: &leadgate_domain::Trace| serde_json::to_value(trace.screen().unwrap()).unwrap();
    let screened: Vec<_> = record.outcomes.iter().map(|outcome| screened(&outcome.trace)).collect();
    assert_eq!(screened.len(), 3);
    assert_eq!([&screened[0], &screened[2]], [&Value::Array(vec![]), &Value::Array(vec![])]);
    assert_eq!(screened[1][0]["reason"], "suppressed_email");
    assert_eq!(screened[1][0]["added_at"], email.added_at.to_string());
    assert!(record.outcomes[1].trace.decide().unwrap().eligibility.as_ref().unwrap().is(&Eligibility::Held));
}

async fn an_entry_holds_later_leads(world: World) {
    let phone = suppression(&world, SuppressionKind::Phone, "+14155550132").await;
    world.suppress(&[phone]).await;
    let later = world.eligible("+14155550132", "ann@example.com");
    world.commit(std::slice::from_ref(&later)).await;
    assert_eq!(world.reasons(&later).await, [Reason::SuppressedPhone]);
}

async fn a_domain_holds_its_addresses_and_those_of_subdomains(world: World) {
    let at = |n: usize, domain: &str| world.eligible(&format!("+1415555{n:04}"), &format!("p{n}@{domain}"));
    let held = [at(1, "example.co.uk"), at(2, "mail.example.co.uk"), at(3, "a.b.Example.co.uk")];
    let free = [at(4, "xexample.co.uk"), at(5, "other.co.uk"), at(6, "example.co.uk.test.org")];
    world.commit(&[held.as_slice(), free.as_slice()].concat()).await;

    let domain = suppression(&world, SuppressionKind::Domain, "www.Example.co.uk").await;
    assert_eq!(world.suppress(std::slice::from_ref(&domain)).await, [AddOutcome::Added]);
    let later = at(7, "late.example.co.uk");
    world.commit(std::slice::from_ref(&later)).await;
    assert_eq!(world.reasons(&later).await, [Reason::SuppressedDomain], "the entry holds new leads at once");
    assert_eq!(world.rescreen().await, held.len() + 1, "no other lead is read");
    assert_eq!(world.rescreen().await, 0, "the entry is applied");
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

async fn a_digest_holds_the_matching_lead(world: World) {
    let [ann, bob, cid] = [
        world.eligible("+14155550132", "ann@example.com"),
        world.eligible("+14155550133", "Bob@Example.com"),
        world.eligible("+14155550134", "cid@example.com"),
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

async fn an_expired_entry_releases_stored_leads(world: World) {
    let ann = world.eligible("+14155550132", "ann@example.com");
    world.commit(std::slice::from_ref(&ann)).await;
    let mut entry = suppression(&world, SuppressionKind::Phone, "+14155550132").await;
    entry.expires_at = Some(entry.added_at.plus(Duration::from_millis(300)));
    world.suppress(std::slice::from_ref(&entry)).await;
    assert_eq!(world.reasons(&ann).await, [Reason::SuppressedPhone]);
    assert_eq!(world.store.sweep_suppressions(world.judge()).await.unwrap(), 0, "the entry has not expired");
    assert_eq!(world.reasons(&ann).await, [Reason::SuppressedPhone]);

    while Timestamp::now() < entry.expires_at.unwrap() {
        tokio::task::yield_now().await;
    }
    let late = world.eligible("+14155550132", "bob@example.com");
    let mut source = world.source.as_ref().clone();
    source.policy = leadgate_domain::DuplicatePolicy::Create;
    let normalized =
        world.pipeline.normalize(late.clone(), Some(Arc::new(source)), ActiveScoring::standard());
    world.store.commit(vec![normalized], world.judge()).await.unwrap();
    assert_eq!(world.reasons(&late).await, [], "an expired entry holds no lead");
    assert_eq!(world.store.sweep_suppressions(world.judge()).await.unwrap(), 1);
    assert_eq!(world.reasons(&ann).await, []);
    assert_eq!(world.store.sweep_suppressions(world.judge()).await.unwrap(), 0);
}

async fn each_list_holds_independently(world: World) {
    let ann = world.eligible("+14155550132", "ann@example.com");
    world.commit(std::slice::from_ref(&ann)).await;
    let on_default_list = suppression(&world, SuppressionKind::Phone, "+14155550132").await;
    let on_other_list = Suppression { list: "litigators".into(), ..on_default_list.clone() };
    assert_eq!(world.suppress(&[on_default_list.clone(), on_other_list]).await, [AddOutcome::Added; 2]);
    let removed = world.unsuppress(&on_default_list, Some("litigators")).await;
    assert_eq!(removed[0].list, "litigators");
    assert_eq!(world.reasons(&ann).await, [Reason::SuppressedPhone], "the other list still holds the lead");
    world.unsuppress(&on_default_list, None).await;
    assert_eq!(world.reasons(&ann).await, []);
}

async fn an_entry_is_never_shortened(world: World) {
    let for_ever = suppression(&world, SuppressionKind::Phone, "+14155550132").await;
    let until = |days: u64| Suppression {
        expires_at: Some(for_ever.added_at.plus(Duration::from_secs(days * 86_400))),
        ..for_ever.clone()
    };
    let listed = world.suppress(&[until(5), until(3), until(9), for_ever.clone(), until(20)]).await;
    use AddOutcome::{Added, AlreadyListed, Extended};
    assert_eq!(listed, [Added, AlreadyListed, Extended, Extended, AlreadyListed]);
    assert_eq!(world.suppress(&[until(5)]).await, [AlreadyListed]);
    let stored = world.store.suppressions_under(world.organization.id, vec![for_ever.key]).await.unwrap();
    assert_eq!(stored, [for_ever]);
}

async fn a_stale_pending_entry_is_swept(world: World) {
    let ann = world.eligible("+14155550132", "ann@example.com");
    world.commit(std::slice::from_ref(&ann)).await;
    let domain = suppression(&world, SuppressionKind::Domain, "example.com").await;
    world.suppress(std::slice::from_ref(&domain)).await;
    assert_eq!(
        world.store.sweep_suppressions(world.judge()).await.unwrap(),
        0,
        "the process that added the entry may still apply it"
    );
    assert_eq!(world.reasons(&ann).await, []);
    world.mark_pending_long_ago().await;
    assert_eq!(world.store.sweep_suppressions(world.judge()).await.unwrap(), 1);
    assert_eq!(world.reasons(&ann).await, [Reason::SuppressedDomain]);
}

async fn a_lease_is_exclusive(world: World) {
    let lease = |name, millis| world.store.lease(name, Duration::from_millis(millis));
    assert!(lease("one", 60_000).await.unwrap().is_some());
    assert!(lease("one", 60_000).await.unwrap().is_none());
    assert!(lease("other", 0).await.unwrap().is_some());
    assert!(lease("other", 0).await.unwrap().is_some(), "the lease had expired");
}

async fn entries_are_listed_in_pages(world: World) {
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

async fn another_organization_cannot_change_a_list(world: World) {
    let other = world.store.ensure_organization("other").await.unwrap();
    let entry = suppression(&world, SuppressionKind::Phone, "+14155550132").await;
    world.commit(&[world.eligible("+14155550132", "ann@example.com")]).await;
    let refused = world.store.suppress(other.id, vec![entry.clone()], world.judge()).await;
    assert!(matches!(refused, Err(StoreError::Bug(_))), "{refused:?}");
    let refused = world.store.unsuppress(other.id, vec![entry.key], None, world.judge()).await;
    assert!(matches!(refused, Err(StoreError::Bug(_))), "{refused:?}");
    let refused = world.store.suppressions_under(other.id, vec![entry.key]).await;
    assert!(matches!(refused, Err(StoreError::Bug(_))), "{refused:?}");
    assert_eq!(all_leads(&world).await[0].eligibility, Eligibility::Eligible);

    // Entries of the other organization for the same values have other keys and hold only its own leads.
    let match_key = world.store.match_key().await.unwrap();
    for (kind, value) in [(SuppressionKind::Phone, "+14155550132"), (SuppressionKind::Domain, "example.com")]
    {
        let value = SuppressedValue::parse_kind(kind, value, None).unwrap();
        let theirs = Suppression::new(&match_key, other.id, &value, Timestamp::now());
        world.store.suppress(other.id, vec![theirs], world.judge()).await.unwrap();
    }
    world.store.rescreen(other.id, world.judge(), |_| {}).await.unwrap();
    assert_eq!(all_leads(&world).await[0].eligibility, Eligibility::Eligible);
    assert_eq!(world.store.suppressions(world.organization.id, None, 10).await.unwrap().data, []);
}

async fn a_long_list_is_added_in_chunks(world: World) {
    let lead = world.eligible("+14155552400", "ann@example.com");
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
