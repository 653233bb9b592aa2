//! KickoffLabs: support.kickofflabs.com/developer, "Inbound Webhooks", "Create or Update a New Lead" and
//! "Common API behavior".

use reqwest::RequestBuilder;
use serde_json::{Value, json};

use super::{TestResponse, TestSource, lead, send};
use crate::world::{Shape, World, http};

fn as_json(request: RequestBuilder, document: &Value) -> RequestBuilder {
    request.header("content-type", "application/json").body(document.to_string())
}

/// The URL in a response, with the address of the test's gateway.
fn url_in_response(world: &World, response: &TestResponse) -> String {
    let url = response.body["url"].as_str().unwrap_or_else(|| panic!("{}", response.text));
    let path = url.split_once("//").unwrap().1.split_once('/').unwrap().1;
    format!("{}/{path}", world.base)
}

async fn the_documented_examples(shape: Shape) {
    let world = World::start(shape, "kickofflabs").await;
    let source = TestSource::create(&world, "kickofflabs").await;
    let tag = world.cli(&["tag", "create", "--organization", "acme", "--name", "spring"]).await;
    let webhooks = format!("{}/v2/{}/inbound-webhook", world.base, source.campaign);

    let settings = json!({ "name": "CRM", "tag_id": tag["id"], "source": "crm" });
    let response = send(as_json(http().post(&webhooks).bearer_auth(&source.key), &settings)).await;
    assert_eq!(response.body["message"], "Inbound Webhook Created", "{}", response.text);
    let url = url_in_response(&world, &response);
    let ada = json!({ "email": "ada@example.com", "first_name": "Ada", "phone_number": "4155550177",
                      "country_code": "+1", "Favourite": "maths", "list_id": 7, "__source": "modal.123" });
    let response = send(as_json(http().post(&url), &ada)).await;
    assert_eq!(response.status, 201, "{}", response.text);
    assert_eq!(
        (&response.body["email"], &response.body["first_name"]),
        (&json!("ada@example.com"), &json!("Ada"))
    );
    assert_eq!(response.body["custom_fields"], json!({ "favourite": "maths" }));
    assert_eq!((&response.body["completed_actions"], &response.body["rank"]), (&json!([]), &Value::Null));
    let created = lead(&world, response.body["id"].as_str().unwrap()).await;
    assert_eq!((&created["phone"]["e164"], &created["tags"]), (&json!("+14155550177"), &json!(["spring"])));

    let known_person = json!({ "email": "ADA@example.com", "company": "Engines" });
    // The URL is used in public forms, so the response does not show whether the person is known.
    let updated_response = send(as_json(http().post(&url), &known_person)).await;
    assert_eq!(
        (updated_response.status, &updated_response.body["first_name"]),
        (201, &Value::Null),
        "{}",
        updated_response.text
    );
    let updated = lead(&world, updated_response.body["id"].as_str().unwrap()).await;
    assert_eq!(
        (&updated["id"], &updated["company"]),
        (&created["id"], &json!("Engines")),
        "create or update"
    );

    let create = format!("{}/v2/{}", world.base, source.campaign);
    let by_key = |body: Value| send(as_json(http().post(&create).bearer_auth(&source.key), &body));
    let unknown_person = json!({ "email": "unknown@example.com", "must_exist": true });
    assert_eq!(send(as_json(http().post(&url), &unknown_person)).await.status, 201, "the same answer");
    let no_match = by_key(unknown_person).await;
    assert_eq!((no_match.status, &no_match.body["code"]), (400, &json!("no_match")), "{}", no_match.text);
    let updated_response = by_key(json!({ "email": "ada@example.com", "must_exist": "true" })).await;
    assert_eq!(
        (updated_response.status, &updated_response.body["id"]),
        (200, &created["id"]),
        "{}",
        updated_response.text
    );
    let (_, leads) = world.get("/v1/leads").await;
    assert_eq!(leads["data"].as_array().unwrap().len(), 1, "no lead was created");

    // A tag that does not exist, and the key in each supported place.
    let (key, unknown) = (&source.key, json!({ "tag_id": 999_999_999 }));
    for request in [
        as_json(http().post(&webhooks).header("authorization", format!("Token {key}")), &unknown),
        as_json(http().post(&webhooks).header("authentication", key), &unknown),
        as_json(http().post(format!("{webhooks}?api_key={key}")), &unknown),
        as_json(http().post(&webhooks), &json!({ "api_key": key, "tag_id": "none" })),
        http()
            .post(&webhooks)
            .header("content-type", "application/x-www-form-urlencoded")
            .body(format!("api_key={key}")),
        http().post(format!("{webhooks}?api_key={key}&name=by+query")),
    ] {
        let response = send(request).await;
        assert_eq!(response.body["message"], "Inbound Webhook Created", "{}", response.text);
        let untagged = json!({ "email": format!("{}@example.com", response.text.len()), "phone_number": "" });
        assert_eq!(
            send(as_json(http().post(url_in_response(&world, &response)), &untagged)).await.status / 100,
            2
        );
    }

    // The example of "Common API behavior", as JSON, as a form and as a query.
    let example = http().post(&create).header("content-type", "application/json").bearer_auth(key);
    let response = send(example.body(r#"{"email":"ada@example.com"}"#)).await;
    assert_eq!((response.status, &response.body["id"]), (200, &created["id"]));
    let by_query = http().post(format!("{create}?api_key={key}&email=query%40example.com"));
    let response = send(by_query).await;
    assert_eq!(response.status, 201, "{}", response.text);
    let by_form = http().post(&create).header("content-type", "application/x-www-form-urlencoded");
    let response = send(by_form.body(format!("api_key={key}&email=form%40example.com&name=A+B"))).await;
    assert_eq!(response.status, 201, "{}", response.text);
    let id = response.body["id"].as_str().unwrap();
    let record = world.get(&format!("/v1/submissions/{id}")).await.1;
    assert!(!record.to_string().contains(key), "a key in a body is not stored: {record}");
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
async fn documented_errors_are_returned() {
    let world = World::embedded("kickofflabs-errors").await;
    let (source, other) =
        (TestSource::create(&world, "kickofflabs").await, TestSource::create(&world, "kickofflabs").await);
    let webhooks = format!("{}/v2/{}/inbound-webhook", world.base, source.campaign);
    let empty = json!({});
    let refused = [
        (as_json(http().post(&webhooks), &empty), 401),
        (as_json(http().post(&webhooks).bearer_auth("nonsense"), &empty), 401),
        (as_json(http().post(&webhooks).bearer_auth(&other.key), &empty), 403),
        (
            as_json(
                http().post(format!("{}/v2/12345/inbound-webhook", world.base)).bearer_auth(&source.key),
                &empty,
            ),
            404,
        ),
        (as_json(http().post(format!("{webhooks}/nonsense")), &empty), 404),
        (
            as_json(
                http().post(source.url.replace(&source.campaign, &other.campaign)),
                &json!({ "email": "a@example.com" }),
            ),
            404,
        ),
        (http().post(&source.url).header("content-type", "application/json").body("{"), 400),
        (as_json(http().post(&source.url), &json!({ "first_name": "Ada" })), 400),
        (as_json(http().post(&source.url), &json!({ "email": " ", "phone_number": null })), 400),
    ];
    for (request, status) in refused {
        let shown = format!("{request:?}");
        let response = send(request).await;
        assert_eq!(response.status, status, "{shown}: {}", response.text);
        assert!(response.body["error"].is_string(), "{}", response.text);
    }
}
