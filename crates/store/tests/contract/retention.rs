//! Retention: data that is older than an organization's setting is erased.

use std::sync::Arc;
use std::time::{Duration, Instant};

use leadgate_domain::{Outcome, Retention, Submission, SuppressionKind, Timestamp};
use leadgate_store::{ConsentFilter, QuarantineState, RETENTION_SWEEP, SweepResult};

use crate::hooked_judge::PausedJudge;
use crate::races::{all_leads, suppression};
use crate::releases::{released, unmappable};
use crate::world::{World, over_both};

over_both!(
    nothing_is_erased_without_a_retention_setting,
    old_submissions_are_erased_and_their_leads_stay,
    old_leads_are_deleted_with_their_claims_and_persons,
    old_quarantine_entries_are_erased,
    a_sweep_continues_where_it_stopped,
    contributors_are_erased_before_their_lead_is_deleted,
    old_audit_entries_are_deleted,
    a_late_submission_is_erased_by_the_next_full_pass,
    a_long_sweep_continues_over_several_runs,
    an_unfinished_pass_is_continued,
    old_idempotency_keys_are_purged,
    a_lease_belongs_to_one_worker_until_it_is_released,
);

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

impl World {
    async fn keep(&self, retention: Retention) {
        self.store.set_retention(self.organization.id, retention).await.unwrap();
        assert_eq!(self.store.retention(self.organization.id).await.unwrap(), retention);
    }

    async fn sweep(&self) -> SweepResult {
        self.store.sweep_retention(Instant::now() + DAY).await.unwrap()
    }

    /// One submission from months ago, and one received now.
    async fn old_and_new(&self) -> [Submission; 2] {
        let old = self.eligible("+14155550132", "ann@example.com");
        let new = self.received_now(self.eligible("+14155550133", "bob@example.com"));
        self.commit(&[old.clone(), new.clone()]).await;
        [old, new]
    }
}

async fn nothing_is_erased_without_a_retention_setting(world: World) {
    world.old_and_new().await;
    assert_eq!(world.store.retention(world.organization.id).await.unwrap(), Retention::default());
    let before = world.dump();
    assert_eq!(world.sweep().await, SweepResult::default());
    world.keep(Retention { submissions: Some(DAY * 4_000), ..Retention::default() }).await;
    assert_eq!(world.sweep().await, SweepResult::default());
    world.keep(Retention::default()).await;
    assert_eq!(world.sweep().await, SweepResult::default());
    // Only the settings and the audit log have changed.
    let changes = |line: &&str| line.starts_with("retention:") || line.starts_with("audit:");
    let lines = |dump: &str| dump.lines().filter(|line| !changes(line)).count();
    assert_eq!(lines(&world.dump()), lines(&before));
}

async fn old_submissions_are_erased_and_their_leads_stay(world: World) {
    let [old, new] = world.old_and_new().await;
    let leads = all_leads(&world).await;
    world.keep(Retention { submissions: Some(DAY * 30), ..Retention::default() }).await;
    assert_eq!(world.sweep().await, SweepResult { submissions: 1, ..SweepResult::default() });
    assert_eq!(world.sweep().await, SweepResult::default());
    let record = async |submission: &Submission| {
        world.store.submission(world.organization.id, submission.id).await.unwrap().unwrap()
    };
    let erased = record(&old).await;
    assert!(erased.erased_at.is_some());
    assert_eq!((erased.submission.fields, erased.outcomes.len()), (Default::default(), 1));
    assert_eq!(record(&new).await.submission, new);
    assert_eq!(all_leads(&world).await, leads);
    let contributors = world.store.contributors(world.organization.id, &[old.id.into()]).await.unwrap();
    assert!(contributors[0].erased, "the lead cannot be rebuilt from it");
    // The evidence of consent has its person as long as the lead is stored.
    let filter = ConsentFilter::Submission(old.id);
    let consents = world.store.consents(world.organization.id, filter, None, 10).await.unwrap().data;
    assert_eq!(consents[0].person_matches_digest(), Some(true));
    assert_eq!(world.commit(&[old]).await.repeated, 1);
}

