use std::time::Duration;

use leadgate_domain::{BodyHash, ClaimKey, ClaimKind, KeyHash, OrganizationId, SubmissionId};
use leadgate_limiter::{IdempotencyMarkers, IdempotencyState};
use tokio::task::JoinSet;
use tokio::time::timeout;

use crate::world::{MINUTE, World};

/// Only a failing test reaches this time limit.
const TEST_TIMEOUT: Duration = Duration::from_secs(20);

/// Calls the markers with the keys and submissions of one organization.
struct MarkerClient {
    markers: IdempotencyMarkers,
    organization: OrganizationId,
}

impl MarkerClient {
    async fn of(world: &World) -> Self {
        Self { markers: world.markers(MINUTE).await, organization: world.organization }
    }

    fn key(&self, number: u128) -> ClaimKey {
        let key = KeyHash::parse(&format!("{number:032x}")).unwrap();
        ClaimKey { organization: self.organization, kind: ClaimKind::Idempotency, key }
    }

    async fn begin(&self, key: u128, submission: u128, body: &str) -> IdempotencyState {
        self.markers.begin(self.key(key), id(submission), BodyHash::compute(body.as_bytes())).await
    }

    async fn done(&self, key: u128, submission: u128, body: &str) {
        self.markers.done(self.key(key), id(submission), BodyHash::compute(body.as_bytes())).await;
    }
}

fn id(number: u128) -> SubmissionId {
    format!("{number:032x}").parse().unwrap()
}

pub(crate) async fn a_repeat_gets_the_state_of_the_first_request(world: World) {
    let client = MarkerClient::of(&world).await;
    assert_eq!(client.begin(1, 1, "body").await, IdempotencyState::First);
    assert_eq!(client.begin(1, 2, "body").await, IdempotencyState::InFlight);
    client.done(1, 1, "body").await;
    assert_eq!(client.begin(1, 3, "body").await, IdempotencyState::Done(id(1)));
    assert_eq!(
        client.begin(1, 4, "body").await,
        IdempotencyState::Done(id(1)),
        "a call to begin changes nothing"
    );
}

pub(crate) async fn another_body_is_a_mismatch_before_and_after_done(world: World) {
    let client = MarkerClient::of(&world).await;
    assert_eq!(client.begin(1, 1, "body").await, IdempotencyState::First);
    assert_eq!(client.begin(1, 2, "other").await, IdempotencyState::BodyMismatch);
    client.done(1, 1, "body").await;
    assert_eq!(client.begin(1, 3, "other").await, IdempotencyState::BodyMismatch);
    assert_eq!(client.begin(1, 4, "body").await, IdempotencyState::Done(id(1)));
}

pub(crate) async fn exactly_one_of_fifty_concurrent_calls_is_first(world: World) {
    let client = MarkerClient::of(&world).await;
    let gateways = [client.markers.clone(), world.other_gateways(&client.markers).await];
    let key = client.key(1);
    let mut tasks = JoinSet::new();
    for number in 0..50 {
        let markers = gateways[number % 2].clone();
        let submission = id(u128::try_from(number).unwrap());
        tasks.spawn(async move { markers.begin(key, submission, BodyHash::compute(b"body")).await });
    }
    let states = tasks.join_all().await;
    assert_eq!(states.iter().filter(|state| **state == IdempotencyState::First).count(), 1, "{states:?}");
    assert_eq!(states.iter().filter(|state| **state == IdempotencyState::InFlight).count(), 49, "{states:?}");
}

pub(crate) async fn a_refused_publish_frees_only_its_own_key(world: World) {
    let client = MarkerClient::of(&world).await;
    assert_eq!(client.begin(1, 1, "body").await, IdempotencyState::First);
    client.markers.forget(client.key(1), id(2)).await;
    assert_eq!(
        client.begin(1, 3, "body").await,
        IdempotencyState::InFlight,
        "submission 2 does not hold the key"
    );
    client.markers.forget(client.key(1), id(1)).await;
    assert_eq!(client.begin(1, 4, "other").await, IdempotencyState::First);
    client.done(1, 4, "other").await;
    client.markers.forget(client.key(1), id(4)).await;
    assert_eq!(
        client.begin(1, 5, "other").await,
        IdempotencyState::Done(id(4)),
        "a durable marker is not removed"
    );
}

pub(crate) async fn a_key_in_flight_expires(world: World) {
    let markers = world.markers(Duration::from_millis(300)).await;
    let client = MarkerClient { markers, organization: world.organization };
    assert_eq!(client.begin(1, 1, "body").await, IdempotencyState::First);
    client.done(2, 2, "body").await;
    let freed = async {
        while client.begin(1, 3, "other").await != IdempotencyState::First {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    timeout(TEST_TIMEOUT, freed).await.expect("the key is free again");
    assert_eq!(
        client.begin(2, 4, "body").await,
        IdempotencyState::Done(id(2)),
        "a durable marker lives longer"
    );
}

/// Submission 1 became durable after its marker expired, while submission 2 was in flight.
pub(crate) async fn the_first_durable_submission_holds_the_key(world: World) {
    let client = MarkerClient::of(&world).await;
    assert_eq!(client.begin(1, 2, "other").await, IdempotencyState::First);
    client.done(1, 1, "body").await;
    assert_eq!(client.begin(1, 3, "body").await, IdempotencyState::Done(id(1)));
    client.done(1, 2, "other").await;
    assert_eq!(client.begin(1, 4, "body").await, IdempotencyState::Done(id(1)));
}

pub(crate) async fn keys_and_organizations_are_separate(world: World) {
    let client = MarkerClient::of(&world).await;
    let others = MarkerClient { organization: OrganizationId::generate(), ..MarkerClient::of(&world).await };
    assert_eq!(client.begin(1, 1, "body").await, IdempotencyState::First);
    assert_eq!(client.begin(2, 2, "other").await, IdempotencyState::First);
    assert_eq!(others.begin(1, 3, "other").await, IdempotencyState::First);
}
