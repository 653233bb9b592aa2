use serde_json::json;

use super::*;
use crate::{EmailKind, PhoneKind, TextField};

/// A lead with many values. `overrides` replaces members of its JSON.
fn lead(overrides: Value) -> Lead {
    let id = "018f4e2a-7b1c-7000-8000-0000000000aa";
    let mut lead = json!({
        "id": id, "organization": id, "source": id,
        "received_at": "2026-01-01T00:00:00Z", "updated_at": "2026-01-01T00:00:00Z",
        "consent_required": true, "field_versions": { "base": ["secret", "2026-01-01T00:00:00Z", id] },
        "texts": { "full_name": "Ann Lee", "locale": "en-US" },
        "phone": { "raw": "+44 7400 123456", "e164": "+447400123456", "valid": true, "region": "GB", "kind": "mobile" },
        "email": { "raw": "a@Acme.example", "address": "a@acme.example", "valid": true, "kind": "business" },
        "tags": ["VIP", "été"], "derived_tags": ["phone_review"],
        "attribution": { "gclid": "Cj0", "empty": "  ", "clicks": 3 },
        "custom_fields": { "budget": "25000", "seats": 12, "demo": true, "Interests": ["Roof", 7], "note": null, "a.b": "x" },
        "observed": { "device": { "value": { "kind": "phone", "os": "iPhone" }, "basis": "user_agent" },
                      "location": { "value": { "country": "GB" }, "basis": "client_address" } },
        "inferred": { "company": { "value": "acme", "basis": "email_domain" },
                      "utm_medium": { "value": "cpc", "basis": "page_url" },
                      "state": { "value": "CA", "basis": "phone_prefix" } },
        "score": 0, "temperature": "cold", "eligibility": "held",
    });
    for (key, value) in overrides.as_object().unwrap() {
        lead[key] = value.clone();
    }
    serde_json::from_value(lead).unwrap()
}

fn scoring(when: &Value) -> Result<Scoring, ScoringFaults> {
    Scoring::read(&json!({ "hot": 60, "warm": 30, "rules": [{ "name": "it", "points": 10, "when": when }] }))
}

fn matches(when: &Value, lead: &Lead) -> bool {
    let scoring = scoring(when).unwrap_or_else(|faults| panic!("{when}: {faults}"));
    let json = serde_json::to_value(&scoring).unwrap();
    assert_eq!(Scoring::read(&json).as_ref(), Ok(&scoring), "{when} is serialized as it was parsed");
    assert_eq!(Scoring::from_toml(&scoring.to_toml()).as_ref(), Ok(&scoring), "{}", scoring.to_toml());
    !scoring.score(lead).points.is_empty()
}

#[test]
fn the_positive_points_of_the_standard_scoring_sum_to_100() {
    let standard = &ActiveScoring::standard().scoring;
    assert_eq!(standard.rules().iter().map(|rule| rule.points.max(0)).sum::<i32>(), 100);
    assert!(standard.rules().iter().all(|rule| rule.note.is_some()));
    assert_eq!(&Scoring::from_toml(&standard.to_toml()).unwrap(), standard);
}

#[test]
fn every_field_can_be_tested() {
    let ann = lead(json!({}));
    for when in [
        json!({ "field": "phone", "present": true }),
        json!({ "field": "phone.valid", "is": true }),
        json!({ "field": "phone.kind", "one_of": ["mobile", "pager"] }),
        json!({ "field": "phone.region", "is": "gb" }),
        json!({ "field": "email.kind", "is": "business" }),
        json!({ "field": "email.domain", "is": "ACME.example" }),
        json!({ "field": "full_name", "contains": "lee" }),
        json!({ "field": "company", "is": "Acme" }),
        json!({ "field": "company", "submitted": false }),
        json!({ "field": "state", "one_of": ["ca"], "submitted": false }),
        json!({ "field": "line_id", "present": false }),
        json!({ "field": "consent", "present": false }),
        json!({ "field": "consent.complete", "is": false }),
        json!({ "field": "attribution.gclid", "submitted": true }),
        json!({ "field": "attribution.utm_medium", "is": "CPC", "present": true, "submitted": false }),
        json!({ "field": "attribution.empty", "present": false }),
        json!({ "field": "attribution.clicks", "at_least": 3 }),
        json!({ "field": "tags", "contains": "vip" }),
        json!({ "field": "tags", "one_of": ["x", "ÉTÉ"] }),
        json!({ "field": "tags", "contains": "phone_review" }),
        json!({ "field": "custom_fields.budget", "at_least": 20_000, "at_most": 25000.0 }),
        json!({ "field": "custom_fields.budget", "is": 25_000 }),
        json!({ "field": "custom_fields.seats", "one_of": ["12", 13] }),
        json!({ "field": "custom_fields.demo", "is": true }),
        json!({ "field": "custom_fields.Interests", "contains": "roof" }),
        json!({ "field": "custom_fields.Interests", "one_of": [7] }),
        json!({ "field": "custom_fields.note", "present": false }),
        json!({ "field": "custom_fields.a.b", "is": "x" }),
        json!({ "field": "observed.device", "is": "phone" }),
        json!({ "field": "observed.country", "one_of": ["GB", "IE"] }),
        json!({ "field": "opt_out", "is": false }),
        json!({ "field": "is_test", "is": false }),
        json!({ "all": [{ "field": "phone", "present": true }, { "any": [
            { "field": "state", "is": "NV" }, { "not": { "field": "email", "present": false } }] }] }),
    ] {
        assert!(matches(&when, &ann), "{when}");
        assert!(!matches(&json!({ "not": when }), &ann), "{when}");
    }
}

