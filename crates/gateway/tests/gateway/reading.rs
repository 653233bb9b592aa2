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
async fn an_invalid_query_is_refused() {
    let world = World::start().await;
    for query in ["limit=0", "limit=101", "limit=x", "limit=-1", "limit=", "after=x", "after=", "limit=%ff"] {
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
