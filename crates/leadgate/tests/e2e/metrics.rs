//! The metrics of a gateway.

use std::time::Instant;

use leadgate_domain::KeyKind;
use leadgate_domain::key::PresentedKey;
use secrecy::ExposeSecret;

use crate::systems::send;
use crate::world::{TIMEOUT, World, http};

/// The value of a metric, which is named with all its labels; 0 before it was first counted.
pub async fn metric(base: &str, name: &str) -> u64 {
    let text = send(http().get(format!("{base}/metrics"))).await.text;
    let value = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' ')?.parse().ok());
    value.unwrap_or(0)
}

/// How often these gateways could not use Redis.
pub async fn redis_fallbacks(bases: &[&str]) -> u64 {
    let mut sum = 0;
    for base in bases {
        for name in [
            "leadgate_limiter_fallbacks_total",
            "leadgate_limiter_idempotency_total{state=\"unknown\"}",
            "leadgate_limiter_calls_total{call=\"markers\",result=\"failed\"}",
        ] {
            sum += metric(base, name).await;
        }
    }
    sum
}

/// Runs a trial and returns its result if Redis answered the gateways within their time limit of 25 ms.
/// Otherwise it repeats the trial, because Redis may be slow on a machine that is busy with other tests.
pub async fn with_redis_in_time<T>(bases: &[&str], mut trial: impl AsyncFnMut(usize) -> T) -> T {
    let deadline = Instant::now() + TIMEOUT;
    for attempt in 0.. {
        let before = redis_fallbacks(bases).await;
        let result = trial(attempt).await;
        if redis_fallbacks(bases).await == before {
            return result;
        }
        println!("redis did not answer in time in trial {attempt}");
        assert!(Instant::now() < deadline, "redis never answered in time");
    }
    unreachable!("trials go on until the deadline")
}

#[tokio::test]
async fn refusals_are_counted_by_code_key_and_source() {
    let world = World::embedded("refusal-metrics").await;
    for _ in 0..2 {
        assert_eq!(world.post("{").await.status(), 400);
    }
    let (_, unknown) = PresentedKey::generate(KeyKind::Secret);
    let leads = format!("{}/v1/leads", world.base);
    let refused = send(http().get(&leads).bearer_auth(unknown.expose_secret())).await;
    assert_eq!(refused.status, 401);
    let text = send(http().get(format!("{}/metrics", world.base))).await.text;
    let key = PresentedKey::parse(&world.key).unwrap().id;
    let source = world.store.keys(world.organization).await.unwrap()[0].source;
    for line in [
        format!(r#"{{code="not_json",key="{key}",source="{source}"}} 2"#),
        r#"{code="invalid_key",key="unknown",source="unknown"} 1"#.to_owned(),
    ] {
        let line = format!("leadgate_gateway_refusals_total{line}");
        assert!(text.lines().any(|other| other == line), "{line}: {text}");
    }
}
