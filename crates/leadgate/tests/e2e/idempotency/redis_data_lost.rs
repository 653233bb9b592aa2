//! A worker recognizes repeated requests by the claim of the idempotency key if Redis has lost it or is
//! unavailable.

use leadgate_testkit::oracle::ObservedOutcome;
use leadgate_testkit::servers::RedisServer;
use serde_json::{Value, json};
use tokio::task::JoinSet;

use super::{accepted, assert_one_effect, lead, post, stored_submissions, wait_for_result};
use crate::limits::counts_in_redis;
use crate::systems::send;
use crate::world::{Servers, World, http, until};

/// Repeats a request that the gateway does not recognize. It gets another id, and the worker records a
/// duplicate.
async fn assert_recorded_as_duplicate(world: &World, first: &str, key: &str, body: &str) {
    let second = accepted(&post(&world.base, &world.key, key, body).await);
    assert_ne!(first, second, "the gateway recognized the repeat");
    let shown = wait_for_result(world, &second).await;
    assert_eq!((&shown["id"], &shown["submission"]["outcome"]), (&json!(first), &json!("duplicate")));
    let (_, record) = world.get(&format!("/v1/submissions/{second}")).await;
    assert_eq!(record["trace"]["deduplicate"]["matched"]["by"], "idempotency", "{record}");
    assert_eq!(assert_one_effect(&stored_submissions(world, body).await), 1);
}

/// Posts another body with the same key, which the gateway accepts and the worker quarantines.
async fn assert_quarantined(world: &World, key: &str, body: &str) {
    let other = accepted(&post(&world.base, &world.key, key, body).await);
    let shown = wait_for_result(world, &other).await;
    assert_eq!(shown["status"], "quarantined", "{shown}");
    let list = world.cli(&["quarantine", "list", "--organization", "acme"]).await;
    let is_own = |entry: &&Value| entry["submission"] == other.as_str();
    let entry = list.as_array().unwrap().iter().find(is_own).unwrap();
    assert_eq!((&entry["reason"], &entry["state"]), (&json!("idempotency_mismatch"), &json!("open")));
}

async fn leads(world: &World) -> usize {
    let (_, list) = world.get("/v1/leads?limit=100").await;
    list["data"].as_array().unwrap().len()
}

#[tokio::test]
async fn a_worker_recognizes_repeats_that_redis_lost() {
    let redis = RedisServer::start().await.unwrap();
    let servers = Servers { redis: &redis, ..Servers::shared().await };
    let world = World::distributed("forgotten", &servers, 2).await;
    let (flushed, killed, concurrent) = (lead("flushed"), lead("killed"), lead("gone"));

    let first = accepted(&post(&world.base, &world.key, "flushed", &flushed).await);
    wait_for_result(&world, &first).await;
    redis.command("FLUSHALL").await.unwrap();
    assert_recorded_as_duplicate(&world, &first, "flushed", &flushed).await;
    redis.command("FLUSHALL").await.unwrap();
    assert_quarantined(&world, "flushed", &lead("other")).await;
    assert_eq!(leads(&world).await, 1);

    let first = accepted(&post(&world.base, &world.key, "killed", &killed).await);
    wait_for_result(&world, &first).await;
    redis.kill().unwrap();
    assert_recorded_as_duplicate(&world, &first, "killed", &killed).await;
    assert_quarantined(&world, "killed", &lead("another")).await;
    assert_eq!(leads(&world).await, 2);

    // 50 concurrent requests with a key that is not in Redis.
    let mut posting = JoinSet::new();
    for _ in 0..50 {
        let (base, key, concurrent) = (world.base.clone(), world.key.clone(), concurrent.clone());
        posting.spawn(async move { accepted(&post(&base, &key, "gone", &concurrent).await) });
    }
    let ids: std::collections::BTreeSet<_> = posting.join_all().await.into_iter().collect();
    until("all fifty", || async {
        (stored_submissions(&world, &concurrent).await.len() == ids.len()).then_some(())
    })
    .await;
    let duplicates = assert_one_effect(&stored_submissions(&world, &concurrent).await);
    println!("without redis, 50 concurrent requests: {} submissions, {duplicates} duplicates", ids.len());
    assert_eq!((ids.len(), duplicates, leads(&world).await), (50, 49, 3));

    redis.start_again().await.unwrap();
    let is_remembered = || async {
        let once = accepted(&post(&world.base, &world.key, "killed", &killed).await);
        let ready = send(http().get(format!("{}/readyz", world.base))).await;
        let again = accepted(&post(&world.base, &world.key, "killed", &killed).await);
        (once == again && counts_in_redis(&ready.body)).then_some(again)
    };
    wait_for_result(&world, &until("redis", is_remembered).await).await;
    let submissions = world.observed_submissions().await;
    let quarantined =
        submissions.iter().filter(|submission| submission.outcome == ObservedOutcome::Quarantined).count();
    assert_eq!((quarantined, leads(&world).await), (2, 3), "no further leads were created");
}
