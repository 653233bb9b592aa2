use insta::assert_json_snapshot;
use leadgate_dialect::DecodeError;
use leadgate_domain::Dialect::FiveHundredLeads;
use leadgate_domain::{Patch, TextField};
use serde_json::json;

use crate::reading::{form, json};

#[test]
fn a_webhook_with_campaign_and_referrer_is_decoded() {
    let fields = json(
        FiveHundredLeads,
        json!({
            "fullName": "Ann Lee", "email": "ann@example.com", "phoneNumber": "(415) 555-0132",
            "companyName": "ACME", "message": "Call me", "rooms": 3,
            "_utm": {"source": "google", "utm_medium": "cpc", "campaign": "", "ref": "partner"},
            "_referrer": "https://www.google.com/",
        }),
    );
    assert_json_snapshot!(fields.unwrap(), @r#"
    {
      "phone": "(415) 555-0132",
      "email": "ann@example.com",
      "texts": {
        "full_name": "Ann Lee",
        "company": "ACME"
      },
      "attribution": {
        "ref": "partner",
        "referrer": "https://www.google.com/",
        "utm_medium": "cpc",
        "utm_source": "google"
      },
      "custom_fields": {
        "message": "Call me",
        "rooms": 3
      }
    }
    "#);
}

#[test]
fn a_plain_form_is_decoded() {
    let body = "firstName=Ann&last-name=Lee&E-Mail=ann%40example.com&phone=%2B1+415+555+0132&company=\
                &_utm[source]=google&_utm[term]=&interests[]=roof&interests[]=solar&Opt_Out=no&newsletter=";
    assert_json_snapshot!(form(FiveHundredLeads, body).unwrap(), @r#"
    {
      "phone": "+1 415 555 0132",
      "email": "ann@example.com",
      "texts": {
        "first_name": "Ann",
        "last_name": "Lee"
      },
      "attribution": {
        "utm_source": "google"
      },
      "custom_fields": {
        "interests": [
          "roof",
          "solar"
        ]
      }
    }
    "#);
}

#[test]
fn an_invalid_value_is_stored_as_metadata() {
    let long = "x".repeat(501);
    let fields = json(
        FiveHundredLeads,
        json!({
            "phone": {"home": "1"}, "email": 5, "company": long, "tags": [1, 2], "is_test": "perhaps",
            "consent": true, "custom_fields": ["a"], "attribution": "google", "phone_country": "Atlantis",
        }),
    );
    let mut fields = fields.unwrap();
    assert_eq!(fields.custom_fields.remove("company"), Some(json!(long)));
    assert_json_snapshot!(fields, @r#"
    {
      "custom_fields": {
        "attribution": "google",
        "consent": true,
        "custom_fields": [
          "a"
        ],
        "email": 5,
        "is_test": "perhaps",
        "phone": {
          "home": "1"
        },
        "phone_country": "Atlantis",
        "tags": [
          1,
          2
        ]
      }
    }
    "#);
}

#[test]
fn at_least_one_value_is_required() {
    assert!(json(FiveHundredLeads, json!({"message": "hello"})).is_ok());
    assert!(json(FiveHundredLeads, json!({"answer": false})).is_ok());
    for empty in [json!({}), json!({"email": ""}), json!({"a": null, "b": [], "c": {"d": " "}})] {
        assert_eq!(json(FiveHundredLeads, empty), Err(DecodeError::Empty));
    }
    assert_eq!(form(FiveHundredLeads, "email=&phone="), Err(DecodeError::Empty));
}

#[test]
fn another_name_is_used_if_the_value_of_the_first_is_invalid() {
    let fields = json(FiveHundredLeads, json!({"phone": ["home"], "mobile": "+14155550132"})).unwrap();
    assert_eq!(fields.phone, Patch::Value("+14155550132".to_owned()));
    assert_eq!(fields.custom_fields["phone"], json!(["home"]));
}

#[test]
fn an_unclear_opt_out_counts_as_an_opt_out() {
    for (answer, expected) in [
        (json!("yes"), true),
        (json!("please stop"), true),
        (json!(2), true),
        (json!({"sms": "stop"}), true),
        (json!("No"), false),
        (json!(0), false),
        (json!(""), false),
        (json!(null), false),
    ] {
        let fields = json(FiveHundredLeads, json!({"email": "a@b.com", "do_not_call": answer})).unwrap();
        assert_eq!(fields.opt_out, expected, "{answer}");
    }
}

#[test]
fn an_empty_form_field_counts_as_absent() {
    let fields = form(FiveHundredLeads, "email=a%40b.com&phone=&company=+&budget=&name=Ann").unwrap();
    assert_eq!(fields.phone, Patch::Absent);
    assert_eq!(fields.texts.get(&TextField::Company), None);
    assert!(fields.custom_fields.is_empty());
}
