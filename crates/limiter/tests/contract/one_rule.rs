//! The rule is written twice, in Rust and in Lua: whatever is asked, both say the same.

use std::time::Duration;

use leadgate_domain::Rate;
use leadgate_limiter::{Counter, LimitRequest, LimitVerdict};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use tokio::runtime::{Builder, Runtime};

use crate::world::World;

#[derive(Debug, Clone)]
enum Step {
    Ask { scopes: Vec<usize>, cost: u32 },
    Pass(Duration),
}

/// Against steps of 4 s every window leaves another remainder: no two ever end at once, so that the milliseconds
/// which the test itself takes decide nothing.
const RATES: [(u32, u64); 4] = [(3, 9), (10, 58), (5, 31), (1, 52)];

fn step() -> impl Strategy<Value = Step> {
    let scopes = prop::collection::vec(0..RATES.len(), 1..4);
    let ask = (scopes, 0_u32..6).prop_map(|(scopes, cost)| Step::Ask { scopes, cost });
    let pass = (1_u64..4).prop_map(|steps| Step::Pass(Duration::from_secs(4 * steps)));
    prop_oneof![6 => ask, 1 => pass]
}

fn request(world: &World, scopes: &[usize], cost: u32) -> LimitRequest {
    let counter = |scope: usize| {
        let (permits, seconds) = RATES[scope];
        Counter::new(format!("scope:{scope}"), Rate { permits, window: Duration::from_secs(seconds) })
    };
    let first = LimitRequest::of(world.organization, counter(scopes[0]));
    scopes[1..].iter().fold(first, |request, scope| request.with_counter(counter(*scope))).cost(cost)
}

/// An adapter with a runtime of its own, because a clock that stands still would stand still for Redis too.
struct Side {
    runtime: Runtime,
    world: World,
}

impl Side {
    fn of(world: impl Future<Output = World>) -> Self {
        let runtime = Builder::new_current_thread().enable_all().build().unwrap();
        let world = runtime.block_on(async { world.await.stepped() });
        Self { runtime, world }
    }

    fn says(&self, scopes: &[usize], cost: u32) -> (LimitVerdict, String, u32, u128) {
        let decision = self.runtime.block_on(self.world.limiter.acquire(request(&self.world, scopes, cost)));
        let ends = decision.reset.as_millis().div_ceil(2_000);
        (decision.verdict, decision.counter.scope.to_string(), decision.remaining, ends)
    }

    fn pass(&self, time: Duration) {
        self.runtime.block_on(self.world.pass(time));
    }
}

#[test]
fn memory_and_redis_say_the_same() {
    let mut runner = TestRunner::new(Config { cases: 60, failure_persistence: None, ..Config::default() });
    let steps = prop::collection::vec(step(), 1..80);
    let outcome = runner.run(&steps, |steps| {
        let (memory, redis) = (Side::of(World::memory()), Side::of(World::redis()));
        for step in steps {
            match step {
                Step::Ask { scopes, cost } => {
                    prop_assert_eq!(redis.says(&scopes, cost), memory.says(&scopes, cost));
                }
                Step::Pass(time) => {
                    memory.pass(time);
                    redis.pass(time);
                }
            }
        }
        Ok(())
    });
    outcome.unwrap();
}
