//! `multipart/form-data` (RFC 7578), valid and malformed.

use insta::assert_json_snapshot;
use leadgate_dialect::{DocumentError, protocol};
use leadgate_domain::BodyFormat;
use leadgate_domain::Dialect::FiveHundredLeads;
use serde_json::{Value, json};

fn read(body: &[u8]) -> Result<Value, DocumentError> {
    let media = BodyFormat::Multipart("BOUNDARY".to_owned());
    let document = protocol(FiveHundredLeads).read_document(&media, body, None)?;
    assert!(!document.has_json_types);
    Ok(Value::Object(document.members))
}

fn part(head: &str, content: &str) -> String {
    format!("--BOUNDARY\r\nContent-Disposition: form-data; {head}\r\n\r\n{content}\r\n")
}

fn code(body: &[u8]) -> &'static str {
    read(body).unwrap_err().code()
}

const END: &str = "--BOUNDARY--\r\n";

#[test]
fn parts_are_read_like_the_pairs_of_a_form() {
    let body = [
        part("name=\"name\"", "Ann Lée"),
        part("name=\"tags[]\"", "a"),
        part("name=\"tags[]\"", "b"),
        part("name=\"_utm[source]\"", "google"),
        part("name=\"percent\"", "100%25+1"),
        part("name=\"note\"\r\nContent-Type: text/plain; charset=utf-8", "line 1\r\nline 2"),
        END.to_owned(),
    ];
    let expected = json!({"name": "Ann Lée", "tags": ["a", "b"], "_utm": {"source": "google"},
                          "percent": "100%25+1", "note": "line 1\r\nline 2"});
    assert_eq!(read(body.concat().as_bytes()), Ok(expected));
}

#[test]
fn a_file_is_stored_as_its_name_type_and_size() {
    let body = [
        part("name=\"email\"", "ann@example.com"),
        part("name=\"cv\"; filename=\"../../etc/passwd\"\r\nContent-Type: application/pdf", "%PDF-1.7 \u{0}"),
        part("name=\"none\"; filename=\"\"\r\nContent-Type: application/octet-stream", ""),
        END.to_owned(),
    ];
    let media = BodyFormat::Multipart("BOUNDARY".to_owned());
    let document = protocol(FiveHundredLeads).read_document(&media, body.concat().as_bytes(), None).unwrap();
    assert_json_snapshot!(protocol(FiveHundredLeads).decode(&document, None).unwrap(), @r#"
    {
      "email": "ann@example.com",
      "custom_fields": {
        "cv": {
          "bytes": 10,
          "content_type": "application/pdf",
          "filename": "../../etc/passwd"
        }
      }
    }
    "#);
}

#[test]
fn a_malformed_body_is_refused() {
    let complete = [part("name=\"a\"", "1"), END.to_owned()].concat();
    assert!(read(complete.as_bytes()).is_ok());
    for broken in [
        // The final boundary is missing, so the body may be truncated.
        part("name=\"a\"", "1"),
        format!("{}--BOUNDARY", part("name=\"a\"", "1")),
        "--BOUNDARY\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n1".to_owned(),
        "--BOUNDARY\r\nContent-Dispo".to_owned(),
        "a=1&b=2".to_owned(),
        complete.replace("BOUNDARY", "OTHER"),
        // A part without a name.
        [part("nothing=\"a\"", "1"), END.to_owned()].concat(),
        format!("--BOUNDARY\r\nContent-Type: text/plain\r\n\r\n1\r\n{END}"),
    ] {
        assert_eq!(code(broken.as_bytes()), "broken_multipart", "{broken}");
    }
    for cut in 1..complete.len() - "--\r\n".len() {
        assert!(read(&complete.as_bytes()[..cut]).is_err(), "{cut}");
    }
    assert_eq!(code(b""), "empty_body");
    assert_eq!(code(END.as_bytes()), "empty_body");
}

#[test]
fn the_limits_of_forms_apply() {
    let many = |count: usize| {
        let parts: String = (0..count).map(|key| part(&format!("name=\"k{key}\""), "v")).collect();
        format!("{parts}{END}")
    };
    assert!(read(many(200).as_bytes()).is_ok());
    assert_eq!(code(many(1_000).as_bytes()), "too_many_keys");
    assert_eq!(code(many(1_001).as_bytes()), "too_many_keys");
    assert_eq!(code([part("name=\"a\"", "\u{0}"), END.to_owned()].concat().as_bytes()), "nul_character");
    let latin1 =
        [b"--BOUNDARY\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n\xfc\r\n", END.as_bytes()];
    assert_eq!(read(&latin1.concat()), Ok(json!({"a": "ü"})));
    let huge = part(&format!("name=\"a\"\r\nX-Long: {}", "x".repeat(60_000)), "1");
    assert_eq!(read([huge, END.to_owned()].concat().as_bytes()), Ok(json!({"a": "1"})));
}

#[test]
fn a_nested_multipart_is_read_as_text() {
    let inner = "--I\r\nContent-Disposition: file\r\n\r\nx\r\n--I--";
    let nested = part("name=\"files\"\r\nContent-Type: multipart/mixed; boundary=I", inner);
    assert_eq!(read([nested, END.to_owned()].concat().as_bytes()), Ok(json!({ "files": inner })));
}
