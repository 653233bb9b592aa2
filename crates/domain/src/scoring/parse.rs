//! Parses a scoring from a document. All faults are reported at once, each with the name of its rule.

use std::collections::BTreeMap;

use serde_json::{Map, Number, Value};

use super::condition::{Condition, FieldTest};
use super::field::{ScoringField, ScoringFieldType};
use super::operand::Operand;
use super::{ScoreRule, Scoring, ScoringFaults};
use crate::Region;

const MAX_RULES: usize = 100;
const MAX_POINTS: i64 = 100;
const MAX_NAME_LENGTH: usize = 64;
const MAX_NOTE_LENGTH: usize = 500;
const MAX_TEXT_LENGTH: usize = 255;
const MAX_VALUES: usize = 200;
/// Maximum number of tests in a rule, and their maximum nesting depth.
const MAX_TESTS: usize = 50;
const MAX_DEPTH: usize = 5;
/// The time of a scoring grows with the number of operands. This limit keeps the worst case at a few
/// milliseconds.
const MAX_OPERANDS: usize = 1_000;

pub(super) const TESTS: &str = "present, submitted, is, one_of, contains, at_least, at_most";

pub(super) fn scoring(document: &Value) -> Result<Scoring, ScoringFaults> {
    let mut faults = Vec::new();
    let Value::Object(document) = document else {
        return Err(ScoringFaults(vec!["expected an object with hot, warm and rules".to_owned()]));
    };
    let unknown = document.keys().filter(|key| !["hot", "warm", "rules"].contains(&key.as_str()));
    faults.extend(unknown.map(|key| format!("unknown member `{key}`; expected hot, warm and rules")));
    let (hot, warm) = thresholds(document, &mut faults);
    let rules = match document.get("rules") {
        Some(Value::Array(rules)) if rules.len() <= MAX_RULES => parse_rules(rules, &mut faults),
        Some(Value::Array(_)) => {
            faults.push(format!("too many rules (at most {MAX_RULES})"));
            Vec::new()
        }
        _ => {
            faults.push("`rules`: expected a list of rules".to_owned());
            Vec::new()
        }
    };
    let operands: usize = rules.iter().map(|rule| rule.when.operands()).sum();
    if operands > MAX_OPERANDS {
        faults.push(format!(
            "the rules compare fields with {operands} values in total (at most {MAX_OPERANDS})"
        ));
    }
    if faults.is_empty() { Ok(Scoring { hot, warm, rules }) } else { Err(ScoringFaults(faults)) }
}

fn thresholds(document: &Map<String, Value>, faults: &mut Vec<String>) -> (u8, u8) {
    let mut threshold = |name| {
        let score = document.get(name).and_then(Value::as_u64).and_then(|score| u8::try_from(score).ok());
        let score = score.filter(|score| (1..=100).contains(score));
        if score.is_none() {
            faults.push(format!(
                "`{name}`: expected a score from 1 to 100, the minimum score of a {name} lead"
            ));
        }
        score
    };
    let (hot, warm) = (threshold("hot"), threshold("warm"));
    if let (Some(hot), Some(warm)) = (hot, warm)
        && hot <= warm
    {
        faults.push(format!("hot is {hot} and warm is {warm}; hot must be greater than warm"));
    }
    (hot.unwrap_or_default(), warm.unwrap_or_default())
}

fn parse_rules(rules: &[Value], faults: &mut Vec<String>) -> Vec<ScoreRule> {
    let mut seen: BTreeMap<&str, usize> = BTreeMap::new();
    let mut parsed = Vec::with_capacity(rules.len());
    for (position, rule) in rules.iter().enumerate() {
        let number = position + 1;
        let name = rule.get("name").and_then(Value::as_str).filter(|name| is_snake_case(name));
        let Some(name) = name else {
            faults.push(format!(
                "rule {number}: expected a name in snake_case with at most {MAX_NAME_LENGTH} characters, such as \
                 `phone_valid`"
            ));
            continue;
        };
        if let Some(first) = seen.insert(name, number) {
            faults.push(format!("rule {number} `{name}`: rule {first} has the same name"));
        }
        match parse_rule(name, rule) {
            Ok(rule) => parsed.push(rule),
            Err(rule_faults) => {
                faults.extend(rule_faults.into_iter().map(|fault| format!("rule {number} `{name}`: {fault}")))
            }
        }
    }
    parsed
}

