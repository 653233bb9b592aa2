//! Every submission ends in one outcome, whatever breaks.

use std::time::{Duration, Instant};

use leadgate_domain::{Outcome, Patch, QuarantineReason, SourceId};
use leadgate_store::StoreConfig;
use leadgate_testkit::servers::{PostgresServer, shared};
use leadgate_worker::WorkerConfig;
use serde_json::json;

use crate::world::{CRASHER, POISON, UNREADABLE, World};

#[tokio::test]
async fn what_is_published_is_settled_and_a_redelivery_changes_nothing() {
    let mut world = World::new().await;
    let all = world.publish_all(&["a", "b", "a"]).await;
    world.drain().await;
    let outcomes = [world.outcome(&all[0]).await, world.outcome(&all[1]).await, world.outcome(&all[2]).await];
    let expected =
        [Outcome::Created, Outcome::Created, Outcome::Duplicate].map(|outcome| Some((outcome, None)));
    assert_eq!(outcomes, expected);
    let before = world.store.submission(all[0].organization, all[0].id).await.unwrap();
    world.publish(&all[0]).await;
    world.drain().await;
    assert_eq!(world.store.submission(all[0].organization, all[0].id).await.unwrap(), before);
}

#[tokio::test]
async fn a_row_that_the_database_refuses_hurts_only_itself() {
    let mut world = World::new().await;
    let check = format!("alter table leads add constraint poisoned check (external_id <> '{POISON}')");
    shared().postgres().await.unwrap().sql(&world.url, &check).await.unwrap();
    let all = world.publish_all(&["a", "b", "c", POISON, "d", "e", "f"]).await;
    world.drain().await;
    world.all_but_poison_are_created(&all, QuarantineReason::RowRefused).await;
}

#[tokio::test]
async fn a_submission_that_crashes_its_worker_hurts_only_itself() {
    let mut world = World::new().await;
    let mut all = world.publish_all(&["a", "b"]).await;
    let mut poison = world.submission(POISON);
    poison.fields.is_test = true;
    world.publish(&poison).await;
    all.push(poison);
    all.extend(world.publish_all(&["c"]).await);
    world.drain().await;
    world.all_but_poison_are_created(&all, QuarantineReason::Crashed).await;
    let counted =
        shared().postgres().await.unwrap().sql(&world.url, "select count(*) from attempts").await.unwrap();
    assert_eq!(counted.trim(), "0", "what is settled is no longer counted");
}

#[tokio::test]
async fn an_organization_that_is_gone_means_quarantine() {
    let mut world = World::new().await;
    let mut orphan = world.submission("a");
    orphan.source = SourceId::generate();
    world.publish(&orphan).await;
    world.drain().await;
    assert_eq!(
        world.outcome(&orphan).await,
        Some((Outcome::Quarantined, Some(QuarantineReason::SourceGone)))
    );
}

/// While the database is away the batch is held; when it is back the batch goes in, and nobody's attempts were used.
#[tokio::test]
async fn a_database_that_is_away_is_nobodys_fault() {
    let postgres = PostgresServer::start().await.unwrap();
    let mut world = World::over(&postgres, Duration::from_secs(60)).await;
    postgres.stop().await.unwrap();
    let all = world.publish_all(&["a", "b"]).await;
    assert!(world.store.check().await.is_err());
    let (progress, restarted) = tokio::join!(world.lane.run_once(), postgres.start_again());
    restarted.unwrap();
    assert!(!progress.requeued && progress.submissions > 0, "{progress:?}");
    world.drain().await;
    world.all_but_poison_are_created(&all, QuarantineReason::RowRefused).await;
}

/// Held for too long, deliveries go back to the queue, and come again when the database answers.
#[tokio::test]
async fn what_is_held_for_too_long_goes_back_and_comes_again() {
    let postgres = PostgresServer::start().await.unwrap();
    let mut world = World::over(&postgres, Duration::from_millis(100)).await;
    postgres.stop().await.unwrap();
    let all = world.publish_all(&["a"]).await;
    assert!(world.lane.run_once().await.requeued);
    assert_eq!(world.queue.depth().await.unwrap().ready, 1, "it is in the queue again");
    postgres.start_again().await.unwrap();
    world.drain().await;
    world.all_but_poison_are_created(&all, QuarantineReason::RowRefused).await;
}

