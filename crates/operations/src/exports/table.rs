//! Tables as CSV or NDJSON.

use std::borrow::Cow;
use std::io;

use leadgate_store::{Page, StoreError};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{BLOCK, ExportSink};
use crate::OperationError;

const BYTE_ORDER_MARK: &[u8] = "\u{feff}".as_bytes();

/// The format of an export.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[derive(strum::IntoStaticStr, strum::Display, strum::EnumString, strum::VariantNames)]
#[serde(rename_all = "lowercase")]
#[strum(serialize_all = "lowercase", parse_err_ty = String, parse_err_fn = leadgate_domain::unknown_code::<Self>)]
pub enum ExportFormat {
    /// RFC 4180, in UTF-8, with a header. See [`defuse`] for cells that a spreadsheet would calculate.
    #[default]
    Csv,
    /// A row as JSON on each line.
    Ndjson,
}

impl ExportFormat {
    pub fn media_type(self) -> &'static str {
        match self {
            Self::Csv => "text/csv; charset=utf-8",
            Self::Ndjson => "application/x-ndjson",
        }
    }
}

/// How a table is written.
#[derive(Debug, Clone, Copy, Default)]
pub struct TableOptions {
    pub format: ExportFormat,
    /// CSV begins with a byte order mark, by which some spreadsheets recognize UTF-8.
    pub byte_order_mark: bool,
}

/// A column of a CSV file: its name, and the path of its value in the JSON of a row (RFC 6901). Objects and lists are
/// JSON, except lists of texts, which are separated by spaces.
pub(super) type TableColumn = (&'static str, &'static str);

/// Writes rows to a sink.
pub(super) struct TableWriter<S> {
    to: S,
    format: ExportFormat,
    columns: &'static [TableColumn],
    /// Rows that are not written to the sink yet.
    block: Vec<u8>,
    rows: u64,
}

impl<S: ExportSink> TableWriter<S> {
    /// Begins with the header, if the format has one.
    pub(super) fn new(to: S, options: TableOptions, columns: &'static [TableColumn]) -> io::Result<Self> {
        let TableOptions { format, byte_order_mark } = options;
        let mut block = Vec::new();
        if format == ExportFormat::Csv {
            block.extend(BYTE_ORDER_MARK.iter().filter(|_| byte_order_mark));
            write_row(&mut block, columns.iter().map(|(name, _)| (*name).to_owned()))?;
        }
        Ok(Self { to, format, columns, block, rows: 0 })
    }

    /// Writes all rows, page by page: `read` reads the page after a position, and `add` adds a row. Returns their number.
    pub(super) async fn write_pages<R, C, F>(
        mut self,
        read: impl Fn(Option<C>) -> F,
        add: impl Fn(&mut Self, &R) -> io::Result<()>,
    ) -> Result<u64, OperationError>
    where
        F: Future<Output = Result<Page<R, C>, StoreError>>,
    {
        let mut after = None;
        loop {
            let Page { data, next } = read(after).await?;
            for row in &data {
                add(&mut self, row)?;
                if self.block.len() >= BLOCK {
                    self.write_block().await?;
                }
            }
            // Also without rows: a client that waits for long learns that the export goes on, and one that left is noticed.
            self.write_block().await?;
            if next.is_none() {
                return Ok(self.rows);
            }
            after = next;
        }
    }

    pub(super) fn add(&mut self, row: &impl Serialize) -> io::Result<()> {
        match self.format {
            ExportFormat::Ndjson => {
                serde_json::to_writer(&mut self.block, row)?;
                self.block.push(b'\n');
            }
            ExportFormat::Csv => {
                let document = serde_json::to_value(row)?;
                let cells =
                    self.columns.iter().map(|(_, path)| defuse(&cell(document.pointer(path))).into_owned());
                write_row(&mut self.block, cells)?;
            }
        }
        self.rows += 1;
        Ok(())
    }

    async fn write_block(&mut self) -> io::Result<()> {
        self.to.write_block(std::mem::take(&mut self.block)).await
    }
}

fn write_row(block: &mut Vec<u8>, cells: impl Iterator<Item = String>) -> io::Result<()> {
    let mut writer = csv::WriterBuilder::new().terminator(csv::Terminator::CRLF).from_writer(block);
    writer.write_record(cells.map(String::into_bytes)).map_err(io::Error::other)?;
    writer.flush()
}

