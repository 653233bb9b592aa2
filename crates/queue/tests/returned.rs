//! Messages are returned to the broker when they are listed, when they are released, and when a worker stops
//! before it settles them. They are not lost, however often this happens: RabbitMQ 4 drops a message after 20
//! returns unless the queue has another limit.
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

/// More than the default limit of RabbitMQ 4, which is 20 returns.
const RETURNS: usize = 25;
const LISTINGS: usize = 50;
const MESSAGES: usize = 5;

async fn publish_all(world: &World) {
    let queue = world.open().await;
    for number in 0..MESSAGES {
        publish(&queue, &submission(number)).await;
    }
    queue.shutdown().await;
}

/// Receives all messages without settling them.
async fn receive_unsettled(consumer: &mut Consumer) -> Vec<Delivery> {
    let mut deliveries: Vec<Delivery> = Vec::new();
    while deliveries.len() < MESSAGES {
        deliveries.extend(receive(consumer, MESSAGES).await);
    }
    let seen: BTreeSet<_> = deliveries.iter().flat_map(|delivery| numbers(delivery.payload())).collect();
    assert_eq!(seen.len(), MESSAGES);
    deliveries
}

async fn assert_all_delivered(world: &World) {
    let queue = world.open().await;
    assert_eq!(drain(&mut queue.consumer(), MESSAGES).await.len(), MESSAGES);
    settled_empty(&queue).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn listing_parked_messages_loses_nothing() {
    let world = World::amqp().await;
    publish_all(&world).await;
    let queue = world.open().await;
    // A message that cannot be parked yet, because the publishing connection is not open, is delivered again.
    let (mut consumer, mut parked) = (queue.consumer(), 0);
    while parked < MESSAGES {
        for delivery in receive(&mut consumer, MESSAGES).await {
            parked += usize::from(delivery.park(ParkReason::UnknownVersion).await == SettleResult::Settled);
        }
    }
    drop(consumer);
    for listing in 0..LISTINGS {
        let admin = open(world.config(), Role::Admin).await;
        assert_eq!(admin.list_parked(100).await.unwrap().len(), MESSAGES, "listing {listing}");
        let none = ParkedSelection::Ids(vec!["no such message".to_owned()]);
        assert_eq!(admin.replay_parked(none).await.unwrap(), 0);
        admin.shutdown().await;
    }
    assert_eq!(queue.replay_parked(ParkedSelection::All).await.unwrap(), MESSAGES);
    assert_all_delivered(&world).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lost_connections_of_workers_lose_nothing() {
    let world = World::amqp().await;
    publish_all(&world).await;
    let World::Amqp(vhost) = &world else { panic!("not a broker") };
    let proxy = Proxy::start(shared().rabbitmq().await.unwrap().port()).await.unwrap();
    let mut config = world.config();
    config.url = vhost.amqp_url_via(proxy.port()).unwrap();
    for _ in 0..RETURNS {
        let worker = open(config.clone(), Role::Worker).await;
        let mut consumer = worker.consumer();
        let deliveries = receive_unsettled(&mut consumer).await;
        proxy.set(ProxyMode::Reset).await.unwrap();
        drop((deliveries, consumer));
        worker.shutdown().await;
        proxy.set(ProxyMode::Pass).await.unwrap();
    }
    assert_all_delivered(&world).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn requeueing_loses_nothing() {
    let world = World::amqp().await;
    publish_all(&world).await;
    let queue = world.open().await;
    let mut consumer = queue.consumer();
    for _ in 0..RETURNS {
        let deliveries = receive_unsettled(&mut consumer).await;
        consumer.requeue_all().await;
        drop(deliveries);
        await_ready(&queue, u64::try_from(MESSAGES).unwrap()).await;
    }
    drop(consumer);
    assert_all_delivered(&world).await;
}

/// The broker would drop returned messages of such a queue, so it is not used for publishing, consuming or
/// listing.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_queue_with_another_delivery_limit_is_not_used() {
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
            matches!(&refused, Err(QueueError::Topology(message)) if message.contains(&expected)),
            "{refused:?}"
        );
        let admin = open(world.config(), Role::Admin).await;
        let listed = admin.list_parked(10).await;
        assert_eq!(listed.is_err(), name == "parked", "{listed:?}");
        admin.shutdown().await;
    }
}
