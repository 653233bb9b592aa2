//! A phone with words that forbid calls is an opt-out.

use leadgate_dialect::protocol;
use leadgate_domain::mapping::Mapping;
use leadgate_domain::{BodyFormat, Dialect, Phone};
use serde_json::{Value, json};

use crate::reading::{form, json};

const WORDS: &str = "415-555-0132 (do not call)";

#[test]
fn words_that_forbid_calls_opt_out_in_every_dialect_and_the_number_is_read() {
    for dialect in Dialect::ALL.iter().copied() {
        let read = |phone: &str| {
            json(dialect, json!({ "name": "Ann Lee", "phone": phone, "email": "ann@example.com" })).unwrap()
        };
        for words in ["415-555-0132 (do not call)", "415-555-0132 wrong number", "DNC 415-555-0132"] {
            let fields = read(words);
            assert!(fields.opt_out, "{dialect} {words}");
            let phone = Phone::parse(fields.phone.value().unwrap(), "US".parse().ok()).unwrap();
            assert_eq!(phone.e164(), "+14155550132", "{dialect} {words}");
        }
        for words in ["415-555-0132", "415-555-0132 (call after 5pm)", "call me at 415-555-0132"] {
            assert!(!read(words).opt_out, "{dialect} {words}");
        }
    }
}

#[test]
fn a_phone_with_such_words_is_a_valid_contact_in_every_dialect() {
    for dialect in Dialect::ALL.iter().copied() {
        for phone in [WORDS, "030 12345/67 nicht anrufen"] {
            let fields = json(dialect, json!({ "name": "Ann Lee", "phone": phone })).unwrap();
            assert!(fields.opt_out && fields.phone.value().is_some(), "{dialect} {phone}");
        }
    }
}

#[test]
fn the_words_count_in_every_member_that_can_be_a_phone() {
    for body in [
        json!({ "phone": WORDS }),
        json!({ "phone": "+1 510 555 0100", "mobile": WORDS }),
        json!({ "form_fields": { "phone": WORDS } }),
        json!({ "phone": { "value": WORDS } }),
        json!({ "phone": [{ "value": "+1 510 555 0100", "primary": true }, { "value": WORDS }] }),
        json!({ "phone": "415-555-0132", "country_code": "+1", "tel": WORDS }),
    ] {
        assert!(json(Dialect::FiveHundredLeads, body.clone()).unwrap().opt_out, "{body}");
    }
    for body in [
        json!({ "email": "ann@example.com", "note": WORDS }),
        json!({ "email": "ann@example.com", "custom_fields": { "phone": WORDS } }),
    ] {
        assert!(!json(Dialect::FiveHundredLeads, body.clone()).unwrap().opt_out, "{body}");
    }
}

#[test]
fn the_words_count_in_forms_queries_and_mapped_members() {
    for body in [
        "phone=415-555-0132+%28do+not+call%29",
        "form_fields%5Bphone%5D=415-555-0132+don%E2%80%99t+call",
        "phone=415-555-0132&phone=do%20not%20call",
    ] {
        assert!(form(Dialect::AskAd, body).unwrap().opt_out, "{body}");
    }
    let query =
        protocol(Dialect::AskAd).read_document(&BodyFormat::Form, b"", Some("tel=415-555-0132+wrong+number"));
    assert!(protocol(Dialect::AskAd).decode(&query.unwrap(), None).unwrap().opt_out);

    let mapping: Mapping =
        serde_json::from_value(json!({ "rules": [{ "to": "phone", "from": ["/contact/ruf"] }] })).unwrap();
    let body = json!({ "contact": { "ruf": WORDS } }).to_string();
    let document = protocol(Dialect::Native).read_document(&BodyFormat::Json, body.as_bytes(), None).unwrap();
    assert!(protocol(Dialect::Native).decode(&document, Some(&mapping)).unwrap().opt_out);
}

#[test]
fn a_clear_no_does_not_revoke_such_words() {
    let body = |opt_out: Value| json!({ "phone": WORDS, "opt_out": opt_out });
    assert!(json(Dialect::Native, body(json!(false))).unwrap().opt_out);
    assert!(json(Dialect::AskAd, body(json!("no"))).unwrap().opt_out);
}
