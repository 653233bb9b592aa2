//! Databases that stop, freeze, lock, deadlock and refuse. Each time the store says so in time, and works again.

use std::sync::Arc;
use std::time::{Duration, Instant};

use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use leadgate_domain::secret::RootSecret;
use leadgate_domain::{CommitAction, NormalizedSubmission, Outcome, Patch, QuarantineReason, Trace};
use leadgate_store::{Store, StoreConfig, StoreError, StoreFailure};
use leadgate_testkit::SECRET;
use leadgate_testkit::proxy::{Proxy, ProxyMode};
use leadgate_testkit::servers::PostgresServer;

use crate::hooked::Hooked;
use crate::world::{World, postgres};

fn trouble<T: std::fmt::Debug>(result: Result<T, StoreError>) -> StoreFailure {
    match result {
        Err(StoreError::Unavailable { trouble, .. }) => trouble,
        other => panic!("{other:?}"),
    }
}

fn impatient(url: &str) -> StoreConfig {
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
    World::at(impatient(url), tempfile::tempdir().unwrap()).await
}

/// Asks until the store answers: it may take a moment until the pool has a connection again.
async fn recovers(world: &World) {
    let begun = Instant::now();
    while world.store.generation().await.is_err() {
        assert!(begun.elapsed() < Duration::from_secs(20), "the store does not come back");
    }
    let committed = world.commit(&[world.phone("+14155550132")]).await;
    assert_eq!(committed.settled.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_goes_is_missed_in_time_and_found_again() {
    let server = PostgresServer::start().await.unwrap();
    let url = server.database().await.unwrap();
    let world = world_at(&url).await;
    let unavailable = async |expected: &[StoreFailure]| {
        let begun = Instant::now();
        let trouble = trouble(world.store.generation().await);
        assert!(expected.contains(&trouble), "{trouble:?}");
        assert!(begun.elapsed() < Duration::from_secs(4), "{:?}", begun.elapsed());
        let batch = vec![world.normalize(world.phone("+14155550132"))];
        assert!(world.store.commit(batch, world.judge()).await.unwrap_err().is_transient());
    };

    // First of all, while nobody is connecting: what is born at that moment would not be frozen.
    server.freeze().unwrap();
    unavailable(&[StoreFailure::NoAnswer, StoreFailure::Connection, StoreFailure::Busy]).await;
    server.thaw().unwrap();
    recovers(&world).await;

    server.stop().await.unwrap();
    unavailable(&[StoreFailure::Connection]).await;
    server.start_again().await.unwrap();
    recovers(&world).await;

    server.kill().unwrap();
    unavailable(&[StoreFailure::Connection]).await;
    server.start_again().await.unwrap();
    recovers(&world).await;

    assert!(server.terminate_backends(&url).await.unwrap() > 0);
    recovers(&world).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_gateway_opens_a_store_before_it_is_there() {
    let server = PostgresServer::start().await.unwrap();
    let url = server.database().await.unwrap();
    server.stop().await.unwrap();
    let store = Store::open(&impatient(&url)).unwrap();
    assert_eq!(trouble(store.check().await), StoreFailure::Connection);
    assert_eq!(trouble(store.migrate().await), StoreFailure::Connection);
    server.start_again().await.unwrap();
    store.migrate().await.unwrap();
    store.check().await.unwrap();
}

/// A second session, to stand in the way with.
async fn beside(url: &str, sql: &'static str) -> PgConnection {
    let url = url.to_owned();
    let open = move || {
        let mut connection = PgConnection::establish(&url).unwrap();
        connection.batch_execute(sql).unwrap();
        connection
    };
    tokio::task::spawn_blocking(open).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_locked_table_is_not_waited_for_longer_than_said() {
    let url = postgres().await.database().await.unwrap();
    let world = world_at(&url).await;
    let other = beside(&url, "BEGIN; LOCK TABLE leads").await;
    let begun = Instant::now();
    let batch = vec![world.normalize(world.phone("+14155550132"))];
    assert_eq!(trouble(world.store.commit(batch, world.judge()).await), StoreFailure::Locked);
    assert_eq!(trouble(world.store.leads(world.organization.id, None, None, 10).await), StoreFailure::Locked);
    assert!(begun.elapsed() < Duration::from_secs(3), "{:?}", begun.elapsed());
    assert_eq!(world.stored().await, []);
    drop(other);
    recovers(&world).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_takes_no_writes_is_waited_for() {
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
    assert_eq!(trouble(world.store.commit(batch, world.judge()).await), StoreFailure::ReadOnly);
    set("off").await;
    recovers(&world).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deadlock_with_a_stranger_is_nobodys_news() {
    let url = postgres().await.database().await.unwrap();
    let mut config = impatient(&url);
    config.lock_timeout = Duration::from_secs(10);
    config.call_timeout = Duration::from_secs(20);
    config.statement_timeout = Duration::from_secs(10);
    let world = Arc::new(World::at(config, tempfile::tempdir().unwrap()).await);
    let first: Vec<_> = (0..2).map(|n| world.phone(&format!("+1415555013{n}"))).collect();
    world.commit(&first).await;

    // The stranger takes the claims in the other order than we do.
    let claims = "SELECT count(*) FROM (SELECT FROM claims WHERE encode(key, 'hex') = (SELECT";
    let mut other = beside(&url, "BEGIN").await;
    other
        .batch_execute(&format!("{claims} max(encode(key, 'hex')) FROM claims) FOR UPDATE) AS one"))
        .unwrap();
    let commit = tokio::spawn({
        let world = Arc::clone(&world);
        async move {
            let batch: Vec<_> = (0..2).map(|n| world.phone(&format!("+1415555013{n}"))).collect();
            world.commit(&batch).await
        }
    });
    let waiting = "select count(*) from pg_stat_activity \
                   where datname = current_database() and wait_event_type = 'Lock'";
    while postgres().await.sql(&url, waiting).await.unwrap().trim() != "1" {}
    let blocked = tokio::task::spawn_blocking(move || {
        other
            .batch_execute(&format!("{claims} min(encode(key, 'hex')) FROM claims) FOR UPDATE) AS one"))
            .unwrap();
        other.batch_execute("COMMIT").unwrap();
    });
    let committed = commit.await.unwrap();
    blocked.await.unwrap();
    assert!(committed.settled.iter().all(|settled| settled.outcome == Outcome::Duplicate));
    let deadlocks = "select deadlocks from pg_stat_database where datname = current_database()";
    while postgres().await.sql(&url, deadlocks).await.unwrap().trim() != "1" {}
}

/// A trigger that raises whatever SQLSTATE it is told to, in a language that nobody matches texts in.
const TRIP: &str = "
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
async fn every_class_of_errors_asks_for_what_it_should() {
    let url = postgres().await.database().await.unwrap();
    let world = world_at(&url).await;
    let sql = async |sql: &str| postgres().await.sql(&url, sql).await.unwrap();
    sql(TRIP).await;
    let commit = async || {
        let batch = vec![world.normalize(world.phone("+14155550132"))];
        world.store.commit(batch, world.judge()).await
    };
    for (code, expected) in [
        ("40001", StoreFailure::Conflict),
        ("40P01", StoreFailure::Conflict),
        ("53100", StoreFailure::Resources),
        ("53200", StoreFailure::Resources),
        // At once, and not after the time-out: as after a deadlock.
        ("55P03", StoreFailure::Conflict),
        ("57P03", StoreFailure::Connection),
        ("58030", StoreFailure::Resources),
        ("25006", StoreFailure::ReadOnly),
        ("XX001", StoreFailure::Internal),
        // An operator's fault: a missing grant, function or feature is never a row's.
        ("42501", StoreFailure::Refused),
        ("42883", StoreFailure::Refused),
        ("28000", StoreFailure::Refused),
        ("0A000", StoreFailure::Refused),
        ("25001", StoreFailure::Refused),
        ("26000", StoreFailure::Refused),
    ] {
        sql(&format!("truncate trip; insert into trip values ('{code}')")).await;
        assert_eq!(trouble(commit().await), expected, "{code}");
    }
    for code in ["21000", "22001", "22P05", "23502", "23505", "23514", "54000"] {
        sql(&format!("truncate trip; insert into trip values ('{code}')")).await;
        let Err(StoreError::RowRefused { code: told, .. }) = commit().await else { panic!("{code}") };
        assert_eq!(told, code);
    }
    sql("truncate trip; insert into trip values ('42501')").await;
    let error = commit().await.unwrap_err().to_string();
    assert!(error.contains("42501") && !error.contains("schief"), "{error}");
    sql("truncate trip; insert into trip values ('P0001')").await;
    let Err(StoreError::Bug(told)) = commit().await else { panic!() };
    assert!(told.contains("P0001") && !told.contains("schief"), "{told}");
    sql("truncate trip").await;
    assert_eq!(world.stored().await, []);
    assert_eq!(commit().await.unwrap().settled[0].outcome, Outcome::Created);
}

#[tokio::test(flavor = "multi_thread")]
async fn values_that_postgres_cannot_hold_are_refused_by_it() {
    let url = postgres().await.database().await.unwrap();
    let world = world_at(&url).await;
    // Past the validator: text with a NUL.
    let mut submission = world.phone("+14155550132");
    submission.fields.phone = Patch::Value("+1\x00415".into());
    let disposition = CommitAction::Quarantine(QuarantineReason::Invalid);
    let batch = vec![NormalizedSubmission { submission, disposition, trace: Trace::default() }];
    let Err(StoreError::RowRefused { code, .. }) = world.store.commit(batch, world.judge()).await else {
        panic!()
    };
    assert_eq!(code, "22P05");

    // A value too long for its index.
    let batch = vec![world.normalize(world.consenting("+14155550132", "ann@example.com"))];
    let judge = Hooked::judge(world.judge(), |effects| {
        let long: String =
            (0..9_000_u32).map(|n| char::from_u32(0x4e00 + n * 7919 % 20_000).unwrap()).collect();
        effects.created[0].email.as_mut().unwrap().address = Some(format!("{long}@example.com"));
    });
    let Err(StoreError::RowRefused { code, .. }) = world.store.commit(batch, judge).await else { panic!() };
    assert_eq!(code, "54000");
    assert_eq!(world.stored().await, []);
}

/// Makes each COMMIT that inserted a lead wait for the test.
const HESITATE: &str = "
    create function hesitate() returns trigger language plpgsql as $$
    begin perform pg_advisory_xact_lock(4711); return null; end $$;
    create constraint trigger hesitate after insert on leads deferrable initially deferred
        for each row execute function hesitate();";

#[tokio::test(flavor = "multi_thread")]
async fn a_commit_whose_reply_is_lost_counts_as_not_committed_and_is_absorbed() {
    let server = postgres().await;
    let direct = server.database().await.unwrap();
    let proxy = Proxy::start(server.port().unwrap()).await.unwrap();
    let url = direct.replace(&format!(":{}/", server.port().unwrap()), &format!(":{}/", proxy.port()));
    let world = World::at(StoreConfig::worker(&url), tempfile::tempdir().unwrap()).await;
    server.sql(&direct, HESITATE).await.unwrap();
    let mut other = beside(&direct, "BEGIN; SELECT pg_advisory_xact_lock(4711)").await;

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
    assert_eq!(trouble(commit.await.unwrap()), StoreFailure::Connection);

    let direct = Store::open(&StoreConfig::worker(&direct)).unwrap();
    let again = direct.commit(vec![world.normalize(submission)], world.judge()).await.unwrap();
    assert_eq!((again.settled.len(), again.repeated), (0, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_another_process_writes_to_is_not_waited_for_longer_than_said() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("store.db");
    let world = World::at(impatient(&format!("sqlite:{}", file.display())), folder).await;
    let mut other = SqliteConnection::establish(file.to_str().unwrap()).unwrap();
    other.batch_execute("BEGIN IMMEDIATE").unwrap();
    let begun = Instant::now();
    let batch = vec![world.normalize(world.phone("+14155550132"))];
    assert_eq!(trouble(world.store.commit(batch, world.judge()).await), StoreFailure::Locked);
    assert!(begun.elapsed() < Duration::from_secs(2), "{:?}", begun.elapsed());
    world.store.generation().await.expect("readers do not mind");
    other.batch_execute("ROLLBACK").unwrap();
    recovers(&world).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_file_is_nobodys_row() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("store.db");
    let config = impatient(&format!("sqlite:{}", file.display()));
    drop(World::at(config.clone(), tempfile::tempdir().unwrap()).await);
    std::fs::write(&file, vec![7; 64 * 1024]).unwrap();
    let store = Store::open(&config).unwrap();
    assert!(store.check().await.unwrap_err().is_transient(), "an operator has to mend it, and may");
}
