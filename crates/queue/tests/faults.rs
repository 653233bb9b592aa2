//! A broker that breaks: every publish is answered in time, none is confirmed that is not there, and all
//! goes on without a new queue once the fault ends.
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
use support::load::{Load, accepted, find_all};
use support::{LONG, World, bounded_publish, open, publish, reason, receive_one, submission};
use tokio::time::timeout;

/// All that is done to a node as a whole, on one node, one after the other: starting one takes long.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_that_is_alarmed_frozen_killed_and_restarted() {
    let node = RabbitMqServer::start().await.unwrap();
    let vhost = node.vhost().await.unwrap();
    declare_topology(&QueueConfig::new(&vhost.amqp_url).with_shards(2)).await.unwrap();
    let world = World::Amqp(vhost);
    let queue = open(world.config(), Role::Gateway).await;

    let mut load = Load::start(&queue);
    load.accepts(500).await;
    node.memory_alarm(true).await.unwrap();
    load.refuses(500).await;
    assert_eq!(bounded_publish(&queue, 0).await, Err(PublishError::Unavailable(QueueFailure::Alarm)));
    let taken = drain_during_alarm(&world).await;
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
    answers.retain(|answer| !taken.contains(&answer.number));
    find_all(world.config(), &answers).await;
}

/// An alarm must not stop the workers, or it could never end. Returns what was taken out.
async fn drain_during_alarm(world: &World) -> Vec<usize> {
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

/// Breaks the connection while publishers publish, mends it, and counts.
async fn broken_by(mode: ProxyMode) {
    let (world, proxy, config) = behind_proxy().await;
    let queue = open(config, Role::Gateway).await;
    let mut load = Load::start(&queue);
    load.accepts(500).await;
    proxy.set(mode).await.unwrap();
    load.refuses(200).await;
    proxy.set(ProxyMode::Pass).await.unwrap();
    load.accepts(500).await;
    let answers = load.stop().await;
    find_all(world.config(), &answers).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_connection_that_is_closed() {
    broken_by(ProxyMode::Close).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_connection_that_is_reset() {
    broken_by(ProxyMode::Reset).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_connection_cut_in_the_middle_of_a_message() {
    broken_by(ProxyMode::CloseAfter(Direction::ToServer, 10_007)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_connection_cut_in_the_middle_of_a_confirm() {
    broken_by(ProxyMode::CloseAfter(Direction::ToClient, 101)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_connection_that_swallows_everything() {
    broken_by(ProxyMode::Blackhole).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_connection_that_swallows_answers() {
    broken_by(ProxyMode::HalfOpen).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_slow_connection_still_works() {
    let (world, proxy, config) = behind_proxy().await;
    let queue = open(config, Role::Gateway).await;
    proxy.set(ProxyMode::Delay(std::time::Duration::from_millis(150))).await.unwrap();
    let mut load = Load::start(&queue);
    load.accepts(500).await;
    let answers = load.stop().await;
    assert_eq!(accepted(&answers).len(), answers.len(), "slow is not broken");
    find_all(world.config(), &answers).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_broker_that_is_not_there_yet() {
    let (_world, proxy, config) = behind_proxy().await;
    proxy.set(ProxyMode::Close).await.unwrap();
    let queue = leadgate_queue::Queue::open(config, Role::Gateway).await.unwrap();
    assert_eq!(bounded_publish(&queue, 1).await, Err(PublishError::Unavailable(QueueFailure::Disconnected)));
    proxy.set(ProxyMode::Pass).await.unwrap();
    timeout(LONG, queue.ready()).await.unwrap();
    assert_eq!(bounded_publish(&queue, 2).await, Ok(()));
}

/// A consumer loses its connection again and again, and gets everything nevertheless.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_consumer_outlives_its_connections() {
    let (world, proxy, config) = behind_proxy().await;
    let queue = world.open().await;
    let worker = open(config, Role::Worker).await;
    let mut consumer = worker.consumer();
    for round in 0..5 {
        publish(&queue, &submission(round)).await;
        let held = receive_one(&mut consumer).await;
        proxy.set(if round % 2 == 0 { ProxyMode::Reset } else { ProxyMode::Close }).await.unwrap();
        reason(&worker, "").await;
        proxy.set(ProxyMode::Pass).await.unwrap();
        let again = receive_one(&mut consumer).await;
        assert_eq!(again.payload(), held.payload());
        assert_eq!(held.ack().await, SettleResult::Lost);
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
async fn queues_deleted_under_load() {
    let world = World::amqp().await;
    let vhost = vhost_of(&world);
    let queue = open(world.config(), Role::Gateway).await;
    publish(&queue, &submission(0)).await;

    // What finds no queue of its own is caught, and workers consume it from there.
    vhost.delete_queue("leads.0").await.unwrap();
    vhost.delete_queue("leads.1").await.unwrap();
    let mut load = Load::start(&queue);
    load.accepts(500).await;
    let answers = load.stop().await;
    declare_topology(&QueueConfig::new(&vhost.amqp_url).with_shards(2)).await.unwrap();
    find_all(world.config(), &answers).await;

    // With nothing left to catch it, nothing may be accepted.
    for name in ["leads.0", "leads.1", "unrouted"] {
        vhost.delete_queue(name).await.unwrap();
    }
    let mut load = Load::start(&queue);
    load.refuses(500).await;
    declare_topology(&QueueConfig::new(&vhost.amqp_url).with_shards(2)).await.unwrap();
    load.accepts(500).await;
    let answers = load.stop().await;
    find_all(world.config(), &answers).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_exchange_deleted_under_load() {
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
    find_all(world.config(), &answers).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_queue_refuses_and_takes_again_once_there_is_room() {
    let world = World::amqp().await;
    let vhost = vhost_of(&world);
    let limit = json!({ "max-length": 5, "overflow": "reject-publish" });
    vhost.set_policy("limits", "^leads\\.", limit).await.unwrap();
    let queue = open(world.config(), Role::Gateway).await;
    let mut load = Load::start(&queue);
    load.refuses(200).await;
    assert!(queue.status().is_ready(), "a full queue is no broken connection");
    let answers = load.stop().await;
    assert!(
        answers.iter().all(|answer| matches!(
            answer.outcome,
            Ok(()) | Err(PublishError::Unavailable(QueueFailure::Full))
        ))
    );
    find_all(world.config(), &answers).await;
    let mut load = Load::start(&queue);
    load.accepts(1).await;
    find_all(world.config(), &load.stop().await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_wrong_topology_is_named_and_repaired_without_a_restart() {
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
    timeout(LONG, queue.ready()).await.unwrap();
    assert_eq!(bounded_publish(&queue, 2).await, Ok(()));
}

/// The policy that we hand out, on the broker that is installed: a full queue refuses, and what the broker
/// gives up lies in `parked`.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_policy_in_deploy_does_what_it_says() {
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
    find_all(world.config(), &answers).await;

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
    vhost.await_depth("parked", rejected, LONG).await.unwrap();
    let admin = open(world.config(), Role::Admin).await;
    assert!(
        admin.parked_list(10).await.unwrap().iter().all(|parked| parked.reason == "dead_lettered: rejected")
    );
}
