use serde_json::json;

use super::*;
use crate::{EmailKind, PhoneKind, TextField};

/// Ann, who says much; `said` is what else her lead holds.
fn lead(said: Value) -> Lead {
    let id = "018f4e2a-7b1c-7000-8000-0000000000aa";
    let mut lead = json!({
        "id": id, "organization": id, "source": id,
        "received_at": "2026-01-01T00:00:00Z", "updated_at": "2026-01-01T00:00:00Z",
        "consent_required": true, "clocks": { "base": ["secret", "2026-01-01T00:00:00Z", id] },
        "texts": { "full_name": "Ann Lee", "locale": "en-US" },
        "phone": { "raw": "+44 7400 123456", "e164": "+447400123456", "valid": true, "region": "GB", "kind": "mobile" },
        "email": { "raw": "a@Acme.example", "address": "a@acme.example", "valid": true, "kind": "business" },
        "tags": ["VIP", "été"], "derived_tags": ["phone_review"],
        "attribution": { "gclid": "Cj0", "empty": "  ", "clicks": 3 },
        "custom_fields": { "budget": "25000", "seats": 12, "demo": true, "Interests": ["Roof", 7], "note": null, "a.b": "x" },
        "observed": { "device": { "value": { "kind": "phone", "os": "iPhone" }, "basis": "user_agent" },
                      "place": { "value": { "country": "GB" }, "basis": "client_address" } },
        "inferred": { "company": { "value": "acme", "basis": "email_domain" },
                      "utm_medium": { "value": "cpc", "basis": "page_url" },
                      "state": { "value": "CA", "basis": "phone_prefix" } },
        "score": 0, "temperature": "cold", "eligibility": "held",
    });
    for (key, value) in said.as_object().unwrap() {
        lead[key] = value.clone();
    }
    serde_json::from_value(lead).unwrap()
}

fn scoring(when: &Value) -> Result<Scoring, ScoringFaults> {
    Scoring::read(&json!({ "hot": 60, "warm": 30, "rules": [{ "name": "it", "points": 10, "when": when }] }))
}

fn holds(when: &Value, lead: &Lead) -> bool {
    let scoring = scoring(when).unwrap_or_else(|wrong| panic!("{when}: {wrong}"));
    let json = serde_json::to_value(&scoring).unwrap();
    assert_eq!(Scoring::read(&json).as_ref(), Ok(&scoring), "{when} is written as it was read");
    assert_eq!(Scoring::from_toml(&scoring.to_toml()).as_ref(), Ok(&scoring), "{}", scoring.to_toml());
    !scoring.score(lead).points.is_empty()
}

#[test]
fn what_is_good_in_the_standard_scoring_adds_up_to_a_hundred() {
    let standard = &ActiveScoring::standard().scoring;
    assert_eq!(standard.rules().iter().map(|rule| rule.points.max(0)).sum::<i32>(), 100);
    assert!(standard.rules().iter().all(|rule| rule.note.is_some()));
    assert_eq!(&Scoring::from_toml(&standard.to_toml()).unwrap(), standard);
}

#[test]
fn every_field_can_be_asked() {
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
        json!({ "field": "company", "said": false }),
        json!({ "field": "state", "one_of": ["ca"], "said": false }),
        json!({ "field": "line_id", "present": false }),
        json!({ "field": "consent", "present": false }),
        json!({ "field": "consent.complete", "is": false }),
        json!({ "field": "attribution.gclid", "said": true }),
        json!({ "field": "attribution.utm_medium", "is": "CPC", "present": true, "said": false }),
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
        assert!(holds(&when, &ann), "{when}");
        assert!(!holds(&json!({ "not": when }), &ann), "{when}");
    }
}

