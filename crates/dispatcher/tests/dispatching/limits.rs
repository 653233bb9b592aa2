//! Endpoints do not delay each other, and their limits are kept.

use std::time::Duration;

use leadgate_domain::{Endpoint, EndpointState};
use leadgate_testkit::receiver::{Answer, Receiver};
use serde_json::json;
use tokio::time::Instant;

use crate::world::{TEST_TIMEOUT, World};

async fn events(world: &World, endpoint: &Endpoint, count: usize) {
    for _ in 0..count {
        world.event(endpoint).await;
    }
}

#[tokio::test]
async fn an_endpoint_that_hangs_delays_no_other() {
    let world = World::start().await;
    let (dead, healthy) = (Receiver::start().await.unwrap(), Receiver::start().await.unwrap());
    dead.answer(Answer::Hang);
    let hanging = world.endpoint(&dead.url(), json!({ "concurrency": 1 })).await;
    events(&world, &hanging, 50).await;
    dead.await_requests(1, TEST_TIMEOUT).await.unwrap();
    let other = world.endpoint(&healthy.url(), json!({})).await;
    events(&world, &other, 50).await;
    healthy.await_requests(50, TEST_TIMEOUT).await.unwrap();
    assert_eq!(dead.received().len(), 1, "no more than its concurrency");
    world.stop().await;
}

#[tokio::test]
async fn an_event_does_not_wait_for_an_earlier_one_that_hangs() {
    let (world, receiver) = (World::start().await, Receiver::start().await.unwrap());
    receiver.answer(Answer::Hang);
    let endpoint = world.endpoint(&receiver.url(), json!({ "concurrency": 2 })).await;
    world.event(&endpoint).await;
    receiver.await_requests(1, TEST_TIMEOUT).await.unwrap();
    receiver.answer(Answer::status(204));
    let second = world.event(&endpoint).await;
    let requests = receiver.await_requests(2, TEST_TIMEOUT).await.unwrap();
    assert_eq!(requests[1].header("webhook-id"), second.to_string());
    world.stop().await;
}

#[tokio::test]
async fn a_rate_is_kept() {
    let (world, receiver) = (World::start().await, Receiver::start().await.unwrap());
    let endpoint = world.endpoint(&receiver.url(), json!({ "rate": "5/s" })).await;
    let start = Instant::now();
    events(&world, &endpoint, 12).await;
    receiver.await_requests(12, TEST_TIMEOUT).await.unwrap();
    // Those of one second at once, and the other seven later.
    assert!(start.elapsed() >= Duration::from_millis(1_200), "{:?}", start.elapsed());
    world.stop().await;
}

#[tokio::test]
async fn a_stop_records_what_is_in_flight() {
    let (world, receiver) = (World::start().await, Receiver::start().await.unwrap());
    receiver.answer(Answer::Drip);
    let endpoint = world.endpoint(&receiver.url(), json!({ "concurrency": 1 })).await;
    events(&world, &endpoint, 2).await;
    receiver.await_requests(1, TEST_TIMEOUT).await.unwrap();
    let organization = world.organization.id;
    let (store, _folder) = world.stop().await;
    let counts = store.count_deliveries(organization, endpoint.id).await.unwrap();
    assert_eq!((counts.pending, receiver.received().len()), (1, 1));
    assert_eq!(store.lease_endpoints(10).await.unwrap().len(), 1, "its lease was ended");
}

#[tokio::test]
async fn an_endpoint_that_answers_410_gets_nothing_more() {
    let (world, receiver) = (World::start().await, Receiver::start().await.unwrap());
    receiver.answer(Answer::status(410));
    let endpoint = world.endpoint(&receiver.url(), json!({ "concurrency": 1 })).await;
    events(&world, &endpoint, 3).await;
    world.attempts(&endpoint, 1).await;
    let found = world.store.endpoint(world.organization.id, endpoint.id).await.unwrap().unwrap();
    assert_eq!(found.health.state, EndpointState::Disabled);
    receiver.answer(Answer::status(204));
    world.store.set_endpoint_enabled(world.organization.id, endpoint.id, true).await.unwrap();
    // All three are delivered: the refused one is due in five seconds.
    receiver.await_requests(4, TEST_TIMEOUT).await.unwrap();
    world.stop().await;
}
