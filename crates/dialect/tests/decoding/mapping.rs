use insta::assert_json_snapshot;
use leadgate_dialect::{DecodeError, Document, protocol};
use leadgate_domain::mapping::{Mapping, MappingFaultCode};
use leadgate_domain::{Dialect, Fields};
use serde_json::{Value, json};

use crate::reading::{faults, single_fault};

fn mapped(
    dialect: Dialect,
    rules: Value,
    has_json_types: bool,
    document: Value,
) -> Result<Fields, DecodeError> {
    let mapping: Mapping = serde_json::from_value(json!({ "rules": rules })).unwrap();
    let document =
        Document { members: document.as_object().unwrap().clone(), has_json_types, ..Document::default() };
    protocol(dialect).decode(&document, Some(&mapping))
}

#[test]
fn mapped_fields_take_precedence_over_decoded_fields() {
    let fields = mapped(
        Dialect::KickoffLabs,
        json!([
            {"to": "phone", "from": ["handy"]},
            {"to": "custom_fields.budget", "from": ["b"]},
            {"to": "consent.source_url", "from": ["seite"]},
            {"to": "attribution.utm_source", "constant": "mapped"},
            {"to": "tags", "from": ["themen"], "split": {"by": ";"}},
        ]),
        true,
        json!({
            "handy": "+49301", "phone_number": "+1415", "email": "a@b.com", "b": 5, "themen": "x;y",
            "tags": ["z"], "seite": "https://mapped", "utm_source": "sent", "utm_term": "t",
            "consent": {"consent_timestamp": "t", "source_url": "https://sent"}, "left": true,
        }),
    );
    assert_json_snapshot!(fields.unwrap(), @r#"
    {
      "phone": "+49301",
      "email": "a@b.com",
      "tags": [
        "x",
        "y",
        "z"
      ],
      "consent": {
        "consent_timestamp": "t",
        "source_url": "https://mapped"
      },
      "attribution": {
        "utm_source": "mapped",
        "utm_term": "t"
      },
      "custom_fields": {
        "budget": 5,
        "left": true,
        "phone_number": "+1415",
        "source_url": "https://sent",
        "utm_source": "sent"
      }
    }
    "#);
}

#[test]
fn required_fields_are_checked_after_mapping() {
    let rules = || json!([{"to": "full_name", "from": ["kunde"]}]);
    assert!(mapped(Dialect::AbcSales, rules(), true, json!({"kunde": "Ann"})).is_ok());
    assert_eq!(
        faults(mapped(Dialect::AbcSales, rules(), true, json!({"x": "Ann"}))),
        single_fault("/name", "missing")
    );
    let contact = json!([{"to": "email", "from": ["mail"]}]);
    assert!(mapped(Dialect::Native, contact, true, json!({"mail": "a@b.com"})).is_ok());
}

#[test]
fn mapped_form_values_may_be_flag_words() {
    let rules = json!([{"to": "opt_out", "from": ["stop"]}, {"to": "is_test", "from": ["t"]}]);
    let fields = mapped(Dialect::AskAd, rules, false, json!({"stop": "on", "t": "1", "email": "a@b.com"}));
    let fields = fields.unwrap();
    assert!(fields.opt_out && fields.is_test);
}

#[test]
fn an_invalid_mapped_value_is_refused_except_in_a_lenient_dialect() {
    let rules = || json!([{"to": "phone", "from": ["tel"]}, {"to": "phone_country", "from": ["land"]}]);
    let document = || json!({"tel": ["1"], "land": "Atlantis", "email": "a@b.com", "phone": ["2"]});
    let refused = mapped(Dialect::Native, rules(), true, document());
    assert_eq!(
        faults(refused),
        [("/phone".to_owned(), "wrong_type"), ("/phone_country".to_owned(), "unknown_region")]
    );
    let kept = mapped(Dialect::FiveHundredLeads, rules(), true, document()).unwrap();
    assert_json_snapshot!(kept, @r#"
    {
      "email": "a@b.com",
      "custom_fields": {
        "phone": [
          "1"
        ],
        "phone (2)": [
          "2"
        ],
        "phone_country": "Atlantis"
      }
    }
    "#);
}

#[test]
fn a_failed_mapping_names_its_rule() {
    let rules = json!([{"to": "phone", "from": ["tel"], "required": true}]);
    let Err(DecodeError::Mapping(fault)) = mapped(Dialect::AskAd, rules, true, json!({"a": 1})) else {
        panic!("the mapping was applied")
    };
    assert_eq!((fault.to.as_str(), fault.code), ("phone", MappingFaultCode::Missing));
}