#[test]
fn what_is_not_there_is_neither_little_nor_much() {
    let nobody = lead(json!({
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
        assert!(!holds(&when, &nobody), "{when}");
    }
    assert!(holds(&json!({ "field": "email.valid", "is": false }), &nobody));
}

#[test]
fn what_was_inferred_of_a_person_is_no_attribution() {
    let ann = lead(json!({}));
    assert!(!holds(&json!({ "field": "attribution.company", "present": true }), &ann));
    assert!(!holds(&json!({ "field": "attribution.state", "present": true }), &ann));
}

#[test]
fn points_add_up_between_nothing_and_a_hundred() {
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
fn what_is_wrong_is_told_under_the_name_of_its_rule() {
    for (when, told) in [
        (json!({ "field": "phonee", "is": 1 }), "there is no field `phonee`"),
        (json!({ "field": "custom_fields.", "is": 1 }), "there is no field `custom_fields.`"),
        (json!({ "field": "phone.kind", "is": "moblie" }), "\"moblie\" is none of fixed_line, mobile"),
        (json!({ "field": "phone.region", "is": "USA" }), "\"USA\" is not a region"),
        (json!({ "field": "phone.valid", "is": "yes" }), "it is true or false"),
        (json!({ "field": "phone.valid", "present": true }), "this field is tested by is"),
        (
            json!({ "field": "full_name", "at_least": 3 }),
            "this field is tested by present, said, is, one_of, contains",
        ),
        (json!({ "field": "custom_fields.budget", "at_least": "20000" }), "it takes a number"),
        (json!({ "field": "state", "is": 5 }), "it takes a text, in quotes"),
        (json!({ "field": "state", "is": " " }), "a text has to say something"),
        (json!({ "field": "state", "one_of": [] }), "a list of 1 to 200 values"),
        (json!({ "field": "state", "equals": "NV" }), "`state`, equals: there is no such test"),
        (json!({ "field": "state" }), "`state` is not tested"),
        (json!({ "any": [] }), "`any` is a list of tests"),
        (json!({ "any": [{ "field": "state", "present": true }], "field": "x" }), "there is no field `x`"),
        (json!({ "any": [{}], "not": {} }), "a test names its `field`"),
        (json!("phone"), "`when` is a test of a field"),
        (json!({ "not": { "not": { "not": { "not": { "not": {} } } } } }), "nested at most 5 deep"),
        (json!({ "any": vec![json!({ "field": "phone", "present": true }); 51] }), "at most 50 tests"),
    ] {
        let wrong = scoring(&when).unwrap_err();
        let sentence = &wrong.sentences()[0];
        assert!(sentence.starts_with("rule 1 `it`: ") && sentence.contains(told), "{when}: {sentence}");
    }
}

#[test]
fn all_that_is_wrong_is_told_at_once() {
    let when = json!({ "field": "phone", "present": true });
    let document = json!({ "hot": 30, "warm": 30, "cold": 1, "rules": [
        { "name": "a", "points": 101, "when": when, "weight": 1 },
        { "name": "a", "points": 1, "when": when },
        { "name": "Not Snake", "points": 1, "when": when },
        { "name": "b", "points": 1.5, "note": 5 },
    ] });
    let wrong = Scoring::read(&document).unwrap_err().to_string();
    for told in [
        "`cold` is no part of a scoring",
        "hot is 30 and warm is 30: hot has to be more than warm",
        "rule 1 `a`: `weight` is no part of a rule",
        "rule 1 `a`: points is a whole number from -100 to 100",
        "rule 2 `a`: rule 1 has that name already",
        "rule 3 needs a name in snake_case",
        "rule 4 `b`: points is",
        "rule 4 `b`: note is a text",
        "rule 4 `b`: it has no `when`",
    ] {
        assert!(wrong.contains(told), "{told}: {wrong}");
    }
    for (hot, warm) in [(101, 1), (50, 0), (0, 0)] {
        assert!(Scoring::read(&json!({ "hot": hot, "warm": warm, "rules": [] })).is_err(), "{hot} {warm}");
    }
    let many: Vec<_> =
        (0..101).map(|n| json!({ "name": format!("r{n}"), "points": 1, "when": when })).collect();
    let wrong = Scoring::read(&json!({ "hot": 2, "warm": 1, "rules": many })).unwrap_err();
    assert_eq!(wrong.sentences(), ["at most 100 rules are taken"]);
    assert!(Scoring::from_toml("hot = ").unwrap_err().to_string().contains("line 1"));
}

#[test]
fn all_rules_together_compare_with_a_thousand_values_at_most() {
    let with = |last: Value| {
        let values: Vec<_> = (0..199).map(|n| format!("v{n}")).collect();
        let test = json!({ "field": "custom_fields.a", "one_of": values, "at_least": 1 });
        let when = json!({ "any": [test, test, test, { "all": [test, { "not": last }] }] });
        let rule = |name: &str, when: &Value| json!({ "name": name, "points": 1, "when": when });
        Scoring::read(&json!({ "hot": 2, "warm": 1, "rules": [rule("a", &when), rule("b", &test)] }))
    };
    with(json!({ "field": "tags", "present": true })).unwrap();
    let wrong = with(json!({ "field": "tags", "contains": "x" })).unwrap_err();
    let told = "the rules compare fields with 1001 values; all rules together may have 1000";
    assert_eq!(wrong.sentences(), [told]);
}

#[test]
fn a_long_text_is_compared_up_to_four_kilobytes() {
    let long = |end: &str| format!("{}{end}", "É".repeat(2_048));
    let ann = lead(json!({ "custom_fields": { "in": long(""), "out": format!("{}end", long("")),
        "near": format!("{}end", "É".repeat(2_046)), "digits": "1".repeat(5_000) } }));
    let contains = |key: &str, text: &str| {
        holds(&json!({ "field": format!("custom_fields.{key}"), "contains": text }), &ann)
    };
    assert!(contains("in", "éé") && contains("near", "ée"));
    assert!(!contains("out", "end"), "what comes later is not searched");
    assert!(holds(&json!({ "field": "custom_fields.out", "present": true }), &ann));
    assert!(!holds(&json!({ "field": "custom_fields.digits", "at_least": 0 }), &ann));
}

/// docs/scoring.md is what people go by.
#[test]
fn the_page_about_scoring_says_what_is_so() {
    let page = include_str!("../../../../docs/scoring.md");
    for rule in ActiveScoring::standard().scoring.rules() {
        let points = format!("{:+}", rule.points).replace('+', "").replace('-', "−");
        let told = page.lines().any(|line| {
            line.starts_with("| `")
                && line.contains(&format!("`{}`", rule.name))
                && line.split('|').nth(2).is_some_and(|cell| cell.trim() == points)
        });
        assert!(told, "{} {points}", rule.name);
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
