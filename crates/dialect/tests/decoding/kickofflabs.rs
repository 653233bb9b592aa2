use insta::assert_json_snapshot;
use leadgate_dialect::{DecodeError, protocol};
use leadgate_domain::Dialect::KickoffLabs;
use leadgate_domain::{BodyFormat, Fields};
use serde_json::json;

use crate::reading::{faults, form, json, single_fault};

#[test]
fn a_signup_with_control_members_is_decoded() {
    let fields = form(
        KickoffLabs,
        "email=ann%40example.com&phone_number=415+555+0132&country_code=1&first_name=Ann&ip=192.0.2.7\
         &tags=beta,vip&api_key=s3cret&list_id=77&landing_page_id=9&landing_page_url=https%3A%2F%2Fx%2Fjoin\
         &controller=leads&action=create&__url=https%3A%2F%2Fx%2F%3Futm_source%3Dfb&__referrer=https%3A%2F%2Ffb.com\
         &__source=API&__sid=s1&__rid=r9&__uid=u1&__skip_actions=1&must_exist=false&points=10&Shirt%20Size=XL\
         &utm_campaign=spring",
    );
    assert_json_snapshot!(fields.unwrap(), @r#"
    {
      "phone": "+1 415 555 0132",
      "email": "ann@example.com",
      "texts": {
        "first_name": "Ann",
        "source": "API",
        "page_url": "https://x/?utm_source=fb"
      },
      "tags": [
        "beta",
        "vip"
      ],
      "attribution": {
        "__rid": "r9",
        "__sid": "s1",
        "__uid": "u1",
        "ip": "192.0.2.7",
        "landing_page_url": "https://x/join",
        "referrer": "https://fb.com",
        "utm_campaign": "spring"
      },
      "custom_fields": {
        "__skip_actions": "1",
        "points": "10",
        "shirt size": "XL"
      }
    }
    "#);
}

#[test]
fn an_email_or_a_phone_number_is_required() {
    assert!(json(KickoffLabs, json!({"email": "ann@example.com"})).is_ok());
    assert!(json(KickoffLabs, json!({"phone_number": "+14155550132"})).is_ok());
    for missing in [json!({}), json!({"first_name": "Ann"}), json!({"email": " ", "phone_number": null})] {
        assert_eq!(faults(json(KickoffLabs, missing)), single_fault("", "contact_missing"));
    }
}

#[test]
fn a_phone_without_an_email_must_look_like_a_phone() {
    let alone = |phone: &str| json(KickoffLabs, json!({ "phone_number": phone }));
    // A number without a country code is read in the region of the source. An unassigned number may be a new
    // one.
    for good in ["+14155550132", "(415) 555-0132", "+15551234567"] {
        assert!(alone(good).is_ok(), "{good}");
    }
    for bad in ["call me", "n/a", "+", "unknown", &"5".repeat(80)] {
        assert_eq!(faults(alone(bad)), single_fault("/phone_number", "not_a_phone"), "{bad}");
    }
    let with_email = json!({"phone_number": "call me", "email": "ann@example.com"});
    assert_eq!(json(KickoffLabs, with_email).unwrap().phone.value().unwrap(), "call me");
}

#[test]
fn a_country_code_prefixes_the_number() {
    let phone = |code, number: &str| {
        let fields = json(KickoffLabs, json!({"phone_number": number, "country_code": code})).unwrap();
        (fields.phone.value().unwrap().clone(), fields.custom_fields.contains_key("country_code"))
    };
    for (code, number, expected, kept) in [
        (json!("1"), "415 555 0132", "+1 415 555 0132", false),
        (json!(1), "4155550132", "+1 4155550132", false),
        (json!("+44"), "020 7946 0958", "+44 020 7946 0958", false),
        // The number also contains the code.
        (json!("44"), "442079460958", "+442079460958", false),
        (json!("1"), "+442079460958", "+442079460958", true),
        (json!("1"), "00442079460958", "00442079460958", true),
        (json!("Atlantis"), "4155550132", "4155550132", true),
        (json!({}), "4155550132", "4155550132", true),
    ] {
        assert_eq!(phone(code, number), (expected.to_owned(), kept));
    }
    let region = json(KickoffLabs, json!({"phone_number": "4155550132", "country_code": "us"})).unwrap();
    assert_eq!(region.phone_country.unwrap().to_string(), "US");
}

#[test]
fn no_credential_is_stored_in_any_spelling() {
    let fields = json(
        KickoffLabs,
        json!({"email": "a@b.com", "api_key": "s3cret", "apiKey": "s3cret", "API-Key": "s3cret",
               "Authorization": "s3cret", "authentication": "Token s3cret"}),
    )
    .unwrap();
    assert!(!serde_json::to_string(&fields).unwrap().contains("s3cret"));
}

#[test]
fn custom_field_names_are_lower_case_and_none_is_lost() {
    let fields = json(
        KickoffLabs,
        json!({"email": "a@b.com", "Shirt_Size": "XL", "BUDGET": 1, "budget": 2, "Straße": "x", "ÉTÉ": "y"}),
    );
    assert_json_snapshot!(fields.unwrap().custom_fields, @r#"
    {
      "budget": 2,
      "budget (2)": 1,
      "shirt_size": "XL",
      "straße": "x",
      "été": "y"
    }
    "#);
}

fn decode_with_query(body: &[u8], media: &BodyFormat, query: &str) -> Result<Fields, DecodeError> {
    protocol(KickoffLabs)
        .decode(&protocol(KickoffLabs).read_document(media, body, Some(query)).unwrap(), None)
}

#[test]
fn the_query_fills_fields_that_the_body_does_not_have() {
    let body = br#"{"email": "ann@example.com", "first_name": "Ann"}"#;
    let fields =
        decode_with_query(body, &BodyFormat::Json, "first_name=Bea&__source=widget&tags[]=a&note=&api_key=k")
            .unwrap();
    assert_json_snapshot!(fields, @r#"
    {
      "email": "ann@example.com",
      "texts": {
        "first_name": "Ann",
        "source": "widget"
      },
      "tags": [
        "a"
      ]
    }
    "#);
    for media in [BodyFormat::Json, BodyFormat::Form, BodyFormat::Multipart("x".to_owned())] {
        let fields = decode_with_query(b"", &media, "email=ann%40example.com").unwrap();
        assert_eq!(fields.email.value().unwrap(), "ann@example.com");
        let empty = protocol(KickoffLabs).read_document(&media, b" ", Some("email=")).unwrap_err();
        assert_eq!(empty.code(), "empty_body");
    }
}
