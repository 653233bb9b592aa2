//! What a dispatcher does with the store: leases of endpoints, due deliveries and the results of attempts.

use std::time::Duration;

use leadgate_domain::{
    AttemptResult, DeliveryCounts, EndpointId, EndpointState, EventId, EventType, LeadId, Timestamp,
};
use leadgate_store::{
    DeliveryFilter, DueDelivery, DuePosition, EventFilter, FinishedAttempt, ReplayFilter, ReplaySelection,
};
use serde_json::json;

use crate::erasure::PHONE;
use crate::events::{finished, kinds};
use crate::world::{World, over_both};

over_both!(
    an_endpoint_is_leased_once,
    no_due_delivery_is_overlooked,
    deliveries_are_listed_by_lead_and_result,
    all_leases_can_be_ended,
    a_lost_lease_records_nothing,
    attempts_decide_what_becomes_of_a_delivery,
    a_failing_endpoint_is_paused_until_a_success,
    a_busy_receiver_costs_no_attempt,
    a_disabled_endpoint_keeps_its_events,
    events_are_sent_again,
    events_are_sent_again_by_type_lead_and_time,
    events_are_sent_again_by_result,
    an_attempt_in_flight_does_not_undo_a_replay,
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
    let mut position = DuePosition::default();
    let others = world.store.due_deliveries(&again, in_flight, 1_000, &mut position).await.unwrap().unwrap();
    assert_eq!(others, due[1..]);
}

/// Also those that became due before the position of the dispatcher, after all later ones.
async fn no_due_delivery_is_overlooked(world: World) {
    let endpoint = world.endpoint(json!({ "events": ["test"] })).await;
    let mut events = Vec::new();
    for age in [0, 20, 10] {
        let event = world.store.add_test_event(&endpoint).await.unwrap();
        let at = world.time_literal(Timestamp::now().minus(Duration::from_secs(age)));
        world
            .sql(&format!(
                "UPDATE deliveries SET next_attempt_at = {at} WHERE event = {}",
                world.id_literal(event.as_uuid())
            ))
            .await;
        events.push(event);
    }
    let age = world.store.oldest_due_delivery_age().await.unwrap().as_secs();
    assert!((20..120).contains(&age), "{age}");
    let (leased, mut position, mut taken) = (world.lease().await, DuePosition::default(), Vec::new());
    let mut next = async |in_flight: &[EventId]| {
        let due = world.store.due_deliveries(&leased, in_flight.to_vec(), 1, &mut position).await.unwrap();
        due.unwrap()[0].event.id
    };
    taken.push(next(&taken).await);
    taken.push(next(&taken).await);
    let late = world.store.add_test_event(&endpoint).await.unwrap();
    let past = world.time_literal(Timestamp::now().minus(Duration::from_secs(60)));
    world
        .sql(&format!(
            "UPDATE deliveries SET next_attempt_at = {past} WHERE event = {}",
            world.id_literal(late.as_uuid())
        ))
        .await;
    taken.push(next(&taken).await);
    taken.push(next(&taken).await);
    assert_eq!(taken, [events[1], events[2], events[0], late]);
}

