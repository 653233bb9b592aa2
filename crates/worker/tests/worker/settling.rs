//! Every submission gets one outcome, even if the database or the worker fails.

use std::time::{Duration, Instant};

use leadgate_domain::{Outcome, Patch, QuarantineReason, SourceId};
use leadgate_store::StoreConfig;
use leadgate_testkit::servers::{PostgresServer, shared};
use leadgate_worker::WorkerConfig;
use serde_json::json;

use crate::world::{CRASHER, POISON, UNREADABLE, World};

#[tokio::test]
async fn published_submissions_are_settled_and_a_redelivery_changes_nothing() {
    let mut world = World::new().await;
    let submissions = world.publish_all(&["a", "b", "a"]).await;
    world.drain().await;
    let outcomes = [
        world.outcome(&submissions[0]).await,
        world.outcome(&submissions[1]).await,
        world.outcome(&submissions[2]).await,
    ];
    let expected =
        [Outcome::Created, Outcome::Created, Outcome::Duplicate].map(|outcome| Some((outcome, None)));
    assert_eq!(outcomes, expected);
    let before = world.store.submission(submissions[0].organization, submissions[0].id).await.unwrap();
    world.publish(&submissions[0]).await;
    world.drain().await;
    assert_eq!(world.store.submission(submissions[0].organization, submissions[0].id).await.unwrap(), before);
}

#[tokio::test]
async fn only_the_refused_row_is_quarantined() {
    let mut world = World::new().await;
    let check = format!("alter table leads add constraint poisoned check (external_id <> '{POISON}')");
    shared().postgres().await.unwrap().sql(&world.url, &check).await.unwrap();
    let submissions = world.publish_all(&["a", "b", "c", POISON, "d", "e", "f"]).await;
    world.drain().await;
    world.assert_all_created_except_poison(&submissions, QuarantineReason::RowRefused).await;
}

#[tokio::test]
async fn only_the_crashing_submission_is_quarantined() {
    let mut world = World::new().await;
    let mut submissions = world.publish_all(&["a", "b"]).await;
    let mut poison = world.submission(POISON);
    poison.fields.is_test = true;
    world.publish(&poison).await;
    submissions.push(poison);
    submissions.extend(world.publish_all(&["c"]).await);
    world.drain().await;
    world.assert_all_created_except_poison(&submissions, QuarantineReason::Crashed).await;
    let attempts = shared()
        .postgres()
        .await
        .unwrap()
        .sql(&world.url, "select count(*) from crash_attempts")
        .await
        .unwrap();
    assert_eq!(attempts.trim(), "0", "the attempts of settled submissions are deleted");
}

