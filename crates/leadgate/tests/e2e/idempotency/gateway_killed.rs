//! A gateway is killed while it handles a request. The client gets no response and repeats the request until
//! it gets one.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use leadgate_testkit::oracle::{ObservedSubmission, body_hash};
use leadgate_testkit::proxy::{Proxy, ProxyMode};
use leadgate_testkit::servers::shared;
use tokio::task::JoinSet;

use super::raw_request::RawRequest;
use super::{accepted, assert_one_effect, lead, post, stored_submissions, wait_for_result};
use crate::metrics::metric;
use crate::world::{Shape, TIMEOUT, World, until};

/// The metric that counts the groups which a gateway has sent to the broker.
const GROUPS: &str = "leadgate_queue_message_submissions_count";

/// The progress of a request when its gateway is killed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    /// Half of its body was received.
    HalfSent,
    /// It was written to the broker's connection, and the broker never received it.
    NeverPublished,
    /// It was written to the broker's connection, and the broker receives it after the gateway was killed.
    PublishedAfterwards,
    /// The broker has it, and the confirm is missing.
    NotConfirmed,
    /// It is stored, and the response, if there is one, is not read.
    NotRead,
}

/// What a client sees that repeats a request until it is accepted.
struct RepeatedPost {
    /// Responses 409.
    in_flight: usize,
    /// Responses 503: on a busy machine a confirm can come too late. Each may be a stored submission.
    unconfirmed: usize,
    duration: Duration,
    id: String,
}

async fn post_until_accepted(base: &str, key: &str, idempotency: &str, body: &str) -> RepeatedPost {
    let started = Instant::now();
    let (in_flight, unconfirmed) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let id = until("an answer", || async {
        let response = post(base, key, idempotency, body).await;
        let refused = match response.status {
            409 => &in_flight,
            503 => &unconfirmed,
            _ => return Some(accepted(&response)),
        };
        refused.fetch_add(1, Ordering::Relaxed);
        None
    });
    let id = id.await;
    let (in_flight, unconfirmed) = (in_flight.into_inner(), unconfirmed.into_inner());
    RepeatedPost { in_flight, unconfirmed, duration: started.elapsed(), id }
}

impl Stage {
    /// The mode of the proxy between gateway and broker.
    fn mode(self) -> ProxyMode {
        match self {
            Self::NeverPublished | Self::PublishedAfterwards => ProxyMode::Blackhole,
            Self::NotConfirmed => ProxyMode::HalfOpen,
            Self::HalfSent | Self::NotRead => ProxyMode::Pass,
        }
    }

    /// The possible numbers of submissions, including the repeated request.
    fn submissions(self) -> RangeInclusive<usize> {
        match self {
            Self::HalfSent | Self::NeverPublished => 1..=1,
            Self::NotConfirmed => 2..=2,
            // RabbitMQ may drop the messages of a connection that is closed at once.
            Self::PublishedAfterwards => 1..=2,
            // The gateway may have recorded the idempotency key as done.
            Self::NotRead => 1..=2,
        }
    }
}

/// Kills a gateway twice at the same stage. Returns the idempotency keys, each with the number of responses 503.
async fn kill_twice(world: &World, stage: Stage) -> Vec<(String, usize)> {
    let proxy = Proxy::start(shared().rabbitmq().await.unwrap().port()).await.unwrap();
    let through = world.vhost.as_ref().unwrap().amqp_url_via(proxy.port()).unwrap();
    let settings = [("LEADGATE_QUEUE_URL", &*through), ("LEADGATE_QUEUE_CONFIRM_TIMEOUT", "1s")];
    let mut gateway = world.start_gateway(&settings).await;
    let keys = [1, 2].map(|round| format!("{stage:?}-{round}"));
    let mut results = Vec::new();
    for idempotency in &keys {
        let body = lead(idempotency);
        // The metric also counts the repeated request of the first round.
        let groups = metric(&gateway.base, GROUPS).await;
        proxy.set(stage.mode()).await.unwrap();
        let rest = body.len() / 2;
        let mut request =
            RawRequest::send_all_but(rest, &gateway.base, &world.key, idempotency, &body).await.unwrap();
        if stage != Stage::HalfSent {
            request.finish().await.unwrap();
        }
        let stored = || async { (stored_submissions(world, &body).await.len() == 1).then_some(()) };
        let sent = || async { (metric(&gateway.base, GROUPS).await > groups).then_some(()) };
        match stage {
            Stage::HalfSent => {}
            Stage::NeverPublished | Stage::PublishedAfterwards => until("the publish", sent).await,
            Stage::NotConfirmed | Stage::NotRead => until("the lead", stored).await,
        }
        gateway.process.kill9().unwrap();
        if stage == Stage::NeverPublished {
            proxy.set(ProxyMode::Reset).await.unwrap();
            until("the reset", || async { (proxy.open_connections() == 0).then_some(()) }).await;
        }
        proxy.set(ProxyMode::Pass).await.unwrap();
        gateway.start_again().await;
        let repeated = post_until_accepted(&gateway.base, &world.key, idempotency, &body).await;
        wait_for_result(world, &repeated.id).await;
        let RepeatedPost { in_flight, unconfirmed, duration, .. } = repeated;
        println!(
            "{idempotency}: {in_flight} times 409, {unconfirmed} times 503, accepted after {duration:?}"
        );
        results.push((idempotency.clone(), unconfirmed));
    }
    results
}

