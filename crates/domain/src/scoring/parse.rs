//! Reads a scoring from a document. All errors are reported at once, each with the name of its rule.

use std::collections::BTreeMap;

use serde_json::{Map, Number, Value};

use super::condition::{Condition, FieldTest};
use super::field::{ScoringField, ScoringFieldType};
use super::operand::Operand;
use super::{ScoreRule, Scoring, ScoringFaults};
use crate::Region;

const MOST_RULES: usize = 100;
const MOST_POINTS: i64 = 100;
const LONGEST_NAME: usize = 64;
const LONGEST_NOTE: usize = 500;
const LONGEST_TEXT: usize = 255;
const MOST_VALUES: usize = 200;
/// How many tests a rule may have, and how deep they may be nested.
const MOST_TESTS: usize = 50;
const DEEPEST: usize = 5;
/// Scoring time grows with the number of operands; this bound keeps the worst case at a few milliseconds.
const MOST_OPERANDS: usize = 1_000;

pub(super) const TESTS: &str = "present, said, is, one_of, contains, at_least, at_most";

pub(super) fn scoring(document: &Value) -> Result<Scoring, ScoringFaults> {
    let mut faults = Vec::new();
    let Value::Object(document) = document else {
        return Err(ScoringFaults(vec!["a scoring has hot, warm and rules".to_owned()]));
    };
    let strange = document.keys().filter(|key| !["hot", "warm", "rules"].contains(&key.as_str()));
    faults.extend(strange.map(|key| format!("`{key}` is no part of a scoring: it has hot, warm and rules")));
    let (hot, warm) = thresholds(document, &mut faults);
    let rules = match document.get("rules") {
        Some(Value::Array(rules)) if rules.len() <= MOST_RULES => all_rules(rules, &mut faults),
        Some(Value::Array(_)) => {
            faults.push(format!("at most {MOST_RULES} rules are taken"));
            Vec::new()
        }
        _ => {
            faults.push("rules is a list of rules".to_owned());
            Vec::new()
        }
    };
    let operands: usize = rules.iter().map(|rule| rule.when.operands()).sum();
    if operands > MOST_OPERANDS {
        faults.push(format!(
            "the rules compare fields with {operands} values; all rules together may have {MOST_OPERANDS}"
        ));
    }
    if faults.is_empty() { Ok(Scoring { hot, warm, rules }) } else { Err(ScoringFaults(faults)) }
}

fn thresholds(document: &Map<String, Value>, faults: &mut Vec<String>) -> (u8, u8) {
    let mut threshold = |name| {
        let said = document.get(name).and_then(Value::as_u64).and_then(|said| u8::try_from(said).ok());
        let said = said.filter(|said| (1..=100).contains(said));
        if said.is_none() {
            faults.push(format!("{name} is a score from 1 to 100, from which on a lead is {name}"));
        }
        said
    };
    let (hot, warm) = (threshold("hot"), threshold("warm"));
    if let (Some(hot), Some(warm)) = (hot, warm)
        && hot <= warm
    {
        faults.push(format!("hot is {hot} and warm is {warm}: hot has to be more than warm"));
    }
    (hot.unwrap_or_default(), warm.unwrap_or_default())
}

fn all_rules(rules: &[Value], faults: &mut Vec<String>) -> Vec<ScoreRule> {
    let mut named: BTreeMap<&str, usize> = BTreeMap::new();
    let mut read = Vec::with_capacity(rules.len());
    for (position, rule) in rules.iter().enumerate() {
        let number = position + 1;
        let name = rule.get("name").and_then(Value::as_str).filter(|name| is_snake_case(name));
        let Some(name) = name else {
            faults.push(format!(
                "rule {number} needs a name in snake_case, such as `phone_valid`, of at most {LONGEST_NAME} characters"
            ));
            continue;
        };
        if let Some(first) = named.insert(name, number) {
            faults.push(format!("rule {number} `{name}`: rule {first} has that name already"));
        }
        match rule_of(name, rule) {
            Ok(rule) => read.push(rule),
            Err(wrong) => {
                faults.extend(wrong.into_iter().map(|wrong| format!("rule {number} `{name}`: {wrong}")))
            }
        }
    }
    read
}

