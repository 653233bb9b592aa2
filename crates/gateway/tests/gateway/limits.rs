//! Rate limits and their response headers.

use leadgate_gateway::GatewayConfig;

use crate::world::{Answer, World, config, send};

const LEAD: &str = r#"{"phone":"1"}"#;

fn limit_and_remaining(answer: &Answer) -> (u64, u64) {
    let number = |name: &str| answer.header(name).parse::<u64>().unwrap();
    let (limit, remaining) = (number("x-ratelimit-limit"), number("x-ratelimit-remaining"));
    assert!(answer.header("ratelimit").starts_with(&format!("\"default\";r={remaining};t=")));
    assert_eq!(answer.header("ratelimit-policy"), format!("\"default\";q={limit};w=60"));
    let now = u64::try_from(leadgate_domain::Timestamp::now().as_milliseconds()).unwrap() / 1_000;
    assert!((now..now + 62).contains(&number("x-ratelimit-reset")), "a Unix time within the window");
    (limit, remaining)
}

#[tokio::test]
async fn a_key_has_its_own_limit_and_every_response_contains_it() {
    let world = World::start().await;
    let key = world.key_with(|key| key.rate = "5/min".parse().ok()).await;
    let post = |body: &'static str| {
        let request = world.client.post(world.url("/v1/leads")).bearer_auth(&key);
        send(request.header("content-type", "application/json").body(body))
    };
    let get = |path: &str| send(world.client.get(world.url(path)).bearer_auth(&key));
    let mut answers = vec![post(LEAD).await, post("{").await, post("{}").await];
    answers.extend([get("/v1/leads").await, get("/v1/leads/nobodys").await]);
    let results: Vec<_> = answers.iter().map(|answer| (answer.status, limit_and_remaining(answer))).collect();
    assert_eq!(results, [(202, (5, 4)), (400, (5, 3)), (422, (5, 2)), (200, (5, 1)), (404, (5, 0))]);
    for refused in [post(LEAD).await, get("/v1/leads").await] {
        assert_eq!(refused.problem(), (429, "rate_limited"));
        assert_eq!(limit_and_remaining(&refused), (5, 0));
        assert!((1..=60).contains(&refused.header("retry-after").parse::<u64>().unwrap()));
    }
    assert_eq!(world.published().await, 1);
    world.end().await;
}

#[tokio::test]
async fn a_key_without_a_limit_has_the_limit_of_its_dialect() {
    let world = World::start().await;
    let key = world.key_with(|key| key.rate = None).await;
    let answer = send(world.client.get(world.url("/v1/leads")).bearer_auth(key)).await;
    assert_eq!(limit_and_remaining(&answer), (1_200, 1_199));
    world.end().await;
}

#[tokio::test]
async fn a_source_limits_the_leads_of_all_its_keys_together() {
    let world = World::start().await;
    let source = leadgate_domain::Source {
        rate: "2/min".parse().ok(),
        ..leadgate_domain::Source::new(
            world.organization,
            &leadgate_dialect::protocol(leadgate_domain::Dialect::Native).source_defaults,
            Some("form".to_owned()),
            leadgate_domain::Timestamp::now(),
        )
    };
    world.store.create_source(&source).await.unwrap();
    let mut results = Vec::new();
    for _ in 0..3 {
        let key = world.key_with(|key| key.source = source.id).await;
        let request = world.client.post(world.url("/v1/leads")).bearer_auth(&key);
        let answer = send(request.header("content-type", "application/json").body(LEAD)).await;
        results.push((answer.status, limit_and_remaining(&answer).1));
        let read = send(world.client.get(world.url("/v1/leads")).bearer_auth(&key)).await;
        assert_eq!(read.status, 200, "reads are not counted for the source");
    }
    assert_eq!(results, [(202, 1), (202, 0), (429, 0)]);
    world.end().await;
}