#[test]
fn a_missing_value_matches_no_operator() {
    let empty = lead(json!({
        "texts": {}, "phone": null, "email": null, "tags": [], "derived_tags": [], "attribution": null,
        "custom_fields": { "budget": "a lot", "Seats": 5 }, "observed": null, "inferred": {},
    }));
    for when in [
        json!({ "field": "custom_fields.budget", "at_most": 10 }),
        json!({ "field": "custom_fields.budget", "at_least": -10 }),
        json!({ "field": "custom_fields.seats", "present": true }),
        json!({ "field": "phone.kind", "present": true }),
        json!({ "field": "phone.region", "one_of": ["US"] }),
        json!({ "field": "observed.device", "present": true }),
        json!({ "field": "attribution.gclid", "contains": "C" }),
        json!({ "field": "tags", "present": true }),
    ] {
        assert!(!matches(&when, &empty), "{when}");
    }
    assert!(matches(&json!({ "field": "email.valid", "is": false }), &empty));
}

#[test]
fn values_inferred_about_the_person_are_not_attribution() {
    let ann = lead(json!({}));
    assert!(!matches(&json!({ "field": "attribution.company", "present": true }), &ann));
    assert!(!matches(&json!({ "field": "attribution.state", "present": true }), &ann));
}

#[test]
fn the_score_is_limited_to_0_to_100() {
    let scored = |points: [i32; 2]| {
        let rule = |name: &str, points: i32| json!({ "name": name, "points": points, "when": { "field": "phone", "present": true } });
        let rules = [rule("a", points[0]), rule("b", points[1])];
        let scoring = Scoring::read(&json!({ "hot": 60, "warm": 30, "rules": rules })).unwrap();
        let lead = lead(json!({}));
        let LeadScore { score, temperature, points } = scoring.score(&lead);
        (score, temperature, points.iter().map(|(_, points)| points).sum::<i32>())
    };
    assert_eq!(scored([100, 100]), (100, Temperature::Hot, 200));
    assert_eq!(scored([70, -10]), (60, Temperature::Hot, 60));
    assert_eq!(scored([60, -1]), (59, Temperature::Warm, 59));
    assert_eq!(scored([30, 0]), (30, Temperature::Warm, 30));
    assert_eq!(scored([30, -1]), (29, Temperature::Cold, 29));
    assert_eq!(scored([10, -100]), (0, Temperature::Cold, -90));
}

#[test]
fn a_fault_is_reported_with_the_name_of_its_rule() {
    for (when, expected) in [
        (json!({ "field": "phonee", "is": 1 }), "`phonee` is not a field"),
        (json!({ "field": "custom_fields.", "is": 1 }), "`custom_fields.` is not a field"),
        (
            json!({ "field": "phone.kind", "is": "moblie" }),
            "\"moblie\" is unknown; expected one of fixed_line, mobile",
        ),
        (json!({ "field": "phone.region", "is": "USA" }), "\"USA\" is not a region"),
        (json!({ "field": "phone.valid", "is": "yes" }), "expected true or false"),
        (json!({ "field": "phone.valid", "present": true }), "this field can be tested only with is"),
        (
            json!({ "field": "full_name", "at_least": 3 }),
            "this field can be tested only with present, submitted, is, one_of, contains",
        ),
        (json!({ "field": "custom_fields.budget", "at_least": "20000" }), "expected a number"),
        (json!({ "field": "state", "is": 5 }), "expected a text in quotes"),
        (json!({ "field": "state", "is": " " }), "expected a text that is not blank"),
        (json!({ "field": "state", "one_of": [] }), "a list of 1 to 200 values"),
        (json!({ "field": "state", "equals": "NV" }), "`state`, equals: unknown test"),
        (json!({ "field": "state" }), "`state` has no test"),
        (json!({ "any": [] }), "`any`: expected a list of tests"),
        (json!({ "any": [{ "field": "state", "present": true }], "field": "x" }), "`x` is not a field"),
        (json!({ "any": [{}], "not": {} }), "a test needs `field`"),
        (json!("phone"), "`when`: expected a test of a field"),
        (json!({ "not": { "not": { "not": { "not": { "not": {} } } } } }), "at most 5 levels"),
        (
            json!({ "any": vec![json!({ "field": "phone", "present": true }); 51] }),
            "too many tests (at most 50)",
        ),
    ] {
        let faults = scoring(&when).unwrap_err();
        let sentence = &faults.sentences()[0];
        assert!(sentence.starts_with("rule 1 `it`: ") && sentence.contains(expected), "{when}: {sentence}");
    }
}

