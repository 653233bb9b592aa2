//! `application/x-www-form-urlencoded`, as browsers, curl and strangers write it.

use leadgate_dialect::{Document, takes};
use leadgate_domain::Dialect::{AbcSales, AskAd, Native};
use leadgate_domain::{Dialect, Media};
use serde_json::json;

use crate::reading::{form, members};

#[test]
fn pairs_are_read_as_browsers_write_them() {
    for (body, expected) in [
        ("a=1&b=2", json!({"a": "1", "b": "2"})),
        ("a=x+y&b=x%20y&c=x%2By", json!({"a": "x y", "b": "x y", "c": "x+y"})),
        ("a+b=1&a%5Bc%5D=2", json!({"a b": "1", "a": {"c": "2"}})),
        ("a&b=&=c&&", json!({"a": "", "b": "", "": "c"})),
        ("a=b=c", json!({"a": "b=c"})),
        // Not escapes: taken as they are.
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
        // Where two of them contradict each other both are kept.
        ("a=1&a[b]=2", json!({"a": "1", "a[b]": "2"})),
        ("a[b]=1&a=2", json!({"a": [{"b": "1"}, "2"]})),
        // Not built like that: names like any other.
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
fn what_json_may_not_contain_a_form_may_not_either() {
    let code = |body: &[u8]| members(body).unwrap_err().code();
    assert_eq!(code(b""), "empty_body");
    assert_eq!(code(b" \r\n"), "empty_body");
    assert_eq!(code(b"&&"), "empty_body");
    assert_eq!(code(b"a=%00"), "nul_character");
    assert_eq!(code(b"a%00=1"), "nul_character");
    for latin1 in [&b"n=Gr%FC%DFe"[..], b"n=Gr\xfc\xdfe", b"%E9=1", b"a=%C0%AF"] {
        assert_eq!(code(latin1), "invalid_unicode");
    }
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
fn of_several_phones_the_first_is_taken_and_all_are_kept() {
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
fn tags_are_taken_as_a_list_or_with_commas() {
    for body in ["email=a&tags=x,+y,,", "email=a&tags[]=x&tags[]=y&tags[]=", "email=a&tags[0]=x&tags[1]=y"] {
        assert_eq!(form(AskAd, body).unwrap().tags, ["x", "y"], "{body}");
    }
}

#[test]
fn a_dialect_takes_the_media_that_its_system_documents() {
    let multipart = Media::Multipart("x".to_owned());
    for dialect in Dialect::ALL {
        let forms = !matches!(dialect, Native | AbcSales | Dialect::Lead2inbound);
        assert!(takes(dialect, &Media::Json));
        assert_eq!((takes(dialect, &Media::Form), takes(dialect, &multipart)), (forms, forms), "{dialect}");
    }
}

#[test]
fn json_that_is_no_object_is_told_apart_from_what_is_no_json() {
    let read = |body: &str| Document::read(Native, &Media::Json, body.as_bytes(), None).unwrap_err();
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
fn only_kickofflabs_is_asked_by_query() {
    for dialect in Dialect::ALL {
        let read = Document::read(dialect, &Media::Json, b"{\"a\":1}", Some("b=2")).unwrap();
        assert_eq!(read.members.contains_key("b"), dialect == Dialect::KickoffLabs, "{dialect}");
        let empty = Document::read(dialect, &Media::Json, b"", Some("b=2"));
        assert_eq!(empty.is_ok(), dialect == Dialect::KickoffLabs, "{dialect}");
    }
}