async fn deliveries_are_listed_by_lead_and_result(world: World) {
    let endpoint = world.endpoint(json!({ "events": ["lead.created"] })).await;
    let (first, second) = (world.phone(PHONE), world.phone("+14155550133"));
    world.commit(&[first.clone(), second.clone()]).await;
    let list = async |filter: DeliveryFilter| {
        let page = world.store.deliveries(world.organization.id, filter, None, 10).await.unwrap();
        page.data.into_iter().map(|one| (one.summary.kind, one.summary.lead.unwrap())).collect::<Vec<_>>()
    };
    let of_lead = |lead: LeadId| DeliveryFilter { lead: Some(lead), ..DeliveryFilter::default() };
    let created = |lead: LeadId| ("lead.created".to_owned(), lead);
    assert_eq!(list(of_lead(first.id.into())).await, [created(first.id.into())]);
    assert_eq!(list(of_lead(LeadId::from_uuid(endpoint.id.as_uuid()))).await, []);
    let of_other_endpoint =
        DeliveryFilter { endpoint: Some(EndpointId::generate()), ..of_lead(first.id.into()) };
    assert_eq!(list(of_other_endpoint).await, []);
    let leased = world.lease().await;
    let due = world.due(&leased).await;
    let results = [AttemptResult::Delivered, AttemptResult::TimedOut];
    let finished = due.iter().zip(results).map(|(due, result)| finished(&leased, due, result)).collect();
    world.store.record_attempts(leased.lease, finished, false).await.unwrap().unwrap();
    for (result, due) in results.into_iter().zip(&due) {
        let filter = DeliveryFilter { result: Some(result), ..DeliveryFilter::default() };
        let attempts = world.store.attempts(world.organization.id, filter, None, 10).await.unwrap().data;
        let found: Vec<_> = attempts.iter().map(|one| (one.event, one.summary.lead)).collect();
        assert_eq!(found, [(due.event.id, due.event.lead)], "{result:?}");
    }
    let events = world.store.events(world.organization.id, EventFilter::default(), None, 1).await.unwrap();
    let rest =
        world.store.events(world.organization.id, EventFilter::default(), events.next, 10).await.unwrap();
    assert_eq!((events.data.len(), rest.data.len()), (1, 1));
    assert_ne!(events.data[0].id, rest.data[0].id);
}

/// After a crash of the only program.
async fn all_leases_can_be_ended(world: World) {
    world.endpoint(json!({})).await;
    world.commit(&[world.phone(PHONE)]).await;
    let lost = world.lease().await;
    assert!(world.store.lease_endpoints(10).await.unwrap().is_empty());
    world.store.end_all_endpoint_leases().await.unwrap();
    assert_ne!(world.lease().await.lease, lost.lease);
}

async fn a_lost_lease_records_nothing(world: World) {
    let endpoint = world.endpoint(json!({ "events": ["lead.created"] })).await;
    world.commit(&[world.phone(PHONE)]).await;
    let lost = world.lease().await;
    let due = world.due(&lost).await;
    let past = world.time_literal(Timestamp::now().minus(Duration::from_secs(1)));
    world.sql(&format!("UPDATE endpoints SET lease_until = {past}")).await;
    let taken = world.lease().await;
    let delivered = vec![finished(&lost, &due[0], AttemptResult::Delivered)];
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
    let results = vec![
        finished(&leased, &due[0], AttemptResult::Delivered),
        finished(&leased, &due[1], AttemptResult::TimedOut),
    ];
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
    let refused = vec![finished(&leased, &again[0], AttemptResult::Refused)];
    world.store.record_attempts(leased.lease, refused, false).await.unwrap().unwrap();
    assert_eq!(world.counts(&endpoint).await, DeliveryCounts { exhausted: 1, ..DeliveryCounts::default() });
    let of_event = DeliveryFilter { event: Some(due[1].event.id), ..all };
    let attempts = world.store.attempts(world.organization.id, of_event, None, 10).await.unwrap().data;
    let numbers: Vec<_> = attempts.iter().map(|attempt| (attempt.number, attempt.result.as_str())).collect();
    assert_eq!(numbers, [(2, "refused"), (1, "timed_out")]);

    let page = world.store.deliveries(world.organization.id, all, None, 10).await.unwrap();
    assert_eq!((page.data[0].state.as_str(), page.data[0].failed_attempts), ("exhausted", 2));
    assert_eq!(world.store.count_exhausted(world.organization.id, endpoint.id).await.unwrap(), 1);
    let restart = async || world.store.replay(&endpoint, ReplaySelection::Exhausted, false).await.unwrap();
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
        let failed =
            due[range].iter().map(|due| finished(&leased, due, AttemptResult::ServerError)).collect();
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
    let delivered = vec![finished(&leased, &due[10], AttemptResult::Delivered)];
    world.store.record_attempts(leased.lease, delivered, false).await.unwrap().unwrap();
    assert_eq!(world.health(&endpoint).await, EndpointState::Healthy);
}

