//! A gateway dies with a request in hand. The client saw nothing, and sends it again until it is answered.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use leadgate_testkit::oracle::{ObservedSubmission, body_hash};
use leadgate_testkit::proxy::{Proxy, ProxyMode};
use leadgate_testkit::servers::shared;
use tokio::task::JoinSet;

use super::written::Written;
use super::{accepted, has_one_effect, held, lead, post, settled};
use crate::metrics::metric;
use crate::systems::Got;
use crate::world::{PATIENCE, Shape, World, until};

/// How often a gateway has given something to its connection.
const GROUPS: &str = "leadgate_queue_message_submissions_count";

/// How far a request has come when its gateway is killed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Moment {
    /// Half of its body arrived.
    HalfSent,
    /// It was given to a connection from which the broker never heard of it.
    NeverPublished,
    /// The same, and the broker hears of it after the gateway's death.
    PublishedAfterwards,
    /// The broker has it, and its confirm does not come.
    NotConfirmed,
    /// It is stored, and its answer, if there is one, is not read.
    NotRead,
}

/// Sends it again until it is answered; how often it was told to wait, for how long, and the id.
async fn retried(base: &str, key: &str, idempotency: &str, body: &str) -> (usize, Duration, String) {
    let (started, mut told_to_wait) = (Instant::now(), 0);
    let answered = |got: Got| match got.status {
        409 => None,
        _ => Some(accepted(&got)),
    };
    let id = until("an answer", || {
        told_to_wait += 1;
        async { answered(post(base, key, idempotency, body).await) }
    })
    .await;
    (told_to_wait - 1, started.elapsed(), id)
}

impl Moment {
    /// What the broker does to the gateway's connection meanwhile.
    fn mode(self) -> ProxyMode {
        match self {
            Self::NeverPublished | Self::PublishedAfterwards => ProxyMode::Blackhole,
            Self::NotConfirmed => ProxyMode::HalfOpen,
            Self::HalfSent | Self::NotRead => ProxyMode::Pass,
        }
    }

    /// How many submissions it can come to, with the one that is sent again.
    fn submissions(self) -> RangeInclusive<usize> {
        match self {
            Self::HalfSent | Self::NeverPublished => 1..=1,
            Self::NotConfirmed => 2..=2,
            // RabbitMQ may drop what a connection brought that ended at once.
            Self::PublishedAfterwards => 1..=2,
            // Whether the gateway came to note that it is done, nobody knows.
            Self::NotRead => 1..=2,
        }
    }
}

/// A gateway that is killed twice at the same moment: the keys.
async fn dies_twice(world: &World, moment: Moment) -> [String; 2] {
    let proxy = Proxy::start(shared().rabbitmq().await.unwrap().port()).await.unwrap();
    let through = world.vhost.as_ref().unwrap().amqp_url_via(proxy.port()).unwrap();
    let settings = [("LEADGATE_QUEUE_URL", &*through), ("LEADGATE_QUEUE_CONFIRM_TIMEOUT", "1s")];
    let mut gateway = world.start_gateway(&settings).await;
    let keys = [1, 2].map(|round| format!("{moment:?}-{round}"));
    for idempotency in &keys {
        let body = lead(idempotency);
        // It counts what the death before made the client send again, too.
        let groups = metric(&gateway.base, GROUPS).await;
        proxy.set(moment.mode()).await.unwrap();
        let rest = body.len() / 2;
        let mut written =
            Written::all_but(rest, &gateway.base, &world.key, idempotency, &body).await.unwrap();
        if moment != Moment::HalfSent {
            written.finish().await.unwrap();
        }
        let stored = || async { (held(world, &body).await.len() == 1).then_some(()) };
        let sent = || async { (metric(&gateway.base, GROUPS).await > groups).then_some(()) };
        match moment {
            Moment::HalfSent => {}
            Moment::NeverPublished | Moment::PublishedAfterwards => until("the publish", sent).await,
            Moment::NotConfirmed | Moment::NotRead => until("the lead", stored).await,
        }
        gateway.process.kill9().unwrap();
        if moment == Moment::NeverPublished {
            proxy.set(ProxyMode::Reset).await.unwrap();
            until("the reset", || async { (proxy.open_connections() == 0).then_some(()) }).await;
        }
        proxy.set(ProxyMode::Pass).await.unwrap();
        gateway.start_again().await;
        let (told_to_wait, took, id) = retried(&gateway.base, &world.key, idempotency, &body).await;
        settled(world, &id).await;
        println!("{idempotency}: told to wait {told_to_wait} times, answered after {took:?}");
        assert!(took < Duration::from_secs(10), "the key was to be free again in two seconds");
    }
    keys
}

