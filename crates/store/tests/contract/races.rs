//! Concurrent commits, suppressions and sweeps.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use leadgate_domain::{
    Eligibility, Fields, LeadId, NormalizedSubmission, Outcome, Patch, Reason, Submission, SuppressedValue,
    Suppression, SuppressionKind, TextField, Timestamp,
};
use leadgate_store::{BatchSplitter, CommitResult, LeadFilter};
use tokio::task::{JoinHandle, JoinSet};

use crate::hooked_judge::PausedJudge;
use crate::world::{World, over_both};

over_both!(
    concurrent_batches_create_one_lead_per_key,
    a_batch_committed_eight_times_at_once_is_settled_once,
    concurrent_updates_of_the_same_leads_are_all_stored,
    no_suppressed_lead_is_eligible_after_concurrent_commits,
    an_entry_waits_for_a_commit_that_did_not_read_it,
    an_opt_out_holds_the_lead_of_a_commit_that_did_not_read_it,
    the_expiry_of_an_entry_waits_for_a_commit_that_read_it,
    a_pending_entry_that_expires_is_applied_after_commits_that_read_it,
    an_expired_key_is_claimed_once,
    updates_by_two_keys_of_one_lead_are_serialized,
);

const PHONES: usize = 20;

fn phone(n: usize) -> String {
    format!("+1415555{:04}", 100 + n)
}

/// Batches with the same keys in different orders.
fn batches(world: &World, batches: usize, size: usize) -> Vec<Vec<Submission>> {
    let phones = |batch: usize| (0..size).map(move |n| phone((batch * 7 + n * (batch % 2 * 2 + 1)) % PHONES));
    (0..batches).map(|batch| phones(batch).map(|phone| world.phone(&phone)).collect()).collect()
}

async fn concurrent_batches_create_one_lead_per_key(world: World) {
    let world = Arc::new(world);
    let mut tasks = JoinSet::new();
    for batch in batches(&world, 40, 15).chunks(5).map(<[_]>::to_vec).collect::<Vec<_>>() {
        let world = Arc::clone(&world);
        tasks.spawn(async move {
            for submissions in batch {
                world.commit(&submissions).await;
            }
        });
    }
    assert_eq!(tasks.len(), 8);
    tasks.join_all().await;

    let stored = world.stored_submissions().await;
    assert_eq!(stored.len(), 40 * 15);
    let leads: BTreeSet<LeadId> = all_leads(&world).await.into_iter().map(|lead| lead.id).collect();
    assert_eq!(leads.len(), PHONES, "one lead per phone");
    let created = stored.iter().filter(|summary| summary.outcome == Some(Outcome::Created)).count();
    assert_eq!(created, PHONES);
    let orphans =
        stored.iter().filter(|summary| summary.lead.is_none_or(|lead| !leads.contains(&lead))).count();
    assert_eq!(orphans, 0, "every submission has a stored lead");
}

async fn a_batch_committed_eight_times_at_once_is_settled_once(world: World) {
    let world = Arc::new(world);
    let submissions = Arc::new((0..50).map(|n| world.phone(&phone(n % PHONES))).collect::<Vec<_>>());
    let mut tasks = JoinSet::new();
    for shift in 0..8 {
        let (world, submissions) = (Arc::clone(&world), Arc::clone(&submissions));
        tasks.spawn(async move {
            let mut submissions = submissions.to_vec();
            submissions.rotate_left(shift * 6);
            world.commit(&submissions).await.settled.len()
        });
    }
    assert_eq!(tasks.join_all().await.into_iter().sum::<usize>(), 50);
    assert_eq!(all_leads(&world).await.len(), PHONES);
}

