//! KickoffLabs: support.kickofflabs.com/developer, "Inbound Webhooks", "Create or Update a New Lead" and
//! "Common API behavior".

use reqwest::RequestBuilder;
use serde_json::{Value, json};

use super::{Got, Way, lead, send};
use crate::world::{Shape, World, http};

fn as_json(request: RequestBuilder, document: &Value) -> RequestBuilder {
    request.header("content-type", "application/json").body(document.to_string())
}

/// The path of the URL that an answer hands out, on this test's gateway.
fn handed_out(world: &World, got: &Got) -> String {
    let url = got.body["url"].as_str().unwrap_or_else(|| panic!("{}", got.text));
    let path = url.split_once("//").unwrap().1.split_once('/').unwrap().1;
    format!("{}/{path}", world.base)
}

async fn the_page(shape: Shape) {
    let world = World::start(shape, "kickofflabs").await;
    let way = Way::into(&world, "kickofflabs").await;
    let tag = world.cli(&["tag", "create", "--organization", "acme", "--name", "spring"]).await;
    let webhooks = format!("{}/v2/{}/inbound-webhook", world.base, way.campaign);

    let asked = json!({ "name": "CRM", "tag_id": tag["id"], "source": "crm" });
    let got = send(as_json(http().post(&webhooks).bearer_auth(&way.key), &asked)).await;
    assert_eq!(got.body["message"], "Inbound Webhook Created", "{}", got.text);
    let url = handed_out(&world, &got);
    let ada = json!({ "email": "ada@example.com", "first_name": "Ada", "phone_number": "4155550177",
                      "country_code": "+1", "Favourite": "maths", "list_id": 7, "__source": "modal.123" });
    let got = send(as_json(http().post(&url), &ada)).await;
    assert_eq!(got.status, 201, "{}", got.text);
    assert_eq!((&got.body["email"], &got.body["first_name"]), (&json!("ada@example.com"), &json!("Ada")));
    assert_eq!(got.body["custom_fields"], json!({ "favourite": "maths" }));
    assert_eq!((&got.body["completed_actions"], &got.body["rank"]), (&json!([]), &Value::Null));
    let made = lead(&world, got.body["id"].as_str().unwrap()).await;
    assert_eq!((&made["phone"]["e164"], &made["tags"]), (&json!("+14155550177"), &json!(["spring"])));

    let known = json!({ "email": "ADA@example.com", "company": "Engines" });
    // The URL stands in forms: whether somebody is known is not told.
    let met = send(as_json(http().post(&url), &known)).await;
    assert_eq!((met.status, &met.body["first_name"]), (201, &Value::Null), "{}", met.text);
    let updated = lead(&world, met.body["id"].as_str().unwrap()).await;
    assert_eq!((&updated["id"], &updated["company"]), (&made["id"], &json!("Engines")), "create or update");

    let create = format!("{}/v2/{}", world.base, way.campaign);
    let by_key = |body: Value| send(as_json(http().post(&create).bearer_auth(&way.key), &body));
    let stranger = json!({ "email": "nobody@example.com", "must_exist": true });
    assert_eq!(send(as_json(http().post(&url), &stranger)).await.status, 201, "the same answer");
    let none = by_key(stranger).await;
    assert_eq!((none.status, &none.body["code"]), (400, &json!("no_match")), "{}", none.text);
    let met = by_key(json!({ "email": "ada@example.com", "must_exist": "true" })).await;
    assert_eq!((met.status, &met.body["id"]), (200, &made["id"]), "{}", met.text);
    let (_, leads) = world.get("/v1/leads").await;
    assert_eq!(leads["data"].as_array().unwrap().len(), 1, "nobody was made");

    // A tag that is not there, and the key in each place where it may stand.
    let (key, unknown) = (&way.key, json!({ "tag_id": 999_999_999 }));
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
        let got = send(request).await;
        assert_eq!(got.body["message"], "Inbound Webhook Created", "{}", got.text);
        let untagged = json!({ "email": format!("{}@example.com", got.text.len()), "phone_number": "" });
        assert_eq!(send(as_json(http().post(handed_out(&world, &got)), &untagged)).await.status / 100, 2);
    }

    // The example of "Common API behavior", and the same by form and by query.
    let example = http().post(&create).header("content-type", "application/json").bearer_auth(key);
    let got = send(example.body(r#"{"email":"ada@example.com"}"#)).await;
    assert_eq!((got.status, &got.body["id"]), (200, &made["id"]));
    let by_query = http().post(format!("{create}?api_key={key}&email=query%40example.com"));
    let got = send(by_query).await;
    assert_eq!(got.status, 201, "{}", got.text);
    let by_form = http().post(&create).header("content-type", "application/x-www-form-urlencoded");
    let got = send(by_form.body(format!("api_key={key}&email=form%40example.com&name=A+B"))).await;
    assert_eq!(got.status, 201, "{}", got.text);
    let id = got.body["id"].as_str().unwrap();
    let record = world.get(&format!("/v1/submissions/{id}")).await.1;
    assert!(!record.to_string().contains(key), "a key in a body is kept nowhere: {record}");
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
async fn what_the_page_refuses_is_refused() {
    let world = World::embedded("kickofflabs-errors").await;
    let (way, other) = (Way::into(&world, "kickofflabs").await, Way::into(&world, "kickofflabs").await);
    let webhooks = format!("{}/v2/{}/inbound-webhook", world.base, way.campaign);
    let empty = json!({});
    let refused = [
        (as_json(http().post(&webhooks), &empty), 401),
        (as_json(http().post(&webhooks).bearer_auth("nonsense"), &empty), 401),
        (as_json(http().post(&webhooks).bearer_auth(&other.key), &empty), 403),
        (
            as_json(
                http().post(format!("{}/v2/12345/inbound-webhook", world.base)).bearer_auth(&way.key),
                &empty,
            ),
            404,
        ),
        (as_json(http().post(format!("{webhooks}/nonsense")), &empty), 404),
        (
            as_json(
                http().post(way.url.replace(&way.campaign, &other.campaign)),
                &json!({ "email": "a@example.com" }),
            ),
            404,
        ),
        (http().post(&way.url).header("content-type", "application/json").body("{"), 400),
        (as_json(http().post(&way.url), &json!({ "first_name": "Ada" })), 400),
        (as_json(http().post(&way.url), &json!({ "email": " ", "phone_number": null })), 400),
    ];
    for (request, status) in refused {
        let shown = format!("{request:?}");
        let got = send(request).await;
        assert_eq!(got.status, status, "{shown}: {}", got.text);
        assert!(got.body["error"].is_string(), "{}", got.text);
    }
}
