//! Names that all dialects recognize.

use insta::assert_json_snapshot;
use leadgate_domain::Dialect::{self, AskAd, FiveHundredLeads, Native};
use leadgate_domain::{Patch, TextField};
use serde_json::{Value, json};

use crate::reading::json;

#[test]
fn a_name_is_recognized_in_any_spelling() {
    for (name, field) in [
        ("fullName", TextField::FullName),
        ("Full Name", TextField::FullName),
        ("FULL-NAME", TextField::FullName),
        ("contact_name", TextField::FullName),
        ("firstname", TextField::FirstName),
        ("given_name", TextField::FirstName),
        ("Surname", TextField::LastName),
        ("companyName", TextField::Company),
        ("external-id", TextField::ExternalId),
        ("LineID", TextField::LineId),
        ("time_zone", TextField::Timezone),
        ("pageUrl", TextField::PageUrl),
    ] {
        let fields = json(FiveHundredLeads, json!({ name: "x" })).unwrap();
        assert_eq!(fields.text(field), Some("x"), "{name}");
    }
    for name in ["Phone", "phoneNumber", "tel", "Cell Phone", "MOBILE"] {
        let fields = json(FiveHundredLeads, json!({ name: "+1" })).unwrap();
        assert_eq!(fields.phone, Patch::Value("+1".to_owned()), "{name}");
    }
    for name in ["E-mail", "emailAddress", "Mail"] {
        let fields = json(FiveHundredLeads, json!({ name: "a@b.com" })).unwrap();
        assert_eq!(fields.email, Patch::Value("a@b.com".to_owned()), "{name}");
    }
}

