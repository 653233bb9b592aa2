use leadgate_domain::OrganizationId;

use super::*;
use crate::Verdict;

const MINUTE: Duration = Duration::from_secs(60);

fn counter(scope: &str, permits: u32) -> Counter {
    Counter::new(scope, Rate::per_minute(permits))
}

fn open_windows(shard: &Shard) -> usize {
    shard.owners.values().map(|windows| windows.open.len()).sum()
}

#[test]
fn a_gateway_alone_gives_its_share_and_one_permit_at_least() {
    let (mut shard, now, organization) = (Shard::new(10), Instant::now(), OrganizationId::generate());
    let mut allowed = |scope: &str, permits, gateways| {
        let request = Request::of(organization, counter(scope, permits));
        let decisions = (0..permits).map(|_| shard.judge(&request, Share::one_of(gateways), now));
        decisions.filter(Decision::allowed).count()
    };
    assert_eq!(allowed("third", 30, 3), 10);
    assert_eq!(allowed("rounded down", 11, 3), 3);
    assert_eq!(allowed("one at least", 2, 3), 1);
    assert_eq!(allowed("no gateways is one", 5, 0), 5);
}

#[test]
fn a_batch_larger_than_a_share_keeps_the_rate_by_a_longer_window() {
    let (mut shard, now, organization) = (Shard::new(10), Instant::now(), OrganizationId::generate());
    let share = Share::one_of(4);
    let batch = Request::of(organization, counter("key", 1_000)).cost(700);
    let first = shard.judge(&batch, share, now);
    assert_eq!((first.verdict, first.remaining, first.reset), (Verdict::Allowed, 0, 3 * MINUTE));
    let single = Request::of(organization, counter("key", 1_000));
    assert_eq!(shard.judge(&single, share, now + 2 * MINUTE).retry_after, Some(MINUTE));
    assert!(shard.judge(&single, share, now + 3 * MINUTE).allowed());
    assert!(!shard.judge(&batch, share, now + 3 * MINUTE).allowed(), "the window is in use");
}

#[test]
fn what_redis_gave_counts_against_the_share() {
    let (mut shard, now, organization) = (Shard::new(10), Instant::now(), OrganizationId::generate());
    let request = Request::of(organization, counter("key", 30));
    for _ in 0..8 {
        shard.note(&request, || MINUTE / 2, now);
    }
    let share = Share::one_of(3);
    let decision = shard.judge(&request, share, now);
    assert_eq!((decision.allowed(), decision.remaining, decision.reset), (true, 1, MINUTE / 2));
    assert!(shard.judge(&request, share, now).allowed());
    assert!(!shard.judge(&request, share, now).allowed());
    assert!(shard.judge(&request, share, now + MINUTE / 2).allowed(), "the window of redis has ended");
}

#[test]
fn a_new_window_in_redis_is_told_from_a_delayed_answer() {
    let (mut shard, now, organization) = (Shard::new(10), Instant::now(), OrganizationId::generate());
    let request = Request::of(organization, counter("key", 30));
    let late = Duration::from_millis(40);
    shard.note(&request, || MINUTE, now);
    shard.note(&request, || MINUTE, now + late);
    assert_eq!(shard.judge(&request.clone().cost(0), Share::WHOLE, now + late).remaining, 28);
    shard.note(&request, || MINUTE, now + MINUTE);
    assert_eq!(shard.judge(&request.cost(0), Share::WHOLE, now + MINUTE).remaining, 29);
}

#[test]
fn windows_that_ended_are_swept() {
    let (mut shard, now) = (Shard::new(1_000), Instant::now());
    for n in 0..500 {
        let request = Request::of(OrganizationId::generate(), counter(&format!("key:{n}"), 1));
        shard.judge(&request, Share::WHOLE, now);
    }
    assert_eq!(open_windows(&shard), 500);
    shard.judge(&Request::unknown(counter("ip", 1)), Share::WHOLE, now + MINUTE);
    assert_eq!((open_windows(&shard), shard.owners.len()), (1, 1));
}

#[test]
fn an_owner_with_too_many_windows_shares_one_and_hurts_nobody_else() {
    let (mut shard, now, owner) = (Shard::new(100), Instant::now(), OrganizationId::generate());
    let mut allowed = 0;
    for n in 0..1_000 {
        let request = Request::of(owner, counter(&format!("ip:{n}"), 7));
        allowed += u32::from(shard.judge(&request, Share::WHOLE, now).allowed());
    }
    assert_eq!((allowed, open_windows(&shard)), (107, 101));
    let known = Request::of(owner, counter("ip:5", 7));
    assert_eq!(shard.judge(&known, Share::WHOLE, now).remaining, 5, "who has a window keeps it");
    let other = Request::of(OrganizationId::generate(), counter("key", 7));
    assert_eq!(shard.judge(&other, Share::WHOLE, now).remaining, 6);
}

#[test]
fn no_window_and_no_limit_can_make_it_panic() {
    let (mut shard, now, organization) = (Shard::new(0), Instant::now(), OrganizationId::generate());
    let endless = Counter::new("key", Rate { permits: u32::MAX, window: Duration::MAX });
    let request = Request::of(organization, endless).cost(u32::MAX);
    shard.judge(&request, Share::one_of(u32::MAX), now);
    shard.judge(&request, Share::one_of(u32::MAX), now);
    shard.note(&request, || Duration::MAX, now);
    let none = Request::of(organization, Counter::new("none", Rate { permits: 0, window: Duration::ZERO }));
    assert_eq!(shard.judge(&none, Share::WHOLE, now).verdict, Verdict::LargerThanLimit);
}