async fn old_leads_are_deleted_with_their_claims_and_persons(world: World) {
    let [old, new] = world.old_and_new().await;
    // Old, but updated today.
    let source = world.updating_source().await;
    let numbered = |mut submission: Submission| {
        submission.source = source.id;
        submission.fields.texts.insert(leadgate_domain::TextField::ExternalId, Some("7".into()));
        world.normalize_by(&source, submission)
    };
    let updated = numbered(world.phone("+14155550144"));
    let lead = updated.submission.id.into();
    let update = numbered(world.received_now(world.phone("+14155550144")));
    world.store.commit(vec![updated, update], world.judge()).await.unwrap();
    let entry = suppression(&world, SuppressionKind::Phone, "+14155550132").await;
    let entry = leadgate_domain::Suppression { value: None, ..entry };
    world.store.suppress(world.organization.id, vec![entry], world.judge()).await.unwrap();

    world.keep(Retention { leads: Some(DAY * 30), ..Retention::default() }).await;
    assert_eq!(world.sweep().await, SweepResult { leads: 1, submissions: 1, ..SweepResult::default() });
    assert_eq!(world.sweep().await, SweepResult::default());
    // The contributors of a deleted lead are erased too, because no key leads an erasure to them.
    let erased = world.store.submission(world.organization.id, old.id).await.unwrap().unwrap();
    assert!(erased.erased_at.is_some() && erased.submission.fields == Default::default());
    assert!(!world.dump().contains("4155550132"), "{}", world.dump());
    let mut left: Vec<_> = all_leads(&world).await.iter().map(|lead| lead.id).collect();
    left.sort();
    let mut expected = vec![new.id.into(), lead];
    expected.sort();
    assert_eq!(left, expected);
    let filter = ConsentFilter::Submission(old.id);
    let consents = world.store.consents(world.organization.id, filter, None, 10).await.unwrap().data;
    assert!(consents[0].person.is_none(), "the evidence stays without the person");
    assert_eq!(world.store.suppressions(world.organization.id, None, 10).await.unwrap().data.len(), 1);
    // A later lead of the person is new, and the list holds it.
    let back = world.commit(&[world.eligible("+14155550132", "ann@example.com")]).await;
    assert_eq!(back.settled[0].outcome, Outcome::Created);
    let found =
        world.store.lead(world.organization.id, back.settled[0].lead.unwrap()).await.unwrap().unwrap();
    assert_eq!(found.reasons, [leadgate_domain::Reason::SuppressedPhone]);
}

async fn old_quarantine_entries_are_erased(world: World) {
    let [open, released_submission] = ["+14155550132", "+14155550133"].map(|phone| unmappable(&world, phone));
    world.commit(&[open.clone(), released_submission.clone()]).await;
    world.commit(&[released(&released_submission, released_submission.id.as_uuid(), 1)]).await;
    let reused = Submission { id: released_submission.id, ..world.phone("+14155550134") };
    world.commit(&[reused]).await;
    world.keep(Retention { quarantine: Some(DAY * 30), ..Retention::default() }).await;
    assert_eq!(world.sweep().await, SweepResult::default(), "the entries are from today");
    let long_ago = world.time_literal(Timestamp::now().minus(DAY * 60));
    world.sql(&format!("UPDATE quarantine SET quarantined_at = {long_ago}")).await;
    // The entry with the reused id has a new id, of today. The released one is erased with its submission.
    assert_eq!(world.sweep().await, SweepResult { quarantined: 1, ..SweepResult::default() });
    assert_eq!(world.sweep().await, SweepResult::default());
    let entry = async |submission: &Submission| {
        world.store.quarantine_entry(world.organization.id, submission.id.as_uuid()).await.unwrap().unwrap()
    };
    let (held, content) = entry(&open).await;
    assert_eq!((held.state, held.settled_by.as_deref()), (QuarantineState::Discarded, Some("retention")));
    assert_eq!(content.fields, Default::default());
    let (held, content) = entry(&released_submission).await;
    assert_eq!(
        (held.state, content),
        (QuarantineState::Released, released_submission),
        "a released submission is retained like any other"
    );
    let dump = world.dump();
    assert!(!dump.contains("4155550132") && dump.contains("4155550133"), "{dump}");
}

async fn a_sweep_continues_where_it_stopped(world: World) {
    let all: Vec<_> = (0..450).map(|n| world.phone(&format!("+1415555{n:04}"))).collect();
    world.commit(&all).await;
    world.keep(Retention { submissions: Some(DAY), leads: Some(DAY), ..Retention::default() }).await;
    let none = world.store.sweep_retention(Instant::now()).await.unwrap();
    assert_eq!(none, SweepResult { more: true, ..SweepResult::default() });
    let swept = world.sweep().await;
    assert_eq!((swept.submissions, swept.leads, swept.more), (450, 450, false));
    assert!(!world.dump().contains("1415555"));
}

