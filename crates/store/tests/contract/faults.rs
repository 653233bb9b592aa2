//! Databases that stop, freeze, lock, deadlock and refuse. Each fault is reported in time, and the store
//! recovers.

use std::time::{Duration, Instant};

use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use leadgate_domain::secret::RootSecret;
use leadgate_domain::{CommitAction, NormalizedSubmission, Outcome, QuarantineReason, Trace};
use leadgate_store::{LeadFilter, Store, StoreConfig, StoreError, StoreFailure};
use leadgate_testkit::SECRET;
use leadgate_testkit::proxy::{Proxy, ProxyMode};
use leadgate_testkit::servers::PostgresServer;

use crate::hooked_judge::HookedJudge;
use crate::world::{World, postgres};

fn failure<T: std::fmt::Debug>(result: Result<T, StoreError>) -> StoreFailure {
    match result {
        Err(StoreError::Unavailable { failure, .. }) => failure,
        other => panic!("{other:?}"),
    }
}

fn with_short_timeouts(url: &str) -> StoreConfig {
    StoreConfig {
        acquire_timeout: Duration::from_millis(700),
        statement_timeout: Duration::from_secs(2),
        lock_timeout: Duration::from_millis(300),
        call_timeout: Duration::from_secs(2),
        pool_size: 3,
        ..StoreConfig::api(url).with_secret(&RootSecret::new(SECRET, None).unwrap())
    }
}

async fn world_at(url: &str) -> World {
    World::at(with_short_timeouts(url), tempfile::tempdir().unwrap()).await
}

