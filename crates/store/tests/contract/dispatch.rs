//! What a dispatcher does with the store: leases of endpoints, due deliveries and the results of attempts.

use std::time::Duration;

use leadgate_domain::{AttemptResult, DeliveryCounts, EndpointState, Timestamp};
use leadgate_store::{DeliveryFilter, FinishedAttempt, ReplaySelection};
use serde_json::json;

use crate::erasure::PHONE;
use crate::events::{finished, kinds};
use crate::world::{World, over_both};

over_both!(
    an_endpoint_is_leased_once,
    a_lost_lease_records_nothing,
    attempts_decide_what_becomes_of_a_delivery,
    a_failing_endpoint_is_paused_until_a_success,
    a_busy_receiver_costs_no_attempt,
    a_disabled_endpoint_keeps_its_events,
    events_are_sent_again,
);

async fn an_endpoint_is_leased_once(world: World) {
    world.endpoint(json!({})).await;
    assert!(world.store.lease_endpoints(10).await.unwrap().is_empty(), "nothing is due");
    world.commit(&[world.phone(PHONE)]).await;
    let leased = world.lease().await;
    assert!(world.store.lease_endpoints(10).await.unwrap().is_empty(), "another dispatcher has it");
    world.store.end_endpoint_lease(leased.lease, Duration::ZERO).await.unwrap();
    let again = world.lease().await;
    assert_ne!(again.lease, leased.lease);
    let due = world.due(&again).await;
    let in_flight = vec![due[0].event.id];
    let others = world.store.due_deliveries(&again, in_flight, 1_000).await.unwrap().unwrap();
    assert_eq!(others, due[1..]);
}

async fn a_lost_lease_records_nothing(world: World) {
    let endpoint = world.endpoint(json!({ "events": ["lead.created"] })).await;
    world.commit(&[world.phone(PHONE)]).await;
    let lost = world.lease().await;
    let due = world.due(&lost).await;
    let past = world.time_literal(Timestamp::now().minus(Duration::from_secs(1)));
    world.sql(&format!("UPDATE endpoints SET lease_until = {past}")).await;
    let taken = world.lease().await;
    let delivered = vec![finished(&due[0], AttemptResult::Delivered)];
    assert!(world.store.record_attempts(lost.lease, delivered.clone(), false).await.unwrap().is_none());
    world.store.end_endpoint_lease(lost.lease, Duration::ZERO).await.unwrap();
    assert!(world.store.lease_endpoints(10).await.unwrap().is_empty(), "the lease of the other one holds");
    assert_eq!(world.counts(&endpoint).await.pending, 1);
    assert!(world.store.record_attempts(taken.lease, delivered, false).await.unwrap().is_some());
    assert_eq!(world.counts(&endpoint).await.pending, 0);
}

async fn attempts_decide_what_becomes_of_a_delivery(world: World) {
    let endpoint = world.endpoint(json!({ "events": ["lead.created"], "retry": ["0s", "1h"] })).await;
    world.commit(&[world.phone(PHONE), world.phone("+14155550133")]).await;
    let leased = world.lease().await;
    let due = world.due(&leased).await;
    let results =
        vec![finished(&due[0], AttemptResult::Delivered), finished(&due[1], AttemptResult::TimedOut)];
    world.store.record_attempts(leased.lease, results, false).await.unwrap().unwrap();
    assert_eq!(world.counts(&endpoint).await.pending, 1);
    assert_eq!(world.due(&leased).await, [], "the next attempt is in an hour");
    let all = DeliveryFilter::default();
    let page = world.store.deliveries(world.organization.id, all, None, 10).await.unwrap();
    let wait = page.data[0].next_attempt_at.unwrap().since(Timestamp::now()).as_secs();
    assert!((3_500..=3_600).contains(&wait), "{wait}");
    assert_eq!((page.data[0].event, page.data[0].failed_attempts), (due[1].event.id, 1));

    let now = world.time_literal(Timestamp::now().minus(Duration::from_secs(1)));
    world.sql(&format!("UPDATE deliveries SET next_attempt_at = {now}")).await;
    let again = world.due(&leased).await;
    assert_eq!((again.len(), again[0].attempts, again[0].event.id), (1, 1, due[1].event.id));
    let refused = vec![finished(&again[0], AttemptResult::Refused)];
    world.store.record_attempts(leased.lease, refused, false).await.unwrap().unwrap();
    assert_eq!(world.counts(&endpoint).await, DeliveryCounts { exhausted: 1, ..DeliveryCounts::default() });
    let of_event = DeliveryFilter { event: Some(due[1].event.id), ..all };
    let attempts = world.store.attempts(world.organization.id, of_event, None, 10).await.unwrap().data;
    let numbers: Vec<_> = attempts.iter().map(|attempt| (attempt.number, attempt.result.as_str())).collect();
    assert_eq!(numbers, [(2, "refused"), (1, "timed_out")]);

    let restart = async || world.store.replay_exhausted(world.organization.id, endpoint.id).await.unwrap();
    assert_eq!((restart().await, restart().await), (1, 0));
    assert_eq!(world.due(&leased).await[0].attempts, 0);
}

