use leadgate_limiter::{LimitRequest, Limiter};
use tokio::task::JoinSet;

use crate::world::{World, counter};

/// Sends all requests concurrently and returns how many are allowed.
async fn allowed(requests: impl IntoIterator<Item = (Limiter, LimitRequest)>) -> usize {
    let mut tasks = JoinSet::new();
    for (limiter, request) in requests {
        tasks.spawn(async move { limiter.acquire(request).await });
    }
    tasks.join_all().await.iter().filter(|decision| decision.allowed()).count()
}

async fn remaining(world: &World, scope: &str, permits: u32) -> u32 {
    world.limiter.acquire(world.request(scope, permits).cost(0)).await.remaining
}

pub(crate) async fn concurrent_requests_get_exactly_the_limit(world: World) {
    let request = world.request("key", 700);
    let requests = (0..2_000).map(|_| (world.limiter.clone(), request.clone()));
    assert_eq!(allowed(requests).await, 700);
    assert_eq!(remaining(&world, "key", 700).await, 0);
}

pub(crate) async fn concurrent_requests_take_all_permits_or_none(world: World) {
    let key = |n: usize| world.request(if n.is_multiple_of(2) { "key:even" } else { "key:odd" }, 300);
    let requests = (0..2_000).map(|n| (world.limiter.clone(), key(n).with_counter(counter("source", 400))));
    assert_eq!(allowed(requests).await, 400, "the source has the lowest limit");
    let kept = remaining(&world, "key:even", 300).await + remaining(&world, "key:odd", 300).await;
    assert_eq!(kept, 200, "a refusal by the source costs no permit of the key");
}

pub(crate) async fn batches_fill_a_window_to_the_last_permit(world: World) {
    let cost = |n: usize| if n.is_multiple_of(2) { 7 } else { 1 };
    let requests = (0..1_000).map(|n| (world.limiter.clone(), world.request("key", 500).cost(cost(n))));
    allowed(requests).await;
    assert_eq!(remaining(&world, "key", 500).await, 0);
}

pub(crate) async fn several_instances_share_one_limit(world: World) {
    let gateways =
        [world.another_gateway().await, world.another_gateway().await, world.another_gateway().await];
    let request = world.request("key", 700);
    let requests = (0..3_000).map(|n| (gateways[n % 3].clone(), request.clone()));
    assert_eq!(allowed(requests).await, 700);
}

pub(crate) async fn the_limiters_of_threads_share_one_limit(world: World) {
    let request = world.request("key", 700);
    let mut threads = JoinSet::new();
    for _ in 0..4 {
        let (limiter, request) = (world.limiter.clone(), request.clone());
        threads.spawn_blocking(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async {
                let limiter = limiter.for_this_thread().await;
                allowed((0..500).map(|_| (limiter.clone(), request.clone()))).await
            })
        });
    }
    assert_eq!(threads.join_all().await.iter().sum::<usize>(), 700);
    assert_eq!(remaining(&world, "key", 700).await, 0);
}
