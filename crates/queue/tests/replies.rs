//! A reply reaches the gateway that waits for its submission, and no other one.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

mod support;

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use leadgate_domain::reply::{Reply, ReplyAddress};
use leadgate_domain::{Lead, Outcome, QuarantineReason, SubmissionId};
use leadgate_queue::{ExpectedReply, Queue, QueueConfig, ReplyReceiver, ReplySender, Role, declare_topology};
use leadgate_testkit::proxy::{Proxy, ProxyMode};
use leadgate_testkit::servers::{RabbitMqServer, shared};
use serde_json::json;
use support::{TEST_TIMEOUT, World};
use tokio::time::timeout;

/// Wait for a reply that must not come.
const NO_REPLY_WAIT: Duration = Duration::from_millis(200);

/// A gateway and a worker: two queues on RabbitMQ, one queue with the embedded adapter.
struct Pair {
    gateway: Queue,
    replies: ReplyReceiver,
    reply_sender: ReplySender,
    _worker: Queue,
}

impl Pair {
    async fn start(world: &World) -> Self {
        Self::start_with(world.config(), world.config()).await
    }

    async fn start_with(gateway: QueueConfig, worker: QueueConfig) -> Self {
        let embedded = gateway.url.starts_with("sqlite:");
        let gateway = support::open(gateway, if embedded { Role::AllInOne } else { Role::Gateway }).await;
        let worker = if embedded { gateway.clone() } else { support::open(worker, Role::Worker).await };
        let (replies, reply_sender) = (gateway.reply_receiver(), worker.reply_sender());
        timeout(TEST_TIMEOUT, replies.ready()).await.expect("a reply address");
        Self { gateway, replies, reply_sender, _worker: worker }
    }

    fn expect(&self, number: usize) -> ExpectedReply {
        self.replies.register(id(number)).expect("a reply address")
    }

    /// Sends replies until one arrives, because after a fault both sides reconnect independently.
    async fn replies_arrive_again(&self, number: usize) {
        let received = async {
            loop {
                timeout(TEST_TIMEOUT, self.replies.ready()).await.expect("a reply address");
                let Some(expected) = self.replies.register(id(number)) else { continue };
                self.reply_sender.send(expected.address(), reply(number));
                if expected.wait(NO_REPLY_WAIT).await == Some(reply(number)) {
                    return;
                }
            }
        };
        timeout(TEST_TIMEOUT, received).await.expect("replies arrive again");
    }
}

fn id(number: usize) -> SubmissionId {
    format!("{number:032x}").parse().unwrap()
}

fn reply(number: usize) -> Reply {
    Reply { submission: id(number), outcome: Outcome::Created, lead: None, quarantine: None }
}

fn lead(name: &str) -> Lead {
    let (id, at) = ("01890a5d-ac96-774b-bcce-b302099a8057", "2026-01-01T00:00:00.000000Z");
    serde_json::from_value(json!({
        "id": id, "organization": id, "source": id, "received_at": at, "updated_at": at,
        "texts": { "full_name": name }, "consent_required": true, "field_versions": { "base": ["secret", at, id] },
        "score": 7, "temperature": "cold", "eligibility": "held", "reasons": ["phone_missing"],
    }))
    .unwrap()
}

async fn a_reply_reaches_the_waiting_request(world: World) {
    let pair = Pair::start(&world).await;
    let (first, second) = (pair.expect(1), pair.expect(2));
    let created = Reply { lead: Some(Box::new(lead("Zoë \u{0} 🦀"))), ..reply(2) };
    let quarantined = Reply {
        outcome: Outcome::Quarantined,
        quarantine: Some(QuarantineReason::MappingFailed),
        ..reply(1)
    };
    pair.reply_sender.send(second.address(), created.clone());
    pair.reply_sender.send(first.address(), quarantined.clone());
    assert_eq!(first.wait(TEST_TIMEOUT).await, Some(quarantined));
    assert_eq!(second.wait(TEST_TIMEOUT).await, Some(created));
    assert_eq!(pair.replies.waiting(), 0);
}