/// A worker that is newer than the schema waits for whoever migrates; nothing is taken for a faulty row.
#[tokio::test]
async fn a_schema_that_is_behind_is_nobodys_fault() {
    let postgres = shared().postgres().await.unwrap();
    let mut world = World::over(postgres, Duration::from_millis(100)).await;
    let sql = "ALTER TABLE suppressions RENAME COLUMN pending_since TO unknown_yet";
    postgres.sql(&world.url, sql).await.unwrap();
    let all = world.publish_all(&["a", "b"]).await;
    assert!(world.lane.run_once().await.requeued);
    assert_eq!(world.queue.depth().await.unwrap().ready, 2, "they are in the queue again");
    let sql = "ALTER TABLE suppressions RENAME COLUMN unknown_yet TO pending_since";
    postgres.sql(&world.url, sql).await.unwrap();
    world.drain().await;
    world.all_but_poison_are_created(&all, QuarantineReason::RowRefused).await;
}

#[tokio::test]
async fn a_submission_that_cannot_be_read_is_parked_alone() {
    let mut world = World::new().await;
    let [one, other] = [world.submission("a"), world.submission("b")];
    let text = |submission: &leadgate_domain::Submission| serde_json::to_string(submission).unwrap();
    let newer = text(&world.submission("c")).replace("\"dialect\":\"native\"", "\"dialect\":\"of_tomorrow\"");
    // In one message, as a gateway groups them.
    let group = [text(&one), newer, "{}".to_owned(), text(&other)].join(",");
    world.queue.publisher().publish(one.organization, group.into_bytes().into()).await.unwrap();
    world.drain().await;
    for good in [&one, &other] {
        assert_eq!(world.outcome(good).await, Some((Outcome::Created, None)));
    }
    let parked = world.queue.parked_list(10).await.unwrap();
    let mut reasons: Vec<_> = parked.iter().map(|one| one.reason.as_str()).collect();
    reasons.sort_unstable();
    assert_eq!(reasons, ["unknown_version", "unreadable"]);
}

/// What can be read does not wait until what cannot be read is parked.
#[tokio::test]
async fn a_full_queue_of_unread_submissions_holds_up_no_other() {
    let vhost = shared().rabbitmq().await.unwrap().vhost().await.unwrap();
    let mut world = World::on_broker(&vhost).await;
    let limit = json!({ "max-length": 1, "overflow": "reject-publish" });
    vhost.set_policy("limit", "^newer\\.v2$", limit).await.unwrap();
    let good = world.submission("a");
    let text = serde_json::to_string(&good).unwrap();
    let newer = text.replace("\"dialect\":\"native\"", "\"dialect\":\"of_tomorrow\"");
    let publisher = world.queue.publisher();
    let publish = async |message: String| {
        publisher.publish(good.organization, message.into_bytes().into()).await.unwrap();
    };
    let mut unread = 0;
    // Until one is refused.
    while world.queue.depth().await.unwrap().newer == unread {
        publish(newer.clone()).await;
        unread += 1;
        world.lane.run_once().await;
    }
    publish([newer, text].join(",")).await;
    let created = async {
        while world.outcome(&good).await.is_none() {
            world.lane.run_once().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), created).await.expect("it does not wait");
    assert_eq!(world.outcome(&good).await, Some((Outcome::Created, None)));
}

/// A worker whose role in the database was not granted everything.
async fn without_grant(hold_max: Duration) -> World {
    let postgres = shared().postgres().await.unwrap();
    let url = postgres.database().await.unwrap();
    let role = format!("clerk_of_{}", url.rsplit('/').next().unwrap());
    postgres
        .sql(&url, &format!("CREATE ROLE {role} LOGIN; GRANT ALL ON SCHEMA public TO {role}"))
        .await
        .unwrap();
    let own = url.replace("leadgate@", &format!("{role}@"));
    let config = WorkerConfig { unavailable_timeout: hold_max, ..WorkerConfig::default() };
    let mut world = World::with(StoreConfig::worker(own), config).await;
    postgres.sql(&url, &format!("REVOKE INSERT ON leads FROM {role}")).await.unwrap();
    world.url = url;
    world
}

