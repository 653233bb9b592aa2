//! Faults of the broker: every publish is answered in time, accepted submissions are not lost, and an open
//! queue recovers when the fault ends.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout
)]

mod support;

use leadgate_queue::{PublishError, QueueConfig, QueueFailure, Role, SettleResult, declare_topology};
use leadgate_testkit::proxy::{Direction, Proxy, ProxyMode};
use leadgate_testkit::servers::{RabbitMqServer, Vhost, shared};
use serde_json::json;
use support::load::{Load, accepted, receive_all};
use support::{TEST_TIMEOUT, World, bounded_publish, open, publish, reason, receive_one, submission};
use tokio::time::timeout;

/// All faults of a whole node, one after the other, because the start of a node takes long.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn publishing_recovers_from_alarm_freeze_kill_and_restart() {
    let node = RabbitMqServer::start().await.unwrap();
    let vhost = node.vhost().await.unwrap();
    declare_topology(&QueueConfig::new(&vhost.amqp_url).with_shards(2)).await.unwrap();
    let world = World::Amqp(vhost);
    let queue = open(world.default_config(), Role::Gateway).await;

    let mut load = Load::start(&queue);
    load.accepts(500).await;
    node.memory_alarm(true).await.unwrap();
    load.refuses(500).await;
    assert_eq!(bounded_publish(&queue, 0).await, Err(PublishError::Unavailable(QueueFailure::Alarm)));
    let consumed = consume_during_alarm(&world).await;
    node.memory_alarm(false).await.unwrap();
    load.accepts(500).await;

    node.freeze().unwrap();
    load.refuses(500).await;
    assert!(!queue.status().is_ready());
    node.thaw().unwrap();
    load.accepts(500).await;

    node.kill().unwrap();
    load.refuses(500).await;
    node.start_again().await.unwrap();
    load.accepts(500).await;

    node.restart().await.unwrap();
    load.accepts(500).await;

    let mut answers = load.stop().await;
    answers.retain(|answer| !consumed.contains(&answer.number));
    receive_all(world.config(), &answers).await;
}

/// An alarm must not stop workers; otherwise it could not end. Returns the consumed submissions.
async fn consume_during_alarm(world: &World) -> Vec<usize> {
    let queue = open(world.config(), Role::Worker).await;
    let mut consumer = queue.consumer();
    let delivery = receive_one(&mut consumer).await;
    let numbers = support::numbers(delivery.payload());
    assert_eq!(delivery.ack().await, SettleResult::Settled);
    queue.shutdown().await;
    numbers
}

async fn behind_proxy() -> (World, Proxy, QueueConfig) {
    let broker = shared().rabbitmq().await.unwrap();
    let world = World::amqp().await;
    let World::Amqp(vhost) = &world else { panic!("not a broker") };
    let proxy = Proxy::start(broker.port()).await.unwrap();
    let config = QueueConfig { url: vhost.amqp_url_via(proxy.port()).unwrap(), ..world.config() };
    (world, proxy, config)
}

