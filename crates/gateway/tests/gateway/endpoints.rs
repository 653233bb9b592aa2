//! Endpoints, as clients of each system create them, and what they preview and export.

use futures_util::future::join_all;
use leadgate_domain::{Dialect, KeyKind, Scope};
use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};

use crate::world::{World, send};

const URL: &str = "https://crm.example/leads";

fn as_json(request: RequestBuilder, body: &Value) -> RequestBuilder {
    request.header("content-type", "application/json").body(body.to_string())
}

impl World {
    fn request(&self, method: Method, path: &str, body: &Value) -> RequestBuilder {
        as_json(self.client.request(method, self.url(path)).bearer_auth(&self.key), body)
    }
}

#[tokio::test]
async fn a_template_is_previewed_on_the_last_leads() {
    let world = World::start().await;
    for (phone, state) in [("+14155550131", Some("NV")), ("+14155550132", None), ("+14155550133", None)] {
        world.accepted(&json!({ "phone": phone, "state": state, "tags": [phone] })).await;
    }
    world.work().await;
    let template = |required: bool| {
        json!({ "url": "https://buyer.example/in?key=1", "filter": { "tags": ["+14155550131", "+14155550132"] },
        "form": { "template": { "encoding": "query", "rules": [
            { "to": "phone", "from": ["/phone/e164"] },
            { "to": "lead_state", "from": ["state"], "required": required },
        ]}}})
    };
    let preview = "/v1/endpoints/preview";
    let shown = send(world.request(Method::POST, preview, &template(true))).await;
    assert_eq!(shown.status, 200, "{}", shown.body);
    let data = shown.body["data"].as_array().unwrap();
    // The state of the second lead is inferred from its phone.
    let urls: Vec<_> = data.iter().map(|one| one["url"].as_str().unwrap()).collect();
    assert_eq!(
        urls,
        [
            "https://buyer.example/in?key=1&phone=%2B14155550132&lead_state=CA",
            "https://buyer.example/in?key=1&phone=%2B14155550131&lead_state=NV",
        ]
    );
    assert_eq!((&data[0]["method"], &data[0]["body"]), (&json!("GET"), &json!("")));
    let one = send(world.request(Method::POST, "/v1/endpoints/preview?last=1", &template(false))).await;
    assert_eq!(one.body["data"].as_array().unwrap().len(), 1);
    let missing = json!({ "url": URL, "form": { "template": { "rules": [
        { "to": "x", "from": ["/consent/source_url"], "required": true }] } } });
    let fault = send(world.request(Method::POST, preview, &missing)).await;
    assert_eq!(fault.body["data"][0]["fault"], "the template failed for `x`: missing");
    let standard = send(world.request(Method::POST, preview, &json!({ "url": URL }))).await;
    let body: Value = serde_json::from_str(standard.body["data"][0]["body"].as_str().unwrap()).unwrap();
    assert_eq!(
        (&body["type"], &body["data"]["lead"]["phone"]["e164"]),
        (&json!("lead.created"), &json!("+14155550133"))
    );
    let invalid = json!({ "url": URL, "form": { "template": { "rules": [] } } });
    let refused = send(world.request(Method::POST, preview, &invalid)).await;
    assert_eq!(refused.status, 422);
    assert!(refused.body["detail"].as_str().unwrap().contains("at least one rule"), "{}", refused.body);
    assert_eq!(send(world.get("/v1/endpoints")).await.body["data"], json!([]), "a preview creates nothing");
    world.end().await;
}

