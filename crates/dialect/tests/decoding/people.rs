//! Common names and values of web forms, CRMs and form builders.

use leadgate_domain::Dialect::{AskAd, Native};
use serde_json::json;

use crate::reading::{form, json};

#[test]
fn a_clear_no_to_a_consent_question_is_a_refusal() {
    for body in [
        "optin=0",
        "sms_opt_in=No",
        "marketing_consent=no",
        "SMS+Opt-in=declined",
        "opt-in[]=0",
        "optin=off&optin=0",
    ] {
        let fields = form(AskAd, &format!("email=a&{body}")).unwrap();
        assert!(fields.consent.value().is_some_and(|consent| consent.consent_refused), "{body}");
        assert_eq!(fields.custom_fields.len(), 1, "{body}: stored unchanged");
    }
    for body in ["optin=1", "optin=yes", "optin=", "optin=maybe", "optin=0&optin=1", "newsletter=0"] {
        let fields = form(AskAd, &format!("email=a&{body}")).unwrap();
        assert!(fields.consent.is_absent(), "{body}");
    }
    let fields = json(Native, json!({ "email": "a@b.com", "consent": { "consent_refused": true } })).unwrap();
    assert!(fields.consent.value().is_some_and(|consent| consent.consent_refused));
    let fields = json(Native, json!({ "email": "a@b.com", "sms_opt_in": false })).unwrap();
    assert!(fields.consent.value().is_some_and(|consent| consent.consent_refused));
}

#[test]
fn labels_and_objects_of_form_builders_are_decoded() {
    for body in [
        "Phone*=%2B14155550132&E-mail:=a%40b.com",
        "your-tel=%2B14155550132&your-email=a%40b.com",
        "form_fields[phone]=%2B14155550132&form_fields[email]=a%40b.com",
    ] {
        let fields = form(AskAd, body).unwrap();
        let contact = [&fields.phone, &fields.email].map(|patch| patch.value().map(String::as_str));
        assert_eq!(contact, [Some("+14155550132"), Some("a@b.com")], "{body}");
    }
    let phones =
        json!([{ "value": "+14155550132", "primary": false }, { "value": "+14155550199", "primary": true }]);
    let fields = json(AskAd, json!({ "phone": phones, "email": [{ "value": "a@b.com" }] })).unwrap();
    assert_eq!(fields.phone.value().map(String::as_str), Some("+14155550199"));
    assert_eq!(fields.email.value().map(String::as_str), Some("a@b.com"));
    assert_eq!(fields.custom_fields["phone"], phones);
}
