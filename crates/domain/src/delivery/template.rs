//! Templates: requests that an operator designs for receivers with a format of their own.

use std::fmt;
use std::ops::RangeInclusive;
use std::str::FromStr;

use regex::{Regex, RegexBuilder};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::mapping::{FieldRule, MappingFault, check_rules, unescape_segment};

const MAX_NAME_LENGTH: usize = 200;
const MAX_PATTERN_LENGTH: usize = 1_000;
/// In bytes. It keeps a pattern with large repetitions from using much memory.
const MAX_COMPILED_PATTERN: usize = 256 * 1024;
const MAX_STATUSES: usize = 20;

/// A request to a receiver with a format of its own. Its rules have the syntax of a source's
/// [`Mapping`](crate::mapping::Mapping).
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RequestTemplate {
    #[serde(default)]
    pub encoding: TemplateEncoding,
    /// The fields of the request. A form and a query have them in this order.
    pub rules: Vec<FieldRule<TemplateField>>,
    #[serde(default)]
    pub success: SuccessRule,
}

/// How the fields are sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TemplateEncoding {
    /// A JSON object, by POST.
    #[default]
    Json,
    /// As a web form, by POST (`application/x-www-form-urlencoded`).
    Form,
    /// In the query of the URL, by GET.
    Query,
}

/// A field of the request: a name or, in JSON, also a path with a leading slash (RFC 6901).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct TemplateField(String);

impl AsRef<str> for TemplateField {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

impl TemplateField {
    /// The names from the outermost object to the value.
    fn segments(&self) -> Vec<String> {
        match self.0.strip_prefix('/') {
            Some(path) => path.split('/').map(unescape_segment).collect(),
            None => vec![self.0.clone()],
        }
    }

    fn check(&self, encoding: TemplateEncoding) -> Result<(), String> {
        let name = &self.0;
        if self.segments().iter().any(String::is_empty) || name.contains('\0') {
            return Err(format!("`{name}` is not the name of a field"));
        }
        if name.chars().count() > MAX_NAME_LENGTH {
            return Err(format!("the name of a field has at most {MAX_NAME_LENGTH} characters"));
        }
        if name.starts_with('/') && encoding != TemplateEncoding::Json {
            return Err(format!("`{name}` is a path, and only JSON has nested fields"));
        }
        Ok(())
    }
}

impl RequestTemplate {
    /// Checks what the types do not.
    ///
    /// # Errors
    /// A sentence that names what was expected.
    pub fn check(&self) -> Result<(), String> {
        if self.rules.is_empty() {
            return Err("a template has at least one rule".to_owned());
        }
        check_rules(&self.rules, |_| true)?;
        for rule in &self.rules {
            rule.to.check(self.encoding)?;
            rule.check_paths()?;
        }
        let mut paths: Vec<_> = self.rules.iter().map(|rule| (rule.to.segments(), &rule.to.0)).collect();
        paths.sort();
        // A path that begins with another one follows it in this order.
        for ((outer, outer_name), (inner, inner_name)) in paths.iter().zip(paths.iter().skip(1)) {
            if inner.starts_with(outer) {
                return Err(format!("`{inner_name}` is inside of `{outer_name}`, which is set to a value"));
            }
        }
        self.success.check()
    }

    /// The names and values of the fields for a document, in the order of the rules. Those without a value are left out.
    ///
    /// # Errors
    /// A fault that names the field.
    pub fn values(&self, document: &Map<String, Value>) -> Result<Vec<(&str, Value)>, MappingFault> {
        let mut values = Vec::new();
        for rule in &self.rules {
            let value = rule.value_in(document)?.filter(|value| !value.is_null());
            values.extend(value.map(|value| (rule.to.as_ref(), value)));
        }
        Ok(values)
    }

    /// The same as one object, for JSON.
    ///
    /// # Errors
    /// A fault that names the field.
    pub fn object(&self, document: &Map<String, Value>) -> Result<Map<String, Value>, MappingFault> {
        let mut object = Map::new();
        for rule in &self.rules {
            if let Some(value) = rule.value_in(document)?.filter(|value| !value.is_null()) {
                insert_at(&mut object, &rule.to.segments(), value);
            }
        }
        Ok(object)
    }
}

fn insert_at(fields: &mut Map<String, Value>, path: &[String], value: Value) {
    match path {
        [] => {}
        [name] => {
            fields.insert(name.clone(), value);
        }
        [name, rest @ ..] => {
            let inner = fields.entry(name.clone()).or_insert_with(|| Value::Object(Map::new()));
            if let Value::Object(inner) = inner {
                insert_at(inner, rest, value);
            }
        }
    }
}

/// By which response the receiver says that it has the event.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SuccessRule {
    /// One of these statuses.
    pub statuses: Vec<StatusRange>,
    /// A regular expression that matches a part of the first 64 KiB of the body, such as `"status":\s*"accepted"`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub body: Option<String>,
}

impl Default for SuccessRule {
    fn default() -> Self {
        Self { statuses: vec![StatusRange(200..=299)], body: None }
    }
}

impl SuccessRule {
    fn check(&self) -> Result<(), String> {
        if !(1..=MAX_STATUSES).contains(&self.statuses.len()) {
            return Err(format!("`success` has 1 to {MAX_STATUSES} statuses, such as 200-299"));
        }
        match &self.body {
            Some(pattern) if pattern.len() > MAX_PATTERN_LENGTH => {
                Err(format!("a pattern has at most {MAX_PATTERN_LENGTH} bytes"))
            }
            Some(pattern) => compile(pattern).map(drop).map_err(|error| format!("`success.body`: {error}")),
            None => Ok(()),
        }
    }