/// Creates an old lead with this number of contributors.
async fn create_lead_with_contributors(world: &World, submissions: usize) {
    let source = world.updating_source().await;
    let submission = |_| Submission { source: source.id, ..world.phone("+14155550132") };
    let all: Vec<_> = (0..submissions).map(|n| world.normalize_by(&source, submission(n))).collect();
    world.store.commit(all, world.judge()).await.unwrap();
}

async fn contributors_are_erased_before_their_lead_is_deleted(world: World) {
    create_lead_with_contributors(&world, 450).await;
    world.keep(Retention { leads: Some(DAY), ..Retention::default() }).await;
    // The last transaction fails each time, like one that exceeds its timeout.
    let (refuse, allow) = match world.is_sqlite() {
        true => (
            "CREATE TRIGGER trip BEFORE DELETE ON leads BEGIN SELECT RAISE(ABORT, 'not now'); END",
            "DROP TRIGGER trip",
        ),
        false => (
            "CREATE FUNCTION trip() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'not now'; END $$;
             CREATE TRIGGER trip BEFORE DELETE ON leads FOR EACH ROW EXECUTE FUNCTION trip()",
            "DROP TRIGGER trip ON leads",
        ),
    };
    world.sql(refuse).await;
    let swept = world.sweep().await;
    assert_eq!((swept.submissions, swept.leads), (450, 0));
    world.sql(allow).await;
    let swept = world.sweep().await;
    assert_eq!((swept.submissions, swept.leads), (0, 1));
}

/// A lead may have many contributors. Its organization can commit leads while they are erased.
#[tokio::test(flavor = "multi_thread")]
async fn erasing_contributors_does_not_block_commits() {
    let world = World::postgres().await;
    create_lead_with_contributors(&world, 450).await;
    world.keep(Retention { leads: Some(DAY), ..Retention::default() }).await;
    let paused_judge = PausedJudge::new(world.judge());
    let running = vec![world.normalize(world.received_now(world.phone("+14155550133")))];
    let (store, judge) = (world.store.clone(), Arc::clone(&paused_judge.judge));
    let commit = tokio::spawn(async move { store.commit(running, judge).await.unwrap() });
    paused_judge.wait_until_paused();
    let store = world.store.clone();
    let sweep = tokio::spawn(async move { store.sweep_retention(Instant::now() + DAY).await.unwrap() });
    world.wait_until_blocked_or_done(&sweep).await;
    let erased = world.lines("SELECT count(erased_at)::text AS line FROM submissions");
    assert_eq!(erased, ["450"]);
    paused_judge.resume();
    commit.await.unwrap();
    assert_eq!(sweep.await.unwrap().leads, 1);
}

async fn old_audit_entries_are_deleted(world: World) {
    let entry = |age: u32| {
        let action = leadgate_domain::AuditAction::LeadRead;
        let id = leadgate_domain::SubmissionId::min_at(Timestamp::now().minus(DAY * age));
        leadgate_domain::AuditEntry { id: id.as_uuid(), ..world.store.entry(world.organization.id, action) }
    };
    let entries: Vec<_> = (10..460).map(entry).collect();
    world.store.record(entries).await.unwrap();
    world.keep(Retention { audit: Some(DAY * 30), ..Retention::default() }).await;
    let swept = world.sweep().await;
    assert_eq!((swept.audited, swept.submissions), (430, 0));
    assert_eq!(world.sweep().await, SweepResult::default());
    let filter = leadgate_store::AuditFilter::default();
    let left = world.store.audit(world.organization.id, filter, None, 100).await.unwrap().data;
    assert!(
        (20..30).contains(&left.len()),
        "the entries of the last month and those of the test setup: {}",
        left.len()
    );
}

async fn a_late_submission_is_erased_by_the_next_full_pass(world: World) {
    let late = world.phone("+14155550131");
    world.old_and_new().await;
    world.keep(Retention { submissions: Some(DAY * 30), ..Retention::default() }).await;
    assert_eq!(world.sweep().await.submissions, 1);
    world.commit(&[late]).await;
    assert_eq!(world.sweep().await.submissions, 0, "its id is before the swept position");
    let long_ago = world.time_literal(Timestamp::now().minus(DAY * 60));
    world.sql(&format!("UPDATE retention SET last_full_sweep_at = {long_ago}")).await;
    assert_eq!(world.sweep().await.submissions, 1);
}

