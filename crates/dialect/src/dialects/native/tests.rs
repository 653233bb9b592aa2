use insta::assert_json_snapshot;
use leadgate_domain::{Patch, TextField, json, validate};
use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::field_reader::MAX_FAULTS;
use crate::name_index::{COMMON_NAMES, CONTACT_SYNONYMS, NATIVE_NAMES};

/// The names in the first and the last column of the table in `docs/native.md`.
fn documented() -> Vec<(Vec<&'static str>, Vec<&'static str>)> {
    let page = include_str!("../../../../../docs/native.md");
    let names = |cell: &'static str| cell.split('`').skip(1).step_by(2).collect();
    let rows = page.lines().filter(|line| line.starts_with("| `"));
    rows.map(|row| row.split('|').map(str::trim).collect::<Vec<_>>())
        .map(|cells| (names(cells[1]), names(cells[4])))
        .collect()
}

#[test]
fn every_field_and_its_other_names_are_documented() {
    let documented = documented();
    let fields: Vec<_> = documented.iter().flat_map(|(field, _)| field.iter().copied()).collect();
    let own: Vec<_> = NATIVE_NAMES.iter().map(|(_, names)| names[0]).collect();
    assert_eq!(fields, own);
    for ((slot, _), (_, others)) in NATIVE_NAMES.iter().zip(&documented) {
        let accepted = CONTACT_SYNONYMS.iter().chain(COMMON_NAMES).filter(|(other, _)| other == slot);
        let accepted: Vec<_> = accepted.flat_map(|(_, names)| names.iter().copied()).collect();
        assert_eq!(*others, accepted, "{slot:?}");
    }
}

#[test]
fn common_names_of_a_field_are_recognized() {
    let fields =
        decode(&json!({ "name": "Ann Lee", "Mobile Phone": "+14155550132", "surname": "Lee" })).unwrap();
    assert_eq!(fields.text(TextField::FullName), Some("Ann Lee"));
    assert_eq!(fields.phone, Patch::Value("+14155550132".to_owned()));
    assert!(fields.custom_fields.is_empty());
    let both = decode(&json!({ "name": 7, "full_name": "Ann", "phone": "1", "tel": "2" })).unwrap();
    assert_eq!(both.text(TextField::FullName), Some("Ann"));
    assert_eq!(both.phone, Patch::Value("1".to_owned()));
    assert_eq!(json!(both.custom_fields), json!({ "name": 7, "tel": "2" }));
}

fn codes(document: Value) -> Vec<(String, &'static str)> {
    let faults = decode(&document).unwrap_err();
    faults.into_iter().map(|fault| (fault.pointer, fault.code)).collect()
}

fn single_fault(pointer: &str, code: &'static str) -> Vec<(String, &'static str)> {
    vec![(pointer.to_owned(), code)]
}

