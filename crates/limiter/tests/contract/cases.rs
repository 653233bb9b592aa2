use std::time::Duration;

use leadgate_domain::{OrganizationId, Rate};
use leadgate_limiter::{Counter, LimitRequest, LimitVerdict};

use crate::world::{MINUTE, World, about, counter};

pub(crate) async fn a_window_starts_at_its_first_permit_and_ends_exactly(world: World) {
    let request = world.request("key", 2);
    assert!(world.limiter.acquire(request.clone()).await.allowed());
    world.pass(MINUTE / 2).await;
    assert!(world.limiter.acquire(request.clone()).await.allowed());
    world.pass(MINUTE / 4).await;
    let refused = world.limiter.acquire(request.clone()).await;
    assert_eq!(refused.verdict, LimitVerdict::Limited);
    assert!(about(refused.resets_in, MINUTE / 4), "{refused:?}");
    assert_eq!(refused.retry_after, Some(refused.resets_in));

    world.pass(refused.resets_in).await;
    let fresh = world.limiter.acquire(request).await;
    assert_eq!((fresh.verdict, fresh.remaining, fresh.resets_in), (LimitVerdict::Allowed, 1, MINUTE));
}

pub(crate) async fn remaining_and_reset_are_exact(world: World) {
    let request = world.request("key", 5);
    for remaining in [4, 3, 2, 1, 0] {
        let decision = world.limiter.acquire(request.clone()).await;
        assert_eq!((decision.verdict, decision.remaining), (LimitVerdict::Allowed, remaining));
        assert!(about(decision.resets_in, MINUTE), "{decision:?}");
        assert_eq!((decision.rate(), decision.retry_after), (Rate::per_minute(5), None));
    }
    let refused = world.limiter.acquire(request).await;
    assert_eq!((refused.verdict, refused.remaining), (LimitVerdict::Limited, 0));
    assert!((55..=60).contains(&refused.retry_after_seconds().unwrap()), "{refused:?}");
    assert!((55..=60).contains(&refused.resets_in_seconds()), "{refused:?}");
}

pub(crate) async fn all_counters_grant_their_permits_or_none_does(world: World) {
    let both = world.request("key", 3).with_counter(counter("source", 5));
    for _ in 0..3 {
        assert!(world.limiter.acquire(both.clone()).await.allowed());
    }
    for _ in 0..3 {
        assert!(!world.limiter.acquire(both.clone()).await.allowed());
    }
    let source = world.limiter.acquire(world.request("source", 5)).await;
    assert_eq!((source.verdict, source.remaining), (LimitVerdict::Allowed, 1));
}

pub(crate) async fn the_most_restrictive_counter_is_reported(world: World) {
    let both = world.request("key", 3).with_counter(counter("source", 2));
    let scope = |decision: &leadgate_limiter::LimitDecision| decision.counter.scope.to_string();
    let allowed = world.limiter.acquire(both.clone()).await;
    assert_eq!((scope(&allowed).as_str(), allowed.remaining), ("source", 1));
    world.pass(MINUTE / 2).await;
    for _ in 0..2 {
        world.limiter.acquire(world.request("key", 3)).await;
    }
    world.limiter.acquire(world.request("source", 2)).await;
    let late = Counter::new("late", Rate { permits: 1, window: 2 * MINUTE });
    assert!(world.limiter.acquire(LimitRequest::new(world.organization, late.clone())).await.allowed());
    let refused = world.limiter.acquire(both.with_counter(late)).await;
    assert_eq!(scope(&refused), "late", "the counter that resets last");
    assert!(about(refused.retry_after.unwrap(), 2 * MINUTE), "{refused:?}");
}

pub(crate) async fn a_batch_is_admitted_completely_or_not_at_all(world: World) {
    let batch = world.request("key", 10).cost(4);
    assert_eq!(world.limiter.acquire(batch.clone()).await.remaining, 6);
    assert_eq!(world.limiter.acquire(batch.clone()).await.remaining, 2);
    let refused = world.limiter.acquire(batch).await;
    assert_eq!((refused.verdict, refused.remaining), (LimitVerdict::Limited, 2));
    let rest = world.limiter.acquire(world.request("key", 10).cost(2)).await;
    assert_eq!((rest.verdict, rest.remaining), (LimitVerdict::Allowed, 0));
}

