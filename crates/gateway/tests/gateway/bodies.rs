//! Refused bodies: each has its own code, none is a 5xx, and none is published.

use std::time::Duration;

use insta::assert_snapshot;

use crate::raw::{exchange, exchange_and_finish};
use crate::world::{World, config, send};

fn nested(depth: usize) -> String {
    format!(r#"{{"phone":"1","x":{}{}}}"#, "[".repeat(depth), "]".repeat(depth))
}

fn wide(keys: usize) -> String {
    let entries: Vec<_> = (0..keys).map(|key| format!("\"k{key}\":0")).collect();
    format!("{{\"phone\":\"1\",{}}}", entries.join(","))
}

/// Body, status, code.
fn table() -> Vec<(Vec<u8>, u16, &'static str)> {
    let text = |body: &str| body.as_bytes().to_vec();
    let with = |value: &str| format!(r#"{{"phone":"1","x":{value}}}"#).into_bytes();
    let mut table = vec![
        (text(""), 400, "empty_body"),
        (text(" \r\n\t"), 400, "empty_body"),
        (b"\"\xc0\xaf\"".to_vec(), 400, "invalid_unicode"),
        (b"{\"phone\":\"\xe9\"}".to_vec(), 400, "invalid_unicode"),
        ("{\"phone\":\"1\"}".encode_utf16().flat_map(u16::to_le_bytes).collect(), 400, "not_json"),
        (with(r#""\ud800""#), 400, "invalid_unicode"),
        (with(r#""\udc00\ud800""#), 400, "invalid_unicode"),
        (with(r#""a\u0000b""#), 400, "nul_character"),
        (text(r#"{"phone":"1","\u0000":1}"#), 400, "nul_character"),
        (with("1e400000"), 400, "number_out_of_range"),
        (with("1e131071"), 400, "number_out_of_range"),
        (with("-1e400000"), 400, "number_out_of_range"),
        (with("18446744073709551616"), 400, "number_out_of_range"),
        (with(&"9".repeat(100)), 400, "number_out_of_range"),
        (text(r#"{"phone":"1","phone":"2"}"#), 400, "duplicate_key"),
        (text(r#"{"phone":"1","x":{"a":1,"a":1}}"#), 400, "duplicate_key"),
        (text(&nested(32)), 400, "too_deep"),
        (text(&nested(200)), 400, "too_deep"),
        (text(&nested(10_000)), 400, "too_deep"),
        (text(&"[".repeat(50_000)), 400, "too_deep"),
        (text(&wide(200)), 400, "too_many_keys"),
        (text(&wide(5_000)), 400, "too_many_keys"),
        (text(&"[".repeat(1_000_000)), 413, "body_too_large"),
        (text(&wide(100_000)), 413, "body_too_large"),
        (text(&format!(r#"{{"{}":1}}"#, "k".repeat(1_000_000))), 413, "body_too_large"),
        (vec![b' '; 64 * 1024 + 1], 413, "body_too_large"),
        (text(r#"{"full_name":"Ann"}"#), 422, "invalid_lead"),
        (text(r#"{"phone":null,"email":" "}"#), 422, "invalid_lead"),
        (text(r#"{"phone":["1"]}"#), 422, "invalid_lead"),
        (text(r#"{"phone":1.5}"#), 422, "invalid_lead"),
        (text(r#"{"email":{}}"#), 422, "invalid_lead"),
        (text(r#"{"phone":"1","tags":{}}"#), 422, "invalid_lead"),
        (text(&format!(r#"{{"phone":"{}"}}"#, "5".repeat(10_000))), 422, "invalid_lead"),
        (text(&format!(r#"{{"email":"{}@b.com"}}"#, "a".repeat(50_000))), 422, "invalid_lead"),
    ];
    for body in ["null", "[]", "\"x\"", "42", "true", "[{\"phone\":\"1\"}]"] {
        table.push((text(body), 400, "wrong_type"));
    }
    for body in [
        "{",
        "}",
        "nul",
        "{'phone':'1'}",
        "{\"phone\":\"1\",}",
        "{phone:\"1\"}",
        "{\"phone\":\"1\"} {}",
        "{\"phone\":\"1\"}\n{\"phone\":\"2\"}",
        "{\"phone\":\"1\"} // x",
        "{\"phone\":\"1\"}garbage",
        "{\"phone\":\"a\u{1}b\"}",
        "{\"phone\":01}",
        "{\"phone\":+1}",
        "{\"phone\":.5}",
        "{\"phone\":NaN}",
        "phone=1",
        "<lead/>",
    ] {
        table.push((text(body), 400, "not_json"));
    }
    table
}

#[tokio::test]
async fn every_invalid_body_has_its_own_code() {
    let world = World::start().await;
    for (body, status, code) in table() {
        let shown = String::from_utf8_lossy(&body[..body.len().min(60)]).into_owned();
        let answer = send(world.post().body(body)).await;
        assert_eq!(answer.problem(), (status, code), "{shown}");
    }
    assert_eq!(world.published().await, 0);
    world.end().await;
}

#[tokio::test]
async fn a_truncated_body_is_refused() {
    let world = World::start().await;
    let whole =
        br#"{"phone":"+14155550132","tags":["a","b"],"consent":{"source_url":"https://example.com"}}"#;
    for end in 0..whole.len() {
        let answer = send(world.post().body(whole[..end].to_vec())).await;
        assert_eq!(answer.status, 400, "{end}");
    }
    assert_eq!(world.published().await, 0);
    world.end().await;
}

#[tokio::test]
async fn all_faults_are_reported_at_once_without_values() {
    let world = World::start().await;
    let body = r#"{"phone":5550132.5,"phone_country":"Atlantis","tags":["ok",7],"opt_out":"yes"}"#;
    let answer = send(world.post().body(body)).await;
    assert_snapshot!(serde_json::to_string_pretty(&answer.body).unwrap(), @r#"
    {
      "code": "invalid_lead",
      "detail": "Some fields are not valid; see `errors`.",
      "errors": [
        {
          "code": "wrong_type",
          "detail": "true or false is expected",
          "pointer": "/opt_out"
        },
        {
          "code": "wrong_type",
          "detail": "a string or an integer is expected",
          "pointer": "/phone"
        },
        {
          "code": "unknown_region",
          "detail": "not a region (two letters of ISO 3166-1, such as US)",
          "pointer": "/phone_country"
        },
        {
          "code": "wrong_type",
          "detail": "a string is expected",
          "pointer": "/tags/1"
        }
      ],
      "status": 422,
      "title": "Unprocessable Entity",
      "type": "about:blank"
    }
    "#);
    let answer = send(world.post().body(r#"{"a":[1,{"b/c":"x\u0000"}]}"#)).await;
    assert_snapshot!(serde_json::to_string_pretty(&answer.body).unwrap(), @r#"
    {
      "code": "nul_character",
      "detail": "A text contains the NUL character (\\u0000), which cannot be stored.",
      "errors": [
        {
          "code": "nul_character",
          "detail": "A text contains the NUL character (\\u0000), which cannot be stored.",
          "pointer": "/a/1/b~1c"
        }
      ],
      "status": 400,
      "title": "Bad Request",
      "type": "about:blank"
    }
    "#);
    let answer = send(world.post().body("{\n\"phone\":'1'}")).await;
    assert_snapshot!(serde_json::to_string_pretty(&answer.body).unwrap(), @r#"
    {
      "code": "not_json",
      "detail": "The body is not valid JSON: line 2, column 9.",
      "status": 400,
      "title": "Bad Request",
      "type": "about:blank"
    }
    "#);
    world.end().await;
}

fn head(world: &World, more: &str) -> String {
    let key = &world.key;
    format!(
        "POST /v1/leads HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {key}\r\nContent-Type: application/json\r\n{more}\r\n\r\n"
    )
}

#[tokio::test]
async fn a_body_that_does_not_arrive_is_refused_after_a_timeout() {
    let world =
        World::with(leadgate_gateway::GatewayConfig { body_timeout: Duration::from_millis(300), ..config() })
            .await;
    world.until_ready_is(200).await;
    let request = head(&world, "Content-Length: 20") + "{\"phone\":";
    let answer = exchange(world.address, request.as_bytes()).await.unwrap();
    assert_eq!(answer.problem(), (408, "body_timeout"));
    let request = head(&world, "Transfer-Encoding: chunked") + "5\r\n{\"pho\r\n";
    let answer = exchange(world.address, request.as_bytes()).await.unwrap();
    assert_eq!(answer.problem(), (408, "body_timeout"));
    assert_eq!(world.published().await, 0);
    world.end().await;
}

#[tokio::test]
async fn a_wrong_content_length_is_refused() {
    let world = World::start().await;
    world.until_ready_is(200).await;
    let body = r#"{"phone":"1"}"#;
    // Shorter than declared, and the connection ends.
    let request = head(&world, "Content-Length: 14") + body;
    let answer = exchange_and_finish(world.address, request.as_bytes()).await.unwrap();
    assert_eq!(answer.problem(), (400, "body_broken"));
    for (more, sent) in [
        ("Content-Length: 12", body.to_owned()),
        ("Content-Length: -1", body.to_owned()),
        ("Content-Length: 13\r\nContent-Length: 14", body.to_owned()),
        ("Content-Length: 13\r\nTransfer-Encoding: chunked", format!("d\r\n{body}\r\n0\r\n\r\n")),
        ("Transfer-Encoding: xchunked", body.to_owned()),
        ("Transfer-Encoding: chunked", format!("fffffffffffffffff\r\n{body}\r\n0\r\n\r\n")),
        ("Transfer-Encoding: chunked", format!("x\r\n{body}\r\n0\r\n\r\n")),
        ("Content-Length : 13", body.to_owned()),
        ("X: 1\r\n folded: 2\r\nContent-Length: 13", body.to_owned()),
    ] {
        let request = head(&world, more) + &sent;
        let answer = exchange_and_finish(world.address, request.as_bytes()).await.unwrap();
        assert_eq!(answer.status, 400, "{more}");
    }
    assert_eq!(world.published().await, 0);
    world.end().await;
}

#[tokio::test]
async fn a_body_without_a_length_is_cut_off_at_the_limit() {
    let world = World::start().await;
    world.until_ready_is(200).await;
    let chunk = format!("1000\r\n{}\r\n", " ".repeat(0x1000));
    let request = head(&world, "Transfer-Encoding: chunked") + &chunk.repeat(400);
    let answer = exchange(world.address, request.as_bytes()).await.unwrap();
    assert_eq!(answer.problem(), (413, "body_too_large"));
    let good = head(&world, "Transfer-Encoding: chunked") + "d\r\n{\"phone\":\"1\"}\r\n0\r\n\r\n";
    assert_eq!(exchange(world.address, good.as_bytes()).await.unwrap().status, 202);
    assert_eq!(world.published().await, 1);
    world.end().await;
}
