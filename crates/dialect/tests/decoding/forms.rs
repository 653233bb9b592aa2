//! `application/x-www-form-urlencoded`, as browsers, curl and other clients write it.

use leadgate_dialect::protocol;
use leadgate_domain::Dialect::{AskAd, Native};
use leadgate_domain::{BodyFormat, Dialect, Repair};
use serde_json::{Value, json};

use crate::reading::{form, members};

#[test]
fn pairs_are_read_as_browsers_write_them() {
    for (body, expected) in [
        ("a=1&b=2", json!({"a": "1", "b": "2"})),
        ("a=x+y&b=x%20y&c=x%2By", json!({"a": "x y", "b": "x y", "c": "x+y"})),
        ("a+b=1&a%5Bc%5D=2", json!({"a b": "1", "a": {"c": "2"}})),
        ("a&b=&=c&&", json!({"a": "", "b": "", "": "c"})),
        ("a=b=c", json!({"a": "b=c"})),
        // Invalid escapes are read literally.
        ("a=%&b=%zz&c=%4", json!({"a": "%", "b": "%zz", "c": "%4"})),
        ("n=Gr%C3%BC%C3%9Fe&n2=Grüße", json!({"n": "Grüße", "n2": "Grüße"})),
        ("a=1\r\n", json!({"a": "1"})),
    ] {
        assert_eq!(members(body.as_bytes()), Ok(expected), "{body}");
    }
}

#[test]
fn names_make_lists_and_objects() {
    for (body, expected) in [
        ("a=1&a=2&a=3", json!({"a": ["1", "2", "3"]})),
        ("phone[]=1", json!({"phone": ["1"]})),
        ("a[]=1&a[]=2&a=3", json!({"a": ["1", "2", "3"]})),
        ("a[0]=x&a[2]=z&a[1]=y", json!({"a": ["x", "y", "z"]})),
        ("a[1]=y", json!({"a": {"1": "y"}})),
        ("a[b][c]=1&a[b][d][]=2&a[e]=3", json!({"a": {"b": {"c": "1", "d": ["2"]}, "e": "3"}})),
        // If two names contradict each other, both values are kept.
        ("a=1&a[b]=2", json!({"a": "1", "a[b]": "2"})),
        ("a[b]=1&a=2", json!({"a": [{"b": "1"}, "2"]})),
        // Malformed brackets are part of the name.
        (
            "a[b=1&c]=2&[]=3&a[[d]]=4&e[]f=5",
            json!({"a[b": "1", "c]": "2", "[]": "3", "a[[d]]": "4", "e[]f": "5"}),
        ),
        ("a[][b]=1&a[][b]=2", json!({"a[][b]": ["1", "2"]})),
    ] {
        assert_eq!(members(body.as_bytes()), Ok(expected), "{body}");
    }
}

#[test]
fn the_limits_of_json_apply_to_forms() {
    let code = |body: &[u8]| members(body).unwrap_err().code();
    assert_eq!(code(b""), "empty_body");
    assert_eq!(code(b" \r\n"), "empty_body");
    assert_eq!(code(b"&&"), "empty_body");
    assert_eq!(code(b"a=%00"), "nul_character");
    assert_eq!(code(b"a%00=1"), "nul_character");
    let many = |count: usize| (0..count).map(|key| format!("k{key}=v")).collect::<Vec<_>>().join("&");
    assert!(members(many(200).as_bytes()).is_ok());
    assert_eq!(code(many(201).as_bytes()), "too_many_keys");
    assert_eq!(code(many(10_000).as_bytes()), "too_many_keys");
    assert_eq!(code("a=1&".repeat(1_001).as_bytes()), "too_many_keys");
    let deep = |levels: usize| format!("a{}=1", "[b]".repeat(levels));
    assert!(members(deep(31).as_bytes()).is_ok());
    assert_eq!(code(deep(32).as_bytes()), "too_deep");
    assert_eq!(code(deep(10_000).as_bytes()), "too_deep");
}

#[test]
fn the_first_of_several_phones_is_used_and_all_are_stored() {
    let fields = form(AskAd, "phone=&phone=%2B1415&phone=%2B1416").unwrap();
    assert_eq!(fields.phone.value().unwrap(), "+1415");
    assert_eq!(fields.custom_fields["phone"], json!(["", "+1415", "+1416"]));
    let fields = form(AskAd, "phone[]=%2B1415").unwrap();
    assert_eq!((fields.phone.value().unwrap().as_str(), fields.custom_fields.len()), ("+1415", 0));
}

#[test]
fn a_checkbox_and_its_hidden_field_are_one_flag() {
    assert!(form(AskAd, "email=a&opt_out=0&opt_out=1").unwrap().opt_out);
    assert!(!form(AskAd, "email=a&opt_out=0").unwrap().opt_out);
}

#[test]
fn tags_are_a_list_or_separated_by_commas() {
    for body in ["email=a&tags=x,+y,,", "email=a&tags[]=x&tags[]=y&tags[]=", "email=a&tags[0]=x&tags[1]=y"] {
        assert_eq!(form(AskAd, body).unwrap().tags, ["x", "y"], "{body}");
    }
}