fn is_snake_case(name: &str) -> bool {
    let small = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
    name.starts_with(|c: char| c.is_ascii_lowercase())
        && name.len() <= LONGEST_NAME
        && name.chars().all(small)
}

fn rule_of(name: &str, rule: &Value) -> Result<ScoreRule, Vec<String>> {
    let mut wrong = Vec::new();
    let strange = rule.as_object().into_iter().flat_map(Map::keys);
    let strange = strange.filter(|key| !["name", "points", "note", "when"].contains(&key.as_str()));
    wrong.extend(
        strange.map(|key| format!("`{key}` is no part of a rule: it has name, points, note and when")),
    );
    let points = rule.get("points").and_then(Value::as_i64).filter(|points| points.abs() <= MOST_POINTS);
    let points = points.and_then(|points| i32::try_from(points).ok());
    if points.is_none() {
        wrong.push(format!("points is a whole number from -{MOST_POINTS} to {MOST_POINTS}"));
    }
    let note = match rule.get("note") {
        None => None,
        Some(Value::String(note)) if note.chars().count() <= LONGEST_NOTE && !note.contains('\0') => {
            Some(note.clone())
        }
        Some(_) => {
            wrong.push(format!("note is a text of at most {LONGEST_NOTE} characters"));
            None
        }
    };
    let mut tests = 0;
    let when = rule.get("when").ok_or_else(|| "it has no `when`".to_owned());
    match when.and_then(|when| condition(when, 1, &mut tests)) {
        Ok(when) if wrong.is_empty() => {
            Ok(ScoreRule { name: name.to_owned(), points: points.unwrap_or_default(), note, when })
        }
        Ok(_) => Err(wrong),
        Err(fault) => {
            wrong.push(fault);
            Err(wrong)
        }
    }
}

fn condition(said: &Value, depth: usize, tests: &mut usize) -> Result<Condition, String> {
    let Value::Object(said) = said else {
        return Err("`when` is a test of a field, or all, any or not with such tests".to_owned());
    };
    if depth > DEEPEST {
        return Err(format!("all, any and not are nested at most {DEEPEST} deep"));
    }
    let mut inner = |said: &Value| condition(said, depth + 1, tests);
    let mut many = |name: &str, said: &Value| match said {
        Value::Array(said) if !said.is_empty() => said.iter().map(&mut inner).collect::<Result<Vec<_>, _>>(),
        _ => Err(format!("`{name}` is a list of tests")),
    };
    let only = if said.len() == 1 { said.iter().next() } else { None };
    match only.map(|(name, said)| (name.as_str(), said)) {
        Some(("all", said)) => Ok(Condition::All { all: many("all", said)? }),
        Some(("any", said)) => Ok(Condition::Any { any: many("any", said)? }),
        Some(("not", said)) => Ok(Condition::Not { not: Box::new(inner(said)?) }),
        _ => {
            *tests += 1;
            match *tests <= MOST_TESTS {
                true => test(said).map(|test| Condition::Test(Box::new(test))),
                false => Err(format!("at most {MOST_TESTS} tests are taken")),
            }
        }
    }
}

