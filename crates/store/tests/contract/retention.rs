//! What is older than an organization keeps it is erased.

use std::sync::Arc;
use std::time::{Duration, Instant};

use leadgate_domain::{Outcome, Retention, Submission, SuppressionKind};
use leadgate_store::{ConsentFilter, QuarantineState, RETENTION_SWEEP, SweepResult};

use crate::hooked::Gate;
use crate::races::{all_leads, suppression};
use crate::releases::{faulty, released};
use crate::world::{World, over_both};

over_both!(
    everything_is_kept_unless_told_otherwise,
    what_old_submissions_said_is_erased_and_their_leads_stay,
    old_leads_are_deleted_with_their_claims_and_the_person_of_their_consents,
    old_entries_of_the_quarantine_are_emptied,
    a_sweep_goes_on_where_it_stopped,
    what_a_lead_was_made_of_is_emptied_before_the_lead_is_deleted,
    old_entries_of_the_audit_log_are_deleted,
    what_comes_late_is_found_by_the_next_round,
    an_organization_with_much_to_erase_gets_as_many_turns_as_it_needs,
    a_pass_does_not_begin_again_before_it_came_to_its_end,
    old_idempotency_keys_are_purged,
    a_sweep_is_one_workers_until_it_is_given_back,
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

    /// One from months ago, and one of now.
    async fn old_and_new(&self) -> [Submission; 2] {
        let old = self.consenting("+14155550132", "ann@example.com");
        let new = self.now(self.consenting("+14155550133", "bob@example.com"));
        self.commit(&[old.clone(), new.clone()]).await;
        [old, new]
    }
}

async fn everything_is_kept_unless_told_otherwise(world: World) {
    world.old_and_new().await;
    assert_eq!(world.store.retention(world.organization.id).await.unwrap(), Retention::default());
    let before = world.dump();
    assert_eq!(world.sweep().await, SweepResult::default());
    world.keep(Retention { submissions: Some(DAY * 4_000), ..Retention::default() }).await;
    assert_eq!(world.sweep().await, SweepResult::default());
    world.keep(Retention::default()).await;
    assert_eq!(world.sweep().await, SweepResult::default());
    // That it was said twice is noted.
    let noted = |line: &&str| line.starts_with("retention:") || line.starts_with("audit:");
    let lines = |dump: &str| dump.lines().filter(|line| !noted(line)).count();
    assert_eq!(lines(&world.dump()), lines(&before));
}

async fn what_old_submissions_said_is_erased_and_their_leads_stay(world: World) {
    let [old, new] = world.old_and_new().await;
    let leads = all_leads(&world).await;
    world.keep(Retention { submissions: Some(DAY * 30), ..Retention::default() }).await;
    assert_eq!(world.sweep().await, SweepResult { submissions: 1, ..SweepResult::default() });
    assert_eq!(world.sweep().await, SweepResult::default());
    let record = async |one: &Submission| {
        world.store.submission(world.organization.id, one.id).await.unwrap().unwrap()
    };
    let emptied = record(&old).await;
    assert!(emptied.erased_at.is_some());
    assert_eq!((emptied.submission.fields, emptied.outcomes.len()), (Default::default(), 1));
    assert_eq!(record(&new).await.submission, new);
    assert_eq!(all_leads(&world).await, leads);
    let makers = world.store.contributors(world.organization.id, &[old.id.into()]).await.unwrap();
    assert!(makers[0].erased, "nothing can be made anew out of it");
    // The proof of consent has its person for as long as the lead is there.
    let of = ConsentFilter::Submission(old.id);
    let consents = world.store.consents(world.organization.id, of, None, 10).await.unwrap().data;
    assert_eq!(consents[0].person_matches_digest(), Some(true));
    assert_eq!(world.commit(&[old]).await.repeated, 1);
}

async fn old_leads_are_deleted_with_their_claims_and_the_person_of_their_consents(world: World) {
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
    let update = numbered(world.now(world.phone("+14155550144")));
    world.store.commit(vec![updated, update], world.judge()).await.unwrap();
    let entry = suppression(&world, SuppressionKind::Phone, "+14155550132").await;
    let entry = leadgate_domain::Suppression { value: None, ..entry };
    world.store.suppress(world.organization.id, vec![entry], world.judge()).await.unwrap();

    world.keep(Retention { leads: Some(DAY * 30), ..Retention::default() }).await;
    assert_eq!(world.sweep().await, SweepResult { leads: 1, submissions: 1, ..SweepResult::default() });
    assert_eq!(world.sweep().await, SweepResult::default());
    // No key leads to what a deleted lead was made of: an erasure would not find it.
    let emptied = world.store.submission(world.organization.id, old.id).await.unwrap().unwrap();
    assert!(emptied.erased_at.is_some() && emptied.submission.fields == Default::default());
    assert!(!world.dump().contains("4155550132"), "{}", world.dump());
    let mut left: Vec<_> = all_leads(&world).await.iter().map(|lead| lead.id).collect();
    left.sort();
    let mut expected = vec![new.id.into(), lead];
    expected.sort();
    assert_eq!(left, expected);
    let of = ConsentFilter::Submission(old.id);
    let consents = world.store.consents(world.organization.id, of, None, 10).await.unwrap().data;
    assert!(consents[0].person.is_none(), "the proof stays, the person goes");
    assert_eq!(world.store.suppressions(world.organization.id, None, 10).await.unwrap().data.len(), 1);
    // Whoever comes back is somebody new, and held by the list all the same.
    let back = world.commit(&[world.consenting("+14155550132", "ann@example.com")]).await;
    assert_eq!(back.settled[0].outcome, Outcome::Created);
    let found =
        world.store.lead(world.organization.id, back.settled[0].lead.unwrap()).await.unwrap().unwrap();
    assert_eq!(found.reasons, [leadgate_domain::Reason::SuppressedPhone]);
}

