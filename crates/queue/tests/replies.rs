//! What becomes of a submission is told to whoever waits for it, and to nobody else.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

mod support;

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use leadgate_domain::reply::{Reply, ReplyAddress};
use leadgate_domain::{Lead, Outcome, QuarantineReason, SubmissionId};
use leadgate_queue::{ExpectedReply, Queue, QueueConfig, Replier, ReplyReceiver, Role, declare_topology};
use leadgate_testkit::proxy::{Proxy, ProxyMode};
use leadgate_testkit::servers::{RabbitMqServer, shared};
use serde_json::json;
use support::{LONG, World};
use tokio::time::timeout;

/// For what never comes.
const SHORT: Duration = Duration::from_millis(200);

/// A gateway that listens and a worker that tells, as far apart as the adapter allows.
struct Pair {
    gateway: Queue,
    replies: ReplyReceiver,
    replier: Replier,
    _worker: Queue,
}

impl Pair {
    async fn over(world: &World) -> Self {
        Self::of(world.config(), world.config()).await
    }

    async fn of(gateway: QueueConfig, worker: QueueConfig) -> Self {
        let embedded = gateway.url.starts_with("sqlite:");
        let gateway = support::open(gateway, if embedded { Role::AllInOne } else { Role::Gateway }).await;
        let worker = if embedded { gateway.clone() } else { support::open(worker, Role::Worker).await };
        let (replies, replier) = (gateway.replies(), worker.replier());
        timeout(LONG, replies.ready()).await.expect("it listens");
        Self { gateway, replies, replier, _worker: worker }
    }

    fn expect(&self, number: usize) -> ExpectedReply {
        self.replies.expect(id(number)).expect("there is an address")
    }

    /// Tells again and again until that is heard: after trouble both ends come back in their own time.
    async fn heard_again(&self, number: usize) {
        let heard = async {
            loop {
                timeout(LONG, self.replies.ready()).await.expect("it listens");
                let Some(expected) = self.replies.expect(id(number)) else { continue };
                self.replier.send(expected.address(), reply(number));
                if expected.wait(SHORT).await == Some(reply(number)) {
                    return;
                }
            }
        };
        timeout(LONG, heard).await.expect("replies flow again");
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
        "texts": { "full_name": name }, "consent_required": true, "clocks": { "base": ["secret", at, id] },
        "score": 7, "temperature": "cold", "eligibility": "held", "reasons": ["phone_missing"],
    }))
    .unwrap()
}

async fn a_reply_reaches_who_expects_it(world: World) {
    let pair = Pair::over(&world).await;
    let (first, second) = (pair.expect(1), pair.expect(2));
    let made = Reply { lead: Some(Box::new(lead("Zoë \u{0} 🦀"))), ..reply(2) };
    let kept = Reply {
        outcome: Outcome::Quarantined,
        quarantine: Some(QuarantineReason::MappingFailed),
        ..reply(1)
    };
    pair.replier.send(second.address(), made.clone());
    pair.replier.send(first.address(), kept.clone());
    assert_eq!(first.wait(LONG).await, Some(kept));
    assert_eq!(second.wait(LONG).await, Some(made));
    assert_eq!(pair.replies.waiting(), 0);
}

async fn many_at_once_all_arrive(world: World) {
    let pair = Pair::over(&world).await;
    let expected: Vec<_> = (0..2_000).map(|number| pair.expect(number)).collect();
    for (number, expected) in expected.iter().enumerate() {
        pair.replier.send(expected.address(), reply(number));
    }
    for (number, expected) in expected.into_iter().enumerate() {
        assert_eq!(expected.wait(LONG).await, Some(reply(number)));
    }
}

async fn what_nobody_expects_is_dropped(world: World) {
    let pair = Pair::over(&world).await;
    let expected = pair.expect(2);
    pair.replier.send(expected.address(), reply(1));
    pair.replier.send(&ReplyAddress::new(format!("leadgate.replies.{:032x}", 7)), reply(2));
    pair.replier.send(expected.address(), reply(3));
    pair.replier.send(expected.address(), Reply { outcome: Outcome::Linked, ..reply(2) });
    pair.replier.send(expected.address(), reply(2));
    assert_eq!(expected.wait(LONG).await.unwrap().outcome, Outcome::Linked, "the first that came here");
    assert_eq!(pair.replies.waiting(), 0);
}