#[tokio::test]
async fn a_submission_without_its_source_is_quarantined() {
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

/// While the database is down, the batch is retried, and no attempts of a submission are counted.
#[tokio::test]
async fn a_batch_waits_for_an_unavailable_database() {
    let postgres = PostgresServer::start().await.unwrap();
    let mut world = World::over(&postgres, Duration::from_secs(60)).await;
    postgres.stop().await.unwrap();
    let submissions = world.publish_all(&["a", "b"]).await;
    assert!(world.store.check().await.is_err());
    let (progress, restarted) = tokio::join!(world.task.run_once(), postgres.start_again());
    restarted.unwrap();
    assert!(!progress.requeued && progress.submissions > 0, "{progress:?}");
    world.drain().await;
    world.assert_all_created_except_poison(&submissions, QuarantineReason::RowRefused).await;
}

/// After the time limit, deliveries are requeued. They are received again when the database answers.
#[tokio::test]
async fn a_batch_that_waited_too_long_is_requeued() {
    let postgres = PostgresServer::start().await.unwrap();
    let mut world = World::over(&postgres, Duration::from_millis(100)).await;
    postgres.stop().await.unwrap();
    let submissions = world.publish_all(&["a"]).await;
    assert!(world.task.run_once().await.requeued);
    assert_eq!(world.queue.depth().await.unwrap().ready, 1, "the message is in the queue again");
    postgres.start_again().await.unwrap();
    world.drain().await;
    world.assert_all_created_except_poison(&submissions, QuarantineReason::RowRefused).await;
}

/// A worker that is newer than the schema waits for the migration. No row is quarantined.
#[tokio::test]
async fn a_batch_waits_for_the_schema_migration() {
    let postgres = shared().postgres().await.unwrap();
    let mut world = World::over(postgres, Duration::from_millis(100)).await;
    let sql = "ALTER TABLE suppressions RENAME COLUMN pending_since TO unknown_yet";
    postgres.sql(&world.url, sql).await.unwrap();
    let submissions = world.publish_all(&["a", "b"]).await;
    assert!(world.task.run_once().await.requeued);
    assert_eq!(world.queue.depth().await.unwrap().ready, 2, "the messages are in the queue again");
    let sql = "ALTER TABLE suppressions RENAME COLUMN unknown_yet TO pending_since";
    postgres.sql(&world.url, sql).await.unwrap();
    world.drain().await;
    world.assert_all_created_except_poison(&submissions, QuarantineReason::RowRefused).await;
}

#[tokio::test]
async fn only_unreadable_submissions_are_parked() {
    let mut world = World::new().await;
    let [first, second] = [world.submission("a"), world.submission("b")];
    let text = |submission: &leadgate_domain::Submission| serde_json::to_string(submission).unwrap();
    let newer = text(&world.submission("c")).replace("\"dialect\":\"native\"", "\"dialect\":\"of_tomorrow\"");
    // One message with several submissions, as a gateway sends it.
    let message = [text(&first), newer, "{}".to_owned(), text(&second)].join(",");
    world.queue.publisher().publish(first.organization, message.into_bytes().into()).await.unwrap();
    world.drain().await;
    for readable in [&first, &second] {
        assert_eq!(world.outcome(readable).await, Some((Outcome::Created, None)));
    }
    let parked = world.queue.list_parked(10).await.unwrap();
    let mut reasons: Vec<_> = parked.iter().map(|message| message.reason.as_str()).collect();
    reasons.sort_unstable();
    assert_eq!(reasons, ["unknown_version", "unreadable"]);
}

/// Readable submissions do not wait until the unreadable ones are parked.
#[tokio::test]
async fn readable_submissions_are_stored_while_the_queue_of_parked_ones_is_full() {
    let vhost = shared().rabbitmq().await.unwrap().vhost().await.unwrap();
    let mut world = World::on_broker(&vhost).await;
    let limit = json!({ "max-length": 1, "overflow": "reject-publish" });
    vhost.set_policy("limit", "^newer\\.v2$", limit).await.unwrap();
    let readable = world.submission("a");
    let text = serde_json::to_string(&readable).unwrap();
    let newer = text.replace("\"dialect\":\"native\"", "\"dialect\":\"of_tomorrow\"");
    let publisher = world.queue.publisher();
    let publish = async |message: String| {
        publisher.publish(readable.organization, message.into_bytes().into()).await.unwrap();
    };
    let mut parked = 0;
    // Until the queue refuses one.
    while world.queue.depth().await.unwrap().newer == parked {
        publish(newer.clone()).await;
        parked += 1;
        world.task.run_once().await;
    }
    publish([newer, text].join(",")).await;
    let created = async {
        while world.outcome(&readable).await.is_none() {
            world.task.run_once().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), created)
        .await
        .expect("the readable submission does not wait");
    assert_eq!(world.outcome(&readable).await, Some((Outcome::Created, None)));
}

/// A worker whose database role lacks a grant.
async fn without_grant(unavailable_timeout: Duration) -> World {
    let postgres = shared().postgres().await.unwrap();
    let url = postgres.database().await.unwrap();
    let role = format!("worker_of_{}", url.rsplit('/').next().unwrap());
    postgres
        .sql(&url, &format!("CREATE ROLE {role} LOGIN; GRANT ALL ON SCHEMA public TO {role}"))
        .await
        .unwrap();
    let worker_url = url.replace("leadgate@", &format!("{role}@"));
    let config = WorkerConfig { unavailable_timeout, ..WorkerConfig::default() };
    let mut world = World::with(StoreConfig::worker(worker_url), config).await;
    postgres.sql(&url, &format!("REVOKE INSERT ON leads FROM {role}")).await.unwrap();
    world.url = url;
    world
}

async fn grant(world: &World) {
    let role = format!("worker_of_{}", world.url.rsplit('/').next().unwrap());
    let sql = format!("GRANT INSERT ON leads TO {role}");
    shared().postgres().await.unwrap().sql(&world.url, &sql).await.unwrap();
}

/// Without a grant, no row is quarantined.
#[tokio::test]
async fn a_batch_waits_for_a_missing_grant() {
    let mut world = without_grant(Duration::from_millis(100)).await;
    let submissions = world.publish_all(&["a", "b", "c"]).await;
    assert!(world.task.run_once().await.requeued);
    assert_eq!(world.queue.depth().await.unwrap().ready, 3, "the messages are in the queue again");
    grant(&world).await;
    world.drain().await;
    world.assert_all_created_except_poison(&submissions, QuarantineReason::RowRefused).await;
}

/// The database answers, so only the delay prevents a fast loop of receive and requeue.
#[tokio::test]
async fn a_worker_waits_after_each_requeue() {
    let world = without_grant(Duration::ZERO).await;
    world.publish_all(&["a"]).await;
    let started = Instant::now();
    let mut judged = world.judged.clone();
    let running = tokio::spawn(world.task.run());
    // Each delivery is judged twice: a refused COPY is run again with statements.
    let thrice = judged.wait_for(|judged| *judged >= 5);
    tokio::time::timeout(Duration::from_secs(60), thrice)
        .await
        .expect("the message is delivered again")
        .unwrap();
    assert!(started.elapsed() >= Duration::from_millis(1_500), "{:?}", started.elapsed());
    running.abort();
}

/// The later batches of the round would only wait equally long.
#[tokio::test]
async fn the_first_batch_that_is_requeued_ends_the_round() {
    let postgres = PostgresServer::start().await.unwrap();
    let config =
        WorkerConfig { batch: 1, unavailable_timeout: Duration::from_millis(100), ..WorkerConfig::default() };
    let store = StoreConfig::worker(postgres.database().await.unwrap());
    let store = StoreConfig { acquire_timeout: Duration::from_secs(1), ..store };
    let mut world = World::with(store, config).await;
    let submissions = world.publish_all(&["a", "b", "c", "d"]).await;
    postgres.stop().await.unwrap();
    let progress = world.task.run_once().await;
    assert_eq!((progress.requeued, progress.deliveries, progress.submissions), (true, 4, 1));
    assert_eq!(world.queue.depth().await.unwrap().ready, 4, "the messages are in the queue again");
    postgres.start_again().await.unwrap();
    world.drain().await;
    world.assert_all_created_except_poison(&submissions, QuarantineReason::RowRefused).await;
}

/// A row whose statement always times out is isolated like a refused row.
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
    let submissions = world.publish_all(&["a", POISON]).await;
    assert!(!world.task.run_once().await.requeued);
    world.drain().await;
    world.assert_all_created_except_poison(&submissions, QuarantineReason::RowRefused).await;
}

