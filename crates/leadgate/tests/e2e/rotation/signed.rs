//! Posts that are signed, with a secret that the command line made.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use leadgate_testkit::logs;
use serde_json::json;
use sha2::Sha256;

use crate::systems::{Got, Way, send};
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

/// A source that is posted to with a key, and what signs the posts.
struct Signed {
    world: World,
    way: Way,
}

impl Signed {
    /// `leadgate source signature`; its secret.
    async fn cli(&self, more: &[&str]) -> String {
        let signature = ["source", "signature", &self.way.id, "--organization", "acme"];
        let shown = self.world.cli(&[&signature, more].concat()).await;
        shown["secret"].as_str().unwrap_or_default().to_owned()
    }

    async fn post(&self, headers: Option<(u64, String)>) -> Got {
        let mut request = http().post(format!("{}/v1/leads", self.world.base)).bearer_auth(&self.way.key);
        if let Some((at, signature)) = headers {
            request = request.header("webhook-id", "msg_1").header("webhook-timestamp", at);
            request = request.header("webhook-signature", signature);
        }
        send(request.header("content-type", "application/json").body(BODY)).await
    }

    async fn with(&self, secret: &str) -> Got {
        let at = now();
        self.post(Some((at, signature(secret, at, BODY)))).await
    }
}

fn is_refused(got: &Got, code: &str) {
    assert_eq!((got.status, &got.body["code"]), (401, &json!(code)), "{}", got.text);
}

async fn takes_signed_posts_only(shape: Shape) {
    let world = World::start(shape, "signed").await;
    let way = Way::into(&world, "native").await;
    let signed = Signed { world, way };
    assert_eq!(signed.post(None).await.status, 202, "nothing is demanded yet");
    let first = signed.cli(&[]).await;
    logs::expect_absent(std::slice::from_ref(&first)).unwrap();
    assert_eq!(signed.cli(&[]).await, first, "shown again, not made again");
    let demanded = || async {
        let got = signed.post(None).await;
        (got.status != 202).then_some(got)
    };
    is_refused(&until("the demand", demanded).await, "missing_signature");

    let at = now();
    assert_eq!(signed.with(&first).await.status, 202);
    let of_another = signature(&first, at, r#"{"email":"mallory@example.com"}"#);
    is_refused(&signed.post(Some((at, of_another))).await, "invalid_signature");
    is_refused(&signed.post(Some((at + 1, signature(&first, at, BODY)))).await, "invalid_signature");
    is_refused(&signed.post(Some((at - 400, signature(&first, at - 400, BODY)))).await, "stale_signature");
    let stranger = format!("whsec_{}", STANDARD.encode([7; 32]));
    is_refused(&signed.with(&stranger).await, "invalid_signature");

    let second = signed.cli(&["--rotate"]).await;
    assert_ne!(first, second);
    until("the new secret", || async { (signed.with(&second).await.status == 202).then_some(()) }).await;
    assert_eq!(signed.with(&first).await.status, 202, "good for a day");
    let third = signed.cli(&["--rotate"]).await;
    until("the third secret", || async { (signed.with(&third).await.status == 202).then_some(()) }).await;
    is_refused(&signed.with(&first).await, "invalid_signature");

    assert_eq!(signed.cli(&["--off"]).await, "");
    until("the end of it", || async { (signed.post(None).await.status == 202).then_some(()) }).await;
    println!("{shape:?}: signed posts: taken with the good secret, 6 others refused, rotated twice");
}

#[tokio::test]
async fn a_source_takes_signed_posts_only_embedded() {
    takes_signed_posts_only(Shape::Embedded).await;
}

#[tokio::test]
async fn a_source_takes_signed_posts_only_in_production() {
    takes_signed_posts_only(Shape::Production).await;
}