fn test(said: &Map<String, Value>) -> Result<FieldTest, String> {
    let name = said.get("field").and_then(Value::as_str);
    let name = name.ok_or("a test names its `field`; `all`, `any` and `not` stand alone")?;
    let field: ScoringField = name.parse()?;
    let shape = field.shape();
    let mut test = FieldTest::of(field);
    for (kind, operand) in said.iter().filter(|(kind, _)| *kind != "field") {
        let wrong = |wrong: String| format!("`{name}`, {kind}: {wrong}");
        if !TESTS.split(", ").any(|known| known == kind) {
            return Err(wrong(format!("there is no such test; there are {TESTS}")));
        }
        if !allowed(shape).contains(&kind.as_str()) {
            return Err(wrong(format!("this field is tested by {}", allowed(shape).join(", "))));
        }
        match kind.as_str() {
            "present" => test.present = Some(flag(operand).map_err(wrong)?),
            "said" => test.said = Some(flag(operand).map_err(wrong)?),
            "is" => test.is = Some(value(shape, operand).map_err(wrong)?),
            "contains" => test.contains = Some(value(shape, operand).map_err(wrong)?),
            "one_of" => test.one_of = values(shape, operand).map_err(wrong)?,
            "at_least" => test.at_least = Some(number(operand).map_err(wrong)?),
            _ => test.at_most = Some(number(operand).map_err(wrong)?),
        }
    }
    if said.len() == 1 {
        return Err(format!("`{name}` is not tested; {} would", allowed(shape).join(", ")));
    }
    Ok(test)
}

fn allowed(shape: ScoringFieldType) -> &'static [&'static str] {
    match shape {
        ScoringFieldType::Presence => &["present"],
        ScoringFieldType::Flag => &["is"],
        ScoringFieldType::Enumerated(_) | ScoringFieldType::Region => &["present", "is", "one_of"],
        ScoringFieldType::Text { said: false } => &["present", "is", "one_of", "contains"],
        ScoringFieldType::Text { said: true } => &["present", "said", "is", "one_of", "contains"],
        ScoringFieldType::Texts => &["present", "one_of", "contains"],
        ScoringFieldType::Any { said: false } => {
            &["present", "is", "one_of", "contains", "at_least", "at_most"]
        }
        ScoringFieldType::Any { said: true } => {
            &["present", "said", "is", "one_of", "contains", "at_least", "at_most"]
        }
    }
}

fn flag(operand: &Value) -> Result<bool, String> {
    operand.as_bool().ok_or_else(|| "it is true or false".to_owned())
}

fn number(operand: &Value) -> Result<Number, String> {
    match operand {
        Value::Number(number) => Ok(number.clone()),
        _ => Err("it takes a number, without quotes".to_owned()),
    }
}

fn values(shape: ScoringFieldType, operand: &Value) -> Result<Vec<Operand>, String> {
    match operand {
        Value::Array(operands) if (1..=MOST_VALUES).contains(&operands.len()) => {
            operands.iter().map(|operand| value(shape, operand)).collect()
        }
        _ => Err(format!("it takes a list of 1 to {MOST_VALUES} values")),
    }
}

/// What a field of this shape may be compared with. A value that it can never have is an error.
fn value(shape: ScoringFieldType, operand: &Value) -> Result<Operand, String> {
    match (shape, operand) {
        (ScoringFieldType::Flag | ScoringFieldType::Any { .. }, Value::Bool(flag)) => {
            Ok(Operand::Flag(*flag))
        }
        (ScoringFieldType::Flag, _) => Err("it is true or false, without quotes".to_owned()),
        (ScoringFieldType::Any { .. }, Value::Number(number)) => Ok(Operand::Number(number.clone())),
        (ScoringFieldType::Enumerated(codes), Value::String(code)) if codes.contains(&code.as_str()) => {
            Ok(Operand::text(code))
        }
        (ScoringFieldType::Enumerated(codes), _) => Err(format!("{operand} is none of {}", codes.join(", "))),
        (ScoringFieldType::Region, Value::String(text)) => {
            let region: Region = text.parse().map_err(|wrong| format!("{operand} is {wrong}"))?;
            Ok(Operand::text(region.as_str()))
        }
        (_, Value::String(text)) if text.chars().count() > LONGEST_TEXT || text.contains('\0') => {
            Err(format!("a text has at most {LONGEST_TEXT} characters"))
        }
        (_, Value::String(text)) if !text.trim().is_empty() => Ok(Operand::text(text)),
        (_, Value::String(_)) => {
            Err("a text has to say something; `present = false` asks for nothing".to_owned())
        }
        (ScoringFieldType::Any { .. }, _) => Err("it takes a text, a number, true or false".to_owned()),
        _ => Err("it takes a text, in quotes".to_owned()),
    }
}