/// Retries until the store answers. The pool may need a moment to connect again.
async fn wait_for_recovery(world: &World) {
    let started_at = Instant::now();
    while world.store.generation().await.is_err() {
        assert!(started_at.elapsed() < Duration::from_secs(120), "the store does not recover");
    }
    let committed = world.commit(&[world.phone("+14155550132")]).await;
    assert_eq!(committed.settled.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_outage_is_reported_in_time_and_the_store_recovers() {
    let server = PostgresServer::start().await.unwrap();
    let url = server.database().await.unwrap();
    let world = world_at(&url).await;
    let unavailable = async |expected: &[StoreFailure]| {
        let started_at = Instant::now();
        let failure = failure(world.store.generation().await);
        assert!(expected.contains(&failure), "{failure:?}");
        assert!(started_at.elapsed() < Duration::from_secs(4), "{:?}", started_at.elapsed());
        let batch = vec![world.normalize(world.phone("+14155550132"))];
        assert!(world.store.commit(batch, world.judge()).await.unwrap_err().is_transient());
    };

    // The freeze comes first, without open connections: a backend that starts at this moment would not be
    // frozen.
    server.freeze().unwrap();
    unavailable(&[StoreFailure::NoAnswer, StoreFailure::Connection, StoreFailure::Busy]).await;
    server.thaw().unwrap();
    wait_for_recovery(&world).await;

    server.stop().await.unwrap();
    unavailable(&[StoreFailure::Connection]).await;
    server.start_again().await.unwrap();
    wait_for_recovery(&world).await;

    server.kill().unwrap();
    unavailable(&[StoreFailure::Connection]).await;
    server.start_again().await.unwrap();
    wait_for_recovery(&world).await;

    assert!(server.terminate_backends(&url).await.unwrap() > 0);
    wait_for_recovery(&world).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_can_be_opened_while_the_database_is_down() {
    let server = PostgresServer::start().await.unwrap();
    let url = server.database().await.unwrap();
    server.stop().await.unwrap();
    let store = Store::open(&with_short_timeouts(&url)).unwrap();
    assert_eq!(failure(store.check().await), StoreFailure::Connection);
    assert_eq!(failure(store.migrate().await), StoreFailure::Connection);
    server.start_again().await.unwrap();
    store.migrate().await.unwrap();
    store.check().await.unwrap();
}

/// A second session that blocks the store.
async fn other_session(url: &str, sql: &'static str) -> PgConnection {
    let url = url.to_owned();
    let open = move || {
        let mut connection = PgConnection::establish(&url).unwrap();
        connection.batch_execute(sql).unwrap();
        connection
    };
    tokio::task::spawn_blocking(open).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn waiting_for_a_locked_table_times_out() {
    let url = postgres().await.database().await.unwrap();
    let world = world_at(&url).await;
    let other = other_session(&url, "BEGIN; LOCK TABLE leads").await;
    let started_at = Instant::now();
    let batch = vec![world.normalize(world.phone("+14155550132"))];
    assert_eq!(failure(world.store.commit(batch, world.judge()).await), StoreFailure::Locked);
    assert_eq!(
        failure(world.store.leads(world.organization.id, &LeadFilter::default(), None, 10).await),
        StoreFailure::Locked
    );
    assert!(started_at.elapsed() < Duration::from_secs(3), "{:?}", started_at.elapsed());
    assert_eq!(world.stored_submissions().await, []);
    drop(other);
    wait_for_recovery(&world).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_read_only_database_is_reported_as_unavailable() {
    let server = PostgresServer::start().await.unwrap();
    let url = server.database().await.unwrap();
    let world = world_at(&url).await;
    let database = url.rsplit('/').next().unwrap();
    let set = async |value: &str| {
        let sql = format!("alter database {database} set default_transaction_read_only = {value}");
        server.sql(server.url(), &sql).await.unwrap();
        server.terminate_backends(&url).await.unwrap();
    };
    set("on").await;
    while world.store.generation().await.is_err() {}
    let batch = vec![world.normalize(world.phone("+14155550132"))];
    assert_eq!(failure(world.store.commit(batch, world.judge()).await), StoreFailure::ReadOnly);
    set("off").await;
    wait_for_recovery(&world).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deadlock_is_retried() {
    let url = postgres().await.database().await.unwrap();
    let mut config = with_short_timeouts(&url);
    config.lock_timeout = Duration::from_secs(10);
    config.call_timeout = Duration::from_secs(20);
    config.statement_timeout = Duration::from_secs(10);
    let world = World::at(config, tempfile::tempdir().unwrap()).await;
    let first: Vec<_> = (0..2).map(|n| world.phone(&format!("+1415555013{n}"))).collect();
    world.commit(&first).await;

    // The other session locks the claims in the opposite order: the second one as soon as the commit waits for the first
    // one. It never looks for a deadlock, so PostgreSQL ends the commit's transaction.
    let lock = |which: &str| {
        format!(
            "PERFORM count(*) FROM (SELECT FROM claims WHERE encode(key, 'hex') = \
             (SELECT {which}(encode(key, 'hex')) FROM claims) FOR UPDATE) AS one;"
        )
    };
    let mut other = other_session(&url, "SET deadlock_timeout = '1h'; BEGIN").await;
    other.batch_execute(&format!("DO $$ BEGIN {} END $$", lock("max"))).unwrap();
    let lock_second = format!(
        "DO $$ BEGIN
             WHILE NOT EXISTS (SELECT FROM pg_locks
                               WHERE NOT granted AND pg_backend_pid() = ANY (pg_blocking_pids(pid))) LOOP
                 PERFORM pg_sleep(0.01);
             END LOOP;
             {}
         END $$",
        lock("min")
    );
    let blocked = tokio::task::spawn_blocking(move || {
        other.batch_execute(&lock_second).unwrap();
        other.batch_execute("COMMIT").unwrap();
    });
    let again: Vec<_> = (0..2).map(|n| world.phone(&format!("+1415555013{n}"))).collect();
    let committed = world.commit(&again).await;
    blocked.await.unwrap();
    assert!(committed.settled.iter().all(|settled| settled.outcome == Outcome::Duplicate));
    let deadlocks = "select deadlocks from pg_stat_database where datname = current_database()";
    while postgres().await.sql(&url, deadlocks).await.unwrap().trim() != "1" {}
}

/// A trigger that raises a given SQLSTATE. Its message is German, so that no code can match the text.
const RAISE_SQLSTATE: &str = "
    create table trip (code text not null);
    create function trip() returns trigger language plpgsql as $$
    declare code text;
    begin
        select t.code into code from trip t;
        if found then raise exception 'etwas ist schiefgegangen' using errcode = code; end if;
        return new;
    end $$;
    create trigger trip before insert on leads for each row execute function trip();";

#[tokio::test(flavor = "multi_thread")]
async fn every_sqlstate_has_its_error_class() {
    let url = postgres().await.database().await.unwrap();
    let world = world_at(&url).await;
    let sql = async |sql: &str| postgres().await.sql(&url, sql).await.unwrap();
    sql(RAISE_SQLSTATE).await;
    let commit = async || {
        let batch = vec![world.normalize(world.phone("+14155550132"))];
        world.store.commit(batch, world.judge()).await
    };
    for (code, expected) in [
        ("40001", StoreFailure::Conflict),
        ("40P01", StoreFailure::Conflict),
        ("53100", StoreFailure::Resources),
        ("53200", StoreFailure::Resources),
        // Retried at once, like a deadlock, and not reported as a lock timeout.
        ("55P03", StoreFailure::Conflict),
        ("57P03", StoreFailure::Connection),
        ("58030", StoreFailure::Resources),
        ("25006", StoreFailure::ReadOnly),
        ("XX001", StoreFailure::Internal),
        // An operator must act. A missing grant, function or feature is never attributed to a row.
        ("42501", StoreFailure::Misconfigured),
        ("42883", StoreFailure::Misconfigured),
        ("28000", StoreFailure::Misconfigured),
        ("0A000", StoreFailure::Misconfigured),
        ("25001", StoreFailure::Misconfigured),
        ("26000", StoreFailure::Misconfigured),
    ] {
        sql(&format!("truncate trip; insert into trip values ('{code}')")).await;
        assert_eq!(failure(commit().await), expected, "{code}");
    }
    for code in ["21000", "22001", "22P05", "23502", "23505", "23514", "54000"] {
        sql(&format!("truncate trip; insert into trip values ('{code}')")).await;
        let Err(StoreError::RowRefused { code: reported, .. }) = commit().await else { panic!("{code}") };
        assert_eq!(reported, code);
    }
    sql("truncate trip; insert into trip values ('42501')").await;
    let error = commit().await.unwrap_err().to_string();
    assert!(error.contains("42501") && !error.contains("schief"), "{error}");
    sql("truncate trip; insert into trip values ('P0001')").await;
    let Err(StoreError::Bug(message)) = commit().await else { panic!() };
    assert!(message.contains("P0001") && !message.contains("schief"), "{message}");
    sql("truncate trip").await;
    assert_eq!(world.stored_submissions().await, []);
    assert_eq!(commit().await.unwrap().settled[0].outcome, Outcome::Created);
}

#[tokio::test(flavor = "multi_thread")]
async fn values_that_postgres_cannot_store_are_refused() {
    let url = postgres().await.database().await.unwrap();
    let world = world_at(&url).await;
    // The gateway would refuse a text with NUL.
    let mut submission = world.phone("+14155550132");
    submission.client.user_agent = Some("a\0b".into());
    let action = CommitAction::Quarantine(QuarantineReason::Invalid);
    let batch = vec![NormalizedSubmission { submission, action, trace: Trace::default() }];
    let Err(StoreError::RowRefused { code, .. }) = world.store.commit(batch, world.judge()).await else {
        panic!()
    };
    assert_eq!(code, "22021");

    // A value too long for its index.
    let batch = vec![world.normalize(world.eligible("+14155550132", "ann@example.com"))];
    let judge = HookedJudge::judge(world.judge(), |changes| {
        let long: String =
            (0..9_000_u32).map(|n| char::from_u32(0x4e00 + n * 7919 % 20_000).unwrap()).collect();
        changes.created[0].email.as_mut().unwrap().address = Some(format!("{long}@example.com"));
    });
    let Err(StoreError::RowRefused { code, .. }) = world.store.commit(batch, judge).await else { panic!() };
    assert_eq!(code, "54000");
    assert_eq!(world.stored_submissions().await, []);
}

/// Makes each COMMIT that inserted a lead wait for the test.
const DELAY_COMMIT: &str = "
    create function delay_commit() returns trigger language plpgsql as $$
    begin perform pg_advisory_xact_lock(4711); return null; end $$;
    create constraint trigger delay_commit after insert on leads deferrable initially deferred
        for each row execute function delay_commit();";

#[tokio::test(flavor = "multi_thread")]
async fn a_commit_whose_reply_is_lost_is_recognized_on_redelivery() {
    let server = postgres().await;
    let direct = server.database().await.unwrap();
    let proxy = Proxy::start(server.port().unwrap()).await.unwrap();
    let url = direct.replace(&format!(":{}/", server.port().unwrap()), &format!(":{}/", proxy.port()));
    let world = World::at(StoreConfig::worker(&url), tempfile::tempdir().unwrap()).await;
    server.sql(&direct, DELAY_COMMIT).await.unwrap();
    let mut other = other_session(&direct, "BEGIN; SELECT pg_advisory_xact_lock(4711)").await;

    let submission = world.phone("+14155550132");
    let (store, batch, judge) =
        (world.store.clone(), vec![world.normalize(submission.clone())], world.judge());
    let commit = tokio::spawn(async move { store.commit(batch, judge).await });
    let committing = "select count(*) from pg_stat_activity where datname = current_database() \
                      and query = 'COMMIT' and wait_event = 'advisory'";
    while server.sql(&direct, committing).await.unwrap().trim() != "1" {}
    proxy.set(ProxyMode::HalfOpen).await.unwrap();
    other.batch_execute("ROLLBACK").unwrap();
    while server.sql(&direct, "select count(*) from leads").await.unwrap().trim() != "1" {}
    drop(proxy);
    assert_eq!(failure(commit.await.unwrap()), StoreFailure::Connection);

    let direct = Store::open(&StoreConfig::worker(&direct)).unwrap();
    let again = direct.commit(vec![world.normalize(submission)], world.judge()).await.unwrap();
    assert_eq!((again.settled.len(), again.repeated), (0, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn waiting_for_a_locked_file_times_out() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("store.db");
    let world = World::at(with_short_timeouts(&format!("sqlite:{}", file.display())), folder).await;
    let mut other = SqliteConnection::establish(file.to_str().unwrap()).unwrap();
    other.batch_execute("BEGIN IMMEDIATE").unwrap();
    let started_at = Instant::now();
    let batch = vec![world.normalize(world.phone("+14155550132"))];
    assert_eq!(failure(world.store.commit(batch, world.judge()).await), StoreFailure::Locked);
    assert!(started_at.elapsed() < Duration::from_secs(2), "{:?}", started_at.elapsed());
    world.store.generation().await.expect("readers are not blocked");
    other.batch_execute("ROLLBACK").unwrap();
    wait_for_recovery(&world).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_file_is_reported_as_unavailable() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("store.db");
    let config = with_short_timeouts(&format!("sqlite:{}", file.display()));
    drop(World::at(config.clone(), tempfile::tempdir().unwrap()).await);
    std::fs::write(&file, vec![7; 64 * 1024]).unwrap();
    let store = Store::open(&config).unwrap();
    assert!(store.check().await.unwrap_err().is_transient(), "an operator can repair the file");
}
