//! Authentication with API keys, and its refusals.

use insta::assert_snapshot;
use leadgate_domain::key::PresentedKey;
use leadgate_domain::{Scope, Timestamp};
use secrecy::ExposeSecret;

use crate::world::{World, send};

const LEAD: &str = r#"{"phone":"1"}"#;

#[tokio::test]
async fn every_invalid_credential_has_its_own_code_and_publishes_nothing() {
    let world = World::start().await;
    world.until_ready_is(200).await;
    let (_, unknown) = PresentedKey::generate(leadgate_domain::KeyKind::Secret);
    let mut mistyped = world.key.clone();
    mistyped.replace_range(30..31, if &mistyped[30..31] == "x" { "y" } else { "x" });
    let good = format!("Bearer {}", world.key);
    for (values, code, challenge) in [
        (vec![], "missing_credentials", "Bearer"),
        (vec![good.clone(), good.clone()], "several_credentials", "Bearer"),
        (vec![format!("Basic {}", world.key)], "unsupported_scheme", "Bearer"),
        (vec![world.key.clone()], "unsupported_scheme", "Bearer"),
        (vec![String::new()], "unsupported_scheme", "Bearer"),
        (vec!["Bearer".to_owned()], "malformed_key", r#"Bearer error="invalid_token""#),
        (vec![format!("Bearer {mistyped}")], "malformed_key", r#"Bearer error="invalid_token""#),
        (vec![format!("{good} x")], "malformed_key", r#"Bearer error="invalid_token""#),
        (vec![format!("Bearer {}", "k".repeat(8_000))], "malformed_key", r#"Bearer error="invalid_token""#),
        (vec!["Bearer \u{e9}".to_owned()], "malformed_key", r#"Bearer error="invalid_token""#),
        (
            vec![format!("Bearer {}", unknown.expose_secret())],
            "invalid_key",
            r#"Bearer error="invalid_token""#,
        ),
    ] {
        let mut request = world.client.post(world.url("/v1/leads?key=x")).body(LEAD);
        request = request.header("content-type", "application/json");
        for value in &values {
            request = request.header("authorization", value);
        }
        let answer = send(request).await;
        assert_eq!(answer.problem(), (401, code), "{values:?}");
        assert_eq!(answer.header("www-authenticate"), challenge, "{values:?}");
        assert_eq!(
            answer.header("x-ratelimit-limit"),
            "120",
            "unauthenticated requests are counted by address"
        );
    }
    assert_eq!(world.published().await, 0);
    world.end().await;
}

#[tokio::test]
async fn a_key_in_the_query_does_not_authenticate() {
    let world = World::start().await;
    for name in ["key", "api_key", "access_token", "token"] {
        let url = world.url(&format!("/v1/leads?{name}={}", world.key));
        assert_eq!(send(world.client.get(url)).await.problem(), (401, "missing_credentials"));
    }
    world.end().await;
}

#[tokio::test]
async fn a_wrong_secret_is_answered_like_an_unknown_key() {
    let world = World::start().await;
    world.until_ready_is(200).await;
    // The same id with another secret and a correct checksum.
    let (_, other) = PresentedKey::generate(leadgate_domain::KeyKind::Secret);
    let (ours, other) = (&world.key, other.expose_secret());
    let forged = format!("{}{}", &ours[..19], &other[19..63]);
    let forged = format!("{forged}_{}", checksum(&forged));
    assert!(PresentedKey::parse(&forged).is_some());
    let wrong_secret = send(world.client.get(world.url("/v1/leads")).bearer_auth(&forged)).await;
    let unknown = send(world.client.get(world.url("/v1/leads")).bearer_auth(other)).await;
    assert_eq!(wrong_secret.problem(), (401, "invalid_key"));
    assert_eq!(wrong_secret.body, unknown.body);
    assert_snapshot!(serde_json::to_string_pretty(&wrong_secret.body).unwrap(), @r#"
    {
      "code": "invalid_key",
      "detail": "The API key is not valid. Check the key, and that it belongs to this installation.",
      "status": 401,
      "title": "Unauthorized",
      "type": "about:blank"
    }
    "#);
    world.end().await;
}

/// The checksum of a key: the CRC-32 in base62, six digits.
fn checksum(body: &str) -> String {
    const DIGITS: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    let mut rest = crc32(body.as_bytes());
    let mut digits = Vec::new();
    for _ in 0..6 {
        digits.push(char::from(DIGITS[usize::try_from(rest % 62).unwrap()]));
        rest /= 62;
    }
    digits.iter().rev().collect()
}

fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(u32::MAX, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| (crc >> 1) ^ (0xedb8_8320 & (crc & 1).wrapping_neg()))
    })
}

#[tokio::test]
async fn a_request_without_the_required_scope_is_refused() {
    let world = World::start().await;
    let reader = world.key_with(|key| key.scopes = vec![Scope::Read]).await;
    let writer = world.key_with(|key| key.scopes = vec![Scope::Write]).await;
    let post = |key: &str| {
        let request = world.client.post(world.url("/v1/leads")).bearer_auth(key);
        send(request.header("content-type", "application/json").body(LEAD))
    };
    let get = |key: &str| send(world.client.get(world.url("/v1/leads")).bearer_auth(key));
    let (refused, accepted) = (post(&reader).await, post(&writer).await);
    assert_eq!(refused.problem(), (403, "insufficient_scope"));
    assert_eq!(refused.header("www-authenticate"), r#"Bearer error="insufficient_scope", scope="write""#);
    assert_eq!(refused.header("x-ratelimit-limit"), "1000000");
    assert_eq!((accepted.status, get(&reader).await.status), (202, 200));
    assert_eq!(get(&writer).await.problem(), (403, "insufficient_scope"));
    assert_eq!(world.published().await, 1);
    world.end().await;
}

#[tokio::test]
async fn a_new_key_works_at_once_and_a_revoked_one_is_refused_within_a_poll() {
    let world = World::start().await;
    let get = |key: String| send(world.client.get(world.url("/v1/leads")).bearer_auth(key));
    let key = world.key_with(|_| {}).await;
    assert_eq!(get(key.clone()).await.status, 200, "without waiting for a poll");
    let id = PresentedKey::parse(&key).unwrap().id;
    world.store.revoke_key(&id, None).await.unwrap();
    let deadline = tokio::time::Instant::now() + crate::world::PATIENCE;
    let refused = loop {
        let answer = get(key.clone()).await;
        if answer.status != 200 || tokio::time::Instant::now() > deadline {
            break answer;
        }
    };
    assert_eq!(refused.problem(), (401, "revoked_key"));
    world.end().await;
}

#[tokio::test]
async fn a_revoked_key_that_is_not_in_the_snapshot_is_refused() {
    let world = World::start().await;
    let key = world.key_with(|key| key.revoked_at = Some(Timestamp::now())).await;
    let answer = send(world.client.get(world.url("/v1/leads")).bearer_auth(&key)).await;
    assert_eq!(answer.problem(), (401, "revoked_key"));
    world.end().await;
}

#[tokio::test]
async fn a_key_that_is_revoked_during_its_request_creates_no_key() {
    let world = World::with(crate::world::config_without_polls()).await;
    world.until_ready_is(200).await;
    let id = PresentedKey::parse(&world.key).unwrap().id;
    world.store.revoke_key(&id, None).await.unwrap();
    // Authentication uses the snapshot, which still has the key. The transaction refuses it.
    let request = world.client.post(world.url("/v1/keys")).bearer_auth(&world.key);
    let refused = send(request.json(&serde_json::json!({ "source": world.source }))).await;
    assert_eq!(refused.problem(), (401, "revoked_key"));
    assert_eq!(refused.header("www-authenticate"), r#"Bearer error="invalid_token""#);
    assert_eq!(refused.body["detail"], "The API key of this request was revoked. Use another key.");
    assert_eq!(world.store.keys(world.organization).await.unwrap().len(), 1);
    world.end().await;
}
