use std::time::Duration;

use leadgate_domain::{BodyHash, ClaimKey, ClaimKind, KeyHash, OrganizationId, SubmissionId};
use leadgate_limiter::{IdempotencyMarkers, IdempotencyState};
use tokio::task::JoinSet;
use tokio::time::timeout;

use crate::world::{MINUTE, World};

/// Longer than anything takes on a loaded machine; only reached by a test that fails.
const LONG: Duration = Duration::from_secs(20);

/// Keys and submissions of one organization.
struct Uses {
    markers: IdempotencyMarkers,
    organization: OrganizationId,
}

impl Uses {
    async fn of(world: &World) -> Self {
        Self { markers: world.markers(MINUTE).await, organization: world.organization }
    }

    fn key(&self, number: u128) -> ClaimKey {
        let key = KeyHash::parse(&format!("{number:032x}")).unwrap();
        ClaimKey { organization: self.organization, kind: ClaimKind::Idempotency, key }
    }

    async fn begin(&self, key: u128, submission: u128, body: &str) -> IdempotencyState {
        self.markers.begin(self.key(key), id(submission), BodyHash::of(body.as_bytes())).await
    }

    async fn done(&self, key: u128, submission: u128, body: &str) {
        self.markers.done(self.key(key), id(submission), BodyHash::of(body.as_bytes())).await;
    }
}

fn id(number: u128) -> SubmissionId {
    format!("{number:032x}").parse().unwrap()
}

pub(crate) async fn a_repeat_is_told_how_far_the_first_came(world: World) {
    let uses = Uses::of(&world).await;
    assert_eq!(uses.begin(1, 1, "body").await, IdempotencyState::First);
    assert_eq!(uses.begin(1, 2, "body").await, IdempotencyState::InFlight);
    uses.done(1, 1, "body").await;
    assert_eq!(uses.begin(1, 3, "body").await, IdempotencyState::Done(id(1)));
    assert_eq!(uses.begin(1, 4, "body").await, IdempotencyState::Done(id(1)), "asking changes nothing");
}

pub(crate) async fn another_body_is_told_from_a_repeat_at_any_time(world: World) {
    let uses = Uses::of(&world).await;
    assert_eq!(uses.begin(1, 1, "body").await, IdempotencyState::First);
    assert_eq!(uses.begin(1, 2, "other").await, IdempotencyState::BodyMismatch);
    uses.done(1, 1, "body").await;
    assert_eq!(uses.begin(1, 3, "other").await, IdempotencyState::BodyMismatch);
    assert_eq!(uses.begin(1, 4, "body").await, IdempotencyState::Done(id(1)));
}

pub(crate) async fn of_fifty_at_once_exactly_one_is_first(world: World) {
    let uses = Uses::of(&world).await;
    let gateways = [uses.markers.clone(), world.other_gateways(&uses.markers).await];
    let key = uses.key(1);
    let mut asking = JoinSet::new();
    for number in 0..50 {
        let markers = gateways[number % 2].clone();
        let submission = id(u128::try_from(number).unwrap());
        asking.spawn(async move { markers.begin(key, submission, BodyHash::of(b"body")).await });
    }
    let begun = asking.join_all().await;
    assert_eq!(begun.iter().filter(|begun| **begun == IdempotencyState::First).count(), 1, "{begun:?}");
    assert_eq!(begun.iter().filter(|begun| **begun == IdempotencyState::InFlight).count(), 49, "{begun:?}");
}

pub(crate) async fn what_was_refused_frees_its_key_and_no_other(world: World) {
    let uses = Uses::of(&world).await;
    assert_eq!(uses.begin(1, 1, "body").await, IdempotencyState::First);
    uses.markers.forget(uses.key(1), id(2)).await;
    assert_eq!(uses.begin(1, 3, "body").await, IdempotencyState::InFlight, "it was not the one that used it");
    uses.markers.forget(uses.key(1), id(1)).await;
    assert_eq!(uses.begin(1, 4, "other").await, IdempotencyState::First);
    uses.done(1, 4, "other").await;
    uses.markers.forget(uses.key(1), id(4)).await;
    assert_eq!(uses.begin(1, 5, "other").await, IdempotencyState::Done(id(4)), "what is durable stays so");
}

pub(crate) async fn a_key_whose_end_nobody_tells_is_soon_free_again(world: World) {
    let markers = world.markers(Duration::from_millis(300)).await;
    let uses = Uses { markers, organization: world.organization };
    assert_eq!(uses.begin(1, 1, "body").await, IdempotencyState::First);
    uses.done(2, 2, "body").await;
    let freed = async {
        while uses.begin(1, 3, "other").await != IdempotencyState::First {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    timeout(LONG, freed).await.expect("it is free again");
    assert_eq!(uses.begin(2, 4, "body").await, IdempotencyState::Done(id(2)), "what is durable lives longer");
}

/// The first one's publish took longer than its marker lived, and a second one was let through.
pub(crate) async fn the_one_that_is_durable_first_holds_the_key(world: World) {
    let uses = Uses::of(&world).await;
    assert_eq!(uses.begin(1, 2, "other").await, IdempotencyState::First);
    uses.done(1, 1, "body").await;
    assert_eq!(uses.begin(1, 3, "body").await, IdempotencyState::Done(id(1)));
    uses.done(1, 2, "other").await;
    assert_eq!(uses.begin(1, 4, "body").await, IdempotencyState::Done(id(1)));
}

pub(crate) async fn keys_and_organizations_do_not_touch_each_other(world: World) {
    let uses = Uses::of(&world).await;
    let others = Uses { organization: OrganizationId::generate(), ..Uses::of(&world).await };
    assert_eq!(uses.begin(1, 1, "body").await, IdempotencyState::First);
    assert_eq!(uses.begin(2, 2, "other").await, IdempotencyState::First);
    assert_eq!(others.begin(1, 3, "other").await, IdempotencyState::First);
}