fn is_snake_case(name: &str) -> bool {
    let is_allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
    name.starts_with(|c: char| c.is_ascii_lowercase())
        && name.len() <= MAX_NAME_LENGTH
        && name.chars().all(is_allowed)
}

fn parse_rule(name: &str, rule: &Value) -> Result<ScoreRule, Vec<String>> {
    let mut faults = Vec::new();
    let keys = rule.as_object().into_iter().flat_map(Map::keys);
    let unknown = keys.filter(|key| !["name", "points", "note", "when"].contains(&key.as_str()));
    faults.extend(unknown.map(|key| format!("unknown member `{key}`; expected name, points, note and when")));
    let points = rule.get("points").and_then(Value::as_i64).filter(|points| points.abs() <= MAX_POINTS);
    let points = points.and_then(|points| i32::try_from(points).ok());
    if points.is_none() {
        faults.push(format!("`points`: expected a whole number from -{MAX_POINTS} to {MAX_POINTS}"));
    }
    let note = match rule.get("note") {
        None => None,
        Some(Value::String(note)) if note.chars().count() <= MAX_NOTE_LENGTH && !note.contains('\0') => {
            Some(note.clone())
        }
        Some(_) => {
            faults.push(format!("`note`: expected a text of at most {MAX_NOTE_LENGTH} characters"));
            None
        }
    };
    let mut tests = 0;
    let when = rule.get("when").ok_or_else(|| "`when` is missing".to_owned());
    match when.and_then(|when| condition(when, 1, &mut tests)) {
        Ok(when) if faults.is_empty() => {
            Ok(ScoreRule { name: name.to_owned(), points: points.unwrap_or_default(), note, when })
        }
        Ok(_) => Err(faults),
        Err(fault) => {
            faults.push(fault);
            Err(faults)
        }
    }
}

/// Parses a condition that is used alone, without a rule.
pub(super) fn single_condition(value: &Value) -> Result<Condition, String> {
    condition(value, 1, &mut 0)
}

fn condition(value: &Value, depth: usize, tests: &mut usize) -> Result<Condition, String> {
    let Value::Object(members) = value else {
        return Err("`when`: expected a test of a field, or all, any or not with tests".to_owned());
    };
    if depth > MAX_DEPTH {
        return Err(format!("all, any and not are nested too deeply (at most {MAX_DEPTH} levels)"));
    }
    let mut nested = |value: &Value| condition(value, depth + 1, tests);
    let mut list = |name: &str, value: &Value| match value {
        Value::Array(items) if !items.is_empty() => {
            items.iter().map(&mut nested).collect::<Result<Vec<_>, _>>()
        }
        _ => Err(format!("`{name}`: expected a list of tests")),
    };
    let single = if members.len() == 1 { members.iter().next() } else { None };
    match single.map(|(name, value)| (name.as_str(), value)) {
        Some(("all", value)) => Ok(Condition::All { all: list("all", value)? }),
        Some(("any", value)) => Ok(Condition::Any { any: list("any", value)? }),
        Some(("not", value)) => Ok(Condition::Not { not: Box::new(nested(value)?) }),
        _ => {
            *tests += 1;
            match *tests <= MAX_TESTS {
                true => test(members).map(|test| Condition::Test(Box::new(test))),
                false => Err(format!("too many tests (at most {MAX_TESTS})")),
            }
        }
    }
}