/// Ten deaths at five moments. What was published without an answer is a duplicate of what is sent again, or the
/// other way round.
#[tokio::test]
async fn a_gateway_that_dies_costs_a_client_nothing_but_a_retry_in_production() {
    let world = World::start(Shape::Production, "gateway-killed").await;
    let moments = [
        Moment::HalfSent,
        Moment::NeverPublished,
        Moment::PublishedAfterwards,
        Moment::NotConfirmed,
        Moment::NotRead,
    ];
    let deaths = moments.map(|moment| dies_twice(&world, moment));
    let keys = join_all(deaths).await;
    // Workers end with what they have in hand, so what is missing then will never come.
    world.vhost.as_ref().unwrap().await_depth("leads.0", 0, PATIENCE).await.unwrap();
    for worker in &world.workers {
        worker.terminate(PATIENCE).await.unwrap();
    }
    for (moment, keys) in moments.into_iter().zip(keys) {
        for idempotency in keys {
            let held = held(&world, &lead(&idempotency)).await;
            has_one_effect(&held);
            println!("{idempotency}: {} submissions, one lead", held.len());
            assert!(moment.submissions().contains(&held.len()), "{moment:?}: {held:?}");
        }
    }
    let (_, list) = world.get("/v1/leads?limit=100").await;
    assert_eq!(list["data"].as_array().unwrap().len(), 10);
}

/// Sends one lead after the other, each with a key of its own, until nobody answers: the keys that were answered,
/// and the one that was not.
async fn send_until_dead(base: String, key: String, name: String) -> (Vec<String>, String) {
    let mut answered = Vec::new();
    loop {
        let idempotency = format!("{name}-{}", answered.len());
        let sending = Written::all_but(0, &base, &key, &idempotency, &lead(&idempotency)).await;
        let answer = match sending {
            Ok(written) => written.answer().await,
            Err(error) => Err(error),
        };
        match answer {
            Ok((202, _)) => answered.push(idempotency),
            Ok(other) => panic!("{other:?}"),
            Err(_) => return (answered, idempotency),
        }
    }
}

/// The keys of requests, by how far they came.
#[derive(Default)]
struct Sent {
    half: Vec<String>,
    stored: Vec<String>,
    answered: Vec<String>,
    in_flight: Vec<String>,
}

impl Sent {
    /// One request is half sent, one is stored and its answer not read, eight clients keep sending; then it is over.
    async fn until_death(&mut self, world: &World, round: usize) {
        let (half, stored) = (format!("half-{round}"), format!("stored-{round}"));
        let body = lead(&half);
        let rest = body.len() / 2;
        let half_sent = Written::all_but(rest, &world.base, &world.key, &half, &body).await.unwrap();
        let body = lead(&stored);
        let not_read = Written::all_but(0, &world.base, &world.key, &stored, &body).await.unwrap();
        let mut sending = JoinSet::new();
        for sender in 0..8 {
            let name = format!("sent-{round}-{sender}");
            sending.spawn(send_until_dead(world.base.clone(), world.key.clone(), name));
        }
        until("the lead", || async { (held(world, &body).await.len() == 1).then_some(()) }).await;
        world.front.kill9().unwrap();
        drop((half_sent, not_read));
        self.half.push(half);
        self.stored.push(stored);
        for (answered, in_flight) in sending.join_all().await {
            self.answered.extend(answered);
            self.in_flight.push(in_flight);
        }
    }
}

/// Ten deaths at whatever moment they come for eight clients. What was stored without an answer is a duplicate of
/// what is sent again, or the other way round.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_process_that_dies_costs_a_client_nothing_but_a_retry_embedded() {
    let mut world = World::embedded("process-killed").await;
    let mut sent = Sent::default();
    for round in 0..10 {
        sent.until_death(&world, round).await;
        world.start_front().await;
        let last = sent.in_flight.iter().rev().take(8).chain(sent.half.last()).chain(sent.stored.last());
        for idempotency in last {
            let (_, _, id) = retried(&world.base, &world.key, idempotency, &lead(idempotency)).await;
            settled(&world, &id).await;
        }
    }
    // It ends with what it has in hand, so what is missing now will never come.
    world.front.terminate(PATIENCE).await.unwrap();
    let mut by_body: BTreeMap<String, Vec<ObservedSubmission>> = BTreeMap::new();
    for one in world.observed().await {
        by_body.entry(one.body_hash.clone()).or_default().push(one);
    }
    let duplicates = |keys: &[String]| -> Vec<usize> {
        let of = |key: &String| has_one_effect(&by_body[&body_hash(lead(key).as_bytes())]);
        keys.iter().map(of).collect()
    };
    let in_flight = duplicates(&sent.in_flight);
    let stored: usize = in_flight.iter().sum();
    println!("ten deaths: {} answered before, {} in flight", sent.answered.len(), in_flight.len());
    println!("of those in flight {stored} were stored without an answer, and once more after it");
    assert!(in_flight.iter().all(|duplicates| *duplicates <= 1), "each was sent twice: {in_flight:?}");
    assert_eq!(duplicates(&sent.half), [0; 10]);
    assert_eq!(duplicates(&sent.stored), [1; 10]);
    assert!(duplicates(&sent.answered).iter().all(|duplicates| *duplicates == 0), "and are there");
    let all = sent.half.len() + sent.stored.len() + sent.answered.len() + sent.in_flight.len();
    assert_eq!(by_body.len(), all, "nothing else came in");
}
