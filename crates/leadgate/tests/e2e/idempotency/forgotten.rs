//! Redis only answers early: what it forgets, or cannot be asked, the worker's claim still knows.

use leadgate_testkit::oracle::ObservedOutcome;
use leadgate_testkit::servers::RedisServer;
use serde_json::{Value, json};
use tokio::task::JoinSet;

use super::{accepted, has_one_effect, held, lead, post, settled};
use crate::limits::counts_in_redis;
use crate::systems::send;
use crate::world::{Servers, World, http, until};

/// A repeat that the gateway does not recognize: another id, and the worker puts it to the first.
async fn is_recorded_as_duplicate(world: &World, first: &str, key: &str, body: &str) {
    let second = accepted(&post(&world.base, &world.key, key, body).await);
    assert_ne!(first, second, "somebody remembered");
    let shown = settled(world, &second).await;
    assert_eq!((&shown["id"], &shown["submission"]["outcome"]), (&json!(first), &json!("duplicate")));
    let (_, record) = world.get(&format!("/v1/submissions/{second}")).await;
    assert_eq!(record["trace"]["deduplicate"]["matched"]["by"], "idempotency", "{record}");
    assert_eq!(has_one_effect(&held(world, body).await), 1);
}

/// Another body that the gateway lets in is kept aside.
async fn is_quarantined(world: &World, key: &str, body: &str) {
    let mistaken = accepted(&post(&world.base, &world.key, key, body).await);
    let shown = settled(world, &mistaken).await;
    assert_eq!(shown["status"], "quarantined", "{shown}");
    let list = world.cli(&["quarantine", "list", "--organization", "acme"]).await;
    let of = |entry: &&Value| entry["submission"] == mistaken.as_str();
    let entry = list.as_array().unwrap().iter().find(of).unwrap();
    assert_eq!((&entry["reason"], &entry["state"]), (&json!("idempotency_mismatch"), &json!("open")));
}

async fn leads(world: &World) -> usize {
    let (_, list) = world.get("/v1/leads?limit=100").await;
    list["data"].as_array().unwrap().len()
}

#[tokio::test]
async fn what_redis_forgets_the_worker_knows() {
    let redis = RedisServer::start().await.unwrap();
    let servers = Servers { redis: &redis, ..Servers::shared().await };
    let world = World::production("forgotten", &servers, 2).await;
    let (flushed, killed, gone) = (lead("flushed"), lead("killed"), lead("gone"));

    let first = accepted(&post(&world.base, &world.key, "flushed", &flushed).await);
    settled(&world, &first).await;
    redis.command("FLUSHALL").await.unwrap();
    is_recorded_as_duplicate(&world, &first, "flushed", &flushed).await;
    redis.command("FLUSHALL").await.unwrap();
    is_quarantined(&world, "flushed", &lead("other")).await;
    assert_eq!(leads(&world).await, 1);

    let first = accepted(&post(&world.base, &world.key, "killed", &killed).await);
    settled(&world, &first).await;
    redis.kill().unwrap();
    is_recorded_as_duplicate(&world, &first, "killed", &killed).await;
    is_quarantined(&world, "killed", &lead("another")).await;
    assert_eq!(leads(&world).await, 2);

    // A key that Redis never heard of, fifty times at once.
    let mut posting = JoinSet::new();
    for _ in 0..50 {
        let (base, key, gone) = (world.base.clone(), world.key.clone(), gone.clone());
        posting.spawn(async move { accepted(&post(&base, &key, "gone", &gone).await) });
    }
    let ids: std::collections::BTreeSet<_> = posting.join_all().await.into_iter().collect();
    until("all fifty", || async { (held(&world, &gone).await.len() == ids.len()).then_some(()) }).await;
    let duplicates = has_one_effect(&held(&world, &gone).await);
    println!("without redis, 50 at once: {} submissions, {duplicates} of them duplicates", ids.len());
    assert_eq!((ids.len(), duplicates, leads(&world).await), (50, 49, 3));

    redis.start_again().await.unwrap();
    let remembers = || async {
        let once = accepted(&post(&world.base, &world.key, "killed", &killed).await);
        let ready = send(http().get(format!("{}/readyz", world.base))).await;
        let again = accepted(&post(&world.base, &world.key, "killed", &killed).await);
        (once == again && counts_in_redis(&ready.body)).then_some(again)
    };
    settled(&world, &until("redis", remembers).await).await;
    let held = world.observed().await;
    let quarantined = held.iter().filter(|one| one.outcome == ObservedOutcome::Quarantined).count();
    assert_eq!((quarantined, leads(&world).await), (2, 3), "to the end");
}
