//! Clock skew, weak durability settings, and restored stores.

use std::time::Duration;

use leadgate_domain::{Reason, SuppressionKind, Timestamp};
use leadgate_store::{ClockSkew, Directory, Store};

use crate::races::suppression;
use crate::world::{World, over_both};

over_both!(a_renewed_epoch_reaches_the_directory, a_process_clock_that_is_ahead_is_reported);

/// A PostgreSQL whose clock is ahead of this machine's by an interval.
async fn with_clock(ahead: &str) -> World {
    let mut world = World::postgres().await;
    let database = world.config.url.rsplit('/').next().unwrap();
    // PostgreSQL searches `pg_catalog` first, unless the search path lists it later.
    let sql = format!(
        "CREATE SCHEMA skewed;
         CREATE FUNCTION skewed.clock_timestamp() RETURNS timestamptz LANGUAGE sql VOLATILE
             AS $$ SELECT pg_catalog.clock_timestamp() + interval '{ahead}' $$;
         ALTER DATABASE {database} SET search_path = public, skewed, pg_catalog"
    );
    world.sql(&sql).await;
    world.store = Store::open(&world.config).unwrap();
    world
}

/// The reasons of a lead whose phone is suppressed until `end`, by this machine's clock.
async fn reasons_with_entry_until(world: &World, end: Timestamp) -> Vec<Reason> {
    let mut entry = suppression(world, SuppressionKind::Phone, "+14155550132").await;
    entry.expires_at = Some(end);
    world.store.suppress(world.organization.id, vec![entry], world.judge()).await.unwrap();
    let lead = world.eligible("+14155550132", "ann@example.com");
    world.commit(std::slice::from_ref(&lead)).await;
    let lead = world.store.lead(world.organization.id, lead.id.into()).await.unwrap().unwrap();
    lead.reasons.clone()
}

/// A worker with a fast clock must not release leads too early.
#[tokio::test(flavor = "multi_thread")]
async fn an_entry_holds_until_it_expires_by_the_database_clock() {
    let world = with_clock("-1 hour").await;
    let past = Timestamp::now().minus(Duration::from_secs(30 * 60));
    assert_eq!(reasons_with_entry_until(&world, past).await, [Reason::SuppressedPhone]);
    world.store.sweep_suppressions(world.judge()).await.unwrap();
    assert!(!world.store.has_pending(world.organization.id).await.unwrap());
    let listed = world.store.suppressions(world.organization.id, None, 10).await.unwrap().data;
    assert_eq!(listed.len(), 1, "the listing contains it too");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_entry_expires_by_the_database_clock() {
    let world = with_clock("1 hour").await;
    let soon = Timestamp::now().plus(Duration::from_secs(30 * 60));
    assert_eq!(reasons_with_entry_until(&world, soon).await, []);
}

/// The query that reads the changes also measures the skew.
#[tokio::test(flavor = "multi_thread")]
async fn a_directory_measures_the_clock_skew() {
    for (ahead, skew) in [
        ("0 seconds", ClockSkew::Small),
        ("10 seconds", ClockSkew::Large),
        ("-10 seconds", ClockSkew::Large),
        ("1 hour", ClockSkew::TooLarge),
        ("-1 hour", ClockSkew::TooLarge),
    ] {
        let directory = Directory::new(with_clock(ahead).await.store.clone());
        assert_eq!(directory.clock_skew(), ClockSkew::Small, "not known yet");
        directory.refresh().await.unwrap();
        assert_eq!(directory.clock_skew(), skew, "{ahead}");
    }
}

/// The queue deletes committed messages, so a commit must be durable, also if the database has weaker
/// settings.
#[tokio::test(flavor = "multi_thread")]
async fn a_commit_is_durable_whatever_the_database_is_set_to() {
    let mut world = World::postgres().await;
    let database = world.config.url.rsplit('/').next().unwrap().to_owned();
    world
        .sql(
            "CREATE TABLE seen (setting text NOT NULL);
             CREATE FUNCTION see() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
                 DELETE FROM seen; INSERT INTO seen VALUES (current_setting('synchronous_commit')); RETURN new;
             END $$;
             CREATE TRIGGER see BEFORE INSERT ON leads FOR EACH ROW EXECUTE FUNCTION see()",
        )
        .await;
    for (n, (configured, used)) in [
        ("off", "on"),
        ("local", "on"),
        ("remote_write", "remote_write"),
        ("on", "on"),
        ("remote_apply", "remote_apply"),
    ]
    .into_iter()
    .enumerate()
    {
        world.sql(&format!("ALTER DATABASE {database} SET synchronous_commit = {configured}")).await;
        world.store = Store::open(&world.config).unwrap();
        world.commit(&[world.phone(&format!("+1415555013{n}"))]).await;
        assert_eq!(world.lines("SELECT setting AS line FROM seen"), [used], "{configured}");
    }
}

async fn a_renewed_epoch_reaches_the_directory(world: World) {
    let directory = Directory::new(world.store.clone());
    assert_eq!(directory.epoch(), None);
    directory.refresh().await.unwrap();
    let before = directory.epoch().unwrap();
    directory.refresh().await.unwrap();
    assert_eq!(directory.epoch(), Some(before));
    world.store.renew_epoch().await.unwrap();
    directory.refresh().await.unwrap();
    assert!(directory.epoch().is_some_and(|epoch| epoch != before));
}

/// After a machine's clock was set back, the monotonic clock of the process stays ahead.
async fn a_process_clock_that_is_ahead_is_reported(world: World) {
    for (ahead, skew) in [(0, ClockSkew::Small), (10, ClockSkew::Large), (60, ClockSkew::TooLarge)] {
        let directory = Directory::new(world.store.clone());
        directory.clock().at_least(Timestamp::now().plus(Duration::from_secs(ahead)));
        directory.refresh().await.unwrap();
        assert_eq!(directory.clock_skew(), skew, "{ahead} s");
    }
}