#[tokio::test]
async fn clients_of_abc_sales_ai_manage_their_subscriptions() {
    let world = World::start().await;
    let events = send(world.get("/v1/webhook-subscriptions/events")).await;
    assert_eq!(events.body, json!({ "events": ["leads_created", "leads_updated", "leads_deleted"] }));
    let path = "/v1/webhook-subscriptions";
    let create = json!({ "callback_url": URL, "event_types": ["leads_deleted", "leads_created"] });
    let created = send(world.request(Method::POST, path, &create)).await;
    assert_eq!((created.status, &created.body["active"]), (201, &json!(true)), "{}", created.body);
    assert_eq!(created.body["events"], json!(["leads_created", "leads_deleted"]));
    let secret = created.body["secret"].as_str().unwrap().to_owned();
    let id = created.body["id"].as_str().unwrap();
    let endpoint = send(world.get(&format!("/v1/endpoints/{id}"))).await.body;
    assert_eq!((&endpoint["form"], &endpoint["url"]), (&json!("abc_sales"), &json!(URL)));

    let one = format!("{path}/{id}");
    let change = json!({ "events": ["leads_updated"], "active": false });
    let changed = send(world.request(Method::PUT, &one, &change)).await;
    assert_eq!(
        (changed.status, &changed.body["events"], &changed.body["active"], &changed.body["secret"]),
        (200, &json!(["leads_updated"]), &json!(false), &Value::Null)
    );
    let enabled = send(world.request(Method::PUT, &one, &json!({ "active": true }))).await;
    assert_eq!((enabled.status, &enabled.body["active"]), (200, &json!(true)));
    let regenerate =
        world.client.post(world.url(&format!("{one}/regenerate-secret"))).bearer_auth(&world.key);
    let regenerated = send(regenerate).await.body["secret"].as_str().unwrap().to_owned();
    assert_ne!(regenerated, secret);
    let other = json!({ "url": URL, "events": ["lead.held"] });
    let other = send(world.request(Method::POST, "/v1/endpoints", &other)).await.body;
    let of_other = format!("{path}/{}", other["id"].as_str().unwrap());
    let change = json!({ "events": ["leads_updated"] });
    assert_eq!(send(world.request(Method::PUT, &of_other, &change)).await.status, 404, "another form");
    assert_eq!(send(world.client.delete(world.url(&of_other)).bearer_auth(&world.key)).await.status, 404);
    let inactive = json!({ "url": URL, "events": ["leads_created"], "active": false, "description": "x" });
    let inactive = send(world.request(Method::POST, path, &inactive)).await;
    assert_eq!((inactive.status, &inactive.body["active"]), (201, &json!(false)), "{}", inactive.body);
    let unknown = json!({ "url": URL, "events": ["conversation_created"] });
    let refused = send(world.request(Method::POST, path, &unknown)).await;
    assert_eq!(refused.status, 400);
    assert!(refused.body["error"].as_str().unwrap().contains("leads_created"), "{}", refused.body);
    assert_eq!(send(world.request(Method::PUT, &one, &json!({}))).await.status, 400);
    let delete = || send(world.client.delete(world.url(&one)).bearer_auth(&world.key));
    assert_eq!(delete().await.body, json!({ "id": id, "deleted": true }));
    assert_eq!(delete().await.status, 404);
    world.end().await;
}

#[tokio::test]
async fn clients_of_kickofflabs_create_and_delete_webhooks_of_their_campaign() {
    let world = World::start().await;
    let (source, own_key) =
        world.source_of(Dialect::KickoffLabs, |source| source.name = Some("c".into())).await;
    let path = format!("/v2/{}/outbound-webhook", source.campaign.as_deref().unwrap());
    let create = json!({ "url": URL, "events": ["new_signup", "referral"], "source": "crm" });
    let created = send(world.request(Method::POST, &path, &create)).await;
    assert_eq!(
        (created.status, &created.body["message"]),
        (200, &json!("Webhook Created")),
        "{}",
        created.body
    );
    assert_eq!(created.body["events"], json!(["new_signup"]));
    let again = json!({ "url": URL, "event": "repeat_signup" });
    let again = send(world.request(Method::POST, &path, &again)).await.body;
    assert_eq!(
        (&again["referenceId"], &again["events"]),
        (&created.body["referenceId"], &json!(["new_signup", "repeat_signup"]))
    );
    let listed = send(world.get("/v1/endpoints")).await.body;
    let disable = format!("/v1/endpoints/{}/disable", listed["data"][0]["id"].as_str().unwrap());
    send(world.client.post(world.url(&disable)).bearer_auth(&world.key)).await;
    send(world.request(Method::POST, &path, &create)).await;
    let listed = send(world.get("/v1/endpoints")).await.body;
    let endpoint = &listed["data"][0];
    assert_eq!((listed["data"].as_array().unwrap().len(), &endpoint["state"]), (1, &json!("healthy")));
    assert_eq!(
        (&endpoint["form"], &endpoint["name"], &endpoint["filter"]),
        (&json!("kickofflabs"), &json!("crm"), &json!({ "sources": [source.id] }))
    );
    assert_eq!(endpoint["events"], json!(["lead.created", "lead.updated", "lead.duplicate"]));

    let unknown = json!({ "url": URL, "events": ["tagged"] });
    let refused = send(world.request(Method::POST, &path, &unknown)).await;
    assert_eq!((refused.status, &refused.body["errors"][0]["pointer"]), (400, &json!("/events")));
    let by_source = as_json(world.client.post(world.url(&path)).bearer_auth(&own_key), &create);
    assert_eq!(send(by_source).await.status, 403, "a key of the source may not administer");
    let writer = world.key_with(|key| key.scopes = vec![Scope::Read, Scope::Write]).await;
    let by_writer = as_json(world.client.post(world.url(&path)).bearer_auth(&writer), &create);
    assert_eq!(send(by_writer).await.status, 403);
    let token = world.credential(KeyKind::Token, |_| {}).await;
    assert_ne!(
        send(as_json(world.client.post(world.url(&path)).bearer_auth(&token), &create)).await.status,
        200
    );

    // The key and the URL in the query.
    let deleting = format!("{path}?api_key={}&url={URL}", world.key);
    let deleted = send(world.client.delete(world.url(&deleting))).await;
    assert_eq!(
        (deleted.status, &deleted.body["message"]),
        (200, &json!("Webhook Deleted")),
        "{}",
        deleted.body
    );
    assert_eq!(send(world.client.delete(world.url(&deleting))).await.status, 404);

    // A client whose request is slow may send it again.
    let same = (0..3).map(|_| send(world.request(Method::POST, &path, &create)));
    join_all(same).await.iter().for_each(|created| assert_eq!(created.status, 200, "{}", created.body));
    let listed = send(world.get("/v1/endpoints")).await.body;
    assert_eq!(listed["data"].as_array().unwrap().len(), 1, "{listed}");
    world.end().await;
}