async fn old_entries_of_the_quarantine_are_emptied(world: World) {
    let [open, let_go] = ["+14155550132", "+14155550133"].map(|phone| faulty(&world, phone));
    world.commit(&[open.clone(), let_go.clone()]).await;
    world.commit(&[released(&let_go, let_go.id.as_uuid(), 1)]).await;
    let reused = Submission { id: let_go.id, ..world.phone("+14155550134") };
    world.commit(&[reused]).await;
    world.keep(Retention { quarantine: Some(DAY * 30), ..Retention::default() }).await;
    assert_eq!(world.sweep().await, SweepResult::default(), "they were put there today");
    world.sql("UPDATE quarantine SET quarantined_at = '2026-09-21T14:13:20.000000Z'").await;
    // The entry under the id of another has an id of its own, of today. What was released goes with its submission.
    assert_eq!(world.sweep().await, SweepResult { quarantined: 1, ..SweepResult::default() });
    assert_eq!(world.sweep().await, SweepResult::default());
    let entry = async |one: &Submission| {
        world.store.quarantine_entry(world.organization.id, one.id.as_uuid()).await.unwrap().unwrap()
    };
    let (held, content) = entry(&open).await;
    assert_eq!((held.state, held.settled_by.as_deref()), (QuarantineState::Discarded, Some("retention")));
    assert_eq!(content.fields, Default::default());
    let (held, content) = entry(&let_go).await;
    assert_eq!(
        (held.state, content),
        (QuarantineState::Released, let_go),
        "it is a submission like all others"
    );
    let dump = world.dump();
    assert!(!dump.contains("4155550132") && dump.contains("4155550133"), "{dump}");
}

async fn a_sweep_goes_on_where_it_stopped(world: World) {
    let all: Vec<_> = (0..450).map(|n| world.phone(&format!("+1415555{n:04}"))).collect();
    world.commit(&all).await;
    world.keep(Retention { submissions: Some(DAY), leads: Some(DAY), ..Retention::default() }).await;
    let none = world.store.sweep_retention(Instant::now()).await.unwrap();
    assert_eq!(none, SweepResult { more: true, ..SweepResult::default() });
    let swept = world.sweep().await;
    assert_eq!((swept.submissions, swept.leads, swept.more), (450, 450, false));
    assert!(!world.dump().contains("1415555"));
}

/// An old lead that this many submissions updated.
async fn updated(world: &World, submissions: usize) {
    let source = world.updating_source().await;
    let one = |_| Submission { source: source.id, ..world.phone("+14155550132") };
    let all: Vec<_> = (0..submissions).map(|n| world.normalize_by(&source, one(n))).collect();
    world.store.commit(all, world.judge()).await.unwrap();
}

