//! The output of commands: text, or one JSON document with `--json`.

mod table;

use std::io::Write as _;

use serde::Serialize;
use serde_json::{Value, json};

use super::UsageError;
pub(crate) use table::Table;

/// Prints the results and errors of a command in the selected format.
pub(crate) struct Output {
    json: bool,
}

impl Output {
    pub(crate) fn new(json: bool) -> Self {
        Self { json }
    }

    /// Prints a result. `text` gets a function that prints a line.
    pub(crate) fn print(&self, document: &impl Serialize, text: impl FnOnce(&mut dyn FnMut(&str))) {
        let mut out = std::io::stdout().lock();
        if self.json {
            let document = serde_json::to_string(document).unwrap_or_default();
            let _ = writeln!(out, "{document}");
        } else {
            text(&mut |line| {
                let _ = writeln!(out, "{line}");
            });
        }
    }

    /// Prints a list as a table. For an empty list it prints `no NOUN` to standard error.
    pub(crate) fn list<const N: usize>(
        &self,
        noun: &str,
        document: &impl Serialize,
        headers: [&str; N],
        rows: impl IntoIterator<Item = [String; N]>,
    ) {
        let mut table = Table::new(headers.map(str::to_uppercase));
        rows.into_iter().for_each(|row| table.add(row));
        if table.is_empty() {
            self.note(&format!("no {noun}"));
        }
        self.print(document, |line| table.print(line));
    }

    /// Prints one item: a line `name: value` for each member of its document that has a value.
    pub(crate) fn details(&self, document: &impl Serialize) {
        self.print(document, |line| details(document, line));
    }

    /// Like [`Self::details`], with other names and values in the text than in the document.
    pub(crate) fn pairs<'n>(
        &self,
        document: &impl Serialize,
        pairs: impl IntoIterator<Item = (&'n str, String)>,
    ) {
        self.print(document, |line| table::pairs(pairs).print(line));
    }

    /// Prints a remark that is not part of the result: to standard error, and not with `--json`.
    pub(crate) fn note(&self, text: &str) {
        if !self.json {
            let _ = writeln!(std::io::stderr(), "{text}");
        }
    }

    /// Prints an error: to standard error, or as the JSON document with `--json`.
    pub(crate) fn error(&self, error: &anyhow::Error) {
        let has_document = matches!(error.downcast_ref(), Some(UsageError::RowsRefused(_)));
        if self.json && !has_document {
            let _ = writeln!(std::io::stdout(), "{}", json!({ "error": format!("{error:#}") }));
        } else {
            let _ = writeln!(std::io::stderr(), "leadgate: {error:#}");
        }
    }
}

/// Prints the lines `name: value` of a document, for a command that prints more than these.
pub(crate) fn details(document: &impl Serialize, line: &mut dyn FnMut(&str)) {
    let document = serde_json::to_value(document).unwrap_or_default();
    let mut members = Vec::new();
    collect(&document, "", &mut members);
    // The JSON library sorts the members by name.
    members.sort_by_key(|(name, _)| !matches!(name.as_str(), "id" | "name"));
    table::pairs(members.iter().map(|(name, value)| (name.as_str(), value.clone()))).print(line);
}

/// Collects the values of a document that are not empty, with their paths such as `phone.e164`.
fn collect(value: &Value, path: &str, into: &mut Vec<(String, String)>) {
    match value {
        Value::Null => {}
        Value::Array(values) if values.is_empty() => {}
        Value::Object(members) => {
            for (name, value) in members {
                let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
                collect(value, &path, into);
            }
        }
        Value::Array(values) if !values.iter().any(|value| value.is_object() || value.is_array()) => {
            let values: Vec<_> = values.iter().map(scalar).collect();
            into.push((path.to_owned(), values.join(", ")));
        }
        value => into.push((path.to_owned(), scalar(value))),
    }
}

fn scalar(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// The text of a cell, which is empty for `None`.
pub(crate) fn cell<T: ToString>(value: Option<T>) -> String {
    value.map(|value| value.to_string()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn details_name_every_value_by_its_path() {
        let document = json!({
            "dialect": "native", "empty": null, "none": [], "id": "7", "phone": { "e164": "+14155550132", "valid": true },
            "tags": ["crm", "uk"], "windows": [{ "key": "phone" }],
        });
        let mut lines = Vec::new();
        details(&document, &mut |line| lines.push(line.to_owned()));
        assert_eq!(
            lines,
            [
                "id:           7",
                "dialect:      native",
                "phone.e164:   +14155550132",
                "phone.valid:  true",
                "tags:         crm, uk",
                r#"windows:      [{"key":"phone"}]"#,
            ]
        );
    }
}