#[tokio::test]
async fn events_and_deliveries_are_exported() {
    let world = World::start().await;
    let create = json!({ "url": URL, "events": ["lead.created", "lead.held"], "headers": { "x-key": "k" } });
    let endpoint = send(world.request(Method::POST, "/v1/endpoints", &create)).await.body;
    world.accepted(&json!({ "phone": "+14155550131", "full_name": "=1+1" })).await;
    world.work().await;
    let text = async |path: &str| world.get(path).send().await.unwrap().text().await.unwrap();
    let events = text("/v1/events/export?format=ndjson&since=1h").await;
    let events: Vec<Value> = events.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let kinds: Vec<_> = events.iter().map(|event| event["type"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["lead.created", "lead.held"]);
    let lead = events[0]["data"]["lead_id"].as_str().unwrap();
    assert_eq!(events[0]["data"]["lead"]["source_name"], "default native source");
    assert_eq!(text(&format!("/v1/events/export?format=ndjson&lead={lead}")).await.lines().count(), 2);
    assert_eq!(
        text(&format!("/v1/events/export?lead={}", endpoint["id"].as_str().unwrap())).await.lines().count(),
        1
    );
    let csv = text("/v1/deliveries/export?state=pending").await;
    let rows: Vec<_> = csv.lines().collect();
    assert_eq!(rows[0], "endpoint,event,type,lead,state,failed_attempts,next_attempt_at");
    let begins = format!(
        "{},{},lead.created,{lead},pending,0,",
        endpoint["id"].as_str().unwrap(),
        events[0]["id"].as_str().unwrap()
    );
    assert!(rows[1].starts_with(&begins), "{csv}");
    assert_eq!(rows.len(), 3);
    assert_eq!(text("/v1/deliveries/export?state=exhausted").await.lines().count(), 1);
    assert!(text("/v1/attempts/export?bom=true").await.starts_with("\u{feff}id,at,endpoint,"));
    let of_lead = send(world.get(&format!("/v1/deliveries?lead={lead}"))).await.body;
    assert_eq!(of_lead["data"].as_array().unwrap().len(), 2);
    let other =
        send(world.get(&format!("/v1/deliveries?lead={}", endpoint["id"].as_str().unwrap()))).await.body;
    assert_eq!(other["data"], json!([]));
    for path in ["/v1/attempts?result=odd", "/v1/events/export?since=soon", "/v1/deliveries/export?limit=1"] {
        assert_eq!(send(world.get(path)).await.status, 400, "{path}");
    }
    let replay = format!("/v1/endpoints/{}/replay", endpoint["id"].as_str().unwrap());
    for event in [events[0]["id"].as_str().unwrap(), lead] {
        let refused = send(world.request(Method::POST, &replay, &json!({ "event": event }))).await;
        assert_eq!(refused.status, 422, "one that waits, and one that does not exist: {}", refused.body);
    }
    for conditions in [
        json!({ "event": lead, "lead": lead }),
        json!({ "since": "1h", "until": "2h" }),
        json!({ "result": "odd" }),
        json!({ "lead": null }),
        json!({ "events": [] }),
        json!({ "leads": lead }),
    ] {
        let refused = send(world.request(Method::POST, &replay, &conditions)).await;
        assert!([400, 422].contains(&refused.status), "{conditions}: {}", refused.body);
    }
    let counted = send(world.request(Method::POST, &replay, &json!({ "dry_run": true }))).await;
    assert_eq!(counted.body, json!({ "events": 0 }));
    let audit = send(world.get("/v1/audit?action=deliveries.exported")).await.body;
    assert_eq!(audit["data"][0]["detail"], json!({ "rows": "attempts", "format": "csv" }));
    world.end().await;
}
