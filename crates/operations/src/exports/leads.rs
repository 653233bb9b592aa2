//! Exports of leads.

use leadgate_dialect::native::listed_lead_response;
use leadgate_domain::{AuditAction, OrganizationId, SourceId};
use leadgate_store::{LeadFilter, Store};

use super::table::{TableColumn, TableWriter};
use super::{ExportSink, PAGE, TableOptions};
use crate::OperationError;

/// Paths in a lead as `GET /v1/leads/{id}` shows it.
const COLUMNS: &[TableColumn] = &[
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

/// Writes the leads that the filter selects, the newest first. Leads that arrive meanwhile are missing. Returns their
/// number.
///
/// # Errors
/// [`OperationError::Io`] of the sink.
pub async fn write(
    store: &Store,
    organization: OrganizationId,
    filter: &LeadFilter,
    options: TableOptions,
    sources: impl Fn(SourceId) -> Option<String> + Send + Sync,
    to: impl ExportSink,
) -> Result<u64, OperationError> {
    let entry = store.entry(organization, AuditAction::LeadsExported);
    let entry = entry.with_detail("format", options.format).with_detail("filters", filter.names());
    // Durable before anything leaves.
    store.record(vec![entry]).await?;
    let table = TableWriter::new(to, options, COLUMNS)?;
    let read = |after| store.leads(organization, filter, after, PAGE);
    table.write_pages(read, |table, lead| table.add(&listed_lead_response(lead, &sources))).await
}
