//! What each kind of credential may do, from which addresses, and until when.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use leadgate_domain::secret::RootSecret;
use leadgate_domain::{Dialect, KeyKind, Scope, SigningSecretVersion, Source, Timestamp};
use secrecy::ExposeSecret;
use serde_json::json;
use sha2::Sha256;

use crate::world::{Answer, World, send};

const LEAD: &str = r#"{"name":"Ann Lee","phone":"+14155550131","email":"ann@example.com"}"#;

async fn post(world: &World, path: &str, key: &str) -> Answer {
    let request = world.client.post(world.url(path)).bearer_auth(key);
    send(request.header("content-type", "application/json").body(LEAD)).await
}

#[tokio::test]
async fn a_key_may_be_sent_in_x_api_key() {
    let world = World::start().await;
    let request =
        || world.client.post(world.url("/v1/leads")).header("content-type", "application/json").body(LEAD);
    assert_eq!(send(request().header("x-api-key", &world.key)).await.status, 202);
    let other = world.key_with(|_| {}).await;
    let both = request().header("x-api-key", &world.key).bearer_auth(other);
    assert_eq!(send(both).await.problem(), (401, "several_credentials"));
    world.end().await;
}

#[tokio::test]
async fn an_organization_key_is_valid_in_every_dialect_and_a_source_key_in_its_own() {
    let world = World::start().await;
    for path in ["/v1/leads", "/v1/webhooks/leads", "/api/v1/leads/capture"] {
        let answer = post(&world, path, &world.key).await;
        assert_eq!(answer.status / 100, 2, "{path}: {}", answer.body);
    }
    let sources = world.store.sources(world.organization).await.unwrap();
    let mut defaults: Vec<_> = sources.iter().map(|source| (source.dialect, source.name.is_none())).collect();
    defaults.sort();
    assert_eq!(defaults, [(Dialect::Native, true), (Dialect::AbcSales, true), (Dialect::AskAd, true)]);
    let (_, bound) = world.source_of(Dialect::AbcSales, |_| {}).await;
    assert_eq!(post(&world, "/v1/webhooks/leads", &bound).await.status, 202);
    assert_eq!(post(&world, "/api/v1/leads/capture", &bound).await.status, 403);
    assert_eq!(post(&world, "/v1/leads", &bound).await.status, 202, "read in the dialect of the source");
    world.end().await;
}

#[tokio::test]
async fn a_token_is_valid_only_in_its_url() {
    let world = World::start().await;
    let token = world.credential(KeyKind::Token, |key| key.scopes = Scope::ALL.to_vec()).await;
    let url = format!("/api/webhooks/{token}");
    let by_url = |path: &str| {
        send(world.client.post(world.url(path)).header("content-type", "application/json").body(LEAD))
    };
    assert_eq!(by_url(&url).await.status, 202, "the source has the native dialect");
    assert_eq!(by_url(&format!("{url}x")).await.status, 404);
    assert_eq!(by_url(&format!("/v2/1234567890/inbound-webhook/{token}")).await.status, 404);
    let read = send(world.client.get(world.url("/v1/leads")).bearer_auth(&token)).await;
    assert_eq!(read.problem(), (403, "insufficient_scope"));
    world.end().await;
}

