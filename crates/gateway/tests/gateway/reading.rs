//! Reads of leads and submissions.

use leadgate_domain::mapping::Mapping;
use leadgate_domain::{Dialect, KeyKind};
use serde_json::{Value, json};

use crate::world::{Answer, World, send};

async fn get(world: &World, path: &str) -> Answer {
    send(world.get(path)).await
}

#[tokio::test]
async fn a_submission_is_queued_until_it_is_a_lead() {
    let world = World::start().await;
    let body = json!({"phone": "+14155550132", "full_name": "Ann Lee", "email": "ann@acme.example"});
    let id = world.accepted(&body).await;
    for path in [format!("/v1/leads/{id}"), format!("/v1/submissions/{id}")] {
        let answer = get(&world, &path).await;
        assert_eq!((answer.status, answer.body), (200, json!({"id": id, "status": "queued"})));
    }
    world.work().await;

    let lead = get(&world, &format!("/v1/leads/{id}")).await.body;
    assert_eq!((&lead["id"], &lead["status"]), (&json!(id), &json!("new")));
    assert_eq!(lead["phone"]["e164"], "+14155550132");
    assert_eq!((&lead["eligibility"], &lead["reasons"]), (&json!("held"), &json!(["consent_missing"])));
    assert_eq!(lead["submission"], json!({"id": id, "outcome": "created"}));

    let record = get(&world, &format!("/v1/submissions/{id}")).await.body;
    assert_eq!((&record["status"], &record["outcome"]), (&json!("processed"), &json!("created")));
    assert_eq!((&record["lead_id"], &record["fields"]["full_name"]), (&json!(id), &json!("Ann Lee")));
    assert_eq!(serde_json::from_str::<Value>(record["raw"]["text"].as_str().unwrap()).unwrap(), body);
    assert!(record["trace"].as_object().is_some_and(|trace| !trace.is_empty()), "{record}");
    world.end().await;
}

#[tokio::test]
async fn the_id_of_a_duplicate_shows_the_matched_lead() {
    let world = World::start().await;
    let first = world.accepted(&json!({"phone": "+14155550132"})).await;
    world.work().await;
    let second = world.accepted(&json!({"phone": "+1 415 555 0132"})).await;
    world.work().await;
    let met = get(&world, &format!("/v1/leads/{second}")).await.body;
    assert_eq!(met["id"], json!(first));
    assert_eq!(met["submission"], json!({"id": second, "outcome": "duplicate"}));
    let record = get(&world, &format!("/v1/submissions/{second}")).await.body;
    assert_eq!((&record["outcome"], &record["lead_id"]), (&json!("duplicate"), &json!(first)));
    world.end().await;
}