async fn concurrent_updates_of_the_same_leads_are_all_stored(world: World) {
    let source = world.updating_source().await;
    let world = Arc::new(world);
    world.commit(&(0..PHONES).map(|n| world.phone(&phone(n))).collect::<Vec<_>>()).await;
    let mut tasks = JoinSet::new();
    for task in 0..8 {
        let (world, source) = (Arc::clone(&world), Arc::clone(&source));
        tasks.spawn(async move {
            for round in 0..5 {
                let batch = (0..PHONES).map(|n| {
                    let mut submission = world.phone(&phone((n + task * 3) % PHONES));
                    submission.fields.tags = vec![format!("t{task}-{round}")];
                    submission.source = source.id;
                    world.normalize_by(&source, submission)
                });
                world.store.commit(batch.collect::<Vec<_>>(), world.judge()).await.unwrap();
            }
        });
    }
    tasks.join_all().await;
    for lead in all_leads(&world).await {
        assert_eq!(lead.tags.len(), 8 * 5, "tags are a union: every update added one");
    }
}

async fn no_suppressed_lead_is_eligible_after_concurrent_commits(world: World) {
    let source = world.updating_source().await;
    let world = Arc::new(world);
    let done = Arc::new(AtomicBool::new(false));
    let mut tasks = JoinSet::new();
    for task in 0..4 {
        let (world, source, done) = (Arc::clone(&world), Arc::clone(&source), Arc::clone(&done));
        tasks.spawn(async move {
            let mut round = 0;
            while !done.load(Ordering::Relaxed) || round == 0 {
                let batch = (0..PHONES * 2).map(|n| {
                    let mut submission = world.eligible(&phone(n), &format!("p{n}@example.com"));
                    submission.source = if task % 2 == 0 { world.source.id } else { source.id };
                    let source = if task % 2 == 0 { &world.source } else { &source };
                    world.normalize_by(source, submission)
                });
                world.store.commit(batch.collect::<Vec<_>>(), world.judge()).await.unwrap();
                round += 1;
            }
        });
    }
    let mut expected = BTreeMap::new();
    for n in 0..PHONES {
        let (kind, value, reason) = match n % 2 {
            0 => (SuppressionKind::Phone, phone(n), Reason::SuppressedPhone),
            _ => (SuppressionKind::Email, format!("p{n}@example.com"), Reason::SuppressedEmail),
        };
        let entry = suppression(&world, kind, &value).await;
        world.store.suppress(world.organization.id, vec![entry], world.judge()).await.unwrap();
        expected.insert(phone(n), reason);
    }
    done.store(true, Ordering::Relaxed);
    tasks.join_all().await;

    let leads = all_leads(&world).await;
    assert_eq!(leads.len(), PHONES * 2);
    for lead in leads {
        match expected.get(lead.e164().unwrap()) {
            Some(reason) => {
                assert_eq!((lead.eligibility, &lead.reasons[..]), (Eligibility::Held, &[*reason][..]));
            }
            None => assert_eq!(lead.eligibility, Eligibility::Eligible, "{:?}", lead.reasons),
        }
    }
}

/// Starts a commit that pauses after its reads and before its writes.
fn paused_commit(world: &World, submission: Submission) -> (PausedJudge, JoinHandle<CommitResult>) {
    let paused_judge = PausedJudge::new(world.judge());
    let (store, batch) = (world.store.clone(), vec![world.normalize(submission)]);
    let judge = Arc::clone(&paused_judge.judge);
    let commit = tokio::spawn(async move { store.commit(batch, judge).await.unwrap() });
    paused_judge.wait_until_paused();
    (paused_judge, commit)
}

async fn an_entry_waits_for_a_commit_that_did_not_read_it(world: World) {
    let (paused_judge, commit) = paused_commit(&world, world.eligible(&phone(1), "ann@example.com"));
    let entry = suppression(&world, SuppressionKind::Phone, &phone(1)).await;
    let (store, organization, judge) = (world.store.clone(), world.organization.id, world.judge());
    let suppress =
        tokio::spawn(async move { store.suppress(organization, vec![entry], judge).await.unwrap() });
    world.wait_until_blocked_or_done(&suppress).await;
    paused_judge.resume();
    commit.await.unwrap();
    suppress.await.unwrap();
    assert_eq!(all_leads(&world).await[0].reasons, [Reason::SuppressedPhone]);
}

