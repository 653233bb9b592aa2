//! Signed posts, with a signing secret from the command line.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use leadgate_testkit::logs;
use serde_json::json;
use sha2::Sha256;

use crate::systems::{TestResponse, TestSource, send};
use crate::world::{Shape, World, http, until};

const BODY: &str = r#"{"email":"signed@example.com"}"#;

/// The header of <https://www.standardwebhooks.com>: HMAC-SHA-256 over id, time and body.
fn signature(secret: &str, at: u64, body: &str) -> String {
    let key = STANDARD.decode(secret.strip_prefix("whsec_").unwrap()).unwrap();
    let mut mac = Hmac::<Sha256>::new_from_slice(&key).unwrap();
    mac.update(format!("msg_1.{at}.{body}").as_bytes());
    format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes()))
}

fn now() -> u64 {
    std::time::UNIX_EPOCH.elapsed().unwrap().as_secs()
}

/// A source that requires signed posts.
struct SignedSource {
    world: World,
    source: TestSource,
}

impl SignedSource {
    /// Runs `leadgate source signature` and returns the secret that it prints.
    async fn signature_command(&self, arguments: &[&str]) -> String {
        let signature = ["source", "signature", &self.source.id, "--organization", "acme"];
        let shown = self.world.cli(&[&signature, arguments].concat()).await;
        shown["secret"].as_str().unwrap_or_default().to_owned()
    }

    async fn post(&self, headers: Option<(u64, String)>) -> TestResponse {
        let mut request = http().post(format!("{}/v1/leads", self.world.base)).bearer_auth(&self.source.key);
        if let Some((at, signature)) = headers {
            request = request.header("webhook-id", "msg_1").header("webhook-timestamp", at);
            request = request.header("webhook-signature", signature);
        }
        send(request.header("content-type", "application/json").body(BODY)).await
    }

    async fn post_signed(&self, secret: &str) -> TestResponse {
        let at = now();
        self.post(Some((at, signature(secret, at, BODY)))).await
    }
}

fn assert_refused(response: &TestResponse, code: &str) {
    assert_eq!((response.status, &response.body["code"]), (401, &json!(code)), "{}", response.text);
}

async fn a_source_accepts_signed_posts_only(shape: Shape) {
    let world = World::start(shape, "signed").await;
    let source = TestSource::create(&world, "native").await;
    let signed_source = SignedSource { world, source };
    assert_eq!(signed_source.post(None).await.status, 202, "no signature is required yet");
    let first = signed_source.signature_command(&[]).await;
    logs::expect_absent(std::slice::from_ref(&first)).unwrap();
    assert_eq!(signed_source.signature_command(&[]).await, first, "the same secret is shown again");
    let is_required = || async {
        let response = signed_source.post(None).await;
        (response.status != 202).then_some(response)
    };
    assert_refused(&until("signatures to be required", is_required).await, "missing_signature");

    let at = now();
    assert_eq!(signed_source.post_signed(&first).await.status, 202);
    let signature_of_another_body = signature(&first, at, r#"{"email":"mallory@example.com"}"#);
    assert_refused(&signed_source.post(Some((at, signature_of_another_body))).await, "invalid_signature");
    assert_refused(
        &signed_source.post(Some((at + 1, signature(&first, at, BODY)))).await,
        "invalid_signature",
    );
    assert_refused(
        &signed_source.post(Some((at - 400, signature(&first, at - 400, BODY)))).await,
        "stale_signature",
    );
    let other_secret = format!("whsec_{}", STANDARD.encode([7; 32]));
    assert_refused(&signed_source.post_signed(&other_secret).await, "invalid_signature");

    let second = signed_source.signature_command(&["--rotate"]).await;
    assert_ne!(first, second);
    until("the new secret", || async {
        (signed_source.post_signed(&second).await.status == 202).then_some(())
    })
    .await;
    assert_eq!(signed_source.post_signed(&first).await.status, 202, "the previous secret is valid for a day");
    let third = signed_source.signature_command(&["--rotate"]).await;
    until("the third secret", || async {
        (signed_source.post_signed(&third).await.status == 202).then_some(())
    })
    .await;
    assert_refused(&signed_source.post_signed(&first).await, "invalid_signature");

    assert_eq!(signed_source.signature_command(&["--off"]).await, "");
    until("unsigned posts to be accepted", || async {
        (signed_source.post(None).await.status == 202).then_some(())
    })
    .await;
    println!("{shape:?}: signed posts: accepted with the valid secret, 6 others refused, rotated twice");
}

#[tokio::test]
async fn a_source_accepts_signed_posts_only_embedded() {
    a_source_accepts_signed_posts_only(Shape::Embedded).await;
}

#[tokio::test]
async fn a_source_accepts_signed_posts_only_distributed() {
    a_source_accepts_signed_posts_only(Shape::Distributed).await;
}