async fn what_a_lead_was_made_of_is_emptied_before_the_lead_is_deleted(world: World) {
    updated(&world, 450).await;
    world.keep(Retention { leads: Some(DAY), ..Retention::default() }).await;
    // The last transaction fails every time, as one does that takes too long.
    let (refuse, allow) = match world.config.url.starts_with("sqlite:") {
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

/// A lead may have very many submissions: its organization takes leads while they are emptied.
#[tokio::test(flavor = "multi_thread")]
async fn submissions_of_old_leads_are_emptied_beside_other_commits() {
    let world = World::postgres().await;
    updated(&world, 450).await;
    world.keep(Retention { leads: Some(DAY), ..Retention::default() }).await;
    let gate = Gate::new(world.judge());
    let running = vec![world.normalize(world.now(world.phone("+14155550133")))];
    let (store, judge) = (world.store.clone(), Arc::clone(&gate.judge));
    let commit = tokio::spawn(async move { store.commit(running, judge).await.unwrap() });
    gate.wait();
    let store = world.store.clone();
    let sweep = tokio::spawn(async move { store.sweep_retention(Instant::now() + DAY).await.unwrap() });
    world.until_it_waits_or_is_done(&sweep).await;
    let emptied = world.lines("SELECT count(erased_at)::text AS line FROM submissions");
    assert_eq!(emptied, ["450"]);
    gate.open();
    commit.await.unwrap();
    assert_eq!(sweep.await.unwrap().leads, 1);
}

async fn old_entries_of_the_audit_log_are_deleted(world: World) {
    let entry = |age: u32| {
        let action = leadgate_domain::AuditAction::LeadRead;
        let id = leadgate_domain::SubmissionId::min_at(leadgate_domain::Timestamp::now().minus(DAY * age));
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
        "those of the last month, and what this test set up: {}",
        left.len()
    );
}

async fn what_comes_late_is_found_by_the_next_round(world: World) {
    let late = world.phone("+14155550131");
    world.old_and_new().await;
    world.keep(Retention { submissions: Some(DAY * 30), ..Retention::default() }).await;
    assert_eq!(world.sweep().await.submissions, 1);
    world.commit(&[late]).await;
    assert_eq!(world.sweep().await.submissions, 0, "it lies before what was swept");
    world.sql("UPDATE retention SET swept_whole_at = '2026-09-21T14:13:20.000000Z'").await;
    assert_eq!(world.sweep().await.submissions, 1);
}

async fn an_organization_with_much_to_erase_gets_as_many_turns_as_it_needs(world: World) {
    let (other, day) = (world.store.ensure_organization("other").await.unwrap().id, Some(DAY));
    let all: Vec<_> = (0..450).map(|n| world.phone(&format!("+1415555{n:04}"))).collect();
    world.commit(&all).await;
    let keep = Retention { submissions: day, leads: day, ..Retention::default() };
    world.keep(keep).await;
    world.store.set_retention(other, keep).await.unwrap();
    // Runs that are cut short go on, until one says that nothing is left.
    let lease = world.store.lease(RETENTION_SWEEP, DAY).await.unwrap().unwrap();
    let (mut leads, mut runs) = (0, 0);
    loop {
        let swept = world.store.sweep_retention(Instant::now() + Duration::from_millis(40)).await.unwrap();
        (leads, runs) = (leads + swept.leads, runs + 1);
        if !swept.more {
            break;
        }
        assert!(runs < 10_000, "no run comes to an end");
    }
    assert_eq!(leads, 450);
    world.store.end_lease(lease, Duration::ZERO).await.unwrap();
}

async fn a_pass_does_not_begin_again_before_it_came_to_its_end(world: World) {
    let [old, _] = world.old_and_new().await;
    world.keep(Retention { submissions: Some(DAY * 30), ..Retention::default() }).await;
    // A pass that began long ago and has not come to its end: it goes on where it is.
    let place = format!("UPDATE retention SET swept_to = '{}'", old.id);
    world.sql(&place).await;
    assert_eq!(world.sweep().await.submissions, 0);
    let whole = world.lines("SELECT CAST(swept_whole_at AS text) AS line FROM retention");
    assert!(whole[0].starts_with("20"), "{whole:?}");
}

async fn old_idempotency_keys_are_purged(world: World) {
    let keyed = |n: u8, age: Duration| {
        let received_at = leadgate_domain::Timestamp::now().minus(age);
        let one = world.phone(&format!("+1415555{:04}", 100 + u32::from(n)));
        let id = leadgate_domain::SubmissionId::min_at(received_at).as_uuid().as_u128() | u128::from(n);
        Submission {
            id: leadgate_domain::SubmissionId::from_uuid(uuid::Uuid::from_u128(id)),
            received_at,
            idempotency_key_hash: leadgate_domain::KeyHash::parse(&format!("{n:02x}").repeat(16)),
            ..one
        }
    };
    let hour = Duration::from_secs(60 * 60);
    world.commit(&[keyed(1, hour * 72), keyed(2, hour * 49), keyed(3, hour * 47), keyed(4, hour)]).await;
    let held = || world.lines("SELECT kind AS line FROM claims ORDER BY kind");
    assert_eq!(held(), ["idempotency"; 4].into_iter().chain(["phone"; 4]).collect::<Vec<_>>());
    let purge = async || world.store.purge_idempotency_keys(Instant::now() + DAY).await.unwrap();
    assert_eq!(world.store.purge_idempotency_keys(Instant::now()).await.unwrap(), (0, true), "no time");
    assert_eq!(purge().await, (2, false));
    assert_eq!(purge().await, (0, false));
    assert_eq!(held(), ["idempotency"; 2].into_iter().chain(["phone"; 4]).collect::<Vec<_>>());
}

async fn a_sweep_is_one_workers_until_it_is_given_back(world: World) {
    let take = async |name| world.store.lease(name, DAY).await.unwrap();
    let lease = take("one").await.unwrap();
    assert!(take("one").await.is_none() && take("other").await.is_some(), "each has a lease of its own");
    world.store.end_lease(lease, DAY).await.unwrap();
    assert!(take("one").await.is_none(), "not before the pause is over");
    world.store.end_lease(lease, Duration::ZERO).await.unwrap();
    let next = take("one").await.unwrap();
    world.store.end_lease(lease, Duration::ZERO).await.unwrap();
    assert!(take("one").await.is_none(), "what another took since is not given back");
    world.store.end_lease(next, Duration::ZERO).await.unwrap();
}
