//! What is looked at, released or held by a worker that dies is returned to the broker each time. However often that
//! is, nothing is lost: RabbitMQ 4 drops what was returned 20 times, unless the queue says otherwise.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

mod support;

use std::collections::BTreeSet;

use leadgate_queue::{
    Consumer, Delivery, ParkReason, ParkedSelection, QueueConfig, QueueError, Role, SettleResult,
    declare_topology,
};
use leadgate_testkit::proxy::{Proxy, ProxyMode};
use leadgate_testkit::servers::shared;
use serde_json::json;
use support::{World, await_ready, drain, numbers, open, publish, receive, settled_empty, submission};

/// More than the 20 returns that RabbitMQ 4 allows a queue that does not say otherwise.
const RETURNS: usize = 25;
const LOOKS: usize = 50;
const MESSAGES: usize = 5;

async fn publish_all(world: &World) {
    let queue = world.open().await;
    for number in 0..MESSAGES {
        publish(&queue, &submission(number)).await;
    }
    queue.shutdown().await;
}

/// Receives until it holds all messages.
async fn hold_all(consumer: &mut Consumer) -> Vec<Delivery> {
    let mut held: Vec<Delivery> = Vec::new();
    while held.len() < MESSAGES {
        held.extend(receive(consumer, MESSAGES).await);
    }
    let seen: BTreeSet<_> = held.iter().flat_map(|delivery| numbers(delivery.payload())).collect();
    assert_eq!(seen.len(), MESSAGES);
    held
}

async fn nothing_is_left_after_all_were_found(world: &World) {
    let queue = world.open().await;
    assert_eq!(drain(&mut queue.consumer(), MESSAGES).await.len(), MESSAGES);
    settled_empty(&queue).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn looking_at_what_is_parked() {
    let world = World::amqp().await;
    publish_all(&world).await;
    let queue = world.open().await;
    // What cannot be parked yet, while the publishing connection is being made, comes again.
    let (mut consumer, mut parked) = (queue.consumer(), 0);
    while parked < MESSAGES {
        for delivery in receive(&mut consumer, MESSAGES).await {
            parked += usize::from(delivery.park(ParkReason::UnknownVersion).await == SettleResult::Settled);
        }
    }
    drop(consumer);
    for look in 0..LOOKS {
        let admin = open(world.config(), Role::Admin).await;
        assert_eq!(admin.parked_list(100).await.unwrap().len(), MESSAGES, "look {look}");
        let none = ParkedSelection::Ids(vec!["no such message".to_owned()]);
        assert_eq!(admin.parked_replay(none).await.unwrap(), 0);
        admin.shutdown().await;
    }
    assert_eq!(queue.parked_replay(ParkedSelection::All).await.unwrap(), MESSAGES);
    nothing_is_left_after_all_were_found(&world).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn workers_that_lose_their_connection() {
    let world = World::amqp().await;
    publish_all(&world).await;
    let World::Amqp(vhost) = &world else { panic!("not a broker") };
    let proxy = Proxy::start(shared().rabbitmq().await.unwrap().port()).await.unwrap();
    let mut config = world.config();
    config.url = vhost.amqp_url_via(proxy.port()).unwrap();
    for _ in 0..RETURNS {
        let worker = open(config.clone(), Role::Worker).await;
        let mut consumer = worker.consumer();
        let held = hold_all(&mut consumer).await;
        proxy.set(ProxyMode::Reset).await.unwrap();
        drop((held, consumer));
        worker.shutdown().await;
        proxy.set(ProxyMode::Pass).await.unwrap();
    }
    nothing_is_left_after_all_were_found(&world).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn releases() {
    let world = World::amqp().await;
    publish_all(&world).await;
    let queue = world.open().await;
    let mut consumer = queue.consumer();
    for _ in 0..RETURNS {
        let held = hold_all(&mut consumer).await;
        consumer.release().await;
        drop(held);
        await_ready(&queue, u64::try_from(MESSAGES).unwrap()).await;
    }
    drop(consumer);
    nothing_is_left_after_all_were_found(&world).await;
}

/// The broker would drop what such a queue returns: nothing is published to it, consumed or looked at.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_queue_without_our_limit_is_not_used() {
    for name in ["leads.1", "unrouted", "parked"] {
        let world = World::amqp().await;
        let World::Amqp(vhost) = &world else { panic!("not a broker") };
        vhost.delete_queue(name).await.unwrap();
        vhost.declare_queue(name, json!({ "x-queue-type": "quorum" })).await.unwrap();
        let expected = format!("queue `{name}` exists with different arguments");
        for role in [Role::Gateway, Role::Worker] {
            let queue = leadgate_queue::Queue::open(world.config(), role).await.unwrap();
            let _consumer = queue.consumer();
            let reason = support::reason(&queue, &expected).await;
            assert!(reason.contains("x-delivery-limit") && reason.contains("`leadgate migrate`"), "{reason}");
            queue.shutdown().await;
        }
        let refused = declare_topology(&QueueConfig::new(&vhost.amqp_url).with_shards(2)).await;
        assert!(
            matches!(&refused, Err(QueueError::Topology(said)) if said.contains(&expected)),
            "{refused:?}"
        );
        let admin = open(world.config(), Role::Admin).await;
        let listed = admin.parked_list(10).await;
        assert_eq!(listed.is_err(), name == "parked", "{listed:?}");
        admin.shutdown().await;
    }
}
