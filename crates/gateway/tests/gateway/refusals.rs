//! Refusals in the log: visible at info level, with few lines for many refused requests.

use std::time::Duration;

use leadgate_domain::Scope;
use leadgate_domain::key::PresentedKey;
use leadgate_gateway::GatewayConfig;
use secrecy::ExposeSecret;

use crate::logs::lines_with;
use crate::world::{PATIENCE, World, config, send};

const LEAD: &str = r#"{"phone":"+14155550100"}"#;

fn key_id(key: &str) -> String {
    PresentedKey::parse(key).unwrap().id.to_string()
}

/// The log lines that summarize the refusals of a key.
fn summaries(key: &str) -> Vec<String> {
    let mut lines = lines_with("requests refused");
    lines.retain(|line| line.contains(&key_id(key)));
    lines
}

#[tokio::test]
async fn refusals_are_one_line_for_each_key_and_source() {
    let world = World::start().await;
    let writer = world.key_with(|key| key.scopes = vec![Scope::Write]).await;
    let revoked = world.key_with(|key| key.revoked_at = Some(leadgate_domain::Timestamp::now())).await;
    let (_, unknown) = PresentedKey::generate(leadgate_domain::KeyKind::Secret);
    let unknown = unknown.expose_secret();
    for _ in 0..3 {
        assert_eq!(send(world.post().body(r#"{"phone":{}}"#)).await.status, 422);
    }
    let too_large = world.post().header("content-length", "100000").body("x".repeat(100_000));
    assert_eq!(send(too_large).await.status, 413);
    let with = |key: &str| world.client.get(world.url("/v1/leads")).bearer_auth(key);
    for (key, status) in [(&*writer, 403), (&*writer, 403), (&*revoked, 401), (unknown, 401)] {
        assert_eq!(send(with(key)).await.status, status);
    }
    let (key, source) = (world.key.clone(), world.source.to_string());
    world.end().await;

    for (key, counts) in [
        (&key, "refusals=4 codes=body_too_large=1 invalid_lead=3"),
        (&writer, "refusals=2 codes=insufficient_scope=2"),
        (&revoked, "refusals=1 codes=revoked_key=1"),
    ] {
        let lines = summaries(key);
        let [line] = lines.as_slice() else { panic!("{counts}: {lines:?}") };
        assert!(line.contains("INFO") && line.contains(&source) && line.contains(counts), "{line}");
    }
    assert!(summaries(unknown).is_empty(), "an unauthenticated key is not a label");
    let unknown =
        lines_with("requests refused").into_iter().filter(|line| line.contains("key.id=\"unknown\""));
    assert!(unknown.into_iter().any(|line| line.contains("invalid_key=")));
}

#[tokio::test]
async fn refusals_are_summarized_while_the_gateway_runs() {
    let refusal_report_interval = Duration::from_millis(50);
    let world = World::with(GatewayConfig { refusal_report_interval, ..config() }).await;
    let deadline = tokio::time::Instant::now() + PATIENCE;
    while summaries(&world.key).len() < 2 {
        assert!(tokio::time::Instant::now() < deadline, "no summary");
        assert_eq!(send(world.get("/v1/leads/nothing")).await.status, 404);
    }
    world.end().await;
}

#[tokio::test]
async fn a_server_error_is_logged_at_once_and_its_repetitions_are_counted() {
    let world = World::start().await;
    world.until_ready_is(200).await;
    world.queue.shutdown().await;
    let id = |number: u32| format!("{}.{number}.", key_id(&world.key));
    let post = async |number: u32| {
        let answer = send(world.post().header("x-request-id", id(number)).body(LEAD)).await;
        assert_eq!(answer.problem(), (503, "queue_unavailable"));
    };
    let errors = |number: u32| {
        let mut lines = lines_with(&id(number));
        lines.retain(|line| line.contains("ERROR"));
        lines.len()
    };
    post(0).await;
    assert_eq!(errors(0), 1, "at once");
    for number in 1..=37 {
        post(number).await;
    }
    assert_eq!((1..=37).map(errors).sum::<usize>(), 0);
    world.end().await;
    let lines = lines_with("request failed repeatedly");
    let of_ours = |line: &&String| line.contains("repetitions=37") && line.contains("/v1/leads");
    assert_eq!(lines.iter().filter(of_ours).count(), 1, "{lines:?}");
}
