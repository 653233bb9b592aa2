//! Exports of leads as CSV or NDJSON.

use std::io;

use leadgate_dialect::SourceNameLookup;
use leadgate_dialect::native::listed_lead_response;
use leadgate_domain::{AuditAction, Lead, OrganizationId, SourceId};
use leadgate_store::{LeadFilter, Store};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::OperationError;
use crate::exports::ExportSink;

/// The number of leads read at once.
const PAGE: u32 = 500;

/// The size of a block that is written to the sink, in bytes. A block may be larger by one lead.
const BLOCK: usize = 64 * 1024;

const BYTE_ORDER_MARK: &[u8] = "\u{feff}".as_bytes();

/// The columns of a CSV file: the name, and the path in the lead as `GET /v1/leads/{id}` shows it. Objects and lists
/// are JSON, except tags and reasons, which are separated by spaces.
const COLUMNS: [(&str, &str); 33] = [
    ("id", "/id"),
    ("received_at", "/received_at"),
    ("updated_at", "/updated_at"),
    ("status", "/status"),
    ("eligibility", "/eligibility"),
    ("reasons", "/reasons"),
    ("eligible_until", "/eligible_until"),
    ("score", "/score"),
    ("temperature", "/temperature"),
    ("full_name", "/full_name"),
    ("first_name", "/first_name"),
    ("last_name", "/last_name"),
    ("company", "/company"),
    ("external_id", "/external_id"),
    ("line_id", "/line_id"),
    ("phone", "/phone/e164"),
    ("phone_as_sent", "/phone/raw"),
    ("email", "/email/address"),
    ("email_as_sent", "/email/raw"),
    ("source", "/source"),
    ("source_id", "/source_id"),
    ("source_name", "/source_name"),
    ("tags", "/tags"),
    ("state", "/state"),
    ("timezone", "/timezone"),
    ("locale", "/locale"),
    ("currency", "/currency"),
    ("page_url", "/page_url"),
    ("consent_timestamp", "/consent/consent_timestamp"),
    ("consent_text_version", "/consent/consent_text_version"),
    ("consent_source_url", "/consent/source_url"),
    ("attribution", "/attribution"),
    ("custom_fields", "/custom_fields"),
];

/// The format of an export.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[derive(strum::IntoStaticStr, strum::Display, strum::EnumString, strum::VariantNames)]
#[serde(rename_all = "lowercase")]
#[strum(serialize_all = "lowercase", parse_err_ty = String, parse_err_fn = leadgate_domain::unknown_code::<Self>)]
pub enum LeadExportFormat {
    /// RFC 4180, in UTF-8, with a header. See [`defuse`] for cells that a spreadsheet would calculate.
    #[default]
    Csv,
    /// A lead as JSON on each line.
    Ndjson,
}

impl LeadExportFormat {
    pub fn media_type(self) -> &'static str {
        match self {
            Self::Csv => "text/csv; charset=utf-8",
            Self::Ndjson => "application/x-ndjson",
        }
    }
}

/// Which leads to export, and how.
#[derive(Debug, Clone, Default)]
pub struct LeadExportRequest {
    pub filter: LeadFilter,
    pub format: LeadExportFormat,
    /// CSV begins with a byte order mark, by which some spreadsheets recognize UTF-8.
    pub byte_order_mark: bool,
}

/// Writes the leads that the filter selects, the newest first, page by page and without keeping them in memory. Leads
/// that arrive meanwhile are missing. Returns their number.
///
/// # Errors
/// [`OperationError::Io`] of the sink.
pub async fn write(
    store: &Store,
    organization: OrganizationId,
    request: &LeadExportRequest,
    sources: impl Fn(SourceId) -> Option<String> + Send + Sync,
    mut to: impl ExportSink,
) -> Result<u64, OperationError> {
    let LeadExportRequest { filter, format, byte_order_mark } = request;
    let entry = store.entry(organization, AuditAction::LeadsExported);
    // Durable before anything leaves.
    store.record(vec![entry.with_detail("format", format).with_detail("filters", filter.names())]).await?;
    let mut block = Vec::new();
    if *format == LeadExportFormat::Csv {
        block.extend(BYTE_ORDER_MARK.iter().filter(|_| *byte_order_mark));
        write_row(&mut block, COLUMNS.iter().map(|(name, _)| (*name).to_owned()))?;
    }
    let (mut after, mut count) = (None, 0);
    loop {
        let page = store.leads(organization, filter, after, PAGE).await?;
        for lead in &page.data {
            write_lead(&mut block, lead, *format, &sources)?;
            count += 1;
            if block.len() >= BLOCK {
                to.write_block(std::mem::take(&mut block)).await?;
            }
        }
        // Also if it is empty: a client that waits for long learns that the export goes on, and one that left is noticed.
        to.write_block(std::mem::take(&mut block)).await?;
        after = page.next;
        if after.is_none() {
            return Ok(count);
        }
    }
}

fn write_lead(
    block: &mut Vec<u8>,
    lead: &Lead,
    format: LeadExportFormat,
    sources: SourceNameLookup<'_>,
) -> io::Result<()> {
    let response = listed_lead_response(lead, sources);
    match format {
        LeadExportFormat::Ndjson => {
            serde_json::to_writer(&mut *block, &response)?;
            block.push(b'\n');
            Ok(())
        }
        LeadExportFormat::Csv => {
            let document = serde_json::to_value(&response)?;
            let cells = COLUMNS.iter().map(|(_, path)| defuse(cell(document.pointer(path))));
            write_row(block, cells)
        }
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

/// Puts `'` before a cell that a spreadsheet would calculate: one that begins with `=`, `+`, `-` or `@`, also in full
/// width, or with a tab or a line end. A number with a sign, such as a phone, is calculated to itself and stays. A cell that begins with
/// `'` gets another one, so that the original is what remains without the first `'`.
pub fn defuse(cell: String) -> String {
    let is_number = |rest: &str| !rest.is_empty() && rest.bytes().all(|byte| byte.is_ascii_digit());
    let is_risky = match cell.chars().next() {
        Some('+' | '-') => !is_number(cell.get(1..).unwrap_or_default()),
        Some('=' | '@' | '\t' | '\r' | '\n' | '\'' | '＝' | '＋' | '－' | '＠') => true,
        _ => false,
    };
    if is_risky { format!("'{cell}") } else { cell }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

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
            "+",
            "-",
        ] {
            let defused = defuse(text.to_owned());
            assert_eq!(defused.strip_prefix('\''), Some(text));
        }
        for text in ["", "Ann", "+14155550132", "-5", "a=b", " =1"] {
            assert_eq!(defuse(text.to_owned()), text);
        }
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
