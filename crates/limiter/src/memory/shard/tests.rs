use leadgate_domain::OrganizationId;

use super::*;
use crate::LimitVerdict;

const MINUTE: Duration = Duration::from_secs(60);

fn counter(scope: &str, permits: u32) -> Counter {
    Counter::new(scope, Rate::per_minute(permits))
}

fn open_windows(shard: &CounterShard) -> usize {
    shard.owners.values().map(|windows| windows.open.len()).sum()
}

#[test]
fn a_gateway_grants_its_share_and_at_least_one_permit() {
    let (mut shard, now, organization) = (CounterShard::new(10), Instant::now(), OrganizationId::generate());
    let mut allowed = |scope: &str, permits, gateways| {
        let request = LimitRequest::new(organization, counter(scope, permits));
        let decisions =
            (0..permits).map(|_| shard.decide(&request, GatewayShare::per_gateway(gateways), now));
        decisions.filter(LimitDecision::allowed).count()
    };
    assert_eq!(allowed("third", 30, 3), 10);
    assert_eq!(allowed("rounded down", 11, 3), 3);
    assert_eq!(allowed("at least one", 2, 3), 1);
    assert_eq!(allowed("zero gateways counts as one", 5, 0), 5);
}

#[test]
fn a_batch_larger_than_the_share_opens_a_longer_window() {
    let (mut shard, now, organization) = (CounterShard::new(10), Instant::now(), OrganizationId::generate());
    let share = GatewayShare::per_gateway(4);
    let batch = LimitRequest::new(organization, counter("key", 1_000)).cost(700);
    let first = shard.decide(&batch, share, now);
    assert_eq!((first.verdict, first.remaining, first.resets_in), (LimitVerdict::Allowed, 0, 3 * MINUTE));
    let single = LimitRequest::new(organization, counter("key", 1_000));
    assert_eq!(shard.decide(&single, share, now + 2 * MINUTE).retry_after, Some(MINUTE));
    assert!(shard.decide(&single, share, now + 3 * MINUTE).allowed());
    assert!(!shard.decide(&batch, share, now + 3 * MINUTE).allowed(), "the window is in use");
}

#[test]
fn permits_granted_by_redis_count_against_the_share() {
    let (mut shard, now, organization) = (CounterShard::new(10), Instant::now(), OrganizationId::generate());
    let request = LimitRequest::new(organization, counter("key", 30));
    for _ in 0..8 {
        shard.record_usage(&request, || MINUTE / 2, now);
    }
    let share = GatewayShare::per_gateway(3);
    let decision = shard.decide(&request, share, now);
    assert_eq!((decision.allowed(), decision.remaining, decision.resets_in), (true, 1, MINUTE / 2));
    assert!(shard.decide(&request, share, now).allowed());
    assert!(!shard.decide(&request, share, now).allowed());
    assert!(shard.decide(&request, share, now + MINUTE / 2).allowed(), "the window in Redis has ended");
}

#[test]
fn a_delayed_response_does_not_look_like_a_new_window() {
    let (mut shard, now, organization) = (CounterShard::new(10), Instant::now(), OrganizationId::generate());
    let request = LimitRequest::new(organization, counter("key", 30));
    let delay = Duration::from_millis(40);
    shard.record_usage(&request, || MINUTE, now);
    shard.record_usage(&request, || MINUTE, now + delay);
    assert_eq!(shard.decide(&request.clone().cost(0), GatewayShare::WHOLE, now + delay).remaining, 28);
    shard.record_usage(&request, || MINUTE, now + MINUTE);
    assert_eq!(shard.decide(&request.cost(0), GatewayShare::WHOLE, now + MINUTE).remaining, 29);
}

#[test]
fn ended_windows_are_swept() {
    let (mut shard, now) = (CounterShard::new(1_000), Instant::now());
    for n in 0..500 {
        let request = LimitRequest::new(OrganizationId::generate(), counter(&format!("key:{n}"), 1));
        shard.decide(&request, GatewayShare::WHOLE, now);
    }
    assert_eq!(open_windows(&shard), 500);
    shard.decide(&LimitRequest::without_organization(counter("ip", 1)), GatewayShare::WHOLE, now + MINUTE);
    assert_eq!((open_windows(&shard), shard.owners.len()), (1, 1));
}

#[test]
fn further_counters_of_an_owner_share_one_window() {
    let (mut shard, now, owner) = (CounterShard::new(100), Instant::now(), OrganizationId::generate());
    let mut allowed = 0;
    for n in 0..1_000 {
        let request = LimitRequest::new(owner, counter(&format!("ip:{n}"), 7));
        allowed += u32::from(shard.decide(&request, GatewayShare::WHOLE, now).allowed());
    }
    assert_eq!((allowed, open_windows(&shard)), (107, 101));
    let known = LimitRequest::new(owner, counter("ip:5", 7));
    assert_eq!(shard.decide(&known, GatewayShare::WHOLE, now).remaining, 5, "an open window stays separate");
    let other = LimitRequest::new(OrganizationId::generate(), counter("key", 7));
    assert_eq!(shard.decide(&other, GatewayShare::WHOLE, now).remaining, 6);
}

#[test]
fn extreme_windows_and_limits_do_not_panic() {
    let (mut shard, now, organization) = (CounterShard::new(0), Instant::now(), OrganizationId::generate());
    let endless = Counter::new("key", Rate { permits: u32::MAX, window: Duration::MAX });
    let request = LimitRequest::new(organization, endless).cost(u32::MAX);
    shard.decide(&request, GatewayShare::per_gateway(u32::MAX), now);
    shard.decide(&request, GatewayShare::per_gateway(u32::MAX), now);
    shard.record_usage(&request, || Duration::MAX, now);
    let none =
        LimitRequest::new(organization, Counter::new("none", Rate { permits: 0, window: Duration::ZERO }));
    assert_eq!(shard.decide(&none, GatewayShare::WHOLE, now).verdict, LimitVerdict::LargerThanLimit);
}
