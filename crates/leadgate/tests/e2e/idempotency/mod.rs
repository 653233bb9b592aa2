//! Requests with the same `Idempotency-Key` have one effect, also over several gateways and after failures.

mod gateway_killed;
mod raw_request;
mod redis_data_lost;

use std::collections::BTreeSet;

use leadgate_testkit::oracle::{ObservedOutcome, ObservedSubmission, body_hash};
use leadgate_testkit::proxy::{Proxy, ProxyMode};
use leadgate_testkit::servers::shared;
use serde_json::{Value, json};

use self::raw_request::RawRequest;
use crate::metrics::with_redis_in_time;
use crate::systems::{TestResponse, TestSource, send};
use crate::world::{Shape, World, http, until};

/// A lead whose email is not an identity key: without the idempotency key a repeat would create a second
/// lead.
fn lead(name: &str) -> String {
    json!({ "email": format!("{name}@example.com"), "full_name": "Ida Potent" }).to_string()
}

async fn post(base: &str, key: &str, idempotency: &str, body: &str) -> TestResponse {
    let request = http().post(format!("{base}/v1/leads")).bearer_auth(key);
    let request = request.header("content-type", "application/json").header("idempotency-key", idempotency);
    send(request.body(body.to_owned())).await
}

/// The id in a 202.
fn accepted(response: &TestResponse) -> String {
    assert_eq!(response.status, 202, "{}", response.text);
    response.body["id"].as_str().unwrap().to_owned()
}

/// Waits until the worker has processed a submission, and returns what the API shows of it.
async fn wait_for_result(world: &World, id: &str) -> Value {
    until("the worker", || async {
        let (status, shown) = world.get(&format!("/v1/leads/{id}")).await;
        assert_eq!(status, 200, "{shown}");
        (shown["status"] != "queued").then_some(shown)
    })
    .await
}

/// The stored submissions with this body.
async fn stored_submissions(world: &World, body: &str) -> Vec<ObservedSubmission> {
    let hash = body_hash(body.as_bytes());
    world.observed_submissions().await.into_iter().filter(|submission| submission.body_hash == hash).collect()
}

/// Asserts that one submission created a lead and the others are its duplicates. Returns the number of
/// duplicates.
fn assert_one_effect(submissions: &[ObservedSubmission]) -> usize {
    let count = |outcome| submissions.iter().filter(|submission| submission.outcome == outcome).count();
    let leads: BTreeSet<_> = submissions.iter().map(|submission| submission.lead).collect();
    assert_eq!((count(ObservedOutcome::Created), leads.len()), (1, 1), "{submissions:?}");
    assert_eq!(count(ObservedOutcome::Duplicate), submissions.len() - 1, "{submissions:?}");
    submissions.len() - 1
}

/// The responses of two gateways to the same requests.
struct Answers {
    /// Sequential requests with the same key and body.
    repeated: Vec<TestResponse>,
    mismatched: Vec<TestResponse>,
    /// 50 concurrent requests, and one after them.
    at_once: Vec<(u16, Value)>,
    afterwards: TestResponse,
    /// The stored submissions of the sequential and of the concurrent requests.
    submissions: [Vec<ObservedSubmission>; 2],
}

impl Answers {
    async fn request(world: &World, bases: [&str; 2], attempt: usize) -> Self {
        let (one, many) = (format!("one-{attempt}"), format!("many-{attempt}"));
        let bodies = [lead(&one), lead(&many)];
        let (mut repeated, mut mismatched, mut at_once) = (Vec::new(), Vec::new(), Vec::new());
        let quoted = format!("\"{one}\"");
        for (base, idempotency) in [(0, &one), (0, &one), (1, &one), (1, &quoted)] {
            repeated.push(post(bases[base], &world.key, idempotency, &bodies[0]).await);
            mismatched.push(post(bases[base], &world.key, idempotency, &bodies[1]).await);
        }
        let mut waiting = Vec::new();
        for number in 0..50 {
            let sending = RawRequest::send_all_but(1, bases[number % 2], &world.key, &many, &bodies[1]);
            waiting.push(sending.await.unwrap());
        }
        for request in &mut waiting {
            request.finish().await.unwrap();
        }
        for request in waiting {
            at_once.push(request.answer().await.unwrap());
        }
        let afterwards = post(bases[1], &world.key, &many, &bodies[1]).await;
        for last in repeated.iter().chain([&afterwards]).filter(|response| response.status == 202) {
            wait_for_result(world, &accepted(last)).await;
        }
        let submissions =
            [stored_submissions(world, &bodies[0]).await, stored_submissions(world, &bodies[1]).await];
        Self { repeated, mismatched, at_once, afterwards, submissions }
    }
}