#[tokio::test]
async fn a_public_credential_cannot_create_webhooks_or_use_up_the_limit() {
    let world = World::start().await;
    let (source, key) = world.source_of(Dialect::KickoffLabs, |_| {}).await;
    let campaign = source.campaign.unwrap();
    let bind = |credential: &mut leadgate_domain::ApiKey| {
        credential.source = source.id;
        credential.origins = vec!["https://shop.example".to_owned()];
        credential.rate = "3/min".parse().ok();
    };
    let token = world.credential(KeyKind::Token, bind).await;
    let page = world.credential(KeyKind::Publishable, bind).await;
    let webhooks = format!("/v2/{campaign}/inbound-webhook");
    for credential in [&token, &page] {
        let request = world.client.post(world.url(&webhooks)).bearer_auth(credential);
        let request =
            request.header("origin", "https://shop.example").header("content-type", "application/json");
        assert_eq!(send(request.body("{}")).await.status, 403);
        for _ in 0..5 {
            let read = send(world.client.get(world.url("/v1/leads")).bearer_auth(credential)).await;
            assert_eq!((read.status, &read.body["code"]), (403, &json!("insufficient_scope")));
        }
    }
    let url = world.url(&format!("{webhooks}/{token}"));
    let request = world.client.post(url).header("origin", "https://shop.example");
    let posted = send(request.header("content-type", "application/json").body(LEAD)).await;
    assert_eq!((posted.status, posted.header("x-ratelimit-remaining")), (201, "2"), "{}", posted.body);
    assert_eq!(post(&world, &webhooks, &key).await.status, 200);
    let in_path = send(world.client.post(world.url(&format!("/api/webhooks/{key}"))).json(&())).await;
    assert_eq!(in_path.status, 404, "a secret key is not accepted in a URL");
    world.end().await;
}

#[tokio::test]
async fn a_key_in_a_body_is_not_stored() {
    let world = World::start().await;
    let body = format!(r#"{{"phone":"+14155550131","note":"{}","api_key":"4"}}"#, world.key);
    assert_eq!(send(world.post().body(body)).await.status, 202);
    let submission = world.only_submission().await;
    let kept = serde_json::to_string(&submission).unwrap();
    assert!(!kept.contains(&world.key) && kept.contains("14155550131"), "{kept}");
    assert_eq!(submission.fields.custom_fields["api_key"], "4");
    world.end().await;
}

#[tokio::test]
async fn an_expired_key_is_refused() {
    let world = World::start().await;
    let at =
        |seconds: i64| Timestamp::from_microseconds(Timestamp::now().as_microseconds() + seconds * 1_000_000);
    let fading = world.key_with(|key| key.expires_at = Some(at(60))).await;
    let gone = world.key_with(|key| key.expires_at = Some(at(-1))).await;
    assert_eq!(post(&world, "/v1/leads", &fading).await.status, 202);
    assert_eq!(post(&world, "/v1/leads", &gone).await.problem(), (401, "revoked_key"));
    world.end().await;
}

#[tokio::test]
async fn a_source_accepts_posts_only_from_its_networks() {
    let world = World::start().await;
    let near = |source: &mut Source| source.networks = vec!["127.0.0.0/8".parse().unwrap()];
    let far = |source: &mut Source| source.networks = vec!["192.0.2.0/24".parse().unwrap()];
    let ((_, near), (_, far)) =
        (world.source_of(Dialect::Native, near).await, world.source_of(Dialect::Native, far).await);
    assert_eq!(post(&world, "/v1/leads", &near).await.status, 202);
    assert_eq!(post(&world, "/v1/leads", &far).await.problem(), (403, "address_not_allowed"));
    world.end().await;
}

/// Signs like a Standard Webhooks library (<https://www.standardwebhooks.com>).
fn sign(secret: &str, id: &str, timestamp: i64, body: &str) -> String {
    let key = STANDARD.decode(secret.strip_prefix("whsec_").unwrap()).unwrap();
    let mut mac = Hmac::<Sha256>::new_from_slice(&key).unwrap();
    mac.update(format!("{id}.{timestamp}.{body}").as_bytes());
    format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes()))
}

