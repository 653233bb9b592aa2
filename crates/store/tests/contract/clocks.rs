//! Clocks that differ, settings that are weaker than a commit needs, stores that were restored.

use std::time::Duration;

use leadgate_domain::{Reason, SuppressionKind, Timestamp};
use leadgate_store::{ClockSkew, Directory, Store};

use crate::races::suppression;
use crate::world::{World, over_both};

over_both!(a_restored_store_is_another_epoch, a_clock_that_stands_still_is_ahead);

/// A PostgreSQL whose clock is ahead of this machine's by an interval.
async fn with_clock(ahead: &str) -> World {
    let mut world = World::postgres().await;
    let database = world.config.url.rsplit('/').next().unwrap();
    // Names are looked up in `pg_catalog` first, unless that stands later in the path.
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

/// What a suppression that ends after a while, by this machine's clock, makes of a lead.
async fn held_by_an_entry_that_ends_in(world: &World, end: Timestamp) -> Vec<Reason> {
    let mut entry = suppression(world, SuppressionKind::Phone, "+14155550132").await;
    entry.expires_at = Some(end);
    world.store.suppress(world.organization.id, vec![entry], world.judge()).await.unwrap();
    let lead = world.consenting("+14155550132", "ann@example.com");
    world.commit(std::slice::from_ref(&lead)).await;
    let lead = world.store.lead(world.organization.id, lead.id.into()).await.unwrap().unwrap();
    lead.reasons.clone()
}

/// A worker whose clock is ahead must not let leads out before their time.
#[tokio::test(flavor = "multi_thread")]
async fn an_entry_holds_until_the_database_says_that_it_ended() {
    let world = with_clock("-1 hour").await;
    let past = Timestamp::now().minus(Duration::from_secs(30 * 60));
    assert_eq!(held_by_an_entry_that_ends_in(&world, past).await, [Reason::SuppressedPhone]);
    world.store.sweep_suppressions(world.judge()).await.unwrap();
    assert!(!world.store.has_pending(world.organization.id).await.unwrap());
    let listed = world.store.suppressions(world.organization.id, None, 10).await.unwrap().data;
    assert_eq!(listed.len(), 1, "lists show it as well");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_entry_ends_when_the_database_says_so() {
    let world = with_clock("1 hour").await;
    let soon = Timestamp::now().plus(Duration::from_secs(30 * 60));
    assert_eq!(held_by_an_entry_that_ends_in(&world, soon).await, []);
}

/// Programs ask in the same query that follows changes; nothing waits for it.
#[tokio::test(flavor = "multi_thread")]
async fn a_directory_sees_how_far_the_clocks_are_apart() {
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

/// The queue forgets what was committed, so a commit has to be on the disk, whatever somebody set to make it faster.
#[tokio::test(flavor = "multi_thread")]
async fn a_commit_is_on_the_disk_whatever_the_database_is_set_to() {
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
    for (n, (set, used)) in [
        ("off", "on"),
        ("local", "on"),
        ("remote_write", "remote_write"),
        ("on", "on"),
        ("remote_apply", "remote_apply"),
    ]
    .into_iter()
    .enumerate()
    {
        world.sql(&format!("ALTER DATABASE {database} SET synchronous_commit = {set}")).await;
        world.store = Store::open(&world.config).unwrap();
        world.commit(&[world.phone(&format!("+1415555013{n}"))]).await;
        assert_eq!(world.lines("SELECT setting AS line FROM seen"), [used], "{set}");
    }
}

async fn a_restored_store_is_another_epoch(world: World) {
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

/// A machine's clock that was set back is right again; the times that submissions are stamped with are not.
async fn a_clock_that_stands_still_is_ahead(world: World) {
    for (ahead, skew) in [(0, ClockSkew::Small), (10, ClockSkew::Large), (60, ClockSkew::TooLarge)] {
        let directory = Directory::new(world.store.clone());
        directory.clock().at_least(Timestamp::now().plus(Duration::from_secs(ahead)));
        directory.refresh().await.unwrap();
        assert_eq!(directory.clock_skew(), skew, "{ahead} s");
    }
}