async fn many_concurrent_replies_arrive(world: World) {
    let pair = Pair::start(&world).await;
    let expected: Vec<_> = (0..2_000).map(|number| pair.expect(number)).collect();
    for (number, expected) in expected.iter().enumerate() {
        pair.reply_sender.send(expected.address(), reply(number));
    }
    for (number, expected) in expected.into_iter().enumerate() {
        assert_eq!(expected.wait(TEST_TIMEOUT).await, Some(reply(number)));
    }
}

async fn unexpected_replies_are_dropped(world: World) {
    let pair = Pair::start(&world).await;
    let expected = pair.expect(2);
    pair.reply_sender.send(expected.address(), reply(1));
    pair.reply_sender.send(&ReplyAddress::new(format!("leadgate.replies.{:032x}", 7)), reply(2));
    pair.reply_sender.send(expected.address(), reply(3));
    pair.reply_sender.send(expected.address(), Reply { outcome: Outcome::Linked, ..reply(2) });
    pair.reply_sender.send(expected.address(), reply(2));
    assert_eq!(expected.wait(TEST_TIMEOUT).await.unwrap().outcome, Outcome::Linked, "the first reply counts");
    assert_eq!(pair.replies.waiting(), 0);
}

async fn gateways_receive_only_their_own_replies(world: World, other: World) {
    let (first_pair, second_pair) = (Pair::start(&world).await, Pair::start(&other).await);
    let (ours, theirs) = (first_pair.expect(1), second_pair.expect(1));
    assert_ne!(ours.address(), theirs.address());
    for pair in [&first_pair, &second_pair] {
        pair.reply_sender.send(theirs.address(), reply(1));
    }
    assert_eq!(theirs.wait(TEST_TIMEOUT).await, Some(reply(1)));
    assert_eq!(ours.wait(NO_REPLY_WAIT).await, None);
}

async fn a_request_that_no_longer_waits_is_removed(world: World) {
    let pair = Pair::start(&world).await;
    let (dropped, late) = (pair.expect(1), pair.expect(2));
    let address = late.address().clone();
    assert_eq!(pair.replies.waiting(), 2);
    drop(dropped);
    assert_eq!(pair.replies.waiting(), 1);
    assert_eq!(late.wait(Duration::from_millis(1)).await, None);
    assert_eq!(pair.replies.waiting(), 0);
    pair.reply_sender.send(&address, reply(1));
    let again = pair.expect(2);
    pair.reply_sender.send(&address, reply(2));
    assert_eq!(again.wait(TEST_TIMEOUT).await, Some(reply(2)));
    assert_eq!(pair.replies.waiting(), 0);
}

async fn a_submission_is_expected_once(world: World) {
    let pair = Pair::start(&world).await;
    let expected = pair.expect(1);
    assert!(pair.replies.clone().register(id(1)).is_none(), "clones share the registrations");
    pair.reply_sender.send(expected.address(), reply(1));
    assert_eq!(expected.wait(TEST_TIMEOUT).await, Some(reply(1)));
    assert!(pair.replies.register(id(1)).is_some());
}

async fn shutdown_ends_waiting_requests(world: World) {
    let pair = Pair::start(&world).await;
    let expected = pair.expect(1);
    let started = Instant::now();
    let (waited, ()) = tokio::join!(expected.wait(TEST_TIMEOUT), pair.gateway.shutdown());
    assert_eq!(waited, None);
    assert!(started.elapsed() < TEST_TIMEOUT, "the wait ends at once");
    assert!(pair.replies.register(id(2)).is_none());
    assert!(!pair.replies.is_ready());
}

/// Runs each test above once for each adapter.
macro_rules! contract {
    ($($name:ident($($world:ident),+)),* $(,)?) => {
        mod embedded {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() {
                $(let $world = super::World::embedded();)+
                super::$name($($world),+).await;
            })*
        }
        mod amqp {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() {
                $(let $world = super::World::amqp().await;)+
                super::$name($($world),+).await;
            })*
        }
    };
}