#[test]
fn all_faults_are_reported_at_once() {
    let when = json!({ "field": "phone", "present": true });
    let document = json!({ "hot": 30, "warm": 30, "cold": 1, "rules": [
        { "name": "a", "points": 101, "when": when, "weight": 1 },
        { "name": "a", "points": 1, "when": when },
        { "name": "Not Snake", "points": 1, "when": when },
        { "name": "b", "points": 1.5, "note": 5 },
    ] });
    let faults = Scoring::read(&document).unwrap_err().to_string();
    for expected in [
        "unknown member `cold`; expected hot, warm and rules",
        "hot is 30 and warm is 30; hot must be greater than warm",
        "rule 1 `a`: unknown member `weight`",
        "rule 1 `a`: `points`: expected a whole number from -100 to 100",
        "rule 2 `a`: rule 1 has the same name",
        "rule 3: expected a name in snake_case",
        "rule 4 `b`: `points`: expected",
        "rule 4 `b`: `note`: expected a text",
        "rule 4 `b`: `when` is missing",
    ] {
        assert!(faults.contains(expected), "{expected}: {faults}");
    }
    for (hot, warm) in [(101, 1), (50, 0), (0, 0)] {
        assert!(Scoring::read(&json!({ "hot": hot, "warm": warm, "rules": [] })).is_err(), "{hot} {warm}");
    }
    let many: Vec<_> =
        (0..101).map(|n| json!({ "name": format!("r{n}"), "points": 1, "when": when })).collect();
    let faults = Scoring::read(&json!({ "hot": 2, "warm": 1, "rules": many })).unwrap_err();
    assert_eq!(faults.sentences(), ["too many rules (at most 100)"]);
    assert!(Scoring::from_toml("hot = ").unwrap_err().to_string().contains("line 1"));
}

#[test]
fn all_rules_together_have_at_most_1000_operands() {
    let with = |last: Value| {
        let values: Vec<_> = (0..199).map(|n| format!("v{n}")).collect();
        let test = json!({ "field": "custom_fields.a", "one_of": values, "at_least": 1 });
        let when = json!({ "any": [test, test, test, { "all": [test, { "not": last }] }] });
        let rule = |name: &str, when: &Value| json!({ "name": name, "points": 1, "when": when });
        Scoring::read(&json!({ "hot": 2, "warm": 1, "rules": [rule("a", &when), rule("b", &test)] }))
    };
    with(json!({ "field": "tags", "present": true })).unwrap();
    let faults = with(json!({ "field": "tags", "contains": "x" })).unwrap_err();
    let expected = "the rules compare fields with 1001 values in total (at most 1000)";
    assert_eq!(faults.sentences(), [expected]);
}

#[test]
fn only_the_first_4_kib_of_a_text_are_compared() {
    let long = |end: &str| format!("{}{end}", "É".repeat(2_048));
    let ann = lead(json!({ "custom_fields": { "in": long(""), "out": format!("{}end", long("")),
        "near": format!("{}end", "É".repeat(2_046)), "digits": "1".repeat(5_000) } }));
    let contains = |key: &str, text: &str| {
        matches(&json!({ "field": format!("custom_fields.{key}"), "contains": text }), &ann)
    };
    assert!(contains("in", "éé") && contains("near", "ée"));
    assert!(!contains("out", "end"), "text after the limit is not searched");
    assert!(matches(&json!({ "field": "custom_fields.out", "present": true }), &ann));
    assert!(!matches(&json!({ "field": "custom_fields.digits", "at_least": 0 }), &ann));
}

#[test]
fn docs_scoring_md_matches_the_code() {
    let page = include_str!("../../../../docs/scoring.md");
    for rule in ActiveScoring::standard().scoring.rules() {
        let points = format!("{:+}", rule.points).replace('+', "").replace('-', "−");
        let is_documented = page.lines().any(|line| {
            line.starts_with("| `")
                && line.contains(&format!("`{}`", rule.name))
                && line.split('|').nth(2).is_some_and(|cell| cell.trim() == points)
        });
        assert!(is_documented, "{} {points}", rule.name);
    }
    let fields = field::FIELD_NAMES
        .iter()
        .map(|(name, _)| *name)
        .chain(TextField::ALL.iter().map(|field| field.as_str()));
    for name in fields
        .chain(PhoneKind::CODES.iter().copied())
        .chain(EmailKind::CODES.iter().copied())
        .chain(parse::TESTS.split(", "))
    {
        assert!(page.contains(&format!("`{name}`")) || page.contains(&format!("`{name} = ")), "{name}");
    }
    let example = page.split("```toml\n").nth(1).and_then(|rest| rest.split("```").next()).unwrap();
    assert_eq!(Scoring::from_toml(example).unwrap().rules().len(), 7);
}
