use insta::assert_json_snapshot;
use leadgate_domain::Dialect::AbcSales;
use leadgate_domain::TextField;
use serde_json::json;

use crate::reading::{faults, json, single_fault};

#[test]
fn every_documented_field_is_decoded() {
    let fields = json(
        AbcSales,
        json!({
            "name": "Kim Minji", "email": "minji@example.com", "phone": "+82 10-1234-5678",
            "id": 9007199254740993_u64, "naver_line_id": "U4af4980629", "source": "naver",
            "tags": ["vip", "seoul"], "timezone": "Asia/Seoul", "locale": "ko-KR", "currency": "KRW",
            "custom_fields": {"budget": 5_000_000}, "car": "Ioniq",
            "automations": {"subscribe": ["welcome"], "unsubscribe": null, "replace": null},
            "user_assignments": [{"user_id": 18446744073709551615_u64}],
        }),
    );
    assert_json_snapshot!(fields.unwrap(), @r#"
    {
      "phone": "+82 10-1234-5678",
      "email": "minji@example.com",
      "texts": {
        "full_name": "Kim Minji",
        "external_id": "9007199254740993",
        "line_id": "U4af4980629",
        "source": "naver",
        "timezone": "Asia/Seoul",
        "locale": "ko-KR",
        "currency": "KRW"
      },
      "tags": [
        "vip",
        "seoul"
      ],
      "custom_fields": {
        "budget": 5000000,
        "car": "Ioniq"
      },
      "automations": {
        "replace": null,
        "subscribe": [
          "welcome"
        ],
        "unsubscribe": null
      },
      "user_assignments": [
        {
          "user_id": 18446744073709551615
        }
      ]
    }
    "#);
}

#[test]
fn a_name_of_2_to_100_characters_is_required() {
    let named = |name: &str| json(AbcSales, json!({ "name": name }));
    for good in ["Al", " 민지 ", &"x".repeat(100), &format!("  {}  ", "é".repeat(100))] {
        assert!(named(good).is_ok(), "{good}");
    }
    assert_eq!(faults(named("A")), single_fault("/name", "too_short"));
    assert_eq!(faults(named(" A  ")), single_fault("/name", "too_short"));
    assert_eq!(faults(named(&"x".repeat(101))), single_fault("/name", "too_long"));
    assert_eq!(faults(named(&"x".repeat(5_000))), single_fault("/name", "too_long"));
    for missing in [json!({}), json!({"name": null}), json!({"name": " "}), json!({"phone": "+14155550132"})]
    {
        assert_eq!(faults(json(AbcSales, missing)), single_fault("/name", "missing"));
    }
    assert_eq!(faults(json(AbcSales, json!({"name": 42}))), single_fault("/name", "wrong_type"));
}

#[test]
fn a_phone_and_an_id_have_50_characters_at_most() {
    let with = |phone: usize, id: usize| {
        json(AbcSales, json!({"name": "Ann", "phone": "5".repeat(phone), "id": "i".repeat(id)}))
    };
    assert!(with(50, 50).is_ok());
    assert_eq!(faults(with(51, 50)), single_fault("/phone", "too_long"));
    assert_eq!(faults(with(50, 51)), single_fault("/id", "too_long"));
    assert_eq!(faults(with(50, 300)), single_fault("/id", "too_long"));
}

#[test]
fn an_invalid_phone_is_stored() {
    let fields = json(AbcSales, json!({"name": "Ann", "phone": "ask at the desk"})).unwrap();
    assert_eq!(fields.phone.value().unwrap(), "ask at the desk");
}

#[test]
fn documented_names_take_precedence_over_native_names() {
    let fields =
        json(AbcSales, json!({"name": "Ann", "full_name": "Ann Lee", "id": 1, "external_id": "2"})).unwrap();
    assert_eq!(fields.text(TextField::FullName), Some("Ann"));
    assert_eq!(fields.text(TextField::ExternalId), Some("1"));
    assert_json_snapshot!(fields.custom_fields, @r#"
    {
      "external_id": "2",
      "full_name": "Ann Lee"
    }
    "#);
}

#[test]
fn a_wrong_type_is_refused_under_a_documented_name_only() {
    for (name, wrong) in [
        ("email", json!(5)),
        ("phone", json!(1.5)),
        ("id", json!(1e10)),
        ("naver_line_id", json!({})),
        ("tags", json!({})),
        ("custom_fields", json!([])),
    ] {
        let mut document = json!({"name": "Ann"});
        document[name] = wrong;
        assert_eq!(faults(json(AbcSales, document)), single_fault(&format!("/{name}"), "wrong_type"));
    }
    let fields = json(AbcSales, json!({"name": "Ann", "company": 5, "consent": "yes"})).unwrap();
    assert_json_snapshot!(fields, @r#"
    {
      "texts": {
        "full_name": "Ann"
      },
      "custom_fields": {
        "company": 5,
        "consent": "yes"
      }
    }
    "#);
}

#[test]
fn a_null_clears_a_field_and_an_absent_field_does_not() {
    let fields = json(AbcSales, json!({"name": "Ann", "email": null, "source": null})).unwrap();
    assert_json_snapshot!(fields, @r#"
    {
      "email": null,
      "texts": {
        "full_name": "Ann",
        "source": null
      }
    }
    "#);
}
