//! Validation of leads without storing them.

use serde_json::{Value, json};

use leadgate_gateway::GatewayConfig;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

use crate::raw::exchange;
use crate::world::{Answer, World, config, send};

async fn validate(world: &World, kind: &str, body: &str) -> Answer {
    let request = world.client.post(world.url("/v1/leads/validate")).bearer_auth(&world.key);
    send(request.header("content-type", kind).body(body.to_owned())).await
}

#[tokio::test]
async fn a_lead_is_validated_and_nothing_is_stored() {
    let world = World::start().await;
    let lead = json!({ "phone": "+1 415 555 0132", "full_name": "Ann Lee", "company": "Acme" });
    let validated = validate(&world, "application/json", &lead.to_string()).await;
    assert_eq!(
        (validated.status, &validated.body["outcome"]),
        (200, &json!("created")),
        "{}",
        validated.body
    );
    assert_eq!(validated.body["phone"]["e164"], "+14155550132");
    assert_eq!(
        (&validated.body["reasons"], &validated.body["trace"]["decide"]["eligibility"]),
        (&json!(["consent_missing"]), &json!("held"))
    );
    assert_eq!(world.published().await, 0);
    assert!(world.store.submissions(world.organization, None, 10).await.unwrap().data.is_empty());

    let id = world.accepted(&lead).await;
    world.work().await;
    let stored = send(world.get(&format!("/v1/leads/{id}"))).await.body;
    for same in ["phone", "email", "score", "temperature", "eligibility", "reasons", "first_name", "tags"] {
        assert_eq!(validated.body[same], stored[same], "{same}");
    }
    let duplicate = validate(&world, "application/json", &lead.to_string()).await;
    assert_eq!((&duplicate.body["outcome"], &duplicate.body["id"]), (&json!("duplicate"), &json!(id)));
    world.end().await;
}

#[tokio::test]
async fn lines_are_validated_independently_and_in_order() {
    let world = World::start().await;
    let lines =
        "{\"phone\":\"+14155550133\"}\n\n{\"email\":5}\n{\"phone\":\"+14155550133\",\"is_test\":true}\n";
    let validated = validate(&world, "application/x-ndjson", lines).await;
    assert_eq!(validated.status, 200, "{}", validated.body);
    let lines: Vec<Value> =
        validated.body.as_str().unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let heads: Vec<_> = lines.iter().map(|line| (&line["outcome"], &line["code"])).collect();
    let (created, none) = (&json!("created"), &Value::Null);
    assert_eq!(heads, [(created, none), (none, &json!("invalid_lead")), (created, none)]);
    assert_eq!(lines[2]["reasons"], json!(["test_lead", "consent_missing"]));
    for (kind, body, status) in [
        ("application/x-ndjson", "\n", 400),
        ("application/x-ndjson", &"{}\n".repeat(501), 400),
        ("text/plain", "{}", 422),
        ("text/html", "{}", 415),
        ("application/json", "{}", 422),
        ("application/json", "{", 400),
    ] {
        assert_eq!(validate(&world, kind, body).await.status, status, "{kind} {body:.20}");
    }
    world.end().await;
}

#[tokio::test]
async fn the_memory_for_bulk_bodies_is_limited() {
    let world = World::with(GatewayConfig { bulk_limit: 100_000, ..config() }).await;
    let head = |length: usize| {
        format!(
            "POST /v1/leads/validate HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {}\r\n\
             Content-Type: application/x-ndjson\r\nContent-Length: {length}\r\n\r\n",
            world.key
        )
    };
    let line = format!("{{\"email\":\"a@example.com\",\"x\":\"{}\"}}\n", "y".repeat(49_000));
    // This request has sent most of its body. It uses its memory until the body is complete or the connection
    // is closed.
    let mut slow = TcpStream::connect(world.address).await.unwrap();
    slow.write_all(format!("{}{line}", head(line.len() + 10)).as_bytes()).await.unwrap();
    let second = format!("{}{line}{line}", head(2 * line.len()));
    let refused = loop {
        let answer = exchange(world.address, second.as_bytes()).await.unwrap();
        if answer.status != 200 {
            break answer;
        }
    };
    assert_eq!(refused.problem(), (503, "bulk_busy"));
    assert_eq!(refused.header("retry-after"), "5");
    drop(slow);
    loop {
        let answer = exchange(world.address, second.as_bytes()).await.unwrap();
        if answer.status == 200 {
            break;
        }
        assert_eq!(answer.problem(), (503, "bulk_busy"));
    }
    world.end().await;
}