/// Kills ten times at five stages. If the first request was published, it and the repeated one create one
/// lead.
#[tokio::test]
async fn a_repeated_request_has_one_effect_after_a_gateway_was_killed_distributed() {
    let world = World::start(Shape::Distributed, "gateway-killed").await;
    let stages = [
        Stage::HalfSent,
        Stage::NeverPublished,
        Stage::PublishedAfterwards,
        Stage::NotConfirmed,
        Stage::NotRead,
    ];
    let kills = stages.map(|stage| kill_twice(&world, stage));
    let keys = join_all(kills).await;
    // Workers finish their batches before they stop, so all submissions are stored after that.
    world.vhost.as_ref().unwrap().await_depth("leads.0", 0, TIMEOUT).await.unwrap();
    for worker in &world.workers {
        worker.terminate(TIMEOUT).await.unwrap();
    }
    for (stage, keys) in stages.into_iter().zip(keys) {
        for (idempotency, unconfirmed) in keys {
            let submissions = stored_submissions(&world, &lead(&idempotency)).await;
            assert_one_effect(&submissions);
            println!("{idempotency}: {} submissions, one lead", submissions.len());
            let possible = stage.submissions();
            let possible = *possible.start()..=possible.end() + unconfirmed;
            assert!(possible.contains(&submissions.len()), "{stage:?}: {submissions:?}");
        }
    }
    let (_, list) = world.get("/v1/leads?limit=100").await;
    assert_eq!(list["data"].as_array().unwrap().len(), 10);
}

/// Sends leads with different idempotency keys until the gateway does not answer. Returns the answered keys,
/// and the one without an answer.
async fn send_until_unanswered(base: String, key: String, name: String) -> (Vec<String>, String) {
    let mut answered = Vec::new();
    loop {
        let idempotency = format!("{name}-{}", answered.len());
        let sending = RawRequest::send_all_but(0, &base, &key, &idempotency, &lead(&idempotency)).await;
        let answer = match sending {
            Ok(request) => request.answer().await,
            Err(error) => Err(error),
        };
        match answer {
            Ok((202, _)) => answered.push(idempotency),
            Ok(other) => panic!("{other:?}"),
            Err(_) => return (answered, idempotency),
        }
    }
}

/// The idempotency keys of requests, by their progress.
#[derive(Default)]
struct Sent {
    half: Vec<String>,
    stored: Vec<String>,
    answered: Vec<String>,
    in_flight: Vec<String>,
}

impl Sent {
    /// Kills the process while one request is half sent, one is stored without its response being read, and
    /// eight clients send leads.
    async fn send_and_kill(&mut self, world: &World, round: usize) {
        let (half, stored) = (format!("half-{round}"), format!("stored-{round}"));
        let body = lead(&half);
        let rest = body.len() / 2;
        let half_sent = RawRequest::send_all_but(rest, &world.base, &world.key, &half, &body).await.unwrap();
        let body = lead(&stored);
        let not_read = RawRequest::send_all_but(0, &world.base, &world.key, &stored, &body).await.unwrap();
        let mut sending = JoinSet::new();
        for sender in 0..8 {
            let name = format!("sent-{round}-{sender}");
            sending.spawn(send_until_unanswered(world.base.clone(), world.key.clone(), name));
        }
        until("the lead", || async { (stored_submissions(world, &body).await.len() == 1).then_some(()) })
            .await;
        world.server.kill9().unwrap();
        drop((half_sent, not_read));
        self.half.push(half);
        self.stored.push(stored);
        for (answered, in_flight) in sending.join_all().await {
            self.answered.extend(answered);
            self.in_flight.push(in_flight);
        }
    }
}

/// Kills ten times at random moments of eight clients. If the first request was stored, it and the repeated
/// one create one lead.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_repeated_request_has_one_effect_after_the_process_was_killed_embedded() {
    let mut world = World::embedded("process-killed").await;
    let mut sent = Sent::default();
    for round in 0..10 {
        sent.send_and_kill(&world, round).await;
        world.start_server().await;
        let last = sent.in_flight.iter().rev().take(8).chain(sent.half.last()).chain(sent.stored.last());
        for idempotency in last {
            let repeated =
                post_until_accepted(&world.base, &world.key, idempotency, &lead(idempotency)).await;
            wait_for_result(&world, &repeated.id).await;
        }
    }
    // The process finishes its batches before it stops, so all submissions are stored after that.
    world.server.terminate(TIMEOUT).await.unwrap();
    let mut by_body: BTreeMap<String, Vec<ObservedSubmission>> = BTreeMap::new();
    for submission in world.observed_submissions().await {
        by_body.entry(submission.body_hash.clone()).or_default().push(submission);
    }
    let duplicates = |keys: &[String]| -> Vec<usize> {
        let of = |key: &String| assert_one_effect(&by_body[&body_hash(lead(key).as_bytes())]);
        keys.iter().map(of).collect()
    };
    let in_flight = duplicates(&sent.in_flight);
    let stored: usize = in_flight.iter().sum();
    println!("killed ten times: {} answered, {} in flight", sent.answered.len(), in_flight.len());
    println!("{stored} of those in flight were stored twice, without and with an answer");
    assert!(in_flight.iter().all(|duplicates| *duplicates <= 1), "each was sent twice: {in_flight:?}");
    assert_eq!(duplicates(&sent.half), [0; 10]);
    assert_eq!(duplicates(&sent.stored), [1; 10]);
    assert!(
        duplicates(&sent.answered).iter().all(|duplicates| *duplicates == 0),
        "answered requests have no duplicate"
    );
    let all = sent.half.len() + sent.stored.len() + sent.answered.len() + sent.in_flight.len();
    assert_eq!(by_body.len(), all, "there are no other submissions");
}