    pub fn has_status(&self, status: u16) -> bool {
        self.statuses.iter().any(|range| range.0.contains(&status))
    }

    pub fn matches_body(&self, body: &str) -> bool {
        // The pattern was compiled when it was set.
        self.body.as_deref().is_none_or(|pattern| compile(pattern).is_ok_and(|regex| regex.is_match(body)))
    }
}

fn compile(pattern: &str) -> Result<Regex, regex::Error> {
    RegexBuilder::new(pattern).size_limit(MAX_COMPILED_PATTERN).dfa_size_limit(MAX_COMPILED_PATTERN).build()
}

/// One HTTP status or a range of them, as text such as `302` or `200-299`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "StatusInput", into = "String")]
pub struct StatusRange(RangeInclusive<u16>);

/// What an operator may write for a range.
#[derive(Deserialize)]
#[serde(untagged)]
enum StatusInput {
    Number(u16),
    Text(String),
}

impl FromStr for StatusRange {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let status = |text: &str| text.trim().parse().ok().filter(|status| (200..=599).contains(status));
        let (first, last) = text.split_once('-').unwrap_or((text, text));
        match (status(first), status(last)) {
            (Some(first), Some(last)) if first <= last => Ok(Self(first..=last)),
            _ => Err(format!("`{text}` is not a status or a range from 200 to 599, such as 302 or 200-299")),
        }
    }
}

impl TryFrom<StatusInput> for StatusRange {
    type Error = String;

    fn try_from(input: StatusInput) -> Result<Self, String> {
        match input {
            StatusInput::Number(status) => status.to_string().parse(),
            StatusInput::Text(text) => text.parse(),
        }
    }
}

impl From<StatusRange> for String {
    fn from(range: StatusRange) -> Self {
        range.to_string()
    }
}

impl fmt::Display for StatusRange {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (first, last) = (self.0.start(), self.0.end());
        if first == last { write!(formatter, "{first}") } else { write!(formatter, "{first}-{last}") }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn template(document: Value) -> Result<RequestTemplate, String> {
        let template: RequestTemplate =
            serde_json::from_value(document).map_err(|error| error.to_string())?;
        template.check().map(|()| template)
    }

    #[test]
    fn rules_build_nested_fields_and_leave_out_what_has_no_value() {
        let template = template(json!({ "rules": [
            { "to": "email", "from": ["/email/address"] },
            { "to": "/properties/phone", "from": ["/phone/e164"], "split": { "by": "+", "part": -1 } },
            { "to": "/properties/a~1b", "constant": 7 },
            { "to": "name", "from": ["first_name", "last_name"], "join": " " },
            { "to": "company", "from": ["company"] },
        ]}))
        .unwrap();
        let document = json!({
            "email": { "address": "ann@acme.example" },
            "phone": { "e164": "+14155550132" },
            "first_name": "Ann", "last_name": "Lee", "company": null,
        });
        let fields = Value::Object(template.object(document.as_object().unwrap()).unwrap());
        let expected = json!({
            "email": "ann@acme.example",
            "properties": { "phone": "14155550132", "a/b": 7 },
            "name": "Ann Lee",
        });
        assert_eq!(fields, expected);
    }

    #[test]
    fn a_required_value_that_is_missing_is_a_fault() {
        let rules = json!({ "rules": [{ "to": "zip", "from": ["state"], "required": true }] });
        let fault = template(rules).unwrap().object(json!({ "state": null }).as_object().unwrap());
        assert_eq!(fault.unwrap_err().to_string(), "the mapping failed for `zip`: missing");
    }

    #[test]
    fn templates_that_cannot_work_are_refused() {
        let rule = |to: &str| json!({ "to": to, "constant": 1 });
        for refused in [
            json!({ "rules": [] }),
            json!({ "rules": [rule("")] }),
            json!({ "rules": [rule("/a//b")] }),
            json!({ "rules": [rule("a"), rule("a")] }),
            json!({ "rules": [rule("a"), rule("/a/b")] }),
            json!({ "rules": [rule("/a/b"), rule("/a/b/c")] }),
            json!({ "encoding": "form", "rules": [rule("/a/b")] }),
            json!({ "encoding": "xml", "rules": [rule("a")] }),
            json!({ "rules": [{ "to": "a" }] }),
            json!({ "rules": [{ "to": "a", "from": ["/b//c"] }] }),
            json!({ "rules": [rule("a")], "success": { "statuses": [] } }),
            json!({ "rules": [rule("a")], "success": { "statuses": ["299-200"] } }),
            json!({ "rules": [rule("a")], "success": { "statuses": ["99"] } }),
            json!({ "rules": [rule("a")], "success": { "body": "(" } }),
            json!({ "rules": [rule("a")], "success": { "body": "(?:a{1000}){1000}" } }),
        ] {
            assert!(template(refused.clone()).is_err(), "{refused}");
        }
        assert!(template(json!({ "encoding": "form", "rules": [rule("lead[phone]"), rule("a.b")] })).is_ok());
    }

    #[test]
    fn a_response_is_a_success_by_status_and_body() {
        let success: SuccessRule = serde_json::from_value(json!({
            "statuses": [200, "302-303"], "body": r#""status":\s*"accepted""#,
        }))
        .unwrap();
        let statuses: Vec<_> = [200, 201, 302, 303, 304].map(|status| success.has_status(status)).to_vec();
        assert_eq!(statuses, [true, false, true, true, false]);
        assert!(success.matches_body(r#"{"status": "accepted"}"#));
        assert!(!success.matches_body(r#"{"status": "rejected"}"#));
        assert!(SuccessRule::default().has_status(204) && SuccessRule::default().matches_body(""));
    }
}