/// Breaks the connection under load, restores it, and checks that accepted submissions are delivered.
async fn recovers_from(mode: ProxyMode) {
    let (world, proxy, config) = behind_proxy().await;
    let config = QueueConfig { url: config.url, ..world.default_config() };
    let queue = open(config, Role::Gateway).await;
    let mut load = Load::start(&queue);
    load.accepts(500).await;
    proxy.set(mode).await.unwrap();
    load.refuses(200).await;
    proxy.set(ProxyMode::Pass).await.unwrap();
    load.accepts(500).await;
    let answers = load.stop().await;
    receive_all(world.config(), &answers).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn recovers_from_a_closed_connection() {
    recovers_from(ProxyMode::Close).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn recovers_from_a_reset_connection() {
    recovers_from(ProxyMode::Reset).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn recovers_from_a_connection_closed_within_a_message() {
    recovers_from(ProxyMode::CloseAfter(Direction::ToServer, 10_007)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn recovers_from_a_connection_closed_within_a_confirm() {
    recovers_from(ProxyMode::CloseAfter(Direction::ToClient, 101)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn recovers_from_a_connection_that_forwards_nothing() {
    recovers_from(ProxyMode::Blackhole).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn recovers_from_a_connection_that_forwards_no_responses() {
    recovers_from(ProxyMode::HalfOpen).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_slow_connection_still_works() {
    let (world, proxy, config) = behind_proxy().await;
    let queue = open(config, Role::Gateway).await;
    proxy.set(ProxyMode::Delay(std::time::Duration::from_millis(150))).await.unwrap();
    let mut load = Load::start(&queue);
    load.accepts(500).await;
    let answers = load.stop().await;
    assert_eq!(accepted(&answers).len(), answers.len(), "a slow connection refuses nothing");
    receive_all(world.config(), &answers).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_broker_is_unreachable_at_the_start() {
    let (_world, proxy, config) = behind_proxy().await;
    proxy.set(ProxyMode::Close).await.unwrap();
    let queue = leadgate_queue::Queue::open(config, Role::Gateway).await.unwrap();
    assert_eq!(bounded_publish(&queue, 1).await, Err(PublishError::Unavailable(QueueFailure::Disconnected)));
    proxy.set(ProxyMode::Pass).await.unwrap();
    timeout(TEST_TIMEOUT, queue.ready()).await.unwrap();
    assert_eq!(bounded_publish(&queue, 2).await, Ok(()));
}

/// A consumer that loses its connection several times receives all messages.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_consumer_survives_lost_connections() {
    let (world, proxy, config) = behind_proxy().await;
    let queue = world.open().await;
    let worker = open(config, Role::Worker).await;
    let mut consumer = worker.consumer();
    for round in 0..5 {
        publish(&queue, &submission(round)).await;
        let unsettled = receive_one(&mut consumer).await;
        proxy.set(if round % 2 == 0 { ProxyMode::Reset } else { ProxyMode::Close }).await.unwrap();
        reason(&worker, "").await;
        proxy.set(ProxyMode::Pass).await.unwrap();
        let again = receive_one(&mut consumer).await;
        assert_eq!(again.payload(), unsettled.payload());
        assert_eq!(unsettled.ack().await, SettleResult::Lost);
        assert_eq!(again.ack().await, SettleResult::Settled);
    }
    support::settled_empty(&queue).await;
}

fn vhost_of(world: &World) -> &Vhost {
    match world {
        World::Amqp(vhost) => vhost,
        World::Embedded(_) => panic!("not a broker"),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn queues_are_deleted_under_load() {
    let world = World::amqp().await;
    let vhost = vhost_of(&world);
    let queue = open(world.config(), Role::Gateway).await;
    publish(&queue, &submission(0)).await;

    // Messages without a shard queue are routed to `unrouted`, which workers consume.
    vhost.delete_queue("leads.0").await.unwrap();
    vhost.delete_queue("leads.1").await.unwrap();
    let mut load = Load::start(&queue);
    load.accepts(500).await;
    let answers = load.stop().await;
    declare_topology(&QueueConfig::new(&vhost.amqp_url).with_shards(2)).await.unwrap();
    receive_all(world.config(), &answers).await;

    // Without `unrouted`, no publish may be accepted.
    for name in ["leads.0", "leads.1", "unrouted"] {
        vhost.delete_queue(name).await.unwrap();
    }
    let mut load = Load::start(&queue);
    load.refuses(500).await;
    declare_topology(&QueueConfig::new(&vhost.amqp_url).with_shards(2)).await.unwrap();
    load.accepts(500).await;
    let answers = load.stop().await;
    receive_all(world.config(), &answers).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_exchange_is_deleted_under_load() {
    let world = World::amqp().await;
    let vhost = vhost_of(&world);
    let queue = open(world.config(), Role::Gateway).await;
    let mut load = Load::start(&queue);
    load.accepts(500).await;
    vhost.delete_exchange("leadgate.leads").await.unwrap();
    load.refuses(500).await;
    assert!(!queue.status().is_ready());
    declare_topology(&QueueConfig::new(&vhost.amqp_url).with_shards(2)).await.unwrap();
    load.accepts(500).await;
    let answers = load.stop().await;
    receive_all(world.config(), &answers).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_queue_refuses_until_there_is_space() {
    let world = World::amqp().await;
    let vhost = vhost_of(&world);
    let limit = json!({ "max-length": 5, "overflow": "reject-publish" });
    vhost.set_policy("limits", "^leads\\.", limit).await.unwrap();
    let queue = open(world.config(), Role::Gateway).await;
    let mut load = Load::start(&queue);
    load.refuses(200).await;
    assert!(queue.status().is_ready(), "a full queue does not break the connection");
    let answers = load.stop().await;
    assert!(
        answers.iter().all(|answer| matches!(
            answer.outcome,
            Ok(()) | Err(PublishError::Unavailable(QueueFailure::Full))
        ))
    );
    receive_all(world.config(), &answers).await;
    let mut load = Load::start(&queue);
    load.accepts(1).await;
    receive_all(world.config(), &load.stop().await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_wrong_topology_is_reported_and_needs_no_restart() {
    let vhost = shared().rabbitmq().await.unwrap().vhost().await.unwrap();
    let config = QueueConfig::new(&vhost.amqp_url).with_shards(2);
    let queue = leadgate_queue::Queue::open(config, Role::Gateway).await.unwrap();
    let missing = reason(&queue, "exchange `leadgate.leads` is missing").await;
    assert!(missing.contains("`leadgate migrate`"), "{missing}");

    vhost.declare_queue("leads.1", json!({ "x-queue-type": "classic" })).await.unwrap();
    let error =
        declare_topology(&QueueConfig::new(&vhost.amqp_url).with_shards(2)).await.unwrap_err().to_string();
    assert!(error.contains("queue `leads.1` exists with different arguments"), "{error}");
    let different = reason(&queue, "queue `leads.1` exists with different arguments").await;
    assert!(different.contains("`leadgate migrate`"), "{different}");
    assert_eq!(bounded_publish(&queue, 1).await, Err(PublishError::Unavailable(QueueFailure::Topology)));

    vhost.delete_queue("leads.1").await.unwrap();
    declare_topology(&QueueConfig::new(&vhost.amqp_url).with_shards(2)).await.unwrap();
    timeout(TEST_TIMEOUT, queue.ready()).await.unwrap();
    assert_eq!(bounded_publish(&queue, 2).await, Ok(()));
}

/// Tests the policy in `deploy`: full queues refuse publishes, and dead-lettered messages go to `parked`.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_policy_in_deploy_works() {
    let world = World::amqp().await;
    let vhost = vhost_of(&world);
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../../deploy/rabbitmq/policies.json");
    let file: serde_json::Value = serde_json::from_str(&std::fs::read_to_string(file).unwrap()).unwrap();
    let policy = &file["policies"][0];
    let mut definition = policy["definition"].clone();
    definition["max-length-bytes"] = json!(2_000);
    vhost.set_policy("leadgate-leads", policy["pattern"].as_str().unwrap(), definition).await.unwrap();

    let queue = open(world.config(), Role::Gateway).await;
    let mut load = Load::start(&queue);
    load.refuses(100).await;
    let answers = load.stop().await;
    receive_all(world.config(), &answers).await;

    publish(&queue, &submission(7)).await;
    let connection =
        lapin::Connection::connect(&vhost.amqp_url, lapin::ConnectionProperties::default()).await.unwrap();
    let channel = connection.create_channel().await.unwrap();
    let mut rejected = 0;
    for shard in ["leads.0", "leads.1"] {
        while let Some(message) = channel.basic_get(shard.into(), Default::default()).await.unwrap() {
            message.reject(lapin::options::BasicRejectOptions { requeue: false }).await.unwrap();
            rejected += 1;
        }
    }
    assert!(rejected > 0);
    vhost.await_depth("parked", rejected, TEST_TIMEOUT).await.unwrap();
    let admin = open(world.config(), Role::Admin).await;
    assert!(
        admin.list_parked(10).await.unwrap().iter().all(|parked| parked.reason == "dead_lettered: rejected")
    );
}
