use insta::assert_json_snapshot;
use leadgate_dialect::DecodeError;
use leadgate_domain::Dialect::AskAd;
use serde_json::json;

use crate::reading::{faults, form, json, single_fault};

#[test]
fn an_inbound_lead_is_decoded() {
    let fields = json(
        AskAd,
        json!({
            "name": "Ann Lee", "email": "ann@example.com", "phone": "+14155550132",
            "page_url": "https://example.com/pricing", "utm_source": "askad", "interest": "demo",
            "metadata": {"plan": "pro", "seats": 12, "interest": "pricing"},
        }),
    );
    assert_json_snapshot!(fields.unwrap(), @r#"
    {
      "phone": "+14155550132",
      "email": "ann@example.com",
      "texts": {
        "full_name": "Ann Lee",
        "page_url": "https://example.com/pricing"
      },
      "attribution": {
        "utm_source": "askad"
      },
      "custom_fields": {
        "interest": "pricing",
        "interest (2)": "demo",
        "plan": "pro",
        "seats": 12
      }
    }
    "#);
}

#[test]
fn a_captured_form_is_decoded() {
    let body = "name=Ann+Lee&email=ann%40example.com&page_url=https%3A%2F%2Fexample.com&metadata[plan]=pro\
                &metadata[topics][]=a&metadata[topics][]=b&consent=on&xxTrustedFormCertUrl=https%3A%2F%2Fcert\
                &consent_timestamp=2025-01-01T00%3A00%3A00Z";
    assert_json_snapshot!(form(AskAd, body).unwrap(), @r#"
    {
      "email": "ann@example.com",
      "texts": {
        "full_name": "Ann Lee",
        "page_url": "https://example.com"
      },
      "consent": {
        "consent_timestamp": "2025-01-01T00:00:00Z",
        "xxTrustedFormCertUrl": "https://cert"
      },
      "custom_fields": {
        "consent": "on",
        "plan": "pro",
        "topics": [
          "a",
          "b"
        ]
      }
    }
    "#);
}

#[test]
fn at_least_one_value_is_required() {
    assert!(json(AskAd, json!({"page_url": "https://example.com"})).is_ok());
    for empty in [json!({}), json!({"email": " "}), json!({"metadata": {}})] {
        assert_eq!(json(AskAd, empty), Err(DecodeError::Empty));
    }
}

#[test]
fn a_wrong_type_is_refused_and_a_long_page_url_is_not() {
    assert_eq!(faults(json(AskAd, json!({"email": 5}))), single_fault("/email", "wrong_type"));
    assert_eq!(
        faults(json(AskAd, json!({"email": "a", "metadata": "x"}))),
        single_fault("/metadata", "wrong_type")
    );
    assert_eq!(faults(json(AskAd, json!({"name": "x".repeat(501)}))), single_fault("/name", "too_long"));
    let page = format!("https://example.com/{}", "x".repeat(3_000));
    let fields = json(AskAd, json!({"email": "a@b.com", "page_url": page})).unwrap();
    assert_eq!(fields.custom_fields["page_url"], json!(page));
}

#[test]
fn a_form_is_not_refused_for_invalid_values() {
    let fields = form(AskAd, "email=a%40b.com&metadata=plan+pro&phone[home]=1&tags[a]=b").unwrap();
    assert_json_snapshot!(fields, @r#"
    {
      "email": "a@b.com",
      "custom_fields": {
        "metadata": "plan pro",
        "phone": {
          "home": "1"
        },
        "tags": {
          "a": "b"
        }
      }
    }
    "#);
}

#[test]
fn metadata_and_custom_fields_are_both_kept() {
    let fields = json(
        AskAd,
        json!({"email": "a@b.com", "metadata": {"a": 1, "b": 1}, "custom_fields": {"b": 2, "c": 2}}),
    );
    assert_json_snapshot!(fields.unwrap().custom_fields, @r#"
    {
      "a": 1,
      "b": 2,
      "b (2)": 1,
      "c": 2
    }
    "#);
}