async fn two_gateways_do_not_hear_each_others(world: World, other: World) {
    let (one, two) = (Pair::over(&world).await, Pair::over(&other).await);
    let (ours, theirs) = (one.expect(1), two.expect(1));
    assert_ne!(ours.address(), theirs.address());
    for pair in [&one, &two] {
        pair.replier.send(theirs.address(), reply(1));
    }
    assert_eq!(theirs.wait(LONG).await, Some(reply(1)));
    assert_eq!(ours.wait(SHORT).await, None);
}

async fn who_no_longer_waits_leaves_nothing_behind(world: World) {
    let pair = Pair::over(&world).await;
    let (dropped, late) = (pair.expect(1), pair.expect(2));
    let address = late.address().clone();
    assert_eq!(pair.replies.waiting(), 2);
    drop(dropped);
    assert_eq!(pair.replies.waiting(), 1);
    assert_eq!(late.wait(Duration::from_millis(1)).await, None);
    assert_eq!(pair.replies.waiting(), 0);
    pair.replier.send(&address, reply(1));
    let again = pair.expect(2);
    pair.replier.send(&address, reply(2));
    assert_eq!(again.wait(LONG).await, Some(reply(2)));
    assert_eq!(pair.replies.waiting(), 0);
}

async fn a_submission_is_expected_once(world: World) {
    let pair = Pair::over(&world).await;
    let expected = pair.expect(1);
    assert!(pair.replies.clone().expect(id(1)).is_none(), "clones share what is expected");
    pair.replier.send(expected.address(), reply(1));
    assert_eq!(expected.wait(LONG).await, Some(reply(1)));
    assert!(pair.replies.expect(id(1)).is_some());
}

async fn after_shutdown_nobody_waits_in_vain(world: World) {
    let pair = Pair::over(&world).await;
    let expected = pair.expect(1);
    let started = Instant::now();
    let (waited, ()) = tokio::join!(expected.wait(LONG), pair.gateway.shutdown());
    assert_eq!(waited, None);
    assert!(started.elapsed() < LONG, "it was told at once");
    assert!(pair.replies.expect(id(2)).is_none());
    assert!(!pair.replies.is_ready());
}