#[tokio::test]
async fn a_source_may_require_signed_posts() {
    let world = World::start().await;
    let now = Timestamp::now();
    let required = SigningSecretVersion {
        version: 2,
        previous_until: Some(now.plus(std::time::Duration::from_secs(60))),
    };
    let (source, key) = world.source_of(Dialect::Native, |source| source.signature = Some(required)).await;
    let signing = RootSecret::new("a root secret for tests, long enough", None).unwrap().signatures();
    let secret = |version| signing.secret(source.id, version).expose_secret().to_owned();
    let seconds = now.as_microseconds() / 1_000_000;
    let send_signed = async |signature: &str, timestamp: i64, body: &'static str| {
        let request = world.client.post(world.url("/v1/leads")).bearer_auth(&key);
        let request =
            request.header("webhook-id", "msg_1").header("webhook-timestamp", timestamp.to_string());
        let request =
            request.header("webhook-signature", signature).header("content-type", "application/json");
        send(request.body(body)).await
    };
    for version in [1, 2] {
        let signature = sign(&secret(version), "msg_1", seconds, LEAD);
        assert_eq!(send_signed(&signature, seconds, LEAD).await.status, 202, "version {version}");
    }
    let good = sign(&secret(2), "msg_1", seconds, LEAD);
    let several = format!("v1a,other v1,{} {good}", STANDARD.encode([0; 32]));
    assert_eq!(send_signed(&several, seconds, LEAD).await.status, 202);
    assert_eq!(send_signed(&good, seconds, "{\"phone\":\"2\"}").await.problem(), (401, "invalid_signature"));
    assert_eq!(send_signed(&good, seconds + 1, LEAD).await.problem(), (401, "invalid_signature"));
    let (unknown, old) = (sign(&secret(3), "msg_1", seconds, LEAD), seconds - 301);
    assert_eq!(send_signed(&unknown, seconds, LEAD).await.problem(), (401, "invalid_signature"));
    let stale = sign(&secret(2), "msg_1", old, LEAD);
    assert_eq!(send_signed(&stale, old, LEAD).await.problem(), (401, "stale_signature"));
    assert_eq!(post(&world, "/v1/leads", &key).await.problem(), (401, "missing_signature"));
    for id in ["", "a b", &"i".repeat(256)] {
        let request = world.client.post(world.url("/v1/leads")).bearer_auth(&key).header("webhook-id", id);
        let request = request.header("webhook-timestamp", seconds.to_string());
        let request = request.header("webhook-signature", sign(&secret(2), id, seconds, LEAD));
        let answer = send(request.header("content-type", "application/json").body(LEAD)).await;
        assert_eq!(answer.problem(), (401, "missing_signature"), "a replay could not be told from it: {id}");
    }
    world.end().await;
}

#[tokio::test]
async fn what_ad_platforms_append_to_the_url_of_a_signed_post_is_ignored() {
    let world = World::start().await;
    let required = SigningSecretVersion { version: 1, previous_until: None };
    let (source, _) =
        world.source_of(Dialect::FiveHundredLeads, |source| source.signature = Some(required)).await;
    let token = world.credential(KeyKind::Token, |key| key.source = source.id).await;
    let path = leadgate_dialect::native::token_path(&source, &token);
    let signing = RootSecret::new("a root secret for tests, long enough", None).unwrap().signatures();
    let secret = signing.secret(source.id, 1).expose_secret().to_owned();
    let seconds = Timestamp::now().as_milliseconds() / 1_000;
    let send_signed = async |query: &str, signature: &str| {
        let request = world.client.post(world.url(&format!("{path}{query}"))).header("webhook-id", "msg_1");
        let request = request.header("webhook-timestamp", seconds.to_string());
        let request = request.header("webhook-signature", signature);
        send(request.header("content-type", "application/json").body(LEAD)).await
    };
    let signature = sign(&secret, "msg_1", seconds, LEAD);
    let unsigned = send_signed("", "v1,x").await;
    assert_eq!((unsigned.status, &unsigned.body["code"]), (401, &json!("invalid_signature")));
    let other = send_signed("?phone=2", &signature).await;
    assert_eq!((other.status, &other.body["code"]), (400, &json!("unknown_parameter")));
    assert_eq!(send_signed("?utm_source=forged&gclid=x", &signature).await.status, 200);
    let stored = serde_json::to_string(&world.only_submission().await).unwrap();
    assert!(!stored.contains("forged") && !stored.contains("gclid"), "{stored}");
    world.end().await;
}