#[tokio::test]
async fn guessed_keys_are_counted_by_address_only() {
    let world = World::with(GatewayConfig {
        unauthenticated_rate: "3/min".parse().unwrap(),
        trusted_proxies: vec!["127.0.0.0/8".parse().unwrap()],
        ..config()
    })
    .await;
    let from = |address: &str, key: &str| {
        let request = world.client.get(world.url("/v1/leads")).bearer_auth(key);
        send(request.header("x-forwarded-for", address.to_owned()))
    };
    let mut results = Vec::new();
    for _ in 0..4 {
        results.push(from("192.0.2.1", "guess").await.status);
    }
    assert_eq!(results, [401, 401, 401, 429]);
    assert_eq!(from("192.0.2.1", &world.key).await.status, 200, "an authenticated key is not limited");
    assert_eq!(from("192.0.2.2", "guess").await.status, 401);
    world.end().await;
}

#[tokio::test]
async fn each_dialect_has_its_documented_limit() {
    use leadgate_domain::Dialect::{AbcSales, AskAd, Lead2inbound};
    let world = World::start().await;
    for (dialect, path, limit) in [
        (AbcSales, "/v1/webhooks/leads", 300),
        (Lead2inbound, "/v1/leads", 120),
        (AskAd, "/api/v1/leads/inbound", 100),
    ] {
        let (_, key) = world.source_of(dialect, |_| {}).await;
        let post = || {
            let request =
                world.client.post(world.url(path)).bearer_auth(&key).header("prefer", "respond-async");
            send(
                request
                    .header("content-type", "application/json")
                    .body(r#"{"name":"Ann","phone":"+14155550132"}"#),
            )
        };
        for left in (0..limit).rev() {
            let answer = post().await;
            let results =
                (answer.status, answer.header("x-ratelimit-limit"), answer.header("x-ratelimit-remaining"));
            assert_eq!(results, (202, limit.to_string().as_str(), left.to_string().as_str()), "{dialect}");
            assert_eq!(answer.header("x-ratelimit-reset").is_empty(), dialect == AbcSales);
            assert!(answer.header("ratelimit-policy").contains(&format!("q={limit};w=60")));
        }
        let refused = post().await;
        let retry_after: u64 = refused.header("retry-after").parse().unwrap();
        assert_eq!(
            (refused.status, refused.body["retry_after"].as_u64()),
            (429, Some(retry_after)),
            "{dialect}"
        );
        assert!((1..=60).contains(&retry_after) && refused.body["error"].is_string(), "{}", refused.body);
    }
    // The limit of ABC Sales AI applies to all sources of a company together.
    let (_, key) = world.source_of(AbcSales, |_| {}).await;
    let request = world.client.post(world.url("/v1/webhooks/leads")).bearer_auth(&key);
    let other = send(request.header("content-type", "application/json").body(r#"{"name":"Ann"}"#)).await;
    assert_eq!(other.status, 429);
    world.end().await;
}

#[tokio::test]
async fn posts_with_public_credentials_are_counted_by_address() {
    let trusted_proxies = vec!["127.0.0.0/8".parse().unwrap()];
    let world = World::with(GatewayConfig { trusted_proxies, ..config() }).await;
    for dialect in leadgate_domain::Dialect::ALL.iter().copied() {
        let (source, key) = world.source_of(dialect, |_| {}).await;
        let token = world.credential(leadgate_domain::KeyKind::Token, |key| key.source = source.id).await;
        let path = leadgate_dialect::native::token_path(&source, &token);
        let permits = u64::from(leadgate_dialect::protocol(dialect).default_limit.rate.permits);
        let body = r#"{"full_name":"Ann Lee","phone":"+14155550131"}"#;
        let by_form = async |address: &str| {
            let request = world.client.post(world.url(&path)).header("x-forwarded-for", address);
            send(request.header("content-type", "application/json").body(body)).await
        };
        let by_server = async || {
            let request = world.client.post(world.url("/v1/leads")).bearer_auth(&key);
            let request =
                request.header("content-type", "application/json").header("prefer", "respond-async");
            send(request.body(body)).await
        };
        let remaining = |answer: &Answer| answer.header("x-ratelimit-remaining").parse::<u64>().unwrap();
        let first = by_server().await;
        assert_eq!(remaining(&by_form("192.0.2.1").await), permits - 1, "{dialect}");
        assert_eq!(remaining(&by_form("192.0.2.1").await), permits - 2, "{dialect}");
        assert_eq!(remaining(&by_form("192.0.2.2").await), permits - 1, "{dialect}: another visitor");
        assert_eq!(remaining(&by_server().await), remaining(&first) - 1, "{dialect}");
    }
    world.end().await;
}
