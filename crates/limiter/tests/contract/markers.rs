use std::time::Duration;

use leadgate_domain::{BodyHash, ClaimKey, ClaimKind, KeyHash, OrganizationId, SubmissionId};
use leadgate_limiter::{IdempotencyMarkers, IdempotencyState};
use tokio::task::JoinSet;
use tokio::time::timeout;

use crate::world::{MINUTE, World};

/// Only a failing test reaches this time limit.
const TEST_TIMEOUT: Duration = Duration::from_secs(120);

/// Calls the markers with the keys and submissions of one organization.
struct MarkerClient {
    markers: IdempotencyMarkers,
    organization: OrganizationId,
}

impl MarkerClient {
    async fn new(world: &World) -> Self {
        Self { markers: world.markers(MINUTE).await, organization: world.organization }
    }

    fn key(&self, number: u128) -> ClaimKey {
        let key = KeyHash::parse(&format!("{number:032x}")).unwrap();
        ClaimKey { organization: self.organization, kind: ClaimKind::Idempotency, key }
    }

    async fn reserve(&self, key: u128, submission: u128, body: &str) -> IdempotencyState {
        self.markers.reserve(self.key(key), id(submission), BodyHash::compute(body.as_bytes())).await
    }

    async fn complete(&self, key: u128, submission: u128, body: &str) {
        self.markers.complete(self.key(key), id(submission), BodyHash::compute(body.as_bytes())).await;
    }
}

fn id(number: u128) -> SubmissionId {
    format!("{number:032x}").parse().unwrap()
}

pub(crate) async fn a_repeat_gets_the_state_of_the_first_request(world: World) {
    let client = MarkerClient::new(&world).await;
    assert_eq!(client.reserve(1, 1, "body").await, IdempotencyState::FirstRequest);
    assert_eq!(client.reserve(1, 2, "body").await, IdempotencyState::InFlight);
    client.complete(1, 1, "body").await;
    assert_eq!(client.reserve(1, 3, "body").await, IdempotencyState::Completed(id(1)));
    assert_eq!(
        client.reserve(1, 4, "body").await,
        IdempotencyState::Completed(id(1)),
        "a call to reserve changes nothing"
    );
}

pub(crate) async fn another_body_is_a_mismatch_before_and_after_completion(world: World) {
    let client = MarkerClient::new(&world).await;
    assert_eq!(client.reserve(1, 1, "body").await, IdempotencyState::FirstRequest);
    assert_eq!(client.reserve(1, 2, "other").await, IdempotencyState::BodyMismatch);
    client.complete(1, 1, "body").await;
    assert_eq!(client.reserve(1, 3, "other").await, IdempotencyState::BodyMismatch);
    assert_eq!(client.reserve(1, 4, "body").await, IdempotencyState::Completed(id(1)));
}

pub(crate) async fn exactly_one_of_fifty_concurrent_calls_is_first(world: World) {
    let client = MarkerClient::new(&world).await;
    let gateways = [client.markers.clone(), world.other_gateways(&client.markers).await];
    let key = client.key(1);
    let mut tasks = JoinSet::new();
    for number in 0..50 {
        let markers = gateways[number % 2].clone();
        let submission = id(u128::try_from(number).unwrap());
        tasks.spawn(async move { markers.reserve(key, submission, BodyHash::compute(b"body")).await });
    }
    let states = tasks.join_all().await;
    assert_eq!(
        states.iter().filter(|state| **state == IdempotencyState::FirstRequest).count(),
        1,
        "{states:?}"
    );
    assert_eq!(states.iter().filter(|state| **state == IdempotencyState::InFlight).count(), 49, "{states:?}");
}

pub(crate) async fn a_refused_publish_frees_only_its_own_key(world: World) {
    let client = MarkerClient::new(&world).await;
    assert_eq!(client.reserve(1, 1, "body").await, IdempotencyState::FirstRequest);
    client.markers.release(client.key(1), id(2)).await;
    assert_eq!(
        client.reserve(1, 3, "body").await,
        IdempotencyState::InFlight,
        "submission 2 does not hold the key"
    );
    client.markers.release(client.key(1), id(1)).await;
    assert_eq!(client.reserve(1, 4, "other").await, IdempotencyState::FirstRequest);
    client.complete(1, 4, "other").await;
    client.markers.release(client.key(1), id(4)).await;
    assert_eq!(
        client.reserve(1, 5, "other").await,
        IdempotencyState::Completed(id(4)),
        "a durable marker is not removed"
    );
}

pub(crate) async fn a_key_in_flight_expires(world: World) {
    let markers = world.markers(Duration::from_millis(300)).await;
    let client = MarkerClient { markers, organization: world.organization };
    assert_eq!(client.reserve(1, 1, "body").await, IdempotencyState::FirstRequest);
    client.complete(2, 2, "body").await;
    let freed = async {
        while client.reserve(1, 3, "other").await != IdempotencyState::FirstRequest {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    timeout(TEST_TIMEOUT, freed).await.expect("the key is free again");
    assert_eq!(
        client.reserve(2, 4, "body").await,
        IdempotencyState::Completed(id(2)),
        "a durable marker lives longer"
    );
}

/// Submission 1 became durable after its marker expired, while submission 2 was in flight.
pub(crate) async fn the_first_durable_submission_holds_the_key(world: World) {
    let client = MarkerClient::new(&world).await;
    assert_eq!(client.reserve(1, 2, "other").await, IdempotencyState::FirstRequest);
    client.complete(1, 1, "body").await;
    assert_eq!(client.reserve(1, 3, "body").await, IdempotencyState::Completed(id(1)));
    client.complete(1, 2, "other").await;
    assert_eq!(client.reserve(1, 4, "body").await, IdempotencyState::Completed(id(1)));
}

pub(crate) async fn keys_and_organizations_are_separate(world: World) {
    let client = MarkerClient::new(&world).await;
    let others = MarkerClient { organization: OrganizationId::generate(), ..MarkerClient::new(&world).await };
    assert_eq!(client.reserve(1, 1, "body").await, IdempotencyState::FirstRequest);
    assert_eq!(client.reserve(2, 2, "other").await, IdempotencyState::FirstRequest);
    assert_eq!(others.reserve(1, 3, "other").await, IdempotencyState::FirstRequest);
}
