//! What a command prints: text for people, or one JSON document.

use std::io::Write as _;

use serde::Serialize;
use serde_json::json;

use super::UsageError;

/// Where the answer of a command goes.
pub(crate) struct Output {
    json: bool,
}

impl Output {
    pub(crate) fn new(json: bool) -> Self {
        Self { json }
    }

    /// Prints a result. `text` is handed a printer of lines.
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

    /// Prints a failure: to standard error for people, as the one document with `--json`.
    pub(crate) fn error(&self, error: &anyhow::Error) {
        let has_document = matches!(error.downcast_ref(), Some(UsageError::RowsRefused(_)));
        if self.json && !has_document {
            let _ = writeln!(std::io::stdout(), "{}", json!({ "error": format!("{error:#}") }));
        } else {
            let _ = writeln!(std::io::stderr(), "leadgate: {error:#}");
        }
    }
}
