//! Intake reports over HTTP.

use leadgate_domain::{Day, Dialect, Scope, Timestamp, Zone};
use serde_json::json;

use crate::world::{World, send};

/// The current date, to detect a change of the day during a test.
fn today() -> String {
    Day::from_timestamp(Timestamp::now(), Zone::utc()).to_string()
}

#[tokio::test]
async fn a_report_counts_the_submissions_of_today() {
    let world = World::start().await;
    let before = today();
    let (source, key) = world.source_of(Dialect::Native, |_| {}).await;
    world.accepted(&json!({"phone": "+14155550132"})).await;
    world.accepted(&json!({"phone": "+14155550132"})).await;
    let post = world.client.post(world.url("/v1/leads")).bearer_auth(&key);
    let post = post.header("content-type", "application/json").body(r#"{"phone":"12"}"#);
    assert_eq!(send(post).await.status, 202);
    let empty = send(world.get(&format!("/v1/reports/intake?day={before}"))).await;
    assert_eq!(empty.body["accepted"], 0, "queued submissions are not counted");
    world.work().await;

    let whole = send(world.get(&format!("/v1/reports/intake?day={before}"))).await;
    if today() != before {
        return world.end().await;
    }
    let counts = |report: &serde_json::Value| {
        let names = ["accepted", "created", "duplicate", "quarantined", "leads", "eligible", "held"];
        names.map(|name| report[name].as_u64().unwrap())
    };
    assert_eq!((whole.status, counts(&whole.body)), (200, [3, 2, 1, 0, 2, 0, 2]), "{}", whole.body);
    assert_eq!(whole.body["held_by_reason"], json!({"consent_missing": 2, "phone_invalid": 1}));
    assert_eq!((&whole.body["day"], &whole.body["timezone"]), (&json!(before), &json!("UTC")));
    assert_eq!(whole.body["sources"].as_array().unwrap().len(), 2);
    let part = send(world.get(&format!("/v1/reports/intake?source={}", source.id))).await;
    assert_eq!(counts(&part.body), [1, 1, 0, 0, 1, 0, 1], "the default is today");
    assert_eq!((&part.body["source"], &part.body["sources"]), (&json!(source.id), &json!([])));
    let elsewhere = send(world.get("/v1/reports/intake?day=2020-02-29&timezone=asia/kolkata")).await;
    assert_eq!(counts(&elsewhere.body), [0; 7]);
    assert_eq!(
        (&elsewhere.body["from"], &elsewhere.body["until"], &elsewhere.body["timezone"]),
        (
            &json!("2020-02-28T18:30:00.000000Z"),
            &json!("2020-02-29T18:30:00.000000Z"),
            &json!("Asia/Kolkata")
        )
    );
    world.end().await;
}

#[tokio::test]
async fn an_invalid_report_query_is_refused() {
    let world = World::start().await;
    for (query, parameter) in [
        ("day=yesterday", "day"),
        ("day=2026-02-30", "day"),
        ("day=", "day"),
        ("timezone=Mars", "timezone"),
        ("timezone=%2B02:00", "timezone"),
        ("source=crm", "source"),
    ] {
        let answer = send(world.get(&format!("/v1/reports/intake?{query}"))).await;
        assert_eq!(answer.problem(), (400, "invalid_parameter"), "{query}");
        assert_eq!(answer.body["errors"][0]["parameter"], parameter, "{query}");
    }
    let missing = send(world.get(&format!("/v1/reports/intake?source={}", uuid::Uuid::now_v7()))).await;
    assert_eq!(missing.problem(), (404, "not_found"));
    let writer = world.key_with(|key| key.scopes = vec![Scope::Write]).await;
    let answer = send(world.client.get(world.url("/v1/reports/intake")).bearer_auth(&writer)).await;
    assert_eq!(answer.problem(), (403, "insufficient_scope"));
    world.end().await;
}

#[tokio::test]
async fn a_report_excludes_leads_of_other_organizations() {
    let world = World::start().await;
    world.accepted(&json!({"phone": "+14155550132"})).await;
    world.work().await;
    let stranger = world.stranger().await;
    let ask = |path: String| send(world.client.get(world.url(&path)).bearer_auth(&stranger));
    let whole = ask("/v1/reports/intake".to_owned()).await;
    assert_eq!((whole.status, &whole.body["accepted"], &whole.body["leads"]), (200, &json!(0), &json!(0)));
    assert_eq!(whole.body["sources"], json!([]));
    let part = ask(format!("/v1/reports/intake?source={}", world.source)).await;
    assert_eq!(part.problem(), (404, "not_found"), "a source of another organization is unknown");
    world.end().await;
}