fn test(members: &Map<String, Value>) -> Result<FieldTest, String> {
    let name = members.get("field").and_then(Value::as_str);
    let name = name.ok_or("a test needs `field`; `all`, `any` and `not` must be the only member")?;
    let field: ScoringField = name.parse()?;
    let field_type = field.field_type();
    let mut test = FieldTest::new(field);
    for (operator, operand) in members.iter().filter(|(operator, _)| *operator != "field") {
        let fault = |text: String| format!("`{name}`, {operator}: {text}");
        if !TESTS.split(", ").any(|known| known == operator) {
            return Err(fault(format!("unknown test; expected one of {TESTS}")));
        }
        if !allowed(field_type).contains(&operator.as_str()) {
            return Err(fault(format!(
                "this field can be tested only with {}",
                allowed(field_type).join(", ")
            )));
        }
        match operator.as_str() {
            "present" => test.present = Some(flag(operand).map_err(fault)?),
            "submitted" => test.submitted = Some(flag(operand).map_err(fault)?),
            "is" => test.is = Some(value(field_type, operand).map_err(fault)?),
            "contains" => test.contains = Some(value(field_type, operand).map_err(fault)?),
            "one_of" => test.one_of = values(field_type, operand).map_err(fault)?,
            "at_least" => test.at_least = Some(number(operand).map_err(fault)?),
            _ => test.at_most = Some(number(operand).map_err(fault)?),
        }
    }
    if members.len() == 1 {
        return Err(format!("`{name}` has no test; expected one of {}", allowed(field_type).join(", ")));
    }
    Ok(test)
}

fn allowed(field_type: ScoringFieldType) -> &'static [&'static str] {
    match field_type {
        ScoringFieldType::Presence => &["present"],
        ScoringFieldType::Flag => &["is"],
        ScoringFieldType::Enumerated(_) | ScoringFieldType::Region => &["present", "is", "one_of"],
        ScoringFieldType::Text { inferable: false } => &["present", "is", "one_of", "contains"],
        ScoringFieldType::Text { inferable: true } => &["present", "submitted", "is", "one_of", "contains"],
        ScoringFieldType::Texts => &["present", "one_of", "contains"],
        ScoringFieldType::Any { inferable: false } => {
            &["present", "is", "one_of", "contains", "at_least", "at_most"]
        }
        ScoringFieldType::Any { inferable: true } => {
            &["present", "submitted", "is", "one_of", "contains", "at_least", "at_most"]
        }
    }
}

fn flag(operand: &Value) -> Result<bool, String> {
    operand.as_bool().ok_or_else(|| "expected true or false".to_owned())
}

fn number(operand: &Value) -> Result<Number, String> {
    match operand {
        Value::Number(number) => Ok(number.clone()),
        _ => Err("expected a number without quotes".to_owned()),
    }
}

fn values(field_type: ScoringFieldType, operand: &Value) -> Result<Vec<Operand>, String> {
    match operand {
        Value::Array(operands) if (1..=MAX_VALUES).contains(&operands.len()) => {
            operands.iter().map(|operand| value(field_type, operand)).collect()
        }
        _ => Err(format!("expected a list of 1 to {MAX_VALUES} values")),
    }
}

/// Parses an operand for a field of this type. A value that the field can never have is an error.
fn value(field_type: ScoringFieldType, operand: &Value) -> Result<Operand, String> {
    match (field_type, operand) {
        (ScoringFieldType::Flag | ScoringFieldType::Any { .. }, Value::Bool(flag)) => {
            Ok(Operand::Flag(*flag))
        }
        (ScoringFieldType::Flag, _) => Err("expected true or false without quotes".to_owned()),
        (ScoringFieldType::Any { .. }, Value::Number(number)) => Ok(Operand::Number(number.clone())),
        (ScoringFieldType::Enumerated(codes), Value::String(code)) if codes.contains(&code.as_str()) => {
            Ok(Operand::text(code))
        }
        (ScoringFieldType::Enumerated(codes), _) => {
            Err(format!("{operand} is unknown; expected one of {}", codes.join(", ")))
        }
        (ScoringFieldType::Region, Value::String(text)) => {
            let region: Region = text.parse().map_err(|fault| format!("{operand} is {fault}"))?;
            Ok(Operand::text(region.as_str()))
        }
        (_, Value::String(text)) if text.chars().count() > MAX_TEXT_LENGTH || text.contains('\0') => {
            Err(format!("a text has at most {MAX_TEXT_LENGTH} characters"))
        }
        (_, Value::String(text)) if !text.trim().is_empty() => Ok(Operand::text(text)),
        (_, Value::String(_)) => {
            Err("expected a text that is not blank; use `present = false` to test for no value".to_owned())
        }
        (ScoringFieldType::Any { .. }, _) => Err("expected a text, a number, true or false".to_owned()),
        _ => Err("expected a text in quotes".to_owned()),
    }
}
