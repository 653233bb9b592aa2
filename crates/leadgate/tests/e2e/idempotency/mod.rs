//! One `Idempotency-DerivedKey`, one effect: whoever repeats it, wherever, and whatever broke meanwhile.

mod forgotten;
mod killed;
mod written;

use std::collections::BTreeSet;

use leadgate_testkit::oracle::{ObservedOutcome, ObservedSubmission, body_hash};
use leadgate_testkit::proxy::{Proxy, ProxyMode};
use leadgate_testkit::servers::shared;
use serde_json::{Value, json};

use self::written::Written;
use crate::metrics::with_redis_in_time;
use crate::systems::{Got, Way, send};
use crate::world::{Shape, World, http, until};

/// An email alone tells nobody apart here: but for its key, a repeat would make a second lead.
fn lead(name: &str) -> String {
    json!({ "email": format!("{name}@example.com"), "full_name": "Ida Potent" }).to_string()
}

async fn post(base: &str, key: &str, idempotency: &str, body: &str) -> Got {
    let request = http().post(format!("{base}/v1/leads")).bearer_auth(key);
    let request = request.header("content-type", "application/json").header("idempotency-key", idempotency);
    send(request.body(body.to_owned())).await
}

/// The id in a 202.
fn accepted(got: &Got) -> String {
    assert_eq!(got.status, 202, "{}", got.text);
    got.body["id"].as_str().unwrap().to_owned()
}

/// What the organization can see of a submission, once the worker is done with it.
async fn settled(world: &World, id: &str) -> Value {
    until("the worker", || async {
        let (status, shown) = world.get(&format!("/v1/leads/{id}")).await;
        assert_eq!(status, 200, "{shown}");
        (shown["status"] != "queued").then_some(shown)
    })
    .await
}

/// What the store holds of a body that went out under one key.
async fn held(world: &World, body: &str) -> Vec<ObservedSubmission> {
    let hash = body_hash(body.as_bytes());
    world.observed().await.into_iter().filter(|one| one.body_hash == hash).collect()
}

/// One was created, all others are its duplicates; how many they are.
fn has_one_effect(held: &[ObservedSubmission]) -> usize {
    let of = |outcome| held.iter().filter(|one| one.outcome == outcome).count();
    let leads: BTreeSet<_> = held.iter().map(|one| one.lead).collect();
    assert_eq!((of(ObservedOutcome::Created), leads.len()), (1, 1), "{held:?}");
    assert_eq!(of(ObservedOutcome::Duplicate), held.len() - 1, "{held:?}");
    held.len() - 1
}

/// What two gateways say to the same things.
struct Answers {
    /// One request after the other, the same key and body.
    repeated: Vec<Got>,
    mismatched: Vec<Got>,
    /// Fifty requests at the same moment, and one after them.
    at_once: Vec<(u16, Value)>,
    afterwards: Got,
    /// What the store holds of the one and of the fifty.
    held: [Vec<ObservedSubmission>; 2],
}

impl Answers {
    async fn of(world: &World, bases: [&str; 2], attempt: usize) -> Self {
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
            let but_the_last_byte = Written::all_but(1, bases[number % 2], &world.key, &many, &bodies[1]);
            waiting.push(but_the_last_byte.await.unwrap());
        }
        for written in &mut waiting {
            written.finish().await.unwrap();
        }
        for written in waiting {
            at_once.push(written.answer().await.unwrap());
        }
        let afterwards = post(bases[1], &world.key, &many, &bodies[1]).await;
        for last in repeated.iter().chain([&afterwards]).filter(|got| got.status == 202) {
            settled(world, &accepted(last)).await;
        }
        let held = [held(world, &bodies[0]).await, held(world, &bodies[1]).await];
        Self { repeated, mismatched, at_once, afterwards, held }
    }
}

async fn is_answered_alike(shape: Shape) {
    let world = World::start(shape, "idempotency").await;
    let second = match shape {
        Shape::Embedded => None,
        Shape::Production => Some(world.start_gateway(&[]).await),
    };
    let bases = [&*world.base, second.as_ref().map_or(&world.base, |gateway| &gateway.base)];
    let found = with_redis_in_time(&bases, async |attempt| Answers::of(&world, bases, attempt).await).await;

    let ids: BTreeSet<_> = found.repeated.iter().map(accepted).collect();
    assert_eq!(ids.len(), 1, "the first id, each time");
    for other in &found.mismatched {
        assert_eq!((other.status, &other.body["code"]), (422, &json!("idempotency_mismatch")));
    }
    let (mut ids, mut in_flight) = (BTreeSet::from([accepted(&found.afterwards)]), 0);
    for (status, body) in &found.at_once {
        match status {
            202 => _ = ids.insert(body["id"].as_str().unwrap().to_owned()),
            _ => {
                assert_eq!((*status, &body["code"]), (409, &json!("idempotency_in_flight")));
                in_flight += 1;
            }
        }
    }
    println!("{shape:?}: 50 at once: {} answered alike, {in_flight} told to wait", 50 - in_flight);
    assert_eq!(ids.len(), 1, "{ids:?}");
    let duplicates = found.held.map(|held| has_one_effect(&held));
    assert_eq!(duplicates, [0, 0], "what was repeated was not even published");
}

