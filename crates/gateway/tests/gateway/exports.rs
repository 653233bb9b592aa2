//! Exports of leads.

use leadgate_domain::Dialect;
use serde_json::{Value, json};

use crate::world::{World, send};

const PHONES: [&str; 3] = ["+14155550131", "+14155550132", "+14155550133"];

async fn world_with_leads() -> World {
    let world = World::start().await;
    for (phone, name) in PHONES.into_iter().zip(["Ann, \"Annie\" Lee", "=cmd|' /C calc'!A0", "Zoë"]) {
        let lead = json!({ "phone": phone, "full_name": name, "custom_fields": { "budget": 5 }, "tags": ["a b", "c"] });
        world.accepted(&lead).await;
    }
    world.work().await;
    world
}

async fn text(world: &World, path: &str) -> (u16, String, String) {
    let response = world.get(path).send().await.unwrap();
    let media = response.headers()["content-type"].to_str().unwrap().to_owned();
    (response.status().as_u16(), media, response.text().await.unwrap())
}

/// The cells of each row, by the names in the header.
fn rows(csv: &str) -> Vec<Value> {
    let mut lines = csv.split("\r\n");
    let names: Vec<&str> = lines.next().unwrap().split(',').collect();
    let mut reader = csv::Reader::from_reader(csv.as_bytes());
    let row = |record: csv::StringRecord| {
        names.iter().map(|name| (*name).to_owned()).zip(record.iter().map(Value::from)).collect()
    };
    reader.records().map(|record| row(record.unwrap())).collect()
}

#[tokio::test]
async fn leads_are_exported_as_csv() {
    let world = world_with_leads().await;
    let (status, media, body) = text(&world, "/v1/leads/export").await;
    assert_eq!((status, media.as_str()), (200, "text/csv; charset=utf-8"));
    let rows = rows(&body);
    let column = |name: &str| rows.iter().map(|row| row[name].as_str().unwrap()).collect::<Vec<_>>();
    assert_eq!(column("phone"), [PHONES[2], PHONES[1], PHONES[0]], "the newest first");
    assert_eq!(column("full_name"), ["Zoë", "'=cmd|' /C calc'!A0", "Ann, \"Annie\" Lee"]);
    assert_eq!((column("custom_fields")[0], column("tags")[0]), (r#"{"budget":5}"#, "a b c"));
    assert_eq!(column("source_name")[0], "default native source");
    let (_, _, marked) = text(&world, "/v1/leads/export?bom=true&phone=%2B14155550132").await;
    assert!(marked.starts_with("\u{feff}id,"), "{marked}");
    assert_eq!(marked.matches("\r\n").count(), 2, "only the lead with this phone");
    world.end().await;
}

#[tokio::test]
async fn leads_are_exported_as_ndjson() {
    let world = world_with_leads().await;
    let (status, media, body) = text(&world, "/v1/leads/export?format=ndjson").await;
    assert_eq!((status, media.as_str()), (200, "application/x-ndjson"));
    let lines: Vec<Value> = body.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let listed = send(world.get("/v1/leads")).await.body;
    assert_eq!(Value::from(lines), listed["data"]);
    world.end().await;
}

#[tokio::test]
async fn an_export_is_audited_and_keeps_to_the_source_of_its_key() {
    let world = world_with_leads().await;
    let (source, key) = world.source_of(Dialect::Native, |source| source.name = Some("crm".into())).await;
    let path = format!("/v1/leads/export?source={}", world.source);
    let other = send(world.client.get(world.url(&path)).bearer_auth(&key)).await;
    assert_eq!(other.status, 404);
    let own = world.client.get(world.url("/v1/leads/export")).bearer_auth(&key).send().await.unwrap();
    assert_eq!(own.text().await.unwrap().matches("\r\n").count(), 1, "the header only");
    let path = format!("/v1/leads/export?source={}&format=ndjson", source.id);
    assert_eq!(text(&world, &path).await, (200, "application/x-ndjson".to_owned(), String::new()));
    let audit = send(world.get("/v1/audit?action=leads.exported")).await.body;
    let details: Vec<&Value> =
        audit["data"].as_array().unwrap().iter().map(|entry| &entry["detail"]).collect();
    assert_eq!(details[0], &json!({ "format": "ndjson", "filters": ["source"] }));
    assert_eq!(details[1], &json!({ "format": "csv", "filters": ["source"] }), "of a key with one source");
    for path in ["/v1/leads/export?format=xml", "/v1/leads/export?bom=maybe", "/v1/leads/export?limit=5"] {
        assert_eq!(send(world.get(path)).await.status, 400, "{path}");
    }
    world.end().await;
}
