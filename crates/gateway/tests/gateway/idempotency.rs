//! Requests with the same `Idempotency-Key` have one effect.

use futures_util::future::join_all;
use leadgate_domain::Dialect;
use reqwest::RequestBuilder;
use serde_json::json;

use crate::world::{Answer, World, send};

async fn post(world: &World, key: &str, body: &str) -> Answer {
    send(world.post().header("idempotency-key", key).body(body.to_owned())).await
}

#[tokio::test]
async fn a_repeated_post_gets_the_first_id_and_another_body_is_refused() {
    let world = World::start().await;
    let first = post(&world, "order-1", r#"{"phone":"+14155550121"}"#).await;
    let again = post(&world, "\"order-1\"", r#"{"phone":"+14155550121"}"#).await;
    assert_eq!((first.status, again.status), (202, 202));
    assert_eq!((&again.body, again.header("location")), (&first.body, first.header("location")));
    let other = post(&world, "order-1", r#"{"phone":"+14155550122"}"#).await;
    assert_eq!(other.problem(), (422, "idempotency_mismatch"));
    let elsewhere = post(&world, "order-2", r#"{"phone":"+14155550121"}"#).await;
    assert_ne!(elsewhere.body["id"], first.body["id"]);
    assert_eq!(world.published().await, 2);
    world.end().await;
}

#[tokio::test]
async fn another_body_gets_400_in_a_dialect_without_422() {
    let world = World::start().await;
    let (_, key) = world.source_of(Dialect::AbcSales, |_| {}).await;
    let mut answers = Vec::new();
    for name in ["Ann Lee", "Bob Lee"] {
        let request = world.client.post(world.url("/v1/webhooks/leads")).bearer_auth(&key);
        let request = request.header("idempotency-key", "same").json(&json!({ "name": name }));
        answers.push(send(request).await);
    }
    assert_eq!((answers[0].status, answers[1].status), (202, 400));
    assert_eq!(answers[1].body["code"], "idempotency_mismatch", "{}", answers[1].body);
    world.end().await;
}

#[tokio::test]
async fn an_idempotency_key_applies_to_one_source() {
    let world = World::start().await;
    let (_, key) = world.source_of(Dialect::Native, |_| {}).await;
    let first = post(&world, "same", r#"{"phone":"1"}"#).await;
    let request =
        world.client.post(world.url("/v1/leads")).bearer_auth(key).header("idempotency-key", "same");
    let other = send(request.header("content-type", "application/json").body(r#"{"phone":"2"}"#)).await;
    assert_eq!((first.status, other.status), (202, 202), "{}", other.body);
    world.end().await;
}

#[tokio::test]
async fn a_test_key_has_separate_idempotency_keys() {
    let world = World::start().await;
    let key = world.key_with(|key| key.test = true).await;
    let body = r#"{"phone":"+14155550121"}"#;
    let tried = async || {
        let request =
            world.client.post(world.url("/v1/leads")).bearer_auth(&key).header("idempotency-key", "order-1");
        send(request.header("content-type", "application/json").body(body)).await
    };
    let (test, again) = (tried().await, tried().await);
    assert_eq!(test.body["id"], again.body["id"]);
    let live = post(&world, "order-1", body).await;
    assert_eq!(live.status, 202);
    assert_ne!(live.body["id"], test.body["id"]);
    assert_eq!(world.published().await, 2);
    world.end().await;
}

#[tokio::test]
async fn fifty_concurrent_posts_have_one_effect() {
    let world = World::start().await;
    let ask = |_| post(&world, "rush", r#"{"phone":"+14155550123"}"#);
    let answers = join_all((0..50).map(ask)).await;
    let mut ids: Vec<_> =
        answers.iter().filter(|answer| answer.status == 202).map(|one| &one.body["id"]).collect();
    ids.sort_by_key(|id| id.to_string());
    ids.dedup();
    assert_eq!(ids.len(), 1);
    for answer in answers.iter().filter(|answer| answer.status != 202) {
        assert_eq!(answer.problem(), (409, "idempotency_in_flight"));
        assert_eq!(answer.header("retry-after"), "1");
    }
    assert_eq!(world.published().await, 1);
    world.end().await;
}

#[tokio::test]
async fn a_repeated_post_that_waits_gets_the_same_outcome() {
    let world = World::start().await;
    world.start_worker().await;
    let ask = |request: RequestBuilder| {
        let request = request.header("idempotency-key", "patient").header("prefer", "wait=5");
        send(request.body(r#"{"phone":"+14155550124"}"#))
    };
    let (first, again) = (ask(world.post()).await, ask(world.post()).await);
    assert_eq!((first.status, again.status), (201, 201), "{}", again.body);
    assert_eq!(first.body, again.body);
    world.end().await;
}

/// After a restore, the store may not contain the submissions that the markers name.
#[tokio::test]
async fn an_idempotency_marker_from_before_a_restore_is_ignored() {
    let world = World::start().await;
    let body = r#"{"phone":"+14155550132"}"#;
    let first = post(&world, "order-1", body).await.body["id"].clone();
    assert_eq!(post(&world, "order-1", body).await.body["id"], first, "it is remembered");
    world.store.renew_epoch().await.unwrap();
    let deadline = tokio::time::Instant::now() + crate::world::PATIENCE;
    while post(&world, "order-1", body).await.body["id"] == first {
        assert!(tokio::time::Instant::now() < deadline, "the marker still answers");
    }
    world.end().await;
}
