//! The rule exists in Rust and in Lua. A property test checks that both make the same decisions.

use std::time::Duration;

use leadgate_domain::Rate;
use leadgate_limiter::{Counter, LimitRequest, LimitVerdict};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use tokio::runtime::{Builder, Runtime};

use crate::world::World;

#[derive(Debug, Clone)]
enum Step {
    Acquire { scopes: Vec<usize>, cost: u32 },
    Wait(Duration),
}

/// Permits and window in seconds. The windows have different remainders modulo the step of 4 s, so no two end
/// at the same time, and the milliseconds that the test takes do not matter.
const RATES: [(u32, u64); 4] = [(3, 9), (10, 58), (5, 31), (1, 52)];

fn step() -> impl Strategy<Value = Step> {
    let scopes = prop::collection::vec(0..RATES.len(), 1..4);
    let acquire = (scopes, 0_u32..6).prop_map(|(scopes, cost)| Step::Acquire { scopes, cost });
    let wait = (1_u64..4).prop_map(|steps| Step::Wait(Duration::from_secs(4 * steps)));
    prop_oneof![6 => acquire, 1 => wait]
}

fn request(world: &World, scopes: &[usize], cost: u32) -> LimitRequest {
    let counter = |scope: usize| {
        let (permits, seconds) = RATES[scope];
        Counter::new(format!("scope:{scope}"), Rate { permits, window: Duration::from_secs(seconds) })
    };
    let first = LimitRequest::new(world.organization, counter(scopes[0]));
    scopes[1..].iter().fold(first, |request, scope| request.with_counter(counter(*scope))).cost(cost)
}

/// An adapter with its own runtime. In a shared runtime, the paused clock would also affect Redis.
struct Adapter {
    runtime: Runtime,
    world: World,
}

impl Adapter {
    fn open(world: impl Future<Output = World>) -> Self {
        let runtime = Builder::new_current_thread().enable_all().build().unwrap();
        let world = runtime.block_on(async { world.await.stepped() });
        Self { runtime, world }
    }

    fn decide(&self, scopes: &[usize], cost: u32) -> (LimitVerdict, String, u32, u128) {
        let decision = self.runtime.block_on(self.world.limiter.acquire(request(&self.world, scopes, cost)));
        let ends = decision.resets_in.as_millis().div_ceil(2_000);
        (decision.verdict, decision.counter.scope.to_string(), decision.remaining, ends)
    }

    fn pass(&self, time: Duration) {
        self.runtime.block_on(self.world.pass(time));
    }
}

#[test]
fn memory_and_redis_make_the_same_decisions() {
    let mut runner = TestRunner::new(Config { cases: 60, failure_persistence: None, ..Config::default() });
    let steps = prop::collection::vec(step(), 1..80);
    let outcome = runner.run(&steps, |steps| {
        let (memory, redis) = (Adapter::open(World::memory()), Adapter::open(World::redis()));
        for step in steps {
            match step {
                Step::Acquire { scopes, cost } => {
                    prop_assert_eq!(redis.decide(&scopes, cost), memory.decide(&scopes, cost));
                }
                Step::Wait(time) => {
                    memory.pass(time);
                    redis.pass(time);
                }
            }
        }
        Ok(())
    });
    outcome.unwrap();
}
