//! What the gateway serves while a dependency is unavailable.

use std::time::{Duration, Instant};

use leadgate_gateway::GatewayConfig;
use leadgate_store::{Store, StoreConfig};
use leadgate_testkit::proxy::{Proxy, ProxyMode};
use leadgate_testkit::servers::shared;
use serde_json::json;

use crate::world::{World, config, secret, send};

const LEAD: &str = r#"{"phone":"1"}"#;

/// A world whose store is PostgreSQL behind a proxy.
async fn behind_proxy(config: GatewayConfig) -> (World, Proxy) {
    let postgres = shared().postgres().await.unwrap();
    let url = postgres.database().await.unwrap();
    let direct = Store::open(&StoreConfig::api(&url).with_secret(&secret())).unwrap();
    direct.migrate().await.unwrap();
    let proxy = Proxy::start(postgres.port().unwrap()).await.unwrap();
    let through = url.replace(&postgres.port().unwrap().to_string(), &proxy.port().to_string());
    let store = Store::open(&StoreConfig::api(through).with_secret(&secret())).unwrap();
    (World::with_store(store, config).await, proxy)
}

#[tokio::test]
async fn leads_are_accepted_while_the_store_does_not_respond() {
    let config = GatewayConfig { store_timeout: Duration::from_secs(1), ..config() };
    let (world, proxy) = behind_proxy(config).await;
    world.until_ready_is(200).await;
    proxy.set(ProxyMode::Blackhole).await.unwrap();
    let begun = Instant::now();
    assert_eq!(send(world.post().body(LEAD)).await.status, 202);
    assert!(begun.elapsed() < Duration::from_secs(2), "a post does not wait for the store");
    for path in ["/v1/leads", "/v1/leads/018f4e2a-7b1c-7000-8000-0000000000aa"] {
        let begun = Instant::now();
        let answer = send(world.get(path)).await;
        assert_eq!(answer.problem(), (503, "store_unavailable"));
        assert_ne!(answer.header("retry-after"), "");
        assert_ne!(answer.header("x-ratelimit-remaining"), "");
        assert!(begun.elapsed() < Duration::from_secs(3), "{:?}", begun.elapsed());
    }
    proxy.set(ProxyMode::Pass).await.unwrap();
    let deadline = Instant::now() + crate::world::PATIENCE;
    while send(world.get("/v1/leads")).await.status != 200 {
        assert!(Instant::now() < deadline, "reads recover with the store");
    }
    world.end().await;
}

#[tokio::test]
async fn the_last_snapshot_is_used_until_it_is_stale() {
    let config = GatewayConfig {
        snapshot_max_age: Duration::from_secs(4),
        store_timeout: Duration::from_millis(300),
        ..config()
    };
    let (world, proxy) = behind_proxy(config).await;
    world.until_ready_is(200).await;
    proxy.set(ProxyMode::Blackhole).await.unwrap();
    let degraded = loop {
        let answer = world.until_ready_is(200).await;
        if answer.body["degraded"] != json!([]) {
            break answer;
        }
    };
    assert_eq!(degraded.body["degraded"][0]["part"], "store");
    assert_eq!(send(world.post().body(LEAD)).await.status, 202);
    let stale = world.until_ready_is(503).await;
    assert_eq!(stale.problem(), (503, "not_ready"));
    assert_eq!(stale.body["reasons"][0]["part"], "keys");
    let refused = send(world.post().body(LEAD)).await;
    assert_eq!(refused.problem(), (503, "keys_unavailable"));
    assert_ne!(refused.header("retry-after"), "");
    assert_ne!(
        refused.header("x-ratelimit-remaining"),
        "",
        "the limit of unauthenticated requests, without a permit taken"
    );
    assert_eq!(world.published().await, 1);
    proxy.set(ProxyMode::Pass).await.unwrap();
    world.until_ready_is(200).await;
    // On a busy machine the snapshot can become stale once more.
    let deadline = Instant::now() + crate::world::PATIENCE;
    while send(world.post().body(LEAD)).await.status != 202 {
        assert!(Instant::now() < deadline, "posts are accepted again with the store");
    }
    world.end().await;
}

#[tokio::test]
async fn a_gateway_starts_without_a_store_and_waits_for_it() {
    let folder = tempfile::tempdir().unwrap();
    let store = crate::world::store(&folder);
    let world = World::over(folder, store, config()).await;
    let answer = world.until_ready_is(503).await;
    assert_eq!(answer.body["reasons"], json!([{"part": "keys", "reason": "not loaded yet"}]));
    assert_eq!(send(world.client.get(world.url("/healthz"))).await.status, 200);
    assert_eq!(send(world.post().body(LEAD)).await.problem(), (503, "keys_unavailable"));
    world.store.migrate().await.unwrap();
    world.until_ready_is(200).await;
    assert_eq!(send(world.post().body(LEAD)).await.problem(), (401, "invalid_key"));
    world.end().await;
}

#[tokio::test]
async fn an_unavailable_queue_is_a_503() {
    let world = World::start().await;
    world.until_ready_is(200).await;
    world.queue.shutdown().await;
    let answer = send(world.post().body(LEAD)).await;
    assert_eq!(answer.problem(), (503, "queue_unavailable"));
    assert_ne!(answer.header("retry-after"), "");
    let ready = world.until_ready_is(503).await;
    assert_eq!(ready.body["reasons"][0]["part"], "queue");
    assert_eq!(send(world.get("/v1/leads")).await.status, 200, "reads need no queue");
    world.end().await;
}

/// Simulates a database whose clock is ahead of this machine.
#[tokio::test]
async fn different_clocks_are_reported_in_readiness() {
    let postgres = shared().postgres().await.unwrap();
    let url = postgres.database().await.unwrap();
    let database = url.rsplit('/').next().unwrap();
    let open = || Store::open(&StoreConfig::api(&url).with_secret(&secret())).unwrap();
    open().migrate().await.unwrap();
    // `pg_catalog` is searched first, unless `search_path` lists it later.
    let ahead = format!(
        "CREATE SCHEMA skewed;
         CREATE TABLE skewed.ahead (by interval NOT NULL);
         INSERT INTO skewed.ahead VALUES ('10 seconds');
         CREATE FUNCTION skewed.clock_timestamp() RETURNS timestamptz LANGUAGE sql VOLATILE
             AS $$ SELECT pg_catalog.clock_timestamp() + by FROM skewed.ahead $$;
         ALTER DATABASE {database} SET search_path = public, skewed, pg_catalog"
    );
    postgres.sql(&url, &ahead).await.unwrap();
    let world = World::with_store(open(), config()).await;
    let ready = world.until_ready_is(200).await;
    assert_eq!(ready.body["degraded"][0]["part"], "clock", "{}", ready.body);
    postgres.sql(&url, "UPDATE skewed.ahead SET by = '1 minute'").await.unwrap();
    let not_ready = world.until_ready_is(503).await;
    assert!(not_ready.body.to_string().contains("the clocks of this program and of the database differ"));
    world.end().await;
}
