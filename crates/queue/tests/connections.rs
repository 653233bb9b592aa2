//! A process has one connection for publishing and one for consuming, for all its channels.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

mod support;

use std::time::Duration;

use leadgate_domain::Outcome;
use leadgate_domain::reply::Reply;
use leadgate_queue::{
    Consumer, Queue, QueueConfig, ReplyReceiver, ReplySender, Role, SettleResult, declare_topology,
};
use leadgate_testkit::proxy::Proxy;
use leadgate_testkit::servers::{Vhost, shared};
use support::{
    TEST_TIMEOUT, World, allow_reading, bounded_publish, drain, open, publish, reason, receive_one,
    submission,
};
use tokio::time::timeout;

const CONSUMERS: usize = 4;

/// A gateway and a worker that use all features of their roles.
struct Processes {
    gateway: Queue,
    replies: ReplyReceiver,
    worker: Queue,
    consumers: Vec<Consumer>,
    reply_sender: ReplySender,
}

impl Processes {
    /// Starts the processes one after the other, and checks that each one has two connections.
    async fn start(world: &World) -> Self {
        let gateway = open(world.config(), Role::Gateway).await;
        let replies = gateway.reply_receiver();
        publish(&gateway, &submission(0)).await;
        timeout(TEST_TIMEOUT, replies.ready()).await.expect("the gateway has a reply address");
        gateway.depth().await.unwrap();
        vhost(world).await_connections(2, TEST_TIMEOUT).await.unwrap();

        let worker = open(world.config(), Role::Worker).await;
        let consumers = (0..CONSUMERS).map(|_| worker.consumer()).collect();
        let reply_sender = worker.reply_sender();
        let mut processes = Self { gateway, replies, worker, consumers, reply_sender };
        processes.work().await;
        vhost(world).await_connections(4, TEST_TIMEOUT).await.unwrap();
        processes
    }

    /// Settles a message with every consumer, receives a reply, and reads the depth.
    async fn work(&mut self) {
        for number in 1..=CONSUMERS {
            publish(&self.gateway, &submission(number)).await;
        }
        for consumer in &mut self.consumers {
            settle_one(consumer).await;
            consumer.requeue_all().await;
        }
        timeout(TEST_TIMEOUT, self.reply()).await.expect("a reply arrives");
        self.worker.depth().await.unwrap();
        self.gateway.depth().await.unwrap();
    }

    async fn reply(&self) {
        let submission = "01890a5d-ac96-774b-bcce-b302099a8057".parse().unwrap();
        let reply = Reply { submission, outcome: Outcome::Created, lead: None, quarantine: None };
        loop {
            self.replies.ready().await;
            let Some(expected) = self.replies.register(submission) else { continue };
            self.reply_sender.send(expected.address(), reply.clone());
            if expected.wait(Duration::from_millis(200)).await.is_some() {
                return;
            }
        }
    }
}

/// A delivery is repeated if its channel was lost.
async fn settle_one(consumer: &mut Consumer) {
    while receive_one(consumer).await.ack().await != SettleResult::Settled {}
}

fn vhost(world: &World) -> &Vhost {
    match world {
        World::Amqp(vhost) => vhost,
        World::Embedded(_) => panic!("not a broker"),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_process_has_one_connection_for_publishing_and_one_for_consuming() {
    let world = World::amqp().await;
    let mut processes = Processes::start(&world).await;

    // After a loss, all channels share the next connection.
    vhost(&world).close_connections().await.unwrap();
    processes.work().await;
    vhost(&world).await_connections(4, TEST_TIMEOUT).await.unwrap();

    processes.worker.shutdown().await;
    processes.gateway.shutdown().await;
    vhost(&world).await_connections(0, TEST_TIMEOUT).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_channel_error_affects_only_its_channel() {
    let world = World::amqp().await;
    let proxy = Proxy::start(shared().rabbitmq().await.unwrap().port()).await.unwrap();
    let config = QueueConfig { url: vhost(&world).amqp_url_via(proxy.port()).unwrap(), ..world.config() };
    let queue = open(config, Role::AllInOne).await;
    let mut consumer = queue.consumer();
    publish(&queue, &submission(0)).await;
    let unsettled = receive_one(&mut consumer).await;
    assert_eq!(proxy.connections(), 2);

    vhost(&world).delete_queue("newer.v2").await.unwrap();
    assert!(queue.depth().await.is_err(), "a queue is missing");
    assert_eq!(unsettled.ack().await, SettleResult::Settled, "the consumer keeps its channel");

    // Closes the publishing channel, and then the consuming one.
    vhost(&world).delete_exchange("leadgate.leads").await.unwrap();
    assert!(bounded_publish(&queue, 1).await.is_err());
    vhost(&world).delete_queue("leads.1").await.unwrap();
    declare_topology(&world.config()).await.unwrap();
    publish(&queue, &submission(2)).await;
    assert_eq!(drain(&mut consumer, 1).await.into_keys().collect::<Vec<_>>(), [2]);
    assert_eq!(proxy.connections(), 2, "the new channels use the existing connections");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_worker_is_not_ready_while_a_queue_cannot_be_consumed() {
    let world = World::amqp().await;
    allow_reading(vhost(&world), "^leads").await;
    let worker = open(world.config(), Role::Worker).await;
    let mut consumer = worker.consumer();
    let starting = async {
        assert!(reason(&worker, "ACCESS_REFUSED").await.contains("unrouted"));
        assert!(
            timeout(Duration::from_secs(2), worker.ready()).await.is_err(),
            "the worker is not ready between two attempts either"
        );
        // Deliveries of the queues that could be consumed are delivered again.
        publish(&world.open().await, &submission(1)).await;
        allow_reading(vhost(&world), ".*").await;
        timeout(TEST_TIMEOUT, worker.ready()).await.expect("the worker is ready");
    };
    let (seen, ()) = tokio::join!(drain(&mut consumer, 1), starting);
    assert_eq!(seen.into_keys().collect::<Vec<_>>(), [1]);
}