#[test]
fn text_that_is_not_utf8_is_read_as_windows_1252_and_recorded() {
    for (body, expected) in [
        (&b"n=Gr%FC%DFe"[..], json!({"n": "Grüße"})),
        (b"n=Gr\xfc\xdfe&m=Gr%C3%BC%C3%9Fe", json!({"n": "Grüße", "m": "Grüße"})),
        (b"%E9=%80", json!({"é": "€"})),
    ] {
        let read = protocol(AskAd).read_document(&BodyFormat::Form, body, None).unwrap();
        assert_eq!(Value::Object(read.members), expected);
        assert_eq!(read.repairs, [Repair::Windows1252].into());
    }
    let json = |media| protocol(Native).read_document(&media, b"{\"n\":\"Gr\xfc\xdfe\"}", None);
    let read = json(BodyFormat::JsonWindows1252).unwrap();
    assert_eq!((&read.members["n"], read.repairs.len()), (&json!("Grüße"), 0), "declared encoding");
    assert_eq!(json(BodyFormat::Json).unwrap_err().code(), "invalid_unicode", "undeclared encoding");
}

#[test]
fn a_byte_order_mark_is_not_part_of_a_name() {
    for body in ["\u{feff}email=a&phone=1", "%EF%BB%BFemail=a&phone=1"] {
        assert_eq!(members(body.as_bytes()), Ok(json!({"email": "a", "phone": "1"})), "{body}");
    }
}

#[test]
fn an_unescaped_plus_at_the_start_of_a_phone_is_restored() {
    for (body, phone, repaired) in [
        ("phone=+4722334455", "+4722334455", true),
        ("tel=+47+22+33+44+55", "+47 22 33 44 55", true),
        ("phone=%2B4722334455", "+4722334455", false),
        ("phone=++4722334455", "+4722334455", true),
        ("phone=(+47)+22+33+44+55", "+( 47) 22 33 44 55", true),
        ("phone=%204155550132", "4155550132", false),
        ("phone=22+33+44+55", "22 33 44 55", false),
    ] {
        let fields = form(AskAd, body).unwrap();
        assert_eq!(fields.phone.value().map(String::as_str), Some(phone), "{body}");
        assert_eq!(fields.repairs.contains("lost_plus"), repaired, "{body}");
    }
    let comment = form(AskAd, "email=a&comment=+1").unwrap();
    assert_eq!(comment.custom_fields["comment"], " 1");
    let multipart = b"--B\r\nContent-Disposition: form-data; name=\"phone\"\r\n\r\n 4155550132\r\n--B--\r\n";
    let read =
        protocol(AskAd).read_document(&BodyFormat::Multipart("B".to_owned()), multipart, None).unwrap();
    let fields = protocol(AskAd).decode(&read, None).unwrap();
    assert_eq!(fields.phone.value().map(String::as_str), Some(" 4155550132"), "multipart has no escapes");
}

#[test]
fn a_json_body_is_read_as_json_also_with_the_media_type_of_a_form() {
    for media in [BodyFormat::Json, BodyFormat::Form, BodyFormat::Multipart("B".to_owned())] {
        for body in ["{\"a\": 1.5}", "\u{feff} {\n\"a\": 1.5 }\n"] {
            let read = protocol(Native).read_document(&media, body.as_bytes(), None).unwrap();
            assert_eq!(
                (Value::Object(read.members), read.has_json_types),
                (json!({"a": 1.5}), true),
                "{media:?}"
            );
        }
    }
    assert_eq!(members(b"{a}=1"), Ok(json!({"{a}": "1"})));
}

#[test]
fn line_breaks_and_tabs_in_json_strings_are_repaired() {
    let read = |body: &str| protocol(Native).read_document(&BodyFormat::Json, body.as_bytes(), None);
    let broken = "{\"a\":\"x\ny\tz\\\"\r\n\",\n\"b\":1}";
    let repaired = read(broken).unwrap();
    assert_eq!(Value::Object(repaired.members), json!({"a": "x\ny\tz\"\r\n", "b": 1}));
    assert_eq!(repaired.repairs, [Repair::LineBreakInString].into());
    assert!(read("{\n\"a\":\t1}").unwrap().repairs.is_empty());
    assert_eq!(read("{\"a\":\"x\ny\"").unwrap_err().code(), "not_json");
}

#[test]
fn json_that_is_not_an_object_differs_from_invalid_json() {
    let read =
        |body: &str| protocol(Native).read_document(&BodyFormat::Json, body.as_bytes(), None).unwrap_err();
    for body in ["null", "[]", "\"x\"", "42", "[{}]"] {
        assert_eq!((read(body).code(), read(body).pointer()), ("wrong_type", Some("")), "{body}");
    }
    assert_eq!(
        (read("").code(), read("{").code(), read("{\"a\":1,\"a\":1}").code()),
        ("empty_body", "not_json", "duplicate_key")
    );
    assert_eq!(read("{\"a\": }").detail(), "The body is not valid JSON: line 1, column 7.");
    assert_eq!(read(r#"{"a":{"b":"\u0000"}}"#).pointer(), Some("/a/b"));
}

#[test]
fn the_query_is_read_with_a_kickofflabs_body_and_in_place_of_an_empty_body() {
    for dialect in Dialect::ALL.iter().copied() {
        let read = protocol(dialect).read_document(&BodyFormat::Json, b"{\"a\":1}", Some("b=2")).unwrap();
        assert_eq!(read.members.contains_key("b"), dialect == Dialect::KickoffLabs, "{dialect}");
        let from_query =
            protocol(dialect).read_document(&BodyFormat::Json, b" ", Some("phone=+4722334455")).unwrap();
        let fields = protocol(dialect).decode(&from_query, None).unwrap_or_default();
        let phone = fields.phone.value().map(String::as_str);
        assert!(dialect == Dialect::AbcSales || phone == Some("+4722334455"), "{dialect}: {phone:?}");
        assert_eq!(
            protocol(dialect).read_document(&BodyFormat::Json, b"", Some("b=")).unwrap_err().code(),
            "empty_body"
        );
    }
}