async fn repeats_are_answered_alike(shape: Shape) {
    let world = World::start(shape, "idempotency").await;
    let second = match shape {
        Shape::Embedded => None,
        Shape::Distributed => Some(world.start_gateway(&[]).await),
    };
    let bases = [&*world.base, second.as_ref().map_or(&world.base, |gateway| &gateway.base)];
    let answers =
        with_redis_in_time(&bases, async |attempt| Answers::request(&world, bases, attempt).await).await;

    let ids: BTreeSet<_> = answers.repeated.iter().map(accepted).collect();
    assert_eq!(ids.len(), 1, "all responses have the first id");
    for other in &answers.mismatched {
        assert_eq!((other.status, &other.body["code"]), (422, &json!("idempotency_mismatch")));
    }
    let (mut ids, mut in_flight) = (BTreeSet::from([accepted(&answers.afterwards)]), 0);
    for (status, body) in &answers.at_once {
        match status {
            202 => _ = ids.insert(body["id"].as_str().unwrap().to_owned()),
            _ => {
                assert_eq!((*status, &body["code"]), (409, &json!("idempotency_in_flight")));
                in_flight += 1;
            }
        }
    }
    println!("{shape:?}: 50 concurrent requests: {} accepted, {in_flight} refused with 409", 50 - in_flight);
    assert_eq!(ids.len(), 1, "{ids:?}");
    let duplicates = answers.submissions.map(|submissions| assert_one_effect(&submissions));
    assert_eq!(duplicates, [0, 0], "repeats are not published");
}

#[tokio::test]
async fn repeats_are_answered_alike_embedded() {
    repeats_are_answered_alike(Shape::Embedded).await;
}

#[tokio::test]
async fn repeats_are_answered_alike_distributed() {
    repeats_are_answered_alike(Shape::Distributed).await;
}

/// While the broker's confirm is missing, another gateway answers 409.
#[tokio::test]
async fn a_repeat_of_a_request_in_flight_gets_409() {
    let world = World::start(Shape::Distributed, "in-flight").await;
    let proxy = Proxy::start(shared().rabbitmq().await.unwrap().port()).await.unwrap();
    let through = world.vhost.as_ref().unwrap().amqp_url_via(proxy.port()).unwrap();
    let settings = [("LEADGATE_QUEUE_URL", &*through), ("LEADGATE_QUEUE_CONFIRM_TIMEOUT", "30s")];
    let slow = world.start_gateway(&settings).await;
    let trial = async |attempt| {
        let idempotency = format!("slow-{attempt}");
        let body = lead(&idempotency);
        proxy.set(ProxyMode::HalfOpen).await.unwrap();
        let first = RawRequest::send_all_but(0, &slow.base, &world.key, &idempotency, &body).await.unwrap();
        until("the lead", || async { (stored_submissions(&world, &body).await.len() == 1).then_some(()) })
            .await;
        let mut meanwhile = Vec::new();
        for _ in 0..20 {
            meanwhile.push(post(&world.base, &world.key, &idempotency, &body).await);
        }
        let other = post(&world.base, &world.key, &idempotency, &lead("other")).await;
        proxy.set(ProxyMode::Pass).await.unwrap();
        let first = first.answer().await.unwrap();
        let afterwards = post(&world.base, &world.key, &idempotency, &body).await;
        (first, meanwhile, other, afterwards, stored_submissions(&world, &body).await)
    };
    let answers = with_redis_in_time(&[&world.base, &slow.base], trial).await;
    let ((status, first), meanwhile, other, afterwards, submissions) = answers;
    for again in &meanwhile {
        assert_eq!((again.status, &again.body["code"]), (409, &json!("idempotency_in_flight")));
    }
    assert_eq!((other.status, &other.body["code"]), (422, &json!("idempotency_mismatch")));
    assert_eq!((status, &first["id"]), (202, &json!(accepted(&afterwards))));
    println!(
        "in flight: {} refused with 409, 1 refused for another body, {} submission",
        meanwhile.len(),
        submissions.len()
    );
    assert_eq!(assert_one_effect(&submissions), 0);
}

async fn a_key_belongs_to_its_source(shape: Shape) {
    let world = World::start(shape, "two-sources").await;
    let sources = [TestSource::create(&world, "native").await, TestSource::create(&world, "native").await];
    // Another API key of the first source belongs to the same client.
    let second_key =
        world.cli(&["key", "create", "--organization", "acme", "--source", &sources[0].id]).await;
    let second_key = second_key["key"].as_str().unwrap();
    let trial = async |attempt| {
        let body = lead(&format!("same-{attempt}"));
        let idempotency = format!("same-{attempt}");
        let post = async |key: &str, body: &str| post(&world.base, key, &idempotency, body).await;
        let own = [
            accepted(&post(&sources[0].key, &body).await),
            accepted(&post(&sources[1].key, &body).await),
            accepted(&post(&world.key, &lead("other")).await),
        ];
        (own, post(second_key, &body).await, post(second_key, &lead("other")).await)
    };
    let (own, again, mismatch) = with_redis_in_time(&[&world.base], trial).await;
    for id in &own {
        let shown = wait_for_result(&world, id).await;
        assert_eq!((&shown["submission"]["outcome"], &shown["id"]), (&json!("created"), &json!(id)));
    }
    assert_eq!(BTreeSet::from(own.clone()).len(), 3);
    assert_eq!((accepted(&again), mismatch.status), (own[0].clone(), 422));
    println!("{shape:?}: one idempotency key in three sources creates three leads, a repeat creates none");
}

#[tokio::test]
async fn a_key_belongs_to_its_source_embedded() {
    a_key_belongs_to_its_source(Shape::Embedded).await;
}

#[tokio::test]
async fn a_key_belongs_to_its_source_distributed() {
    a_key_belongs_to_its_source(Shape::Distributed).await;
}