fn cell(value: Option<&Value>) -> String {
    match value {
        None | Some(Value::Null) => String::new(),
        Some(Value::String(text)) => text.clone(),
        Some(Value::Array(items)) if items.iter().all(Value::is_string) => {
            items.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(" ")
        }
        Some(Value::Object(members)) if members.is_empty() => String::new(),
        Some(other) => other.to_string(),
    }
}

/// Puts `'` before what a spreadsheet would calculate. These are parts of a cell that begin with `=`, `+`, `-` or `@`, also
/// in full width or after `"`, and a cell that begins with a tab or a line end. Parts end after `;`, a tab or a line end,
/// because a spreadsheet whose separator is `;` or the tab makes cells of them. A number with a sign, such as a phone,
/// stays: a spreadsheet shows the same number. A part that begins with `'` gets another one, so that the original is
/// what remains without the first `'` of each part.
pub fn defuse(cell: &str) -> Cow<'_, str> {
    let parts = || cell.split_inclusive([';', '\t', '\r', '\n']);
    let begins_with_space = cell.starts_with(['\t', '\r', '\n']);
    if !begins_with_space && !parts().any(is_calculated) {
        return cell.into();
    }
    let mut safe = String::with_capacity(cell.len() + 8);
    for (position, part) in parts().enumerate() {
        if is_calculated(part) || (position == 0 && begins_with_space) {
            safe.push('\'');
        }
        safe.push_str(part);
    }
    safe.into()
}

/// Whether a part of a cell gets a `'`.
fn is_calculated(part: &str) -> bool {
    let text = part.trim_start_matches('"');
    let rest = || text.get(1..).unwrap_or_default().trim_end_matches([';', '\t', '\r', '\n']);
    let is_number = |rest: &str| !rest.is_empty() && rest.bytes().all(|byte| byte.is_ascii_digit());
    match text.chars().next() {
        Some('+' | '-') => !is_number(rest()),
        Some('=' | '@' | '＝' | '＋' | '－' | '＠') => true,
        _ => part.starts_with('\''),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// As docs/leads.md describes it.
    fn restore(cell: &str) -> String {
        let parts = cell.split_inclusive([';', '\t', '\r', '\n']);
        parts.map(|part| part.strip_prefix('\'').unwrap_or(part)).collect()
    }

    #[test]
    fn cells_that_would_be_calculated_are_defused_and_can_be_restored() {
        for text in [
            "=1+1",
            "+cmd|' /C calc'!A0",
            "-2+3",
            "@SUM(A1)",
            "\t=1",
            "\r=1",
            "\n=1",
            "＝1",
            "'quoted",
            "\"=1+1\"",
            "+",
            "-",
        ] {
            assert!(defuse(text).starts_with('\''), "{text:?}");
        }
        for text in ["", "Ann", "+14155550132", "-5", "a=b", " =1", "a;b", "call;-5;+7", "a\nb"] {
            assert_eq!(defuse(text), text);
        }
        for (text, defused) in [
            ("a;=1", "a;'=1"),
            ("a;\"=1", "a;'\"=1"),
            ("a\n-b", "a\n'-b"),
            ("=1;@2\t+c", "'=1;'@2\t'+c"),
            ("a;'b", "a;''b"),
            ("\r=1", "'\r'=1"),
        ] {
            assert_eq!(defuse(text), defused);
        }
        // All texts of five of these characters.
        let alphabet = ['a', '1', '=', '-', '\'', '"', ';', '\n'];
        let mut texts = vec![String::new()];
        for _ in 0..5 {
            texts = texts.iter().flat_map(|text| alphabet.map(|next| format!("{text}{next}"))).collect();
        }
        assert!(texts.iter().all(|text| restore(&defuse(text)) == *text));
    }

    #[test]
    fn a_cell_holds_any_value() {
        let text = |value: Value| cell(Some(&value));
        assert_eq!(cell(None) + &text(Value::Null) + &text(json!({})), "");
        assert_eq!((text(json!("a\nb")), text(json!(7))), ("a\nb".to_owned(), "7".to_owned()));
        assert_eq!((text(json!(["a", "b"])), text(json!([1]))), ("a b".to_owned(), "[1]".to_owned()));
        assert_eq!(text(json!({ "budget": 5 })), r#"{"budget":5}"#);
        let mut row = Vec::new();
        write_row(&mut row, ["a,b", "say \"hi\"", ""].into_iter().map(str::to_owned)).unwrap();
        assert_eq!(row, b"\"a,b\",\"say \"\"hi\"\"\",\r\n");
    }
}