async fn a_long_sweep_continues_over_several_runs(world: World) {
    let (other, day) = (world.store.ensure_organization("other").await.unwrap().id, Some(DAY));
    let all: Vec<_> = (0..450).map(|n| world.phone(&format!("+1415555{n:04}"))).collect();
    world.commit(&all).await;
    let keep = Retention { submissions: day, leads: day, ..Retention::default() };
    world.keep(keep).await;
    world.store.set_retention(other, keep).await.unwrap();
    // Runs that end at their deadline continue, until one reports that nothing is left.
    let lease = world.store.lease(RETENTION_SWEEP, DAY).await.unwrap().unwrap();
    let (mut leads, mut runs) = (0, 0);
    loop {
        let swept = world.store.sweep_retention(Instant::now() + Duration::from_millis(40)).await.unwrap();
        (leads, runs) = (leads + swept.leads, runs + 1);
        if !swept.more {
            break;
        }
        assert!(runs < 10_000, "no run finishes the sweep");
    }
    assert_eq!(leads, 450);
    world.store.end_lease(lease, Duration::ZERO).await.unwrap();
}

async fn an_unfinished_pass_is_continued(world: World) {
    let [old, _] = world.old_and_new().await;
    world.keep(Retention { submissions: Some(DAY * 30), ..Retention::default() }).await;
    // A pass began long ago and is not finished. It continues at its position.
    let set_position =
        format!("UPDATE retention SET submissions_swept_to = {}", world.id_literal(old.id.as_uuid()));
    world.sql(&set_position).await;
    assert_eq!(world.sweep().await.submissions, 0);
    let finished = world.lines("SELECT CAST(count(last_full_sweep_at) AS text) AS line FROM retention");
    assert_eq!(finished, ["1"]);
}

async fn old_idempotency_keys_are_purged(world: World) {
    let keyed = |n: u8, age: Duration| {
        let received_at = Timestamp::now().minus(age);
        let submission = world.phone(&format!("+1415555{:04}", 100 + u32::from(n)));
        let id = leadgate_domain::SubmissionId::min_at(received_at).as_uuid().as_u128() | u128::from(n);
        Submission {
            id: leadgate_domain::SubmissionId::from_uuid(uuid::Uuid::from_u128(id)),
            received_at,
            idempotency_key_hash: leadgate_domain::KeyHash::parse(&format!("{n:02x}").repeat(16)),
            ..submission
        }
    };
    let hour = Duration::from_secs(60 * 60);
    world.commit(&[keyed(1, hour * 72), keyed(2, hour * 49), keyed(3, hour * 47), keyed(4, hour)]).await;
    let claims = || world.lines("SELECT kind AS line FROM claims ORDER BY kind");
    assert_eq!(claims(), ["idempotency"; 4].into_iter().chain(["phone"; 4]).collect::<Vec<_>>());
    let purge = async || world.store.purge_idempotency_keys(Instant::now() + DAY).await.unwrap();
    assert_eq!(
        world.store.purge_idempotency_keys(Instant::now()).await.unwrap(),
        (0, true),
        "the deadline has passed"
    );
    assert_eq!(purge().await, (2, false));
    assert_eq!(purge().await, (0, false));
    assert_eq!(claims(), ["idempotency"; 2].into_iter().chain(["phone"; 4]).collect::<Vec<_>>());
}

async fn a_lease_belongs_to_one_worker_until_it_is_released(world: World) {
    let acquire = async |name| world.store.lease(name, DAY).await.unwrap();
    let lease = acquire("one").await.unwrap();
    assert!(
        acquire("one").await.is_none() && acquire("other").await.is_some(),
        "each task has its own lease"
    );
    world.store.end_lease(lease, DAY).await.unwrap();
    assert!(acquire("one").await.is_none(), "not before the pause ends");
    world.store.end_lease(lease, Duration::ZERO).await.unwrap();
    let next = acquire("one").await.unwrap();
    world.store.end_lease(lease, Duration::ZERO).await.unwrap();
    assert!(acquire("one").await.is_none(), "a lease that another worker has acquired is not released");
    world.store.end_lease(next, Duration::ZERO).await.unwrap();
}