async fn grant(world: &World) {
    let role = format!("clerk_of_{}", world.url.rsplit('/').next().unwrap());
    let sql = format!("GRANT INSERT ON leads TO {role}");
    shared().postgres().await.unwrap().sql(&world.url, &sql).await.unwrap();
}

/// A grant that an operator forgot must not empty the queue into quarantine.
#[tokio::test]
async fn a_missing_grant_holds_and_is_no_rows_fault() {
    let mut world = without_grant(Duration::from_millis(100)).await;
    let all = world.publish_all(&["a", "b", "c"]).await;
    assert!(world.lane.run_once().await.requeued);
    assert_eq!(world.queue.depth().await.unwrap().ready, 3, "they are in the queue again");
    grant(&world).await;
    world.drain().await;
    world.all_but_poison_are_created(&all, QuarantineReason::RowRefused).await;
}

/// The database answers, so only the pauses keep a worker from taking and giving back as fast as it can.
#[tokio::test]
async fn a_worker_pauses_after_each_release() {
    let world = without_grant(Duration::ZERO).await;
    world.publish_all(&["a"]).await;
    let begun = Instant::now();
    let mut judged = world.judged.clone();
    let running = tokio::spawn(world.lane.run());
    let thrice = judged.wait_for(|judged| *judged >= 3);
    tokio::time::timeout(Duration::from_secs(60), thrice).await.expect("it comes again").unwrap();
    assert!(begun.elapsed() >= Duration::from_millis(1_500), "{:?}", begun.elapsed());
    running.abort();
}

/// The batch as a whole is held for so long, not each of its parts.
#[tokio::test]
async fn the_first_batch_that_is_held_ends_the_round() {
    let postgres = PostgresServer::start().await.unwrap();
    let config =
        WorkerConfig { batch: 1, unavailable_timeout: Duration::from_millis(100), ..WorkerConfig::default() };
    let store = StoreConfig::worker(postgres.database().await.unwrap());
    let store = StoreConfig { acquire_timeout: Duration::from_secs(1), ..store };
    let mut world = World::with(store, config).await;
    let all = world.publish_all(&["a", "b", "c", "d"]).await;
    postgres.stop().await.unwrap();
    let progress = world.lane.run_once().await;
    assert_eq!((progress.requeued, progress.deliveries, progress.submissions), (true, 4, 1));
    assert_eq!(world.queue.depth().await.unwrap().ready, 4, "they are in the queue again");
    postgres.start_again().await.unwrap();
    world.drain().await;
    world.all_but_poison_are_created(&all, QuarantineReason::RowRefused).await;
}

/// A statement that never ends in time is found like a row that the database refuses.
#[tokio::test]
async fn a_batch_that_timed_out_twice_is_halved() {
    let postgres = shared().postgres().await.unwrap();
    let url = postgres.database().await.unwrap();
    let store = StoreConfig { statement_timeout: Duration::from_secs(2), ..StoreConfig::worker(&url) };
    let mut world = World::with(store, WorkerConfig::default()).await;
    let sleeps = format!(
        "CREATE FUNCTION sleeps() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
             IF new.external_id = '{POISON}' THEN PERFORM pg_sleep(60); END IF; RETURN new; END $$;
         CREATE TRIGGER sleeps BEFORE INSERT ON leads FOR EACH ROW EXECUTE FUNCTION sleeps()"
    );
    postgres.sql(&url, &sleeps).await.unwrap();
    let all = world.publish_all(&["a", POISON]).await;
    assert!(!world.lane.run_once().await.requeued);
    world.drain().await;
    world.all_but_poison_are_created(&all, QuarantineReason::RowRefused).await;
}