async fn a_failing_endpoint_is_paused_until_a_success(world: World) {
    let endpoint = world.endpoint(json!({ "events": ["test"] })).await;
    for _ in 0..11 {
        world.store.add_test_event(&endpoint).await.unwrap();
    }
    let leased = world.lease().await;
    let due = world.due(&leased).await;
    let fail = async |range: std::ops::Range<usize>| {
        let failed = due[range].iter().map(|due| finished(due, AttemptResult::ServerError)).collect();
        world.store.record_attempts(leased.lease, failed, false).await.unwrap().unwrap().endpoint.health
    };
    assert_eq!(fail(0..9).await.state, EndpointState::Degraded);
    let past = world.time_literal(Timestamp::now().minus(Duration::from_secs(120)));
    world.sql(&format!("UPDATE endpoints SET failing_since = {past}")).await;
    let health = fail(9..10).await;
    assert_eq!((health.state, health.failures), (EndpointState::Suspended, 10));
    world.store.end_endpoint_lease(leased.lease, Duration::ZERO).await.unwrap();
    assert!(world.store.lease_endpoints(10).await.unwrap().is_empty(), "it is paused");
    world.sql(&format!("UPDATE endpoints SET paused_until = {past}")).await;
    let leased = world.lease().await;
    let delivered = vec![finished(&due[10], AttemptResult::Delivered)];
    world.store.record_attempts(leased.lease, delivered, false).await.unwrap().unwrap();
    assert_eq!(world.health(&endpoint).await, EndpointState::Healthy);
}

async fn a_busy_receiver_costs_no_attempt(world: World) {
    let endpoint = world.endpoint(json!({ "events": ["test"], "retry": ["0s"] })).await;
    world.store.add_test_event(&endpoint).await.unwrap();
    let leased = world.lease().await;
    let due = world.due(&leased).await;
    let busy = finished(&due[0], AttemptResult::Busy);
    let busy = FinishedAttempt { retry_after: Some(Duration::from_secs(600)), ..busy };
    world.store.record_attempts(leased.lease, vec![busy], false).await.unwrap().unwrap();
    world.store.end_endpoint_lease(leased.lease, Duration::ZERO).await.unwrap();
    assert_eq!(world.counts(&endpoint).await.pending, 1);
    assert!(world.store.lease_endpoints(10).await.unwrap().is_empty(), "it asked for ten minutes");
}

async fn a_disabled_endpoint_keeps_its_events(world: World) {
    let endpoint = world.endpoint(json!({ "events": ["lead.created"] })).await;
    let enable = async |enabled| {
        world.store.set_endpoint_enabled(world.organization.id, endpoint.id, enabled).await.unwrap().unwrap()
    };
    assert_eq!(enable(false).await.health.state, EndpointState::Disabled);
    world.commit(&[world.phone(PHONE)]).await;
    assert!(world.store.lease_endpoints(10).await.unwrap().is_empty());
    enable(true).await;
    assert_eq!(kinds(&world.deliver().await), ["lead.created"]);

    // A receiver that answers 410 is disabled, too, and the others are told.
    world.endpoint(json!({ "events": ["endpoint.disabled"] })).await;
    world.store.add_test_event(&endpoint).await.unwrap();
    let leased = world.lease().await;
    let gone = finished(&world.due(&leased).await[0], AttemptResult::Gone);
    world.store.record_attempts(leased.lease, vec![gone], false).await.unwrap().unwrap();
    assert_eq!(world.health(&endpoint).await, EndpointState::Disabled);
    let due = world.deliver().await;
    assert_eq!((kinds(&due), due[0].event.detail.endpoint), (vec!["endpoint.disabled"], Some(endpoint.id)));
}

async fn events_are_sent_again(world: World) {
    let endpoint = world.endpoint(json!({ "events": ["lead.created"] })).await;
    let start = Timestamp::now().minus(Duration::from_secs(1));
    world.commit(&[world.phone(PHONE), world.phone("+14155550133"), world.phone("+14155550134")]).await;
    let delivered = world.deliver().await;
    let replay = async |endpoint: &leadgate_domain::Endpoint, which, dry| {
        world.store.replay_events(endpoint, which, dry).await.unwrap()
    };
    let one = ReplaySelection::One(delivered[1].event.id);
    assert_eq!((replay(&endpoint, one, true).await, world.counts(&endpoint).await.pending), (1, 0));
    assert_eq!(replay(&endpoint, one, false).await, 1);
    assert_eq!(replay(&endpoint, one, false).await, 0, "it is pending");
    assert_eq!(world.deliver().await[0].event, delivered[1].event);
    let unknown = ReplaySelection::One(leadgate_domain::EventId::generate());
    assert_eq!(replay(&endpoint, unknown, false).await, 0);

    world.erase(World::subject(&[PHONE], &[])).await;
    let since = ReplaySelection::Since(start);
    assert_eq!(replay(&endpoint, since, false).await, 2, "without the erased lead");
    let later = ReplaySelection::Since(Timestamp::now().plus(Duration::from_secs(60)));
    assert_eq!(replay(&endpoint, later, false).await, 0);
    let other = world.endpoint(json!({ "events": ["lead.held"] })).await;
    assert_eq!(replay(&other, since, false).await, 0, "it does not want these events");
    let new = world.endpoint(json!({ "events": ["lead.created"] })).await;
    assert_eq!((replay(&new, since, false).await, world.counts(&new).await.pending), (2, 2));
}
