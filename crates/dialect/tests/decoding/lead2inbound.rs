use insta::assert_json_snapshot;
use leadgate_domain::Dialect::Lead2inbound;
use serde_json::json;

use crate::reading::{faults, json, single_fault};

#[test]
fn a_lead_with_consent_and_ad_source_is_decoded() {
    let fields = json(
        Lead2inbound,
        json!({
            "phone": "+14155550132", "state": "CA", "first_name": "Ann", "email": "ann@example.com",
            "consent": {"consent_timestamp": "2025-01-01T00:00:00Z", "consent_text_version": "v3",
                        "source_url": "https://example.com/quote"},
            "ad_source": "facebook", "campaign_id": 120208123456789012_u64, "adSetId": "a1",
            "utm_source": "fb", "gclid": "g1", "roof_age": 12,
        }),
    )
    .unwrap();
    assert!(fields.consent.value().unwrap().is_complete());
    assert_json_snapshot!(fields, @r#"
    {
      "phone": "+14155550132",
      "email": "ann@example.com",
      "texts": {
        "first_name": "Ann",
        "state": "CA"
      },
      "consent": {
        "consent_timestamp": "2025-01-01T00:00:00Z",
        "consent_text_version": "v3",
        "source_url": "https://example.com/quote"
      },
      "attribution": {
        "ad_source": "facebook",
        "adset_id": "a1",
        "campaign_id": 120208123456789012,
        "gclid": "g1",
        "utm_source": "fb"
      },
      "custom_fields": {
        "roof_age": 12
      }
    }
    "#);
}

#[test]
fn only_the_phone_is_required() {
    assert!(json(Lead2inbound, json!({"phone": "not a phone: stored for manual review"})).is_ok());
    for missing in
        [json!({}), json!({"email": "ann@example.com"}), json!({"phone": ""}), json!({"phone": null})]
    {
        assert_eq!(faults(json(Lead2inbound, missing)), single_fault("/phone", "missing"));
    }
    assert_eq!(faults(json(Lead2inbound, json!({"phone": ["1"]}))), single_fault("/phone", "wrong_type"));
}

#[test]
fn a_consent_that_is_not_an_object_is_refused() {
    let with = |consent| faults(json(Lead2inbound, json!({"phone": "1", "consent": consent})));
    assert_eq!(with(json!(true)), single_fault("/consent", "wrong_type"));
    assert_eq!(
        with(json!({"consent_timestamp": true})),
        single_fault("/consent/consent_timestamp", "wrong_type")
    );
}

#[test]
fn a_consent_timestamp_may_be_a_number() {
    for (sent, kept) in [(json!(1735689600), "1735689600"), (json!(1735689600.5), "1735689600.5")] {
        for document in [json!({"consent": {"consent_timestamp": sent}}), json!({"consent_timestamp": sent})]
        {
            let mut document = document;
            document["phone"] = json!("1");
            let fields = json(Lead2inbound, document).unwrap();
            let consent = fields.consent.value().unwrap();
            assert_eq!(consent.consent_timestamp.as_deref(), Some(kept));
            assert!(consent.consented_at().is_some());
        }
    }
}