/// Every test above, once over each adapter.
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
    a_reply_reaches_who_expects_it(world),
    many_at_once_all_arrive(world),
    what_nobody_expects_is_dropped(world),
    two_gateways_do_not_hear_each_others(world, other),
    who_no_longer_waits_leaves_nothing_behind(world),
    a_submission_is_expected_once(world),
    after_shutdown_nobody_waits_in_vain(world),
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn gateways_of_one_broker_do_not_hear_each_others() {
    let world = World::amqp().await;
    let (one, two) = (Pair::over(&world).await, Pair::over(&world).await);
    let (ours, theirs) = (one.expect(1), two.expect(1));
    one.replier.send(theirs.address(), reply(1));
    assert_eq!(theirs.wait(LONG).await, Some(reply(1)));
    assert_eq!(ours.wait(SHORT).await, None);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_gateway_leaves_no_queue_behind() {
    let world = World::amqp().await;
    let World::Amqp(vhost) = &world else { panic!("not a broker") };
    let pair = Pair::over(&world).await;
    let name = pair.expect(1).address().as_str().to_owned();
    let there = async || vhost.queues().await.unwrap().iter().any(|(queue, _)| *queue == name);
    assert!(there().await);
    pair.gateway.shutdown().await;
    timeout(LONG, async { while there().await {} }).await.expect("it goes with its gateway");
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
    let replies = gateway.replies();
    let mut tried = BTreeSet::new();
    timeout(LONG, async {
        while tried.len() < 3 {
            tried.append(&mut reply_queues().await);
        }
    })
    .await
    .expect("it is tried again and again");
    assert!(!replies.is_ready());

    support::allow_reading(vhost, ".*").await;
    timeout(LONG, replies.ready()).await.expect("it listens");
    let address = replies.expect(id(1)).unwrap().address().as_str().to_owned();
    timeout(LONG, async { while reply_queues().await.len() > 1 {} }).await.expect("the others are deleted");
    assert!(reply_queues().await.contains(&address), "a queue with a consumer stays");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_cannot_be_read_disturbs_nobody() {
    let world = World::amqp().await;
    let World::Amqp(vhost) = &world else { panic!("not a broker") };
    let pair = Pair::over(&world).await;
    let expected = pair.expect(1);
    for letter in ["garbage", r#"{"v":2,"replies":[]}"#, r#"{"v":1,"replies":[{"outcome":"odd"}]}"#] {
        assert!(vhost.publish("", expected.address().as_str(), letter).await.unwrap());
    }
    pair.replier.send(expected.address(), reply(1));
    assert_eq!(expected.wait(LONG).await, Some(reply(1)));
}

/// What stands in a message as its reply address may be anything.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reply_goes_to_gateways_only() {
    let world = World::amqp().await;
    let pair = Pair::over(&world).await;
    for elsewhere in ["leads.0", "parked", ""] {
        pair.replier.send(&ReplyAddress::new(elsewhere), reply(1));
    }
    // What was sent before has gone out by then.
    pair.heard_again(2).await;
    pair.heard_again(3).await;
    let depth = pair.gateway.depth().await.unwrap();
    assert_eq!((depth.ready, depth.parked), (0, 0));
    pair.replier.send(&ReplyAddress::new("x".repeat(300)), reply(1));
    pair.heard_again(4).await;
}

/// Whoever waits is told at once that nothing can come, and nobody begins to wait before it can again.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_gateway_that_loses_its_connection_listens_again() {
    let (world, proxy) = (World::amqp().await, proxy().await);
    let pair = Pair::of(through(&proxy, &world), world.config()).await;
    for mode in [ProxyMode::Close, ProxyMode::Reset, ProxyMode::Close] {
        let expected = pair.expect(1);
        let gone = expected.address().clone();
        proxy.set(mode).await.unwrap();
        let started = Instant::now();
        assert_eq!(expected.wait(LONG).await, None);
        assert!(started.elapsed() < LONG, "{mode:?}");
        assert!(pair.replies.expect(id(2)).is_none());
        pair.replier.send(&gone, reply(1));
        proxy.set(ProxyMode::Pass).await.unwrap();
        pair.heard_again(3).await;
        assert_ne!(pair.expect(1).address(), &gone, "the broker may not know yet that the old one is gone");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_worker_that_loses_its_connection_tells_again() {
    let (world, proxy) = (World::amqp().await, proxy().await);
    let pair = Pair::of(world.config(), through(&proxy, &world)).await;
    pair.heard_again(1).await;
    for mode in [ProxyMode::Close, ProxyMode::Reset, ProxyMode::Blackhole, ProxyMode::HalfOpen] {
        proxy.set(mode).await.unwrap();
        let expected = pair.expect(2);
        sends_at_once(&pair.replier, expected.address());
        // What a connection still takes may arrive once that is mended.
        drop(expected);
        proxy.set(ProxyMode::Pass).await.unwrap();
        pair.heard_again(3).await;
    }
}

async fn proxy() -> Proxy {
    Proxy::start(shared().rabbitmq().await.unwrap().port()).await.unwrap()
}

fn through(proxy: &Proxy, world: &World) -> QueueConfig {
    let World::Amqp(vhost) = world else { panic!("not a broker") };
    QueueConfig { url: vhost.amqp_url_via(proxy.port()).unwrap(), ..world.config() }
}

/// More than may wait, in less time than one call to the broker may take.
fn sends_at_once(replier: &Replier, to: &ReplyAddress) {
    let started = Instant::now();
    for number in 0..10_000 {
        replier.send(to, reply(number));
    }
    assert!(started.elapsed() < Duration::from_secs(2), "{:?}", started.elapsed());
}

/// All that is done to a node as a whole, on one node, one after the other: starting one takes long.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_that_is_alarmed_frozen_killed_and_restarted() {
    let node = RabbitMqServer::start().await.unwrap();
    let vhost = node.vhost().await.unwrap();
    declare_topology(&QueueConfig::new(&vhost.amqp_url).with_shards(2)).await.unwrap();
    node.remember_queues().await.unwrap();
    let pair = Pair::over(&World::Amqp(vhost)).await;
    pair.heard_again(1).await;

    node.memory_alarm(true).await.unwrap();
    // The broker says so when it is sent something: the first may still get through.
    let expected = pair.expect(1);
    pair.replier.send(expected.address(), reply(1));
    sends_at_once(&pair.replier, expected.address());
    drop(expected);
    let expected = pair.expect(2);
    sends_at_once(&pair.replier, expected.address());
    assert_eq!(expected.wait(SHORT).await, None, "what is said in an alarm is dropped");
    node.memory_alarm(false).await.unwrap();
    pair.heard_again(3).await;

    node.freeze().unwrap();
    sends_at_once(&pair.replier, pair.expect(4).address());
    node.thaw().unwrap();
    pair.heard_again(5).await;

    node.kill().unwrap();
    node.start_again().await.unwrap();
    pair.heard_again(6).await;
    node.restart().await.unwrap();
    pair.heard_again(7).await;
    assert_eq!(pair.replies.waiting(), 0);
}
