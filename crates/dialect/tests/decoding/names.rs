//! Names that every dialect reads alike.

use insta::assert_json_snapshot;
use leadgate_domain::Dialect::{self, AskAd, FiveHundredLeads, Native};
use leadgate_domain::{Patch, TextField};
use serde_json::{Value, json};

use crate::reading::json;

#[test]
fn a_name_is_known_by_any_of_its_spellings() {
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
fn exact_names_go_first_and_the_others_are_kept() {
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
fn the_native_dialect_reads_loosely_only_what_it_does_not_read_exactly() {
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
    // Only an exact name is worth a refusal.
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
fn who_may_have_opted_out_has_by_whatever_name_and_a_clear_no_is_none() {
    for dialect in Dialect::ALL.iter().copied() {
        let asks = |name: &str, said: Value| {
            let body = json!({ "name": "Ann Lee", "phone": "+14155550132", name: said });
            json(dialect, body).unwrap().opt_out
        };
        for name in ["OptOut", "opt-out", "opted_out", "do_not_call", "DoNotContact", "unsubscribed"] {
            for yes in [json!(true), json!("true"), json!("yes"), json!(1), json!("maybe")] {
                assert!(asks(name, yes.clone()), "{dialect} {name} {yes}");
            }
            for no in [json!(false), json!("false"), json!("No"), json!(0), json!(""), json!(null)] {
                assert!(!asks(name, no.clone()), "{dialect} {name} {no}");
            }
        }
    }
}

#[test]
fn every_dialect_keeps_certificates_with_the_consent_whatever_they_are_called() {
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
            let found = consent(name, url);
            assert_eq!(found.trustedform_certificate(), Some(Ok(url.to_owned())), "{dialect} {name}");
            assert_eq!(found.more[name], url);
        }
        for name in ["jornaya_lead_id", "Universal_LeadiD", "jornayaToken", "leadid", "LeadiD"] {
            assert_eq!(consent(name, guid).jornaya_leadid(), Some(Ok(guid.to_owned())), "{dialect} {name}");
        }
        // What others call their own record stays what it was.
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
fn every_dialect_takes_consent_attribution_and_a_region() {
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
fn one_piece_goes_before_its_parts() {
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
fn the_address_of_a_page_alone_is_no_consent() {
    let fields = json(AskAd, json!({"email": "a@b.com", "source_url": "https://x"})).unwrap();
    assert_eq!((&fields.consent, &fields.custom_fields["source_url"]), (&Patch::Absent, &json!("https://x")));
}