#[tokio::test]
async fn a_secret_key_in_a_page_is_refused_with_cors_headers() {
    let world = World::start().await;
    let own = format!("http://{}", world.address);
    let post = async |key: &str, origin: &str| {
        let request = world.client.post(world.url("/v1/leads")).bearer_auth(key).header("origin", origin);
        send(request.header("content-type", "application/json").body(LEAD)).await
    };
    for origin in ["https://page.example", "null", "http://127.0.0.1", "https://127.0.0.1.page.example"] {
        let read = world.get("/v1/leads").header("origin", origin);
        for refused in [post(&world.key, origin).await, send(read).await] {
            assert_eq!(refused.problem(), (403, "secret_key_in_page"), "{origin}");
            assert_eq!(refused.header("access-control-allow-origin"), origin);
        }
    }
    let unknown = post("lg_live_x", "https://page.example").await;
    assert_eq!(unknown.problem(), (401, "malformed_key"));
    assert_eq!(unknown.header("access-control-allow-origin"), "https://page.example");
    assert_eq!(world.published().await, 0);
    assert_eq!(post(&world.key, &own).await.status, 202, "a page that this server serves");
    world.end().await;
}

#[tokio::test]
async fn a_signed_source_refuses_unsigned_values() {
    let world = World::start().await;
    let required = SigningSecretVersion { version: 1, previous_until: None };
    let (source, _) = world.source_of(Dialect::KickoffLabs, |source| source.signature = Some(required)).await;
    let bind = |key: &mut leadgate_domain::ApiKey| key.source = source.id;
    let token = world.credential(KeyKind::Token, bind).await;
    let url = leadgate_dialect::native::token_path(&source, &token);
    let signing = RootSecret::new("a root secret for tests, long enough", None).unwrap().signatures();
    let secret = signing.secret(source.id, 1).expose_secret().to_owned();
    let seconds = Timestamp::now().as_milliseconds() / 1_000;
    let send_signed = async |url: &str, media: &str, key: Option<&str>| {
        let mut request = world.client.post(world.url(url)).header("content-type", media);
        for (name, value) in [
            ("webhook-id", "msg_1".to_owned()),
            ("webhook-timestamp", seconds.to_string()),
            ("webhook-signature", sign(&secret, "msg_1", seconds, LEAD)),
        ] {
            request = request.header(name, value);
        }
        if let Some(key) = key {
            request = request.header("idempotency-key", key);
        }
        send(request.body(LEAD)).await
    };
    let json = "application/json";
    let forged = send_signed(&format!("{url}?phone_number=%2B14155550199&optin=1"), json, None).await;
    assert_eq!((forged.status, &forged.body["code"]), (400, &json!("unsigned_query")), "{}", forged.body);
    let form = send_signed(&url, "application/x-www-form-urlencoded", None).await;
    assert_eq!((form.status, &form.body["code"]), (415, &json!("unsupported_media_type")), "{}", form.body);
    assert_eq!(world.published().await, 0);
    let mut ids = Vec::new();
    for key in [None, Some("one"), Some("two"), None] {
        let answer = send_signed(&url, json, key).await;
        assert!((200..=202).contains(&answer.status), "{}", answer.body);
        ids.push(answer.body["id"].clone());
    }
    assert!(ids.iter().all(|id| id == &ids[0]), "the unsigned header is ignored: {ids:?}");
    assert_eq!(world.published().await, 1);
    world.end().await;
}

#[tokio::test]
async fn a_new_webhook_of_an_uncached_campaign_accepts_leads_at_once() {
    let world = World::with(crate::world::config_without_polls()).await;
    let source = Source::new(
        world.organization,
        &leadgate_dialect::protocol(Dialect::KickoffLabs).source_defaults,
        Some("new".to_owned()),
        Timestamp::now(),
    );
    world.store.create_source(&source).await.unwrap();
    let campaign = source.campaign.unwrap();
    let made = post(&world, &format!("/v2/{campaign}/inbound-webhook"), &world.key).await;
    assert_eq!(made.status, 200, "{}", made.body);
    let url = made.body["url"].as_str().unwrap();
    let path = &url[url.find("/v2/").unwrap()..];
    let request = world.client.post(world.url(path)).header("content-type", "application/json");
    let taken = send(request.body(LEAD)).await;
    assert_eq!(taken.status, 201, "{}", taken.body);
    world.end().await;
}
