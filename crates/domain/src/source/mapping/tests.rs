use serde_json::json;

use super::*;

fn mapping(rules: Value) -> Result<Mapping, String> {
    serde_json::from_value(json!({ "rules": rules })).map_err(|error| error.to_string())
}

fn apply(rules: Value, document: Value) -> Result<(Value, Value), (String, &'static str)> {
    let mapped = mapping(rules).unwrap().apply(document.as_object().unwrap());
    mapped
        .map(|mapped| (mapped.native.into(), mapped.rest.into()))
        .map_err(|fault| (fault.to, fault.code.as_str()))
}

#[test]
fn rules_join_split_and_translate_values() {
    let rules = json!([
        {"to": "full_name", "from": ["vorname", "nachname"], "join": " "},
        {"to": "phone", "from": ["/contact/phones/0", "tel"]},
        {"to": "state", "from": ["ort"], "split": {"by": ",", "part": -1}},
        {"to": "opt_out", "from": ["werbung"], "values": {"nein": true}, "otherwise": false},
        {"to": "tags", "from": ["themen"], "split": {"by": ";"}},
        {"to": "company", "constant": "ACME"},
        {"to": "custom_fields.budget", "from": ["b"]},
        {"to": "consent.source_url", "from": ["seite"]},
    ]);
    let (native, rest) = apply(
        rules,
        json!({"vorname": "Ann", "nachname": " Lee ", "contact": {"phones": ["+1 415"]}, "ort": "Reno, NV",
               "werbung": "nein", "themen": "a; b;", "b": 9007199254740993_u64, "seite": "https://x",
               "mehr": 1}),
    )
    .unwrap();
    assert_eq!(
        native,
        json!({"full_name": "Ann Lee", "phone": "+1 415", "state": "NV", "opt_out": true,
               "tags": ["a", "b"], "company": "ACME", "custom_fields": {"budget": 9007199254740993_u64},
               "consent": {"source_url": "https://x"}})
    );
    assert_eq!(rest, json!({"mehr": 1}));
}

#[test]
fn a_missing_value_sets_nothing_and_a_null_sets_null() {
    let rules = json!([{"to": "phone", "from": ["tel", "handy"]}, {"to": "email", "from": ["mail"]}]);
    let (native, _) = apply(rules.clone(), json!({"mail": null})).unwrap();
    assert_eq!(native, json!({"email": null}));
    let (native, _) = apply(rules, json!({"tel": " ", "handy": "+1"})).unwrap();
    assert_eq!(native, json!({"phone": "+1"}));
}

#[test]
fn values_that_no_rule_used_stay_in_the_document() {
    let rules = json!([
        {"to": "phone", "from": ["/contact/phones/0", "tel"]},
        {"to": "email", "from": ["/contact/mail/work~1home"]},
        {"to": "state", "from": ["/place/state"]},
    ]);
    let document = json!({
        "contact": {"phones": ["+1 415", "+1 510"], "mail": {"work/home": "a@b.com"}, "fax": "1"},
        "tel": "+1 650", "place": {"state": "NV"},
    });
    let (_, rest) = apply(rules, document).unwrap();
    assert_eq!(rest, json!({"contact": {"phones": [null, "+1 510"], "fax": "1"}, "tel": "+1 650"}));
}

#[test]
fn a_path_leads_into_a_text_that_is_json() {
    let rules = json!([{"to": "phone", "from": ["/payload/contact/tel"]}, {"to": "email", "from": ["/payload/mails/0"]}]);
    let payload = r#"{"contact": {"tel": "+1 415"}, "mails": ["a@b.com"]}"#;
    let (native, rest) = apply(rules.clone(), json!({ "payload": payload })).unwrap();
    assert_eq!(native, json!({"phone": "+1 415", "email": "a@b.com"}));
    assert_eq!(rest, json!({ "payload": payload }), "it stays as it came");
    for broken in ["{", "no JSON", "{\"contact\": 1}", ""] {
        let (native, _) = apply(rules.clone(), json!({ "payload": broken })).unwrap();
        assert_eq!(native, json!({}), "{broken}");
    }
}

#[test]
fn an_element_of_a_list_is_found_by_its_name() {
    let rules = json!([
        {"to": "phone", "from": ["/fields/[name=tel]/values/0"]},
        {"to": "email", "from": ["/payload/[a~1b=e-mail]/value"]},
    ]);
    let field = |name: &str, value: &str| json!({"name": name, "values": [value]});
    let payload = r#"[{"a/b": "x", "value": 1}, {"a/b": "e-mail", "value": "a@b.com"}]"#;
    for fields in [[field("tel", "+1"), field("note", "n")], [field("note", "n"), field("tel", "+1")]] {
        let (native, rest) = apply(rules.clone(), json!({"fields": fields, "payload": payload})).unwrap();
        assert_eq!(native, json!({"phone": "+1", "email": "a@b.com"}));
        assert!(
            !rest["fields"].to_string().contains("+1") && rest["fields"].to_string().contains("note"),
            "{rest}"
        );
    }
    for other in [json!([field("fax", "+1")]), json!({"[name=fax]": 1}), json!([]), json!(["tel", 1])] {
        assert_eq!(apply(rules.clone(), json!({"fields": other})).unwrap().0, json!({}));
    }
    let position =
        |path: &str| apply(json!([{"to": "phone", "from": [path]}]), json!({"l": ["a", "b"]})).unwrap().0;
    assert_eq!(
        (position("/l/1"), position("/l/01"), position("/l/+1")),
        (json!({"phone": "b"}), json!({}), json!({}))
    );
}

#[test]
fn every_fault_names_its_field() {
    let fault = |rule: Value, document: Value| apply(json!([rule]), document).unwrap_err();
    let required = json!({"to": "phone", "from": ["tel"], "required": true});
    assert_eq!(fault(required, json!({"tel": ""})), ("phone".to_owned(), "missing"));
    let values = json!({"to": "state", "from": ["s"], "values": {"Y": "NV"}});
    assert_eq!(fault(values.clone(), json!({"s": "N"})), ("state".to_owned(), "unknown_value"));
    assert_eq!(fault(values, json!({"s": {}})), ("state".to_owned(), "not_one_value"));
    let split = json!({"to": "state", "from": ["s"], "split": {"by": ",", "part": 3}});
    assert_eq!(fault(split, json!({"s": "a,b"})), ("state".to_owned(), "no_such_part"));
}

#[test]
fn an_invalid_mapping_is_refused() {
    for (rules, why) in [
        (json!([{"to": "phone", "from": ["a"]}, {"to": "phone", "from": ["b"]}]), "two rules set `phone`"),
        (json!([{"to": "id", "from": ["a"]}]), "not a field"),
        (json!([{"to": "custom_fields.", "from": ["a"]}]), "not a field"),
        (json!([{"to": "phone"}]), "either `from` or `constant`"),
        (json!([{"to": "phone", "from": ["a"], "constant": 1}]), "either"),
        (json!([{"to": "phone", "from": ["a"], "split": {"by": ","}}]), "needs `part`"),
        (json!([{"to": "phone", "from": ["a"], "regex": "x"}]), "unknown field"),
    ] {
        assert!(mapping(rules.clone()).unwrap_err().contains(why), "{rules}");
    }
}
