//! All leads of an organization go to one queue, queues can be added while programs run, and the submissions of a
//! queue gather while a message waits for its confirm.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

mod support;

use std::collections::BTreeSet;
use std::pin::pin;

use bytes::Bytes;
use futures_util::future::{join_all, poll_immediate};
use leadgate_domain::OrganizationId;
use leadgate_queue::{PublishError, Queue, QueueConfig, Role, SettleResult, declare_topology};
use leadgate_testkit::proxy::{Direction, Proxy, ProxyMode};
use leadgate_testkit::servers::{Vhost, shared};
use support::{
    TEST_TIMEOUT, drain, numbers, open, organization, publish_for, receive, settled_empty, submission,
};
use tokio::sync::watch;
use tokio::task::{JoinHandle, yield_now};
use tokio::time::timeout;

const SHARDS: u16 = 3;

async fn vhost(shards: u16) -> Vhost {
    let vhost = shared().rabbitmq().await.unwrap().vhost().await.unwrap();
    declare_topology(&QueueConfig::new(&vhost.amqp_url).with_shards(shards)).await.unwrap();
    vhost
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_organization_has_one_shard() {
    let vhost = vhost(SHARDS).await;
    let config = QueueConfig::new(&vhost.amqp_url).with_shards(SHARDS);
    let queue = open(config, Role::Gateway).await;
    // One after the other, so that each submission is a separate message.
    let organizations: Vec<OrganizationId> = (0..usize::from(SHARDS)).map(organization).collect();
    for number in 0..12 {
        publish_for(&queue, organizations[number % organizations.len()], &submission(number)).await;
    }
    for shard in 0..SHARDS {
        vhost.await_depth(&format!("leads.{shard}"), 4, TEST_TIMEOUT).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn shards_are_added_while_programs_run() {
    let vhost = vhost(1).await;
    let (shard_sender, shard_receiver) = watch::channel(1);
    let gateway = open(QueueConfig::new(&vhost.amqp_url), Role::Gateway).await;
    let worker = open(QueueConfig::new(&vhost.amqp_url), Role::Worker).await;
    let mut consumer = worker.consumer();
    for queue in [&gateway, &worker] {
        queue.follow_shards(shard_receiver.clone());
    }
    for number in 0..6 {
        publish_for(&gateway, organization(number), &submission(number)).await;
    }
    assert_eq!(drain(&mut consumer, 6).await.len(), 6);

    declare_topology(&QueueConfig::new(&vhost.amqp_url).with_shards(SHARDS)).await.unwrap();
    let unconsumed =
        |shards: &[u16]| -> Vec<String> { shards.iter().map(|n| format!("leads.{n}")).collect() };
    let observer = open(QueueConfig::new(&vhost.amqp_url).with_shards(SHARDS), Role::Admin).await;
    assert_eq!(observer.depth().await.unwrap().unconsumed, unconsumed(&[1, 2]));
    shard_sender.send_replace(SHARDS);
    let consumed = async { while !observer.depth().await.unwrap().unconsumed.is_empty() {} };
    timeout(TEST_TIMEOUT, consumed).await.expect("a running worker consumes the added shards");

    for number in 10..16 {
        publish_for(&gateway, organization(number), &submission(number)).await;
    }
    let seen: BTreeSet<usize> = drain(&mut consumer, 6).await.into_keys().collect();
    assert_eq!(seen, (10..16).collect());
    settled_empty(&observer).await;
    // Without a consumer, the messages stay in their shards.
    worker.shutdown().await;
    for number in 20..23 {
        publish_for(&gateway, organization(number), &submission(number)).await;
    }
    for shard in 0..SHARDS {
        vhost.await_depth(&format!("leads.{shard}"), 1, TEST_TIMEOUT).await.unwrap();
    }
    // A smaller number is ignored, because the messages of all shards must be consumed.
    shard_sender.send_replace(1);
    let worker = open(QueueConfig::new(&vhost.amqp_url), Role::Worker).await;
    worker.follow_shards(watch::channel(SHARDS).1);
    assert_eq!(drain(&mut worker.consumer(), 3).await.len(), 3);
}

/// A store that was restored from a backup may contain a smaller number than the broker has queues.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_worker_consumes_shards_that_its_store_does_not_know() {
    let vhost = vhost(SHARDS).await;
    let gateway =
        open(QueueConfig { shards: SHARDS, ..QueueConfig::new(&vhost.amqp_url) }, Role::Gateway).await;
    for number in 0..6 {
        publish_for(&gateway, organization(number), &submission(number)).await;
    }
    let worker = open(QueueConfig::new(&vhost.amqp_url), Role::Worker).await;
    worker.follow_shards(watch::channel(1).1);
    let seen: BTreeSet<usize> = drain(&mut worker.consumer(), 6).await.into_keys().collect();
    assert_eq!(seen, (0..6).collect());
    settled_empty(&gateway).await;
}

/// A queue whose broker receives messages and whose confirms are held back.
async fn without_confirms(vhost: &Vhost, shards: u16) -> (Queue, Proxy) {
    let proxy = Proxy::start(shared().rabbitmq().await.unwrap().port()).await.unwrap();
    let url = vhost.amqp_url_via(proxy.port()).unwrap();
    let config = QueueConfig { confirm_timeout: TEST_TIMEOUT, ..QueueConfig::new(url).with_shards(shards) };
    let queue = open(config, Role::Gateway).await;
    proxy.set(ProxyMode::HalfOpen).await.unwrap();
    (queue, proxy)
}

/// Starts a publish, and waits until its message is sent.
async fn start_message(
    queue: &Queue,
    proxy: &Proxy,
    organization: OrganizationId,
    number: usize,
) -> JoinHandle<Result<(), PublishError>> {
    let before = proxy.bytes(Direction::ToServer);
    let (publisher, submission) = (queue.publisher(), Bytes::from(submission(number)));
    let publishing = tokio::spawn(async move { publisher.publish(organization, submission).await });
    // Heartbeats are smaller.
    let sent = async {
        while proxy.bytes(Direction::ToServer) < before + 50 {
            yield_now().await
        }
    };
    timeout(TEST_TIMEOUT, sent).await.expect("the message is sent");
    publishing
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn submissions_gather_while_a_message_waits_for_its_confirm() {
    let vhost = vhost(1).await;
    let (queue, proxy) = without_confirms(&vhost, 1).await;
    let first = start_message(&queue, &proxy, organization(0), 0).await;
    let publisher = queue.publisher();
    let publish = |number| publisher.publish(organization(0), Bytes::from(submission(number)));
    let mut others = pin!(join_all((1..=150).map(publish)));
    assert_eq!(poll_immediate(&mut others).await, None, "all wait for the confirm of the first");
    proxy.set(ProxyMode::Pass).await.unwrap();
    assert_eq!(first.await.unwrap(), Ok(()));
    assert!(others.await.iter().all(Result::is_ok));
    let worker = open(QueueConfig::new(&vhost.amqp_url), Role::Worker).await;
    let (mut consumer, mut sizes) = (worker.consumer(), Vec::new());
    while sizes.iter().sum::<usize>() < 151 {
        for delivery in receive(&mut consumer, 10).await {
            sizes.push(numbers(delivery.payload()).len());
            assert_eq!(delivery.ack().await, SettleResult::Settled);
        }
    }
    assert_eq!(sizes, [1, 64, 64, 22]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_shard_does_not_wait_for_the_confirms_of_another() {
    let vhost = vhost(SHARDS).await;
    let (queue, proxy) = without_confirms(&vhost, SHARDS).await;
    let mut publishing = Vec::new();
    for number in 0..usize::from(SHARDS) {
        publishing.push(start_message(&queue, &proxy, organization(number), number).await);
    }
    proxy.set(ProxyMode::Pass).await.unwrap();
    for published in publishing {
        assert_eq!(published.await.unwrap(), Ok(()));
    }
}
