//! AskAd.ai: askad.ai/docs/api.

use reqwest::Method;
use serde_json::json;

use super::{TestSource, lead, post, request, send};
use crate::world::{Shape, World, http};

const INBOUND: &str = "/api/v1/leads/inbound";
const CAPTURE: &str = "/api/v1/leads/capture";

const INBOUND_EXAMPLE: &str = r#"{
  "email": "jane@example.com",
  "first_name": "Jane",
  "last_name": "Smith",
  "phone": "+1234567890",
  "source": "hubspot",
  "metadata": {
    "deal_value": 5000
  }
}"#;

const CAPTURE_EXAMPLE: &str = r#"{
  "email": "john@example.com",
  "name": "John Doe",
  "source": "website",
  "page_url": "https://example.com/pricing"
}"#;

async fn the_documented_examples(shape: Shape) {
    let world = World::start(shape, "askad").await;
    let source = TestSource::create(&world, "askad").await;
    let response = post(&world, INBOUND, &source.key, INBOUND_EXAMPLE).await;
    assert_eq!((response.status, &response.body["status"]), (201, &json!("created")), "{}", response.text);
    let id = response.body["id"].as_str().unwrap();
    assert_eq!(response.body, json!({ "id": id, "status": "created" }));
    assert_eq!(
        (response.header("x-ratelimit-limit"), response.header("x-ratelimit-remaining")),
        ("100", "99")
    );
    assert!(response.header("x-ratelimit-reset").parse::<u64>().is_ok());
    let jane = lead(&world, id).await;
    assert_eq!((&jane["full_name"], &jane["source"]), (&json!("Jane Smith"), &json!("hubspot")));
    assert_eq!(jane["custom_fields"], json!({ "deal_value": 5000 }));

    let response = post(&world, CAPTURE, &source.key, CAPTURE_EXAMPLE).await;
    let john = lead(&world, response.body["id"].as_str().unwrap()).await;
    assert_eq!(
        (&john["page_url"], &john["full_name"]),
        (&json!("https://example.com/pricing"), &json!("John Doe"))
    );

    let contacts = |query: &str| {
        let path = format!("/api/v1/contacts{query}");
        send(request(&world, Method::GET, &path).bearer_auth(&source.key))
    };
    let first = contacts("?page=1&limit=1").await;
    assert_eq!((first.status, first.header("x-ratelimit-limit")), (200, "100"), "{}", first.text);
    assert_eq!(
        (&first.body["data"][0]["id"], &first.body["data"][0]["email"]),
        (&john["id"], &json!("john@example.com"))
    );
    let second = contacts("?page=2&limit=1").await;
    assert_eq!(second.body["data"][0]["id"], jane["id"]);
    assert!(second.text.contains("\"total\":2"), "{}", second.text);
    assert_eq!(contacts("?page=3&limit=1").await.body["data"], json!([]));
    assert_eq!(contacts("?page=0").await.status, 400);
    let deals =
        send(request(&world, Method::GET, "/api/v1/deals?stage=negotiation").bearer_auth(&source.key)).await;
    assert_eq!((deals.status, &deals.body["data"]), (200, &json!([])));
    for path in [INBOUND, CAPTURE] {
        assert_eq!(post(&world, path, "nonsense", CAPTURE_EXAMPLE).await.status, 401);
        assert_eq!(post(&world, path, &source.key, "{\"email\":").await.status, 400);
    }
}

#[tokio::test]
async fn documented_examples_work_embedded() {
    the_documented_examples(Shape::Embedded).await;
}

#[tokio::test]
async fn documented_examples_work_distributed() {
    the_documented_examples(Shape::Distributed).await;
}

#[tokio::test]
async fn a_publishable_key_can_only_post_from_its_origins() {
    let world = World::embedded("askad-capture").await;
    let source = TestSource::create(&world, "askad").await;
    let create = ["key", "create", "--organization", "acme", "--source", &source.id, "--publishable"];
    let created = world.cli(&[&create[..], &["--origins", "https://shop.example"]].concat()).await;
    let key = created["key"].as_str().unwrap();
    assert!(key.starts_with("lg_pub_"), "{created}");
    let from = |path: &str, origin: &str| {
        let request = http().post(format!("{}{path}", world.base)).bearer_auth(key).header("origin", origin);
        send(request.header("content-type", "application/json").body(CAPTURE_EXAMPLE))
    };
    let response = from(CAPTURE, "https://shop.example").await;
    assert_eq!(
        (response.status, response.header("access-control-allow-origin")),
        (201, "https://shop.example")
    );
    for origin in
        ["null", "http://shop.example", "https://shop.example.evil.example", "https://www.shop.example", ""]
    {
        let response = from(CAPTURE, origin).await;
        let answer = (response.status, response.header("access-control-allow-origin"));
        assert_eq!(answer, (403, origin), "the page can read the error");
    }
    assert_eq!(from(INBOUND, "https://shop.example").await.status, 403, "the path is for servers");
    let read = request(&world, Method::GET, "/api/v1/contacts").bearer_auth(key);
    assert_eq!(send(read.header("origin", "https://shop.example")).await.status, 403);
    let preflight = async |origin: &str| {
        let request_builder = request(&world, Method::OPTIONS, CAPTURE).header("origin", origin);
        let request_builder = request_builder.header("access-control-request-method", "POST");
        send(request_builder.header("access-control-request-headers", "authorization,content-type")).await
    };
    let allowed = preflight("https://shop.example").await;
    assert_eq!(
        (allowed.status, allowed.header("access-control-allow-origin")),
        (204, "https://shop.example")
    );
    assert!(allowed.header("access-control-allow-headers").contains("Authorization"));
    let other = preflight("https://evil.example").await;
    assert_eq!(other.status, 204, "the preflight does not show which origins are allowed");
}