#[tokio::test]
async fn a_submission_is_explained_in_the_order_of_the_pipeline() {
    let world = World::start().await;
    let (_, key) = world.source_of(Dialect::Native, |source| source.name = Some("crm".into())).await;
    let post = |body: Value| {
        let post = world.client.post(world.url("/v1/leads")).bearer_auth(&key);
        send(post.header("content-type", "application/json").body(body.to_string()))
    };
    let body = json!({"phone": "+1 415 555 0132", "full_name": "Ann Lee", "email": "ann@acme.example"});
    let first = post(body.clone()).await.body["id"].as_str().unwrap().to_owned();
    world.work().await;
    let second = post(body).await.body["id"].as_str().unwrap().to_owned();
    world.work().await;
    let explained = async |id: &str| {
        let record = get(&world, &format!("/v1/submissions/{id}")).await.body;
        let explanation = record["explanation"].as_array().unwrap().clone();
        explanation.into_iter().map(|sentence| sentence.as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    let explanation = explained(&first).await;
    let begins = [
        "It was received on ",
        "The phone was converted to E.164. The number has a country code.",
        "The email is a valid address.",
        "No entry of a suppression list matches the phone or the email of the submission.",
        "No lead matches by any identity key of its source.",
        "company was inferred from the domain of the email: Acme.",
        "state was inferred from the phone prefix: CA.",
        "The score is ",
        "phone_valid adds ",
        "The lead is held because no consent was sent, and a source requires it.",
        "No national do-not-call registry was consulted.",
        "On ",
    ];
    let mut sentences = explanation.iter();
    for begin in begins {
        assert!(
            sentences.any(|sentence| sentence.starts_with(begin)),
            "{begin}: not in the expected position in {explanation:#?}"
        );
    }
    assert!(
        explanation[0].contains("by the source \"crm\" in the dialect native, with the key "),
        "{}",
        explanation[0]
    );
    assert!(
        explanation.last().unwrap().ends_with(&format!("it created the lead {first}.")),
        "{explanation:#?}"
    );
    let explanation = explained(&second).await;
    let met = format!("It matches the lead {first} by its phone (last seen on ");
    assert!(explanation.iter().any(|sentence| sentence.starts_with(&met)), "{explanation:#?}");
    world.end().await;
}

#[tokio::test]
async fn a_quarantined_submission_shows_its_reason() {
    let world = World::start().await;
    let rules = json!({"rules": [{"to": "email", "from": ["mail"], "required": true}]});
    let mapping: Mapping = serde_json::from_value(rules).unwrap();
    let (source, _) = world.source_of(Dialect::Native, |_| {}).await;
    world.store.add_mapping(world.organization, source.id, &mapping).await.unwrap();
    let token = world.credential(KeyKind::Token, |key| key.source = source.id).await;
    let request = world.client.post(world.url(&format!("/api/webhooks/{token}")));
    let answer = send(request.header("content-type", "application/json").body(r#"{"phone":"1"}"#)).await;
    world.work().await;
    let id = &answer.body["id"];
    let path = format!("/v1/leads/{}", id.as_str().unwrap());
    let note = json!({"id": id, "outcome": "quarantined", "reason": "mapping_failed"});
    let expected = json!({"id": id, "status": "quarantined", "submission": note});
    assert_eq!(get(&world, &path).await.body, expected);
    let record = get(&world, &path.replace("leads", "submissions")).await.body;
    assert_eq!((&record["status"], &record["reason"]), (&json!("quarantined"), &json!("mapping_failed")));
    world.end().await;
}

#[tokio::test]
async fn ids_of_another_organization_are_not_found() {
    let world = World::start().await;
    let processed = world.accepted(&json!({"phone": "+14155550132"})).await;
    world.work().await;
    let queued = world.accepted(&json!({"phone": "+14155550133"})).await;
    let stranger = world.stranger().await;
    let unknown = "018f4e2a-7b1c-7000-8000-0000000000aa";
    let mut answers = Vec::new();
    for id in [processed.as_str(), &queued, unknown, "not-an-id", "%ff"] {
        for kind in ["leads", "submissions"] {
            let request = world.client.get(world.url(&format!("/v1/{kind}/{id}"))).bearer_auth(&stranger);
            let answer = send(request).await;
            assert_eq!(answer.problem(), (404, "not_found"), "{kind} {id}");
            answers.push(answer.body);
        }
    }
    assert!(answers.iter().all(|answer| *answer == answers[0]), "all 404 responses are equal");
    let list = send(world.client.get(world.url("/v1/leads")).bearer_auth(&stranger)).await;
    assert_eq!(list.body, json!({"data": [], "next": null}));
    world.end().await;
}

#[tokio::test]
async fn a_list_is_read_page_by_page_from_the_newest() {
    let world = World::start().await;
    let mut made = Vec::new();
    for number in 0..5 {
        made.push(world.accepted(&json!({"phone": format!("+1415555010{number}")})).await);
    }
    world.work().await;
    let mut seen = Vec::new();
    let mut path = "/v1/leads?limit=2".to_owned();
    loop {
        let page = get(&world, &path).await.body;
        let ids = page["data"].as_array().unwrap().iter();
        seen.extend(ids.map(|lead| lead["id"].as_str().unwrap().to_owned()));
        let Some(next) = page["next"].as_str() else { break };
        path = format!("/v1/leads?limit=2&after={next}");
    }
    made.reverse();
    assert_eq!(seen, made);
    world.end().await;
}

#[tokio::test]
async fn a_list_shows_the_leads_that_its_parameters_select() {
    let world = World::start().await;
    let consent = json!({
        "consent_timestamp": "2026-01-01T00:00:00Z", "consent_text_version": "v1",
        "source_url": "https://example.com/form"
    });
    let first = json!({
        "phone": "+14155550132", "email": "Ann@Example.com", "external_id": "a-1", "tags": ["spring"],
        "consent": consent
    });
    let first = world.accepted(&first).await;
    let second = world.accepted(&json!({"phone": "+14155550133"})).await;
    world.work().await;
    let status = world.client.put(world.url(&format!("/v1/leads/{second}/status"))).bearer_auth(&world.key);
    assert_eq!(send(status.json(&json!({"status": "contacted"}))).await.status, 200);
    let ids = async |query: &str| {
        let page = get(&world, &format!("/v1/leads?{query}")).await.body;
        let ids = page["data"].as_array().unwrap_or_else(|| panic!("{query}: {page}")).iter();
        ids.map(|lead| lead["id"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    for query in [
        "phone=%2B14155550132",
        "phone=+14155550132",
        "phone=%2B1-415-555-0132",
        "email=ann@example.com",
        "external_id=a-1",
        "tag=spring",
        "eligibility=eligible",
        "status=new",
        "eligibility=eligible&phone=+14155550132&received_after=1d",
    ] {
        assert_eq!(ids(query).await, [first.as_str()], "{query}");
    }
    for query in ["phone=+14155550133", "eligibility=held", "status=contacted"] {
        assert_eq!(ids(query).await, [second.as_str()], "{query}");
    }
    let both = [second.clone(), first.clone()];
    assert_eq!(ids(&format!("source={}", world.source)).await, both);
    assert_eq!(ids("received_after=1d").await, both);
    for query in ["received_before=1d", "tag=autumn", "phone=+14155550134", "eligibility=held&tag=spring"] {
        assert!(ids(query).await.is_empty(), "{query}");
    }
    world.end().await;
}

#[tokio::test]
async fn a_key_of_a_source_filters_within_its_source() {
    let world = World::start().await;
    let lead = world.accepted(&json!({"phone": "+14155550132"})).await;
    world.work().await;
    let (source, key) = world.source_of(Dialect::Native, |_| {}).await;
    let ask = async |query: &str| {
        send(world.client.get(world.url(&format!("/v1/leads?{query}"))).bearer_auth(&key)).await
    };
    let nothing = json!({"data": [], "next": null});
    assert_eq!(ask("phone=+14155550132").await.body, nothing, "{lead} belongs to another source");
    assert_eq!(ask(&format!("source={}", source.id)).await.body, nothing);
    assert_eq!(ask(&format!("source={}", world.source)).await.problem(), (404, "not_found"));
    let unknown = get(&world, &format!("/v1/leads?source={}", uuid::Uuid::now_v7())).await;
    assert_eq!(unknown.problem(), (404, "not_found"));
    world.end().await;
}

#[tokio::test]
async fn changed_leads_are_read_from_where_the_last_page_ended() {
    let world = World::start().await;
    let first = world.accepted(&json!({"phone": "+14155550132"})).await;
    let second = world.accepted(&json!({"phone": "+14155550133"})).await;
    world.work().await;
    let read = async |after: &str| {
        let page = get(&world, &format!("/v1/leads?order=changed&limit=50{after}")).await.body;
        let ids: Vec<_> = page["data"].as_array().unwrap().iter().map(|lead| lead["id"].clone()).collect();
        (ids, format!("&after={}", page["next"].as_str().unwrap()))
    };
    let (ids, next) = read("").await;
    assert_eq!(ids, [first.as_str(), second.as_str()]);
    assert_eq!(read(&next).await, (vec![], next.clone()));
    let status = world.client.put(world.url(&format!("/v1/leads/{first}/status"))).bearer_auth(&world.key);
    assert_eq!(send(status.json(&json!({"status": "contacted"}))).await.status, 200);
    assert_eq!(read(&next).await.0, [first.as_str()]);

    for query in ["order=changed&eligibility=eligible", "order=changed&after=x", "order=oldest"] {
        let answer = get(&world, &format!("/v1/leads?{query}")).await;
        assert_eq!(answer.problem(), (400, "invalid_parameter"), "{query}");
    }
    let of_another_order = get(&world, &format!("/v1/leads?limit=1{next}")).await;
    assert_eq!(of_another_order.problem(), (400, "invalid_parameter"));
    world.end().await;
}

#[tokio::test]
async fn an_invalid_query_is_refused() {
    let world = World::start().await;
    for query in ["limit=0", "limit=101", "limit=x", "limit=-1", "limit=", "after=x", "after=", "limit=%ff"]
        .into_iter()
        .chain([
            "eligibility=all",
            "temperature=1",
            "status=No",
            "source=x",
            "phone=",
            "phone=4155550132",
            "email=x",
            "external_id=%00",
        ])
        .chain(["received_after=x", "received_before=2026-13-01"])
    {
        let answer = get(&world, &format!("/v1/leads?{query}")).await;
        assert_eq!(answer.problem(), (400, "invalid_parameter"), "{query}");
    }
    let answer = get(&world, "/v1/leads?limit=1000").await;
    insta::assert_snapshot!(serde_json::to_string_pretty(&answer.body).unwrap(), @r#"
    {
      "code": "invalid_parameter",
      "detail": "`limit` is a number from 1 to 100.",
      "errors": [
        {
          "code": "invalid_parameter",
          "detail": "`limit` is a number from 1 to 100.",
          "parameter": "limit"
        }
      ],
      "status": 400,
      "title": "Bad Request",
      "type": "about:blank"
    }
    "#);
    world.end().await;
}
