use leadgate_limiter::{LimitRequest, Limiter};
use tokio::task::JoinSet;

use crate::world::{World, counter};

/// How many are allowed when all are asked for at once.
async fn allowed(requests: impl IntoIterator<Item = (Limiter, LimitRequest)>) -> usize {
    let mut asking = JoinSet::new();
    for (limiter, request) in requests {
        asking.spawn(async move { limiter.acquire(request).await });
    }
    asking.join_all().await.iter().filter(|decision| decision.allowed()).count()
}

async fn left(world: &World, scope: &str, permits: u32) -> u32 {
    world.limiter.acquire(world.request(scope, permits).cost(0)).await.remaining
}

pub(crate) async fn of_many_at_once_exactly_the_limit_is_allowed(world: World) {
    let request = world.request("key", 700);
    let many = (0..2_000).map(|_| (world.limiter.clone(), request.clone()));
    assert_eq!(allowed(many).await, 700);
    assert_eq!(left(&world, "key", 700).await, 0);
}

pub(crate) async fn all_or_nothing_holds_at_once_too(world: World) {
    let key = |n: usize| world.request(if n.is_multiple_of(2) { "key:even" } else { "key:odd" }, 300);
    let many = (0..2_000).map(|n| (world.limiter.clone(), key(n).with_counter(counter("source", 400))));
    assert_eq!(allowed(many).await, 400, "the source binds");
    let kept = left(&world, "key:even", 300).await + left(&world, "key:odd", 300).await;
    assert_eq!(kept, 200, "what the source refused cost no key a permit");
}

pub(crate) async fn batches_fill_a_window_to_the_last_permit(world: World) {
    let cost = |n: usize| if n.is_multiple_of(2) { 7 } else { 1 };
    let many = (0..1_000).map(|n| (world.limiter.clone(), world.request("key", 500).cost(cost(n))));
    allowed(many).await;
    assert_eq!(left(&world, "key", 500).await, 0);
}

pub(crate) async fn several_instances_share_one_limit(world: World) {
    let gateways = [world.another().await, world.another().await, world.another().await];
    let request = world.request("key", 700);
    let many = (0..3_000).map(|n| (gateways[n % 3].clone(), request.clone()));
    assert_eq!(allowed(many).await, 700);
}