#[test]
fn every_field_is_read() {
    let fields = decode(&json!({
        "phone": 14155550132_u64, "phone_country": "us", "email": "ann@example.com",
        "full_name": "Ann Lee", "external_id": 9007199254740993_u64, "line_id": "U1", "source": "spring",
        "tags": ["a", "b"], "timezone": null,
        "consent": {"consent_timestamp": "2025-01-01T00:00:00Z", "source_url": null, "ip": "192.0.2.1"},
        "attribution": {"utm_source": "x"}, "custom_fields": {"budget": 1.5},
        "automations": [1], "user_assignments": null, "opt_out": true, "is_test": true,
    }));
    assert_json_snapshot!(fields.unwrap(), @r#"
    {
      "phone": "14155550132",
      "phone_country": "US",
      "email": "ann@example.com",
      "texts": {
        "full_name": "Ann Lee",
        "external_id": "9007199254740993",
        "line_id": "U1",
        "source": "spring",
        "timezone": null
      },
      "tags": [
        "a",
        "b"
      ],
      "consent": {
        "consent_timestamp": "2025-01-01T00:00:00Z",
        "ip": "192.0.2.1"
      },
      "attribution": {
        "utm_source": "x"
      },
      "custom_fields": {
        "budget": 1.5
      },
      "automations": [
        1
      ],
      "user_assignments": null,
      "opt_out": true,
      "is_test": true
    }
    "#);
}

#[test]
fn an_absent_field_differs_from_a_null_field() {
    let fields = decode(&json!({"phone": null, "email": "ann@example.com", "company": null})).unwrap();
    assert_eq!((&fields.phone, &fields.consent), (&Patch::Null, &Patch::Absent));
    assert_eq!(fields.texts.get(&TextField::Company), Some(&None));
    assert_eq!(fields.texts.get(&TextField::FullName), None);
}

#[test]
fn unknown_and_reserved_names_become_custom_fields() {
    let fields = decode(&json!({
        "phone": "1", "id": "x", "status": "dialled", "organization": "theirs", "received_at": 1,
        "budget": "unknown", "zip": "unknown", "__proto__": {}, "": 0,
        "custom_fields": {"budget": "explicit", "zip": "explicit"},
    }));
    assert_json_snapshot!(fields.unwrap().custom_fields, @r#"
    {
      "": 0,
      "__proto__": {},
      "budget": "explicit",
      "budget (2)": "unknown",
      "id": "x",
      "organization": "theirs",
      "received_at": 1,
      "status": "dialled",
      "zip": "explicit",
      "zip (2)": "unknown"
    }
    "#);
}

#[test]
fn a_phone_or_an_email_is_required() {
    for document in
        [json!({}), json!({"full_name": "Ann"}), json!({"phone": null}), json!({"phone": " ", "email": ""})]
    {
        assert_eq!(codes(document), single_fault("", "contact_missing"));
    }
    assert!(decode(&json!({"phone": "not a phone: stored as submitted, for manual review"})).is_ok());
}

#[test]
fn a_wrong_type_is_reported_with_its_pointer() {
    for document in [json!(null), json!([]), json!("x"), json!(42), json!([{"phone": "1"}])] {
        assert_eq!(codes(document), single_fault("", "wrong_type"));
    }
    for (name, wrong) in [
        ("phone", json!(1.5)),
        ("phone", json!(["1"])),
        ("email", json!(1)),
        ("phone_country", json!(1)),
        ("full_name", json!(true)),
        ("external_id", json!(1e10)),
        ("line_id", json!({})),
        ("state", json!(1)),
        ("tags", json!("a,b")),
        ("consent", json!(true)),
        ("attribution", json!([])),
        ("custom_fields", json!([])),
        ("opt_out", json!("true")),
        ("is_test", json!(1)),
    ] {
        let mut document = json!({"phone": "1", "email": "e"});
        document[name] = wrong;
        assert_eq!(codes(document), single_fault(&format!("/{name}"), "wrong_type"));
    }
}

#[test]
fn all_faults_are_reported_at_once() {
    let faults = decode(&json!({
        "email": 5, "phone_country": "Atlantis", "company": "c".repeat(501), "tags": ["ok", 7],
        "consent": {"consent_timestamp": true},
    }));
    let faults: Vec<_> = faults.unwrap_err().into_iter().map(|f| (f.pointer, f.code, f.detail)).collect();
    assert_json_snapshot!(faults, @r#"
    [
      [
        "/consent/consent_timestamp",
        "wrong_type",
        "a string is expected"
      ],
      [
        "/email",
        "wrong_type",
        "a string is expected"
      ],
      [
        "/phone_country",
        "unknown_region",
        "not a region (two letters of ISO 3166-1, such as US)"
      ],
      [
        "/tags/1",
        "wrong_type",
        "a string is expected"
      ],
      [
        "/company",
        "too_long",
        "too long (at most 500 characters)"
      ]
    ]
    "#);
}

#[test]
fn the_list_of_faults_is_bounded() {
    assert_eq!(codes(json!({"phone": "1", "tags": vec![0; 30_000]})).len(), MAX_FAULTS);
    assert_eq!(
        codes(json!({"phone": "1", "tags": vec!["t"; 30_000]})),
        single_fault("/tags", "too_many_tags")
    );
}

#[test]
fn a_blank_region_is_absent() {
    assert_eq!(decode(&json!({"phone": "1", "phone_country": " "})).unwrap().phone_country, None);
}

/// JSON of any shape, under names that the dialect knows and under unknown names.
fn documents() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        ".{0,120}".prop_map(Value::from),
    ];
    let value = leaf.prop_recursive(3, 24, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::vec((".{0,6}", inner), 0..4)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    });
    const KNOWN: [&str; 15] = [
        "phone",
        "phone_country",
        "email",
        "full_name",
        "external_id",
        "tags",
        "consent",
        "attribution",
        "custom_fields",
        "automations",
        "user_assignments",
        "opt_out",
        "is_test",
        "id",
        "state",
    ];
    let name = prop_oneof![prop::sample::select(&KNOWN[..]).prop_map(str::to_owned), ".{0,8}"];
    prop::collection::vec((name, value), 0..12)
        .prop_map(|members| Value::Object(members.into_iter().collect()))
}

proptest! {
    #[test]
    fn accepted_fields_pass_the_validator_and_survive_serialization(document in documents()) {
        let Ok(parsed) = json::parse(document.to_string().as_bytes()) else { return Ok(()) };
        let Ok(fields) = decode(&parsed) else { return Ok(()) };
        prop_assert_eq!(validate::fields(&fields), Ok(()));
        let serialized = serde_json::to_string(&fields).unwrap();
        let deserialized: Fields = serde_json::from_str(&serialized).unwrap();
        prop_assert_eq!(serde_json::to_string(&deserialized).unwrap(), serialized);
    }

    #[test]
    fn a_fault_never_repeats_a_value(secret in "[A-Z]{12}") {
        let document = json!({
            "phone": [&secret], "email": {"x": &secret}, "phone_country": &secret, "tags": &secret,
            "company": secret.repeat(50), "opt_out": &secret, "consent": &secret,
        });
        let faults = format!("{:?}", decode(&document).unwrap_err());
        prop_assert!(!faults.contains(&secret), "{}", faults);
    }
}