#[test]
fn an_exact_name_takes_precedence_and_the_others_are_stored() {
    let fields = json(
        FiveHundredLeads,
        json!({"Phone": "loose", "mobile": "later", "phone_number": "first", "cell": ""}),
    );
    assert_json_snapshot!(fields.unwrap(), @r#"
    {
      "phone": "first",
      "custom_fields": {
        "Phone": "loose",
        "mobile": "later"
      }
    }
    "#);
}

#[test]
fn the_native_dialect_prefers_exact_names_to_similar_ones() {
    let fields =
        json(Native, json!({"Phone": "+1", "firstName": "Ann", "name": "Ann Lee", "id": 7})).unwrap();
    assert_json_snapshot!(fields, @r#"
    {
      "phone": "+1",
      "texts": {
        "full_name": "Ann Lee",
        "first_name": "Ann"
      },
      "custom_fields": {
        "id": 7
      }
    }
    "#);
    let fields = json(Native, json!({"phone": null, "Phone": "+1", "email": "a@b.com"})).unwrap();
    assert_eq!(fields.phone, Patch::Null);
    assert_eq!(fields.custom_fields["Phone"], json!("+1"));
    // An invalid value is a fault only under an exact name.
    let fields =
        json(Native, json!({"email": "a@b.com", "Phone": 1.5, "Tags": "a,b", "OptOut": "maybe"})).unwrap();
    assert_json_snapshot!(fields, @r#"
    {
      "email": "a@b.com",
      "custom_fields": {
        "OptOut": "maybe",
        "Phone": 1.5,
        "Tags": "a,b"
      },
      "opt_out": true
    }
    "#);
}

#[test]
fn an_unclear_answer_is_an_opt_out_under_any_name_and_a_clear_no_is_not() {
    for dialect in Dialect::ALL.iter().copied() {
        let opts_out = |name: &str, answer: Value| {
            let body = json!({ "name": "Ann Lee", "phone": "+14155550132", name: answer });
            json(dialect, body).unwrap().opt_out
        };
        for name in ["OptOut", "opt-out", "opted_out", "do_not_call", "DoNotContact", "unsubscribed"] {
            for yes in [json!(true), json!("true"), json!("yes"), json!(1), json!("maybe")] {
                assert!(opts_out(name, yes.clone()), "{dialect} {name} {yes}");
            }
            for no in [json!(false), json!("false"), json!("No"), json!(0), json!(""), json!(null)] {
                assert!(!opts_out(name, no.clone()), "{dialect} {name} {no}");
            }
        }
    }
}

#[test]
fn every_dialect_stores_certificates_with_the_consent_under_any_name() {
    let url = "https://cert.trustedform.com/1a2b";
    let guid = "79D2D183-1012-02CF-6EF5-BF3AACE09570";
    for dialect in Dialect::ALL.iter().copied() {
        let consent = |name: &str, value: &str| {
            let body = json!({ "name": "Ann Lee", "phone": "+14155550132", name: value });
            json(dialect, body).unwrap().consent.value().cloned().unwrap_or_default()
        };
        for name in
            ["TrustedForm Cert URL", "trusted_form_certificate_url", "xxTrustedFormToken_0", "trustedForm"]
        {
            let consent = consent(name, url);
            assert_eq!(consent.trustedform_certificate(), Some(Ok(url.to_owned())), "{dialect} {name}");
            assert_eq!(consent.more[name], url);
        }
        for name in ["jornaya_lead_id", "Universal_LeadiD", "jornayaToken", "leadid", "LeadiD"] {
            assert_eq!(consent(name, guid).jornaya_leadid(), Some(Ok(guid.to_owned())), "{dialect} {name}");
        }
        // Other systems use these names for the ids of their own records.
        for (name, value) in [("leadid", "12345"), ("lead_id", guid), ("leadId", guid), ("LeadID", guid)] {
            assert!(consent(name, value).more.is_empty(), "{dialect} {name}");
        }
        let nested = json!({ "name": "Ann Lee", "phone": "+14155550132", "consent": {
            "certificate": "x", "trustedform_url": url, "lead_id": guid } });
        let nested = json(dialect, nested).unwrap().consent.value().cloned().unwrap();
        assert_eq!(nested.trustedform_certificate(), Some(Ok(url.to_owned())));
        assert_eq!((nested.jornaya_leadid(), nested.more.len()), (Some(Ok(guid.to_owned())), 3));
    }
}

#[test]
fn every_dialect_reads_consent_attribution_and_a_region() {
    let parts = json!({
        "name": "Ann Lee", "phone": "4155550132", "phone_country": "US",
        "consent_timestamp": "2025-01-01T00:00:00Z", "consentTextVersion": "v3", "source_url": "https://x",
        "xxTrustedFormCertUrl": "https://cert.trustedform.com/1", "universal_leadid": "2", "leadid_token": "3",
        "utm_source": "google", "utmMedium": "cpc", "UTM_foo": "bar", "referer": "https://r",
        "gclid": "g", "_fbp": "f", "fbclid": "", "msclkid": null,
    });
    let native = json(Native, parts.clone()).unwrap();
    assert_json_snapshot!((&native.consent, &native.attribution), @r#"
    [
      {
        "consent_timestamp": "2025-01-01T00:00:00Z",
        "consent_text_version": "v3",
        "source_url": "https://x",
        "leadid_token": "3",
        "universal_leadid": "2",
        "xxTrustedFormCertUrl": "https://cert.trustedform.com/1"
      },
      {
        "UTM_foo": "bar",
        "fbp": "f",
        "gclid": "g",
        "referrer": "https://r",
        "utm_medium": "cpc",
        "utm_source": "google"
      }
    ]
    "#);
    for dialect in Dialect::ALL.iter().copied() {
        let fields = json(dialect, parts.clone()).unwrap();
        assert_eq!(
            (&fields.consent, &fields.attribution),
            (&native.consent, &native.attribution),
            "{dialect}"
        );
        assert!(fields.consent.value().unwrap().is_complete());
        assert_eq!(fields.phone_country.unwrap().to_string(), "US");
    }
}

#[test]
fn an_object_takes_precedence_over_its_parts() {
    let fields = json(
        AskAd,
        json!({
            "consent": {"consentTimestamp": "t1", "ip": "192.0.2.1"}, "consent_timestamp": "t2",
            "consent_text_version": "v2", "attribution": {"utm_source": "a"}, "utm_source": "b", "utm_term": "c",
            "utm": {"source": "d", "content": "e"},
        }),
    );
    assert_json_snapshot!(fields.unwrap(), @r#"
    {
      "consent": {
        "consent_timestamp": "t1",
        "consent_text_version": "v2",
        "ip": "192.0.2.1"
      },
      "attribution": {
        "utm_content": "e",
        "utm_source": "a",
        "utm_term": "c"
      },
      "custom_fields": {
        "consent_timestamp": "t2",
        "utm": {
          "source": "d"
        },
        "utm_source": "b"
      }
    }
    "#);
}

#[test]
fn a_page_url_alone_is_not_a_consent() {
    let fields = json(AskAd, json!({"email": "a@b.com", "source_url": "https://x"})).unwrap();
    assert_eq!((&fields.consent, &fields.custom_fields["source_url"]), (&Patch::Absent, &json!("https://x")));
}
