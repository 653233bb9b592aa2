//! The most expensive scorings, each with the lead for which it is the most expensive.

use leadgate_domain::{Lead, Scoring};
use serde_json::{Value, json};

/// Maximum size of all custom fields of a lead in bytes.
const MAX_FIELD_BYTES: usize = 256 * 1024;

pub(crate) struct Worst {
    pub(crate) name: &'static str,
    pub(crate) scoring: Scoring,
    pub(crate) lead: Lead,
}

pub(crate) fn worst() -> Vec<Worst> {
    let long = "é".repeat(MAX_FIELD_BYTES / 2);
    let almost = format!("{}ê", "é".repeat(254));
    let contains = many(20, |_| json!({ "field": "custom_fields.a", "contains": almost }));
    let equal = one_of(|n| json!(format!("{almost:.250}{n:05}")));
    let numbers = many(20, |n| json!({ "field": "custom_fields.a", "at_least": 1.0e300, "at_most": n }));
    let numbers_of_many = many(20, |n| json!({ "field": format!("custom_fields.{n}"), "at_least": 1.0e300 }));
    let present = many(50, |_| json!({ "field": "custom_fields.a", "present": false }));
    let present_of_many = many(50, |n| json!({ "field": format!("custom_fields.{n}"), "present": false }));
    vec![
        worst_of("a text that is searched", &contains, json!({ "a": long })),
        worst_of("a text that equals nothing", &equal, json!({ "a": long })),
        worst_of("a text of digits", &numbers, json!({ "a": "1".repeat(MAX_FIELD_BYTES) })),
        worst_of("white space", &present, json!({ "a": " ".repeat(MAX_FIELD_BYTES) })),
        worst_of(
            "a list of numbers",
            &one_of(|n| json!(n + 10)),
            json!({ "a": vec![1; MAX_FIELD_BYTES / 2] }),
        ),
        worst_of("a list of texts", &equal, json!({ "a": letters() })),
        worst_of("a list of nothing", &present, json!({ "a": vec![json!([]); MAX_FIELD_BYTES / 3] })),
        worst_of("many numbers", &numbers_of_many, fields(|_| json!("1".repeat(250)))),
        worst_of("many lists", &numbers_of_many, fields(|_| json!(vec![1; 125]))),
        worst_of("many texts", &present_of_many, fields(|_| json!("é".repeat(125)))),
    ]
}

fn worst_of(name: &'static str, rules: &[Value], custom_fields: Value) -> Worst {
    let id = "018f4e2a-7b1c-7000-8000-0000000000aa";
    let lead = json!({
        "id": id, "organization": id, "source": id,
        "received_at": "2026-01-01T00:00:00Z", "updated_at": "2026-01-01T00:00:00Z",
        "consent_required": true, "field_versions": { "base": ["secret", "2026-01-01T00:00:00Z", id] },
        "custom_fields": custom_fields, "score": 0, "temperature": "cold", "eligibility": "held",
    });
    let scoring = Scoring::read(&json!({ "hot": 60, "warm": 30, "rules": rules }));
    Worst {
        name,
        scoring: scoring.unwrap_or_else(|faults| panic!("{name}: {faults}")),
        lead: serde_json::from_value(lead).unwrap(),
    }
}

/// The maximum number of operands, in lists.
fn one_of(value: impl Fn(usize) -> Value) -> Vec<Value> {
    let list = |from: usize| (from..from + 200).map(&value).collect::<Vec<_>>();
    let when = |n: usize| json!({ "field": "custom_fields.a", "one_of": list(n * 200) });
    (0..5).map(|n| json!({ "name": format!("r{n}"), "points": 1, "when": when(n) })).collect()
}

/// The maximum number of rules with tests that never match, so that all tests are evaluated. At most 1,000
/// operands.
fn many(tests: usize, test: impl Fn(usize) -> Value) -> Vec<Value> {
    let operands =
        test(0).as_object().unwrap().keys().filter(|key| !["field", "present"].contains(&&***key)).count();
    let rules = 1_000_usize.checked_div(operands * tests).unwrap_or(100);
    let when = |rule: usize| (0..tests).map(|n| test(rule * tests + n)).collect::<Vec<_>>();
    (0..rules).map(|n| json!({ "name": format!("r{n}"), "points": 1, "when": { "any": when(n) } })).collect()
}

fn letters() -> Vec<String> {
    (0..MAX_FIELD_BYTES / 6).map(|n| format!("{:x}", n % 4096)).collect()
}

/// The maximum number of custom fields of a lead.
fn fields(value: impl Fn(usize) -> Value) -> Value {
    (0..1_000).map(|n| (n.to_string(), value(n))).collect::<serde_json::Map<_, _>>().into()
}