/// An opt-out with an email, which is not an identity key of the source.
fn email_opt_out(world: &World, email: &str) -> Submission {
    let mut opt_out = world.submission(Fields::default());
    opt_out.fields.email = Patch::Value(email.into());
    opt_out.fields.opt_out = true;
    opt_out
}

async fn an_opt_out_holds_the_lead_of_a_commit_that_did_not_read_it(world: World) {
    let (paused_judge, commit) = paused_commit(&world, world.eligible(&phone(1), "ann@example.com"));
    let opt_out = email_opt_out(&world, "Ann@Example.com");
    let (store, batch, judge) = (world.store.clone(), vec![world.normalize(opt_out)], world.judge());
    let (organization, rescreens) = (world.organization.id, world.judge());
    let opt_out = tokio::spawn(async move {
        let committed = store.commit(batch, judge).await.unwrap();
        assert!(committed.pending.contains(&organization), "the caller must rescreen");
        store.rescreen(organization, rescreens, |_| {}).await.unwrap();
    });
    world.wait_until_it_queries_commits(&opt_out).await;
    paused_judge.resume();
    commit.await.unwrap();
    opt_out.await.unwrap();
    let lead = all_leads(&world).await.into_iter().find(|lead| lead.e164().is_some()).unwrap();
    assert_eq!(lead.reasons, [Reason::OptedOut]);
    let listed = world.store.suppressions(world.organization.id, None, 10).await.unwrap().data;
    assert_eq!(listed.iter().map(|entry| entry.list.as_str()).collect::<Vec<_>>(), ["opted_out"]);
}

/// One opt-out in a batch must not stop the other commits of its organization.
#[tokio::test(flavor = "multi_thread")]
async fn an_opt_out_and_other_commits_do_not_wait_for_each_other() {
    let world = World::postgres().await;
    let known = world.eligible(&phone(1), "ann@example.com");
    world.commit(std::slice::from_ref(&known)).await;
    let (paused_judge, commit) = paused_commit(&world, world.eligible(&phone(2), "bob@example.com"));
    let opt_out = email_opt_out(&world, "Ann@Example.com");
    let (store, batch, judge) = (world.store.clone(), vec![world.normalize(opt_out)], world.judge());
    let opt_out = tokio::spawn(async move { store.commit(batch, judge).await.unwrap() });
    world.wait_until_blocked_or_done(&opt_out).await;
    assert!(opt_out.is_finished(), "the opt-out waits for a commit of another lead");
    let lead = world.store.lead(world.organization.id, known.id.into()).await.unwrap().unwrap();
    assert_eq!(lead.reasons, [Reason::OptedOut], "visible and unlocked leads are decided at once");
    let again = world.commit(&[email_opt_out(&world, "ann@example.com")]).await;
    assert!(again.pending.is_empty(), "an existing entry is not added again");
    paused_judge.resume();
    commit.await.unwrap();
}

/// Neither a frequently repeated phone nor an opt-out may serialize whole batches.
#[tokio::test(flavor = "multi_thread")]
async fn repeated_keys_and_opt_outs_are_committed_separately() {
    let world = World::postgres().await;
    let splitter = BatchSplitter::default();
    let parts = |submissions: &[Submission]| {
        let batch = submissions.iter().map(|submission| world.normalize(submission.clone())).collect();
        let parts = splitter.split(batch);
        let ids = |part: &Arc<[NormalizedSubmission]>| {
            part.iter().map(|normalized| normalized.submission.id).collect()
        };
        parts.iter().map(ids).collect::<Vec<Vec<_>>>()
    };
    let first = [world.phone(&phone(1)), world.phone(&phone(2)), world.phone(&phone(1))];
    let ids =
        |submissions: &[&Submission]| submissions.iter().map(|submission| submission.id).collect::<Vec<_>>();
    assert_eq!(parts(&first), [ids(&[&first[0], &first[1], &first[2]])], "one batch may repeat a key");
    let second = [world.phone(&phone(1)), world.phone(&phone(3)), email_opt_out(&world, "ann@example.com")];
    assert_eq!(parts(&second), [ids(&[&second[1]]), ids(&[&second[0], &second[2]])]);
    let third = [world.phone(&phone(3))];
    assert_eq!(parts(&third), [ids(&[&third[0]])], "no part is empty");
}