async fn a_busy_receiver_costs_no_attempt(world: World) {
    let endpoint = world.endpoint(json!({ "events": ["test"], "retry": ["0s"] })).await;
    world.store.add_test_event(&endpoint).await.unwrap();
    let leased = world.lease().await;
    let due = world.due(&leased).await;
    let busy = finished(&leased, &due[0], AttemptResult::Busy);
    let busy = FinishedAttempt { retry_after: Some(Duration::from_secs(600)), ..busy };
    world.store.record_attempts(leased.lease, vec![busy], false).await.unwrap().unwrap();
    world.store.end_endpoint_lease(leased.lease, Duration::ZERO).await.unwrap();
    assert_eq!(world.counts(&endpoint).await.pending, 1);
    assert!(world.store.lease_endpoints(10).await.unwrap().is_empty(), "it asked for ten minutes");
    world.store.set_endpoint_enabled(world.organization.id, endpoint.id, true).await.unwrap().unwrap();
    assert_eq!(world.due(&world.lease().await).await, due, "an operator who enables it does not wait");
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
    let gone = finished(&leased, &world.due(&leased).await[0], AttemptResult::Gone);
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
        world.store.replay(endpoint, which, dry).await.unwrap()
    };
    let one = || ReplaySelection::One(delivered[1].event.id);
    assert_eq!((replay(&endpoint, one(), true).await, world.counts(&endpoint).await.pending), (1, 0));
    assert_eq!(replay(&endpoint, one(), false).await, 1);
    assert_eq!(replay(&endpoint, one(), false).await, 0, "it is pending");
    assert_eq!(world.deliver().await[0].event, delivered[1].event);
    let unknown = ReplaySelection::One(leadgate_domain::EventId::generate());
    assert_eq!(replay(&endpoint, unknown, false).await, 0);
    let other = world.endpoint(json!({ "events": ["lead.held"] })).await;
    assert_eq!(replay(&other, one(), false).await, 0, "it never got this event and does not want it");

    world.erase(World::subject(&[PHONE], &[])).await;
    let from =
        |since| ReplaySelection::Wanted(ReplayFilter { since: Some(since), ..ReplayFilter::default() });
    let since = || from(start);
    assert_eq!(replay(&endpoint, since(), false).await, 2, "without the erased lead");
    let later = from(Timestamp::now().plus(Duration::from_secs(60)));
    assert_eq!(replay(&endpoint, later, false).await, 0);
    assert_eq!(replay(&other, since(), false).await, 0, "it does not want these events");
    let new = world.endpoint(json!({ "events": ["lead.created"] })).await;
    assert_eq!((replay(&new, since(), false).await, world.counts(&new).await.pending), (2, 2));
}

async fn events_are_sent_again_by_type_lead_and_time(world: World) {
    let endpoint = world.endpoint(json!({ "events": ["lead.created", "lead.held"] })).await;
    let leads = [world.phone(PHONE), world.phone("+14155550133"), world.phone("+14155550134")];
    world.commit(&leads).await;
    let events = world.deliver().await.len();
    let count = async |filter: ReplayFilter| {
        world.store.replay(&endpoint, ReplaySelection::Wanted(filter), true).await.unwrap()
    };
    let of_lead = |lead| ReplayFilter { lead: Some(lead), ..ReplayFilter::default() };
    let before = |until| ReplayFilter { until: Some(until), ..ReplayFilter::default() };
    assert_eq!(count(ReplayFilter::default()).await, events);
    let created = || ReplayFilter { kinds: [EventType::LeadCreated].into(), ..ReplayFilter::default() };
    assert_eq!(count(created()).await, 3);
    assert_eq!(count(ReplayFilter { kinds: [EventType::LeadErased].into(), ..created() }).await, 0);
    assert_eq!(count(ReplayFilter { lead: Some(leads[1].id.into()), ..created() }).await, 1);
    assert_eq!(count(of_lead(LeadId::from_uuid(endpoint.id.as_uuid()))).await, 0);
    assert_eq!(count(before(Timestamp::now().minus(Duration::from_secs(60)))).await, 0);
    assert_eq!(count(before(Timestamp::now().plus(Duration::from_secs(60)))).await, events);
    let replayed = world.store.replay(&endpoint, ReplaySelection::Wanted(created()), false).await.unwrap();
    assert_eq!((replayed, world.counts(&endpoint).await.pending), (3, 3));
    assert_eq!(count(created()).await, 0, "they wait for their first attempt");
}