/// A temporarily slow database does not quarantine a row.
#[tokio::test]
async fn a_single_submission_is_retried_after_the_database_answers() {
    let postgres = shared().postgres().await.unwrap();
    let url = postgres.database().await.unwrap();
    let store = StoreConfig { statement_timeout: Duration::from_secs(2), ..StoreConfig::worker(&url) };
    let mut world = World::with(store, WorkerConfig::default()).await;
    let stalls = "CREATE TABLE stall (); INSERT INTO stall DEFAULT VALUES;
         CREATE FUNCTION stalls() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
             IF EXISTS (SELECT FROM stall) THEN PERFORM pg_sleep(60); END IF; RETURN new; END $$;
         CREATE TRIGGER stalls BEFORE INSERT ON leads FOR EACH ROW EXECUTE FUNCTION stalls()";
    postgres.sql(&url, stalls).await.unwrap();
    let submissions = world.publish_all(&["a"]).await;
    let mut judged = world.judged.clone();
    let recovers = async {
        // The second attempt is running; it times out, too.
        judged.wait_for(|judged| *judged >= 2).await.unwrap();
        postgres.sql(&url, "DELETE FROM stall").await.unwrap();
    };
    tokio::join!(world.task.run_once(), recovers);
    world.drain().await;
    world.assert_all_created_except_poison(&submissions, QuarantineReason::RowRefused).await;
}

/// The refused row is quarantined, and its opt-out still takes effect.
#[tokio::test]
async fn an_opt_out_in_a_refused_row_takes_effect() {
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

/// A crashing submission is not normalized again, but the phone and email of its opt-out are read.
#[tokio::test]
async fn an_opt_out_that_crashes_the_worker_takes_effect() {
    let mut world = World::new().await;
    let opt_out = |external_id| {
        let mut submission = world.submission(external_id);
        submission.fields.opt_out = true;
        submission
    };
    let (mut readable, unreadable, mut fatal) = (opt_out(CRASHER), opt_out(UNREADABLE), opt_out(CRASHER));
    readable.fields.phone = Patch::Value("(415) 555-0132".into());
    readable.fields.phone_country = "US".parse().ok();
    // The fourth attempt, which reads the phone and email, ended the process.
    fatal.fields.email = Patch::Value("unread@example.com".into());
    for _ in 0..4 {
        world.store.count_crash_attempt(fatal.id).await.unwrap();
    }
    for submission in [&readable, &unreadable, &fatal] {
        world.publish(submission).await;
    }
    world.drain().await;
    for submission in [&readable, &unreadable, &fatal] {
        let quarantined = Some((Outcome::Quarantined, Some(QuarantineReason::Crashed)));
        assert_eq!(world.outcome(submission).await, quarantined);
    }
    assert_eq!(opted_out(&world).await, ["a@b.com", "+14155550132"]);
}

#[tokio::test]
async fn an_opt_out_without_its_source_takes_effect() {
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

/// The values of the suppression list `opted_out`, emails first.
async fn opted_out(world: &World) -> Vec<String> {
    let page = world.store.suppressions(world.source.organization, None, 10).await.unwrap();
    let values = page.data.into_iter().inspect(|entry| assert_eq!(entry.list, "opted_out"));
    values.filter_map(|entry| entry.value).collect()
}
