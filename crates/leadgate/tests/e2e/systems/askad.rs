//! AskAd.ai: askad.ai/docs/api.

use reqwest::Method;
use serde_json::json;

use super::{Way, lead, post, request, send};
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

async fn the_page(shape: Shape) {
    let world = World::start(shape, "askad").await;
    let way = Way::into(&world, "askad").await;
    let got = post(&world, INBOUND, &way.key, INBOUND_EXAMPLE).await;
    assert_eq!((got.status, &got.body["status"]), (201, &json!("created")), "{}", got.text);
    let id = got.body["id"].as_str().unwrap();
    assert_eq!(got.body, json!({ "id": id, "status": "created" }));
    assert_eq!((got.header("x-ratelimit-limit"), got.header("x-ratelimit-remaining")), ("100", "99"));
    assert!(got.header("x-ratelimit-reset").parse::<u64>().is_ok());
    let jane = lead(&world, id).await;
    assert_eq!((&jane["full_name"], &jane["source"]), (&json!("Jane Smith"), &json!("hubspot")));
    assert_eq!(jane["custom_fields"], json!({ "deal_value": 5000 }));

    let got = post(&world, CAPTURE, &way.key, CAPTURE_EXAMPLE).await;
    let john = lead(&world, got.body["id"].as_str().unwrap()).await;
    assert_eq!(
        (&john["page_url"], &john["full_name"]),
        (&json!("https://example.com/pricing"), &json!("John Doe"))
    );

    let contacts = |query: &str| {
        let path = format!("/api/v1/contacts{query}");
        send(request(&world, Method::GET, &path).bearer_auth(&way.key))
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
        send(request(&world, Method::GET, "/api/v1/deals?stage=negotiation").bearer_auth(&way.key)).await;
    assert_eq!((deals.status, &deals.body["data"]), (200, &json!([])));
    for path in [INBOUND, CAPTURE] {
        assert_eq!(post(&world, path, "nonsense", CAPTURE_EXAMPLE).await.status, 401);
        assert_eq!(post(&world, path, &way.key, "{\"email\":").await.status, 400);
    }
}

#[tokio::test]
async fn what_the_page_shows_works_embedded() {
    the_page(Shape::Embedded).await;
}

#[tokio::test]
async fn what_the_page_shows_works_in_production() {
    the_page(Shape::Production).await;
}

#[tokio::test]
async fn a_page_may_post_with_a_key_that_can_do_nothing_else() {
    let world = World::embedded("askad-capture").await;
    let way = Way::into(&world, "askad").await;
    let create = ["key", "create", "--organization", "acme", "--source", &way.id, "--publishable"];
    let made = world.cli(&[&create[..], &["--origins", "https://shop.example"]].concat()).await;
    let key = made["key"].as_str().unwrap();
    assert!(key.starts_with("lg_pub_"), "{made}");
    let from = |path: &str, origin: &str| {
        let request = http().post(format!("{}{path}", world.base)).bearer_auth(key).header("origin", origin);
        send(request.header("content-type", "application/json").body(CAPTURE_EXAMPLE))
    };
    let got = from(CAPTURE, "https://shop.example").await;
    assert_eq!((got.status, got.header("access-control-allow-origin")), (201, "https://shop.example"));
    for origin in
        ["null", "http://shop.example", "https://shop.example.evil.example", "https://www.shop.example", ""]
    {
        let got = from(CAPTURE, origin).await;
        let told = (got.status, got.header("access-control-allow-origin"));
        assert_eq!(told, (403, origin), "refused in an answer that the page can read");
    }
    assert_eq!(from(INBOUND, "https://shop.example").await.status, 403, "for servers");
    let read = request(&world, Method::GET, "/api/v1/contacts").bearer_auth(key);
    assert_eq!(send(read.header("origin", "https://shop.example")).await.status, 403);
    let preflight = async |origin: &str| {
        let asked = request(&world, Method::OPTIONS, CAPTURE).header("origin", origin);
        let asked = asked.header("access-control-request-method", "POST");
        send(asked.header("access-control-request-headers", "authorization,content-type")).await
    };
    let allowed = preflight("https://shop.example").await;
    assert_eq!(
        (allowed.status, allowed.header("access-control-allow-origin")),
        (204, "https://shop.example")
    );
    assert!(allowed.header("access-control-allow-headers").contains("Authorization"));
    let other = preflight("https://evil.example").await;
    assert_eq!(other.status, 204, "whose origins some key names is told to no page");
}