async fn events_are_sent_again_by_result(world: World) {
    let endpoint = world.endpoint(json!({ "events": ["lead.created"], "retry": ["0s", "0s", "14h"] })).await;
    let leads = [world.phone(PHONE), world.phone("+14155550133"), world.phone("+14155550134")];
    world.commit(&leads).await;
    let with_result =
        |result| ReplaySelection::Wanted(ReplayFilter { result: Some(result), ..ReplayFilter::default() });
    let count = async |result| world.store.replay(&endpoint, with_result(result), true).await.unwrap();
    let leased = world.lease().await;
    let attempt = async |results: [AttemptResult; 3]| {
        let due = world.due(&leased).await;
        assert_eq!(due.len(), 3);
        let finished = due.iter().zip(results).map(|(due, result)| finished(&leased, due, result)).collect();
        world.store.record_attempts(leased.lease, finished, false).await.unwrap().unwrap();
    };
    attempt([AttemptResult::TimedOut; 3]).await;
    assert_eq!(count(AttemptResult::TimedOut).await, 3);
    attempt([AttemptResult::Refused, AttemptResult::Delivered, AttemptResult::Refused]).await;
    let results = [AttemptResult::TimedOut, AttemptResult::Delivered, AttemptResult::Refused];
    let counts = [count(results[0]).await, count(results[1]).await, count(results[2]).await];
    assert_eq!(counts, [0, 1, 2], "only the last attempt counts");
    let other = world.endpoint(json!({ "events": ["lead.created"] })).await;
    let refused = with_result(AttemptResult::Refused);
    let of_other = world.store.replay(&other, refused.clone(), true).await.unwrap();
    assert_eq!(of_other, 0, "attempts of another endpoint");
    assert!(world.due(&leased).await.is_empty(), "the third attempt is due in hours");
    assert_eq!(world.store.replay(&endpoint, refused, false).await.unwrap(), 2);
    let due = world.due(&leased).await;
    assert_eq!(due.iter().map(|due| due.attempts).collect::<Vec<_>>(), [0, 0], "at once, from the first on");
}

/// Also if it fails, and if no other attempt was left.
async fn an_attempt_in_flight_does_not_undo_a_replay(world: World) {
    for schedule in [json!(["0s", "0s"]), json!(["0s", "0s", "14h"])] {
        let endpoint = world.endpoint(json!({ "events": ["test"], "retry": schedule })).await;
        let event = world.store.add_test_event(&endpoint).await.unwrap();
        let leased = world.lease().await;
        let fail = async |due: &DueDelivery| {
            let failed = vec![finished(&leased, due, AttemptResult::ServerError)];
            world.store.record_attempts(leased.lease, failed, false).await.unwrap().unwrap();
        };
        fail(&world.due(&leased).await[0]).await;
        let in_flight = world.due(&leased).await.remove(0);
        assert_eq!(in_flight.attempts, 1);
        let one = ReplaySelection::One(event);
        assert_eq!(world.store.replay(&endpoint, one, false).await.unwrap(), 1);
        fail(&in_flight).await;
        assert_eq!(world.due(&leased).await[0].attempts, 0);
        world.store.end_endpoint_lease(leased.lease, Duration::ZERO).await.unwrap();
        world.deliver().await;
    }
}
