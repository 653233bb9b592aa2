//! Accepted leads, and the messages for the worker.

use insta::{assert_json_snapshot, assert_snapshot};
use serde_json::json;

use crate::raw::exchange;
use crate::world::{World, send};

#[tokio::test]
async fn a_lead_is_accepted_once_it_is_durable() {
    let world = World::start().await;
    let answer = send(world.post().body(r#"{"phone":"+14155550132"}"#)).await;
    assert_eq!(answer.status, 202);
    let id = answer.body["id"].as_str().unwrap();
    assert_eq!(answer.body, json!({"id": id, "status": "queued"}));
    assert_eq!(answer.header("location"), format!("/v1/leads/{id}"));
    assert_eq!(answer.header("cache-control"), "no-store");
    assert_eq!(world.published().await, 1);
    world.end().await;
}

#[tokio::test]
async fn a_submission_contains_everything_a_worker_needs() {
    let world = World::start().await;
    let trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    let request = world.post().header("user-agent", "test\t/1").header("traceparent", trace);
    let request = request.header("idempotency-key", "\"once\"");
    let body = r#"{"phone": 14155550132, "budget": 5}"#;
    let answer = send(request.body(body)).await;
    let submission = world.only_submission().await;
    assert_eq!(answer.body["id"], submission.id.to_string());
    assert_eq!((submission.organization, submission.source), (world.organization, world.source));
    assert_json_snapshot!(submission, {
        ".id" => "[id]", ".organization" => "[id]", ".source" => "[id]", ".received_at" => "[time]",
        ".client.key" => "[key]", ".idempotency_key_hash" => "[hash]",
    }, @r#"
    {
      "id": "[id]",
      "organization": "[id]",
      "source": "[id]",
      "source_revision": 1,
      "dialect": "native",
      "received_at": "[time]",
      "trust": "secret",
      "client": {
        "address": "127.0.0.1",
        "user_agent": "test/1",
        "key": "[key]"
      },
      "fields": {
        "phone": "14155550132",
        "custom_fields": {
          "budget": 5
        }
      },
      "raw": {
        "text": "{\"phone\": 14155550132, \"budget\": 5}"
      },
      "body_hash": "99154d71c115813ab6eae69bacccf6b5191b3f96bcbfeaa21c1d148557bccdfb",
      "idempotency_key_hash": "[hash]",
      "traceparent": "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
    }
    "#);
    world.end().await;
}

#[tokio::test]
async fn a_test_key_makes_test_leads() {
    let world = World::start().await;
    let key = world.key_with(|key| key.test = true).await;
    let request = world.client.post(world.url("/v1/leads")).bearer_auth(key);
    let request = request.header("content-type", "application/json").body(r#"{"phone":"1","is_test":false}"#);
    assert_eq!(send(request).await.status, 202);
    assert!(world.only_submission().await.fields.is_test);
    world.end().await;
}

#[tokio::test]
async fn json_is_accepted_with_all_its_media_types() {
    let world = World::start().await;
    for kind in ["application/json", "application/json; charset=UTF-8", "application/vnd.crm.lead+json"] {
        let request = world.client.post(world.url("/v1/leads")).bearer_auth(&world.key);
        let request = request.header("content-type", kind).header("content-encoding", "identity");
        assert_eq!(send(request.body(r#"{"email":"a@example.com"}"#)).await.status, 202, "{kind}");
    }
    assert_eq!(send(world.post().body("\u{feff}{\"phone\":\"1\"}")).await.status, 202, "a byte order mark");
    let largest = format!(r#"{{"phone":"1","note":"{}"}}"#, "x".repeat(64 * 1024 - 23));
    assert_eq!(largest.len(), 64 * 1024);
    assert_eq!(send(world.post().body(largest)).await.status, 202);
    world.end().await;
}

#[tokio::test]
async fn an_unknown_path_or_method_is_a_problem_document() {
    let world = World::start().await;
    for path in
        ["/", "/v1", "/v1/lead", "/v1/leads/", "//v1/leads", "/v1/%2e%2e/v1/leads", "/%00", "/%ff", "/%"]
    {
        let request = format!("GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
        let answer = exchange(world.address, request.as_bytes()).await.unwrap();
        assert_eq!(answer.problem(), (404, "not_found"), "{path}");
    }
    let answer = send(world.client.delete(world.url("/v1/leads"))).await;
    assert_eq!(answer.header("allow"), "GET, HEAD, POST, OPTIONS");
    assert_snapshot!(serde_json::to_string_pretty(&answer.body).unwrap(), @r#"
    {
      "code": "method_not_allowed",
      "detail": "The path does not support this method; see `Allow`.",
      "status": 405,
      "title": "Method Not Allowed",
      "type": "about:blank"
    }
    "#);
    for path in ["/v1/leads", "/v1/leads/x", "/v1/submissions/x", "/healthz", "/readyz", "/metrics"] {
        for method in ["OPTIONS", "PROPFIND", "PUT", "post"] {
            let request = world.client.request(method.parse().unwrap(), world.url(path));
            let request = request.header("origin", "https://example.com");
            let request = request.header("access-control-request-method", "POST");
            let answer = send(request).await;
            // A page may send preflights and read every response. The key decides what it may do.
            match method {
                "OPTIONS" => assert_eq!(answer.status, 204, "{path}"),
                _ => assert_eq!(answer.problem(), (405, "method_not_allowed"), "{method} {path}"),
            }
            assert_eq!(
                answer.header("access-control-allow-origin"),
                "https://example.com",
                "{method} {path}"
            );
        }
    }
    world.end().await;
}