/// A lead that another transaction has locked is decided by the rescreen, because waiting for it could
/// deadlock.
#[tokio::test(flavor = "multi_thread")]
async fn an_opt_out_does_not_wait_for_a_locked_lead() {
    let world = World::postgres().await;
    let source = world.updating_source().await;
    let known = world.eligible(&phone(1), "ann@example.com");
    world.commit(std::slice::from_ref(&known)).await;
    let mut update = world.phone(&phone(1));
    update.source = source.id;
    let paused_judge = PausedJudge::new(world.judge());
    let (store, batch) = (world.store.clone(), vec![world.normalize_by(&source, update)]);
    let judge = Arc::clone(&paused_judge.judge);
    let commit = tokio::spawn(async move { store.commit(batch, judge).await.unwrap() });
    paused_judge.wait_until_paused();
    let committed = world.commit(&[email_opt_out(&world, "ann@example.com")]).await;
    assert!(committed.pending.contains(&world.organization.id));
    paused_judge.resume();
    assert_eq!(commit.await.unwrap().settled[0].outcome, Outcome::Updated);
    world.store.rescreen(world.organization.id, world.judge(), |_| {}).await.unwrap();
    let lead = world.store.lead(world.organization.id, known.id.into()).await.unwrap().unwrap();
    assert_eq!(lead.reasons, [Reason::OptedOut]);
    assert!(!world.store.has_pending(world.organization.id).await.unwrap());
}

async fn the_expiry_of_an_entry_waits_for_a_commit_that_read_it(world: World) {
    let mut entry = suppression(&world, SuppressionKind::Phone, &phone(1)).await;
    let end = entry.added_at.plus(Duration::from_secs(2));
    entry.expires_at = Some(end);
    world.suppress(&[entry]).await;
    let submission = world.eligible(&phone(1), "ann@example.com");
    let (paused_judge, commit) = paused_commit(&world, submission.clone());
    while Timestamp::now() < end {
        tokio::task::yield_now().await;
    }
    let (store, judge) = (world.store.clone(), world.judge());
    let sweep = tokio::spawn(async move { store.sweep_suppressions(judge).await.unwrap() });
    world.wait_until_blocked_or_done(&sweep).await;
    paused_judge.resume();
    commit.await.unwrap();
    sweep.await.unwrap();
    assert_eq!(all_leads(&world).await[0].reasons, []);
    let record = world.store.submission(world.organization.id, submission.id).await.unwrap().unwrap();
    let decided = record.outcomes.iter().map(|outcome| outcome.trace.decide().unwrap().reasons.as_slice());
    assert_eq!(decided.collect::<Vec<_>>(), [&[Reason::SuppressedPhone][..], &[]]);
}

async fn a_pending_entry_that_expires_is_applied_after_commits_that_read_it(world: World) {
    let mut entry = suppression(&world, SuppressionKind::Domain, "example.com").await;
    let end = entry.added_at.plus(Duration::from_secs(2));
    entry.expires_at = Some(end);
    world.suppress(&[entry]).await;
    let (paused_judge, commit) = paused_commit(&world, world.eligible(&phone(1), "ann@example.com"));
    while Timestamp::now() < end {
        tokio::task::yield_now().await;
    }
    let (store, organization, judge) = (world.store.clone(), world.organization.id, world.judge());
    let rescreen = tokio::spawn(async move { store.rescreen(organization, judge, |_| {}).await.unwrap() });
    world.wait_until_it_queries_commits(&rescreen).await;
    paused_judge.resume();
    commit.await.unwrap();
    rescreen.await.unwrap();
    world.store.sweep_suppressions(world.judge()).await.unwrap();
    assert_eq!(all_leads(&world).await[0].reasons, []);
}

