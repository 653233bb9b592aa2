//! Every submitted value is kept, and no body makes a decoder panic.

use leadgate_dialect::{Document, protocol};
use leadgate_domain::{BodyFormat, Dialect, Fields, validate};
use proptest::prelude::*;
use serde_json::{Map, Value};

/// Names that a dialect recognizes, exactly or in another spelling.
const KNOWN: &str = "phone|Phone|phone_number|mobile|tel|email|E-Mail|emailAddress|mail|name|fullName|full_name|\
    first_name|firstname|last_name|surname|company|companyName|external_id|id|naver_line_id|line_id|source|__source|\
    state|timezone|time_zone|locale|currency|page_url|__url|tags|Tags|consent|Consent|consent_timestamp|\
    consentTimestamp|consent_text_version|source_url|xxTrustedFormCertUrl|leadid_token|attribution|utm_source|\
    utmSource|utm_zzz|_utm|utm|referrer|_referrer|__referrer|gclid|gcl_id|automations|user_assignments|opt_out|optOut|\
    opted_out|is_test|phone_country|country_code|ip|__sid|__session_id|__rid|__zzz|must_exist|landing_page_url|\
    campaign_name|ad_id|custom_fields|metadata|unknown|Un Known|\u{e9}t\u{e9}";

fn name() -> impl Strategy<Value = String> {
    let known: Vec<String> = KNOWN.split('|').map(|name| name.trim().to_owned()).collect();
    prop_oneof![6 => prop::sample::select(known), 1 => "[a-zA-Z_ -]{1,8}"]
}

/// Values whose texts get unique marks later.
fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        6 => Just(Value::from("text")),
        1 => Just(Value::from("x".repeat(3_000))),
        1 => Just(Value::Null),
        1 => any::<bool>().prop_map(Value::from),
        1 => any::<u64>().prop_map(Value::from),
        1 => (-1e12..1e12_f64).prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 12, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::vec((name(), inner), 0..4)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

fn document() -> impl Strategy<Value = Map<String, Value>> {
    prop::collection::vec((name(), value()), 0..14).prop_map(|members| members.into_iter().collect())
}

/// Prefixes every text with a unique mark, and collects the marks.
fn mark(value: &mut Value, marks: &mut Vec<String>) {
    match value {
        Value::String(text) => {
            let mark = format!("mark{:04}", marks.len());
            text.insert_str(0, &mark);
            marks.push(mark);
        }
        Value::Array(items) => items.iter_mut().for_each(|item| mark(item, marks)),
        Value::Object(members) => members.values_mut().for_each(|item| mark(item, marks)),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

fn dialect() -> impl Strategy<Value = Dialect> {
    prop::sample::select(Dialect::ALL)
}

fn check_valid(fields: &Fields) -> Result<(), TestCaseError> {
    prop_assert_eq!(validate::fields(fields), Ok(()));
    let serialized = serde_json::to_string(fields).unwrap();
    let deserialized: Fields = serde_json::from_str(&serialized).unwrap();
    prop_assert_eq!(serde_json::to_string(&deserialized).unwrap(), serialized);
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    #[test]
    fn every_submitted_text_is_kept(dialect in dialect(), members in document(), has_json_types: bool) {
        let mut members = Value::Object(members);
        let mut marks = Vec::new();
        mark(&mut members, &mut marks);
        let Value::Object(mut members) = members else { unreachable!() };
        // The required fields of all dialects.
        members.insert("name".to_owned(), "Ann".into());
        members.insert("email".to_owned(), "ann@example.com".into());
        members.insert("phone".to_owned(), "+14155550132".into());
        members.insert("phone_number".to_owned(), "+14155550133".into());
        let sent = Value::Object(members.clone()).to_string();
        let Ok(fields) = protocol(dialect).decode(&Document { members, has_json_types, ..Document::default() }, None) else { return Ok(()) };
        check_valid(&fields)?;
        let kept = serde_json::to_string(&fields).unwrap();
        for mark in marks.iter().filter(|mark| sent.contains(mark.as_str())) {
            prop_assert!(kept.contains(mark.as_str()), "{} is lost: {} became {}", mark, sent, kept);
        }
    }

    #[test]
    fn the_most_lenient_dialect_refuses_nothing(members in document(), has_json_types: bool) {
        let document = Document { members, has_json_types, ..Document::default() };
        let decoded = protocol(Dialect::FiveHundredLeads).decode(&document, None);
        if let Ok(fields) = &decoded {
            check_valid(fields)?;
        }
        prop_assert!(
            !matches!(decoded, Err(leadgate_dialect::DecodeError::InvalidFields(_))),
            "{:?} of {:?}", decoded, document
        );
    }

    #[test]
    fn no_body_makes_a_reader_panic(
        dialect in dialect(),
        media in prop_oneof![Just(BodyFormat::Json), Just(BodyFormat::Form), Just(BodyFormat::Multipart("b".to_owned()))],
        body in prop_oneof![
            prop::collection::vec(any::<u8>(), 0..200),
            "([a-z]{0,3}(\\[[a-z0-9]{0,2}\\]){0,3}=?[%+&a-f0-9]{0,4}&){0,8}".prop_map(String::into_bytes),
            "(--b(\r\n|--)|Content-Disposition: form-data; name=\"[a-z]\"|\r\n|x){0,12}".prop_map(String::into_bytes),
        ],
        query in "([a-z]{0,3}=[%a-f0-9]{0,4}&){0,3}",
    ) {
        let Ok(document) = protocol(dialect).read_document(&media, &body, Some(&query)) else { return Ok(()) };
        if let Ok(fields) = protocol(dialect).decode(&document, None) {
            check_valid(&fields)?;
        }
    }
}