pub(crate) async fn a_batch_larger_than_the_limit_has_its_own_verdict(world: World) {
    let batch = world.request("key", 50).with_counter(counter("source", 10)).cost(11);
    let decision = world.limiter.acquire(batch).await;
    assert_eq!((decision.verdict, decision.retry_after), (LimitVerdict::LargerThanLimit, None));
    assert_eq!((decision.rate().permits, decision.remaining), (10, 10), "no permit was taken");
    let exactly = world.limiter.acquire(world.request("source", 10).cost(10)).await;
    assert_eq!((exactly.verdict, exactly.remaining), (LimitVerdict::Allowed, 0));
}

pub(crate) async fn a_request_with_zero_cost_takes_nothing(world: World) {
    let zero_cost = world.request("key", 2).cost(0);
    let before = world.limiter.acquire(zero_cost.clone()).await;
    assert_eq!(
        (before.verdict, before.remaining, before.resets_in),
        (LimitVerdict::Allowed, 2, Duration::ZERO)
    );
    for _ in 0..2 {
        assert!(world.limiter.acquire(world.request("key", 2)).await.allowed());
    }
    let after = world.limiter.acquire(zero_cost).await;
    assert_eq!((after.verdict, after.remaining), (LimitVerdict::Allowed, 0));
    assert!(about(after.resets_in, MINUTE), "{after:?}");
}

pub(crate) async fn a_refusal_takes_nothing_and_extends_no_window(world: World) {
    assert!(world.limiter.acquire(world.request("key", 1)).await.allowed());
    let both = world.request("key", 1).with_counter(counter("source", 9));
    world.pass(MINUTE / 2).await;
    let refused = world.limiter.acquire(both).await;
    assert!(about(refused.resets_in, MINUTE / 2), "{refused:?}");
    let untouched = world.limiter.acquire(world.request("source", 9).cost(0)).await;
    assert_eq!((untouched.remaining, untouched.resets_in), (9, Duration::ZERO), "no window was opened");
    world.pass(MINUTE / 2).await;
    assert!(world.limiter.acquire(world.request("key", 1)).await.allowed());
}

pub(crate) async fn organizations_and_scopes_count_separately(world: World) {
    assert!(world.limiter.acquire(world.request("key:1", 1)).await.allowed());
    let others = [
        world.request("key:2", 1),
        LimitRequest::new(OrganizationId::generate(), counter("key:1", 1)),
        LimitRequest::without_organization(counter("key:1", 1)),
    ];
    for other in others {
        let decision = world.limiter.acquire(other).await;
        assert_eq!((decision.verdict, decision.remaining), (LimitVerdict::Allowed, 0));
    }
    assert!(!world.limiter.acquire(world.request("key:1", 1)).await.allowed());
}

pub(crate) async fn a_scope_added_twice_counts_once(world: World) {
    let request = world.request("key", 10).with_counter(counter("key", 3)).with_counter(counter("key", 7));
    let decision = world.limiter.acquire(request).await;
    assert_eq!((decision.rate().permits, decision.remaining), (3, 2));
}

pub(crate) async fn extreme_rates_are_handled(world: World) {
    let rates = [(0, MINUTE), (3, Duration::ZERO), (3, Duration::MAX), (u32::MAX, Duration::from_nanos(1))];
    for (permits, window) in rates {
        let counter = Counter::new(format!("extreme:{permits}:{window:?}"), Rate { permits, window });
        let decision = world.limiter.acquire(LimitRequest::new(world.organization, counter)).await;
        assert_eq!(decision.allowed(), permits > 0);
    }
    assert_eq!(world.limiter.acquire(world.request("key", 2)).await.remaining, 1);
    assert_eq!(world.limiter.status(), leadgate_limiter::LimiterStatus::Ready);
}