async fn an_expired_key_is_claimed_once(world: World) {
    world.commit(&[world.phone(&phone(1))]).await;
    let later = |mut submission: Submission| {
        submission.received_at = submission.received_at.plus(Duration::from_secs(31 * 24 * 60 * 60));
        vec![world.normalize(submission)]
    };
    let paused_judge = PausedJudge::new(world.judge());
    let (store, batch, judge) =
        (world.store.clone(), later(world.phone(&phone(1))), Arc::clone(&paused_judge.judge));
    let first = tokio::spawn(async move { store.commit(batch, judge).await.unwrap() });
    paused_judge.wait_until_paused();
    let (store, batch, judge) = (world.store.clone(), later(world.phone(&phone(1))), world.judge());
    let second = tokio::spawn(async move { store.commit(batch, judge).await.unwrap() });
    world.wait_until_blocked_or_done(&second).await;
    paused_judge.resume();
    let (first, second) = (first.await.unwrap(), second.await.unwrap());
    assert_eq!(first.settled[0].outcome, Outcome::Created);
    assert_eq!(
        (second.settled[0].outcome, second.settled[0].lead),
        (Outcome::Duplicate, first.settled[0].lead)
    );
}

async fn updates_by_two_keys_of_one_lead_are_serialized(world: World) {
    let source = world.updating_source().await;
    let batch = |keys: &[&str], tag: &str| {
        let mut submission = world.submission(Fields::default());
        submission.source = source.id;
        submission.fields.tags = vec![tag.to_owned()];
        for key in keys {
            match key.strip_prefix('+') {
                Some(_) => submission.fields.phone = Patch::Value((*key).to_owned()),
                None => drop(submission.fields.texts.insert(TextField::ExternalId, Some((*key).to_owned()))),
            }
        }
        vec![world.normalize_by(&source, submission)]
    };
    world.store.commit(batch(&["crm-1", &phone(1)], "first"), world.judge()).await.unwrap();
    let paused_judge = PausedJudge::new(world.judge());
    let (store, by_phone, judge) =
        (world.store.clone(), batch(&[&phone(1)], "phone"), Arc::clone(&paused_judge.judge));
    let first = tokio::spawn(async move { store.commit(by_phone, judge).await.unwrap() });
    paused_judge.wait_until_paused();
    let (store, by_id, judge) = (world.store.clone(), batch(&["crm-1"], "id"), world.judge());
    let second = tokio::spawn(async move { store.commit(by_id, judge).await.unwrap() });
    world.wait_until_blocked_or_done(&second).await;
    paused_judge.resume();
    for committed in [first.await.unwrap(), second.await.unwrap()] {
        assert_eq!(committed.settled[0].outcome, Outcome::Updated);
    }
    let tags: Vec<_> = all_leads(&world).await[0].tags.iter().cloned().collect();
    assert_eq!(tags, ["first", "id", "phone"]);
}

pub(crate) async fn suppression(world: &World, kind: SuppressionKind, value: &str) -> Suppression {
    let match_key = world.store.match_key().await.unwrap();
    let value = SuppressedValue::parse_kind(kind, value, None).unwrap();
    let entry = Suppression::new(&match_key, world.organization.id, &value, Timestamp::now());
    Suppression { reason: Some("asked us".into()), ..entry }
}

pub(crate) async fn all_leads(world: &World) -> Vec<leadgate_domain::Lead> {
    let (mut all, mut after) = (Vec::new(), None);
    loop {
        let page = world.store.leads(world.organization.id, &LeadFilter::default(), after, 7).await.unwrap();
        all.extend(page.data);
        after = page.next;
        if after.is_none() {
            return all;
        }
    }
}