/// A database that was slow for a while is not taken for a slow row.
#[tokio::test]
async fn a_single_submission_is_tried_again_when_the_database_answers() {
    let postgres = shared().postgres().await.unwrap();
    let url = postgres.database().await.unwrap();
    let store = StoreConfig { statement_timeout: Duration::from_secs(2), ..StoreConfig::worker(&url) };
    let mut world = World::with(store, WorkerConfig::default()).await;
    let stalls = "CREATE TABLE stall (); INSERT INTO stall DEFAULT VALUES;
         CREATE FUNCTION stalls() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
             IF EXISTS (SELECT FROM stall) THEN PERFORM pg_sleep(60); END IF; RETURN new; END $$;
         CREATE TRIGGER stalls BEFORE INSERT ON leads FOR EACH ROW EXECUTE FUNCTION stalls()";
    postgres.sql(&url, stalls).await.unwrap();
    let all = world.publish_all(&["a"]).await;
    let mut judged = world.judged.clone();
    let recovers = async {
        // The second attempt is under way; it times out, too.
        judged.wait_for(|judged| *judged >= 2).await.unwrap();
        postgres.sql(&url, "DELETE FROM stall").await.unwrap();
    };
    tokio::join!(world.lane.run_once(), recovers);
    world.drain().await;
    world.all_but_poison_are_created(&all, QuarantineReason::RowRefused).await;
}

/// A row that the database refuses is set aside, and what the person asks for in it counts all the same.
#[tokio::test]
async fn an_opt_out_whose_row_is_refused_counts() {
    let mut world = World::new().await;
    let check = format!("alter table leads add constraint poisoned check (external_id <> '{POISON}')");
    shared().postgres().await.unwrap().sql(&world.url, &check).await.unwrap();
    let mut refused = world.submission(POISON);
    refused.fields.opt_out = true;
    world.publish(&refused).await;
    world.drain().await;
    let quarantined = Some((Outcome::Quarantined, Some(QuarantineReason::RowRefused)));
    assert_eq!(world.outcome(&refused).await, quarantined);
    assert_eq!(opted_out(&world).await, ["a@b.com"]);
}

/// What crashes the worker is not normalized once more; the phone and the email of an opt-out are read all the same.
#[tokio::test]
async fn an_opt_out_that_crashes_its_worker_counts() {
    let mut world = World::new().await;
    let crashes = |external_id| {
        let mut submission = world.submission(external_id);
        submission.fields.opt_out = true;
        submission
    };
    let (mut read, unreadable, mut unread) = (crashes(CRASHER), crashes(UNREADABLE), crashes(CRASHER));
    read.fields.phone = Patch::Value("(415) 555-0132".into());
    read.fields.phone_country = "US".parse().ok();
    // The process ended when the phone and the email were read.
    unread.fields.email = Patch::Value("unread@example.com".into());
    for _ in 0..4 {
        world.store.begin_attempt(unread.id).await.unwrap();
    }
    for one in [&read, &unreadable, &unread] {
        world.publish(one).await;
    }
    world.drain().await;
    for one in [&read, &unreadable, &unread] {
        let quarantined = Some((Outcome::Quarantined, Some(QuarantineReason::Crashed)));
        assert_eq!(world.outcome(one).await, quarantined);
    }
    assert_eq!(opted_out(&world).await, ["a@b.com", "+14155550132"]);
}

#[tokio::test]
async fn an_opt_out_without_a_source_counts() {
    let mut world = World::new().await;
    let mut orphan = world.submission("a");
    orphan.source = SourceId::generate();
    orphan.fields.opt_out = true;
    world.publish(&orphan).await;
    world.drain().await;
    let quarantined = Some((Outcome::Quarantined, Some(QuarantineReason::SourceGone)));
    assert_eq!(world.outcome(&orphan).await, quarantined);
    assert_eq!(opted_out(&world).await, ["a@b.com"]);
}

/// The values on the list of opt-outs, emails first.
async fn opted_out(world: &World) -> Vec<String> {
    let listed = world.store.suppressions(world.source.organization, None, 10).await.unwrap();
    let values = listed.data.into_iter().inspect(|entry| assert_eq!(entry.list, "opted_out"));
    values.filter_map(|entry| entry.value).collect()
}