#[tokio::test]
async fn what_is_repeated_is_answered_alike_embedded() {
    is_answered_alike(Shape::Embedded).await;
}

#[tokio::test]
async fn what_is_repeated_is_answered_alike_in_production() {
    is_answered_alike(Shape::Production).await;
}

/// The broker has it and its confirm does not come: another gateway says 409 until it does.
#[tokio::test]
async fn who_repeats_what_is_in_flight_is_told_to_wait() {
    let world = World::start(Shape::Production, "in-flight").await;
    let proxy = Proxy::start(shared().rabbitmq().await.unwrap().port()).await.unwrap();
    let through = world.vhost.as_ref().unwrap().amqp_url_via(proxy.port()).unwrap();
    let settings = [("LEADGATE_QUEUE_URL", &*through), ("LEADGATE_QUEUE_CONFIRM_TIMEOUT", "30s")];
    let slow = world.start_gateway(&settings).await;
    let trial = async |attempt| {
        let idempotency = format!("slow-{attempt}");
        let body = lead(&idempotency);
        proxy.set(ProxyMode::HalfOpen).await.unwrap();
        let first = Written::all_but(0, &slow.base, &world.key, &idempotency, &body).await.unwrap();
        until("the lead", || async { (held(&world, &body).await.len() == 1).then_some(()) }).await;
        let mut meanwhile = Vec::new();
        for _ in 0..20 {
            meanwhile.push(post(&world.base, &world.key, &idempotency, &body).await);
        }
        let other = post(&world.base, &world.key, &idempotency, &lead("other")).await;
        proxy.set(ProxyMode::Pass).await.unwrap();
        let first = first.answer().await.unwrap();
        let afterwards = post(&world.base, &world.key, &idempotency, &body).await;
        (first, meanwhile, other, afterwards, held(&world, &body).await)
    };
    let found = with_redis_in_time(&[&world.base, &slow.base], trial).await;
    let ((status, first), meanwhile, other, afterwards, held) = found;
    for again in &meanwhile {
        assert_eq!((again.status, &again.body["code"]), (409, &json!("idempotency_in_flight")));
    }
    assert_eq!((other.status, &other.body["code"]), (422, &json!("idempotency_mismatch")));
    assert_eq!((status, &first["id"]), (202, &json!(accepted(&afterwards))));
    println!(
        "in flight: {} told to wait, 1 told of another body, {} submission",
        meanwhile.len(),
        held.len()
    );
    assert_eq!(has_one_effect(&held), 0);
}

async fn belongs_to_its_source(shape: Shape) {
    let world = World::start(shape, "two-sources").await;
    let ways = [Way::into(&world, "native").await, Way::into(&world, "native").await];
    // Another key of the first source speaks for the same client.
    let more = world.cli(&["key", "create", "--organization", "acme", "--source", &ways[0].id]).await;
    let more = more["key"].as_str().unwrap();
    let trial = async |attempt| {
        let body = lead(&format!("same-{attempt}"));
        let idempotency = format!("same-{attempt}");
        let post = async |key: &str, body: &str| post(&world.base, key, &idempotency, body).await;
        let own = [
            accepted(&post(&ways[0].key, &body).await),
            accepted(&post(&ways[1].key, &body).await),
            accepted(&post(&world.key, &lead("other")).await),
        ];
        (own, post(more, &body).await, post(more, &lead("other")).await)
    };
    let (own, again, mismatch) = with_redis_in_time(&[&world.base], trial).await;
    for id in &own {
        let shown = settled(&world, id).await;
        assert_eq!((&shown["submission"]["outcome"], &shown["id"]), (&json!("created"), &json!(id)));
    }
    assert_eq!(BTreeSet::from(own.clone()).len(), 3);
    assert_eq!((accepted(&again), mismatch.status), (own[0].clone(), 422));
    println!("{shape:?}: one key in three sources is three leads, and one more of the first source is none");
}

#[tokio::test]
async fn a_key_belongs_to_its_source_embedded() {
    belongs_to_its_source(Shape::Embedded).await;
}

#[tokio::test]
async fn a_key_belongs_to_its_source_in_production() {
    belongs_to_its_source(Shape::Production).await;
}