contract! {
    a_reply_reaches_the_waiting_request(world),
    many_concurrent_replies_arrive(world),
    unexpected_replies_are_dropped(world),
    gateways_receive_only_their_own_replies(world, other),
    a_request_that_no_longer_waits_is_removed(world),
    a_submission_is_expected_once(world),
    shutdown_ends_waiting_requests(world),
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn gateways_of_one_broker_receive_only_their_own_replies() {
    let world = World::amqp().await;
    let (first_pair, second_pair) = (Pair::start(&world).await, Pair::start(&world).await);
    let (ours, theirs) = (first_pair.expect(1), second_pair.expect(1));
    first_pair.reply_sender.send(theirs.address(), reply(1));
    assert_eq!(theirs.wait(TEST_TIMEOUT).await, Some(reply(1)));
    assert_eq!(ours.wait(NO_REPLY_WAIT).await, None);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_reply_queue_is_deleted_with_its_gateway() {
    let world = World::amqp().await;
    let World::Amqp(vhost) = &world else { panic!("not a broker") };
    let pair = Pair::start(&world).await;
    let name = pair.expect(1).address().as_str().to_owned();
    let exists = async || vhost.queues().await.unwrap().iter().any(|(queue, _)| *queue == name);
    assert!(exists().await);
    pair.gateway.shutdown().await;
    timeout(TEST_TIMEOUT, async { while exists().await {} }).await.expect("the queue is deleted");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn reply_queues_that_cannot_be_consumed_are_deleted() {
    let world = World::amqp().await;
    let World::Amqp(vhost) = &world else { panic!("not a broker") };
    let reply_queues = async || {
        let queues = vhost.queues().await.unwrap().into_iter().map(|(queue, _)| queue);
        queues.filter(|queue| queue.starts_with("leadgate.replies.")).collect::<BTreeSet<_>>()
    };
    support::allow_reading(vhost, "^leads").await;
    let gateway = support::open(world.config(), Role::Gateway).await;
    let replies = gateway.reply_receiver();
    let mut attempted = BTreeSet::new();
    timeout(TEST_TIMEOUT, async {
        while attempted.len() < 3 {
            attempted.append(&mut reply_queues().await);
        }
    })
    .await
    .expect("the consumer is retried");
    assert!(!replies.is_ready());

    support::allow_reading(vhost, ".*").await;
    timeout(TEST_TIMEOUT, replies.ready()).await.expect("a reply address");
    let address = replies.register(id(1)).unwrap().address().as_str().to_owned();
    timeout(TEST_TIMEOUT, async { while reply_queues().await.len() > 1 {} })
        .await
        .expect("the other queues are deleted");
    assert!(reply_queues().await.contains(&address), "a queue with a consumer stays");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn unreadable_replies_are_ignored() {
    let world = World::amqp().await;
    let World::Amqp(vhost) = &world else { panic!("not a broker") };
    let pair = Pair::start(&world).await;
    let expected = pair.expect(1);
    for message in ["garbage", r#"{"v":2,"replies":[]}"#, r#"{"v":1,"replies":[{"outcome":"odd"}]}"#] {
        assert!(vhost.publish("", expected.address().as_str(), message).await.unwrap());
    }
    pair.reply_sender.send(expected.address(), reply(1));
    assert_eq!(expected.wait(TEST_TIMEOUT).await, Some(reply(1)));
}

/// A message can contain any text as its reply address.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn replies_are_sent_to_reply_queues_only() {
    let world = World::amqp().await;
    let pair = Pair::start(&world).await;
    for queue in ["leads.0", "parked", ""] {
        pair.reply_sender.send(&ReplyAddress::new(queue), reply(1));
    }
    // Replies are sent in order, so the earlier ones were handled by then.
    pair.replies_arrive_again(2).await;
    pair.replies_arrive_again(3).await;
    let depth = pair.gateway.depth().await.unwrap();
    assert_eq!((depth.ready, depth.parked), (0, 0));
    pair.reply_sender.send(&ReplyAddress::new("x".repeat(300)), reply(1));
    pair.replies_arrive_again(4).await;
}

/// Waiting requests end at once, and no request waits until the connection is restored.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_gateway_receives_replies_again_after_a_lost_connection() {
    let (world, proxy) = (World::amqp().await, proxy().await);
    let pair = Pair::start_with(through(&proxy, &world), world.config()).await;
    for mode in [ProxyMode::Close, ProxyMode::Reset, ProxyMode::Close] {
        let expected = pair.expect(1);
        let old_address = expected.address().clone();
        proxy.set(mode).await.unwrap();
        let started = Instant::now();
        assert_eq!(expected.wait(TEST_TIMEOUT).await, None);
        assert!(started.elapsed() < TEST_TIMEOUT, "{mode:?}");
        assert!(pair.replies.register(id(2)).is_none());
        pair.reply_sender.send(&old_address, reply(1));
        proxy.set(ProxyMode::Pass).await.unwrap();
        pair.replies_arrive_again(3).await;
        assert_ne!(pair.expect(1).address(), &old_address, "the broker may still have the old queue");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_worker_sends_replies_again_after_a_lost_connection() {
    let (world, proxy) = (World::amqp().await, proxy().await);
    let pair = Pair::start_with(world.config(), through(&proxy, &world)).await;
    pair.replies_arrive_again(1).await;
    for mode in [ProxyMode::Close, ProxyMode::Reset, ProxyMode::Blackhole, ProxyMode::HalfOpen] {
        proxy.set(mode).await.unwrap();
        let expected = pair.expect(2);
        send_many(&pair.reply_sender, expected.address());
        // Replies that are still buffered may arrive after the connection is restored.
        drop(expected);
        proxy.set(ProxyMode::Pass).await.unwrap();
        pair.replies_arrive_again(3).await;
    }
}

async fn proxy() -> Proxy {
    Proxy::start(shared().rabbitmq().await.unwrap().port()).await.unwrap()
}

fn through(proxy: &Proxy, world: &World) -> QueueConfig {
    let World::Amqp(vhost) = world else { panic!("not a broker") };
    QueueConfig { url: vhost.amqp_url_via(proxy.port()).unwrap(), ..world.default_config() }
}

/// Sends more replies than can wait. Checks that this takes less time than one call to the broker.
fn send_many(reply_sender: &ReplySender, to: &ReplyAddress) {
    let started = Instant::now();
    for number in 0..10_000 {
        reply_sender.send(to, reply(number));
    }
    assert!(started.elapsed() < Duration::from_secs(2), "{:?}", started.elapsed());
}

/// All faults of a whole node, one after the other, because the start of a node takes long.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn replies_recover_from_alarm_freeze_kill_and_restart() {
    let node = RabbitMqServer::start().await.unwrap();
    let vhost = node.vhost().await.unwrap();
    declare_topology(&QueueConfig::new(&vhost.amqp_url).with_shards(2)).await.unwrap();
    node.remember_queues().await.unwrap();
    let pair = Pair::start(&World::Amqp(vhost)).await;
    pair.replies_arrive_again(1).await;

    node.memory_alarm(true).await.unwrap();
    // The broker reports the alarm after it receives something, so the first reply may still arrive.
    let expected = pair.expect(1);
    pair.reply_sender.send(expected.address(), reply(1));
    send_many(&pair.reply_sender, expected.address());
    drop(expected);
    let expected = pair.expect(2);
    send_many(&pair.reply_sender, expected.address());
    assert_eq!(expected.wait(NO_REPLY_WAIT).await, None, "replies during an alarm are dropped");
    node.memory_alarm(false).await.unwrap();
    pair.replies_arrive_again(3).await;

    node.freeze().unwrap();
    send_many(&pair.reply_sender, pair.expect(4).address());
    node.thaw().unwrap();
    pair.replies_arrive_again(5).await;

    node.kill().unwrap();
    node.start_again().await.unwrap();
    pair.replies_arrive_again(6).await;
    node.restart().await.unwrap();
    pair.replies_arrive_again(7).await;
    assert_eq!(pair.replies.waiting(), 0);
}
