//! Erases a person: all data about them, including values that would create a lead about them again.

use std::collections::BTreeSet;

use leadgate_domain::{
    AuditAction, DataSubject, LeadId, OrganizationId, Region, SuppressedValue, SuppressionKind,
};
use leadgate_store::{ErasureCounts, ErasureSubject, Store, SubjectRecords};
use serde::{Deserialize, Serialize};

use crate::text::{self, MAX_REASON_LENGTH};
use crate::{JudgeContext, OperationError, ReadLog, rebuild_without_erased};

/// The person to erase, named by phones, emails or leads.
#[derive(Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ErasureRequest {
    pub phones: Vec<String>,
    pub emails: Vec<String>,
    /// The phones and emails of these leads are erased too, unless other leads share them.
    pub leads: Vec<LeadId>,
    /// The region of phones without a country code.
    pub phone_country: Option<Region>,
    /// For the audit log. It must not identify the person.
    pub reason: Option<String>,
    /// Counts what would be erased, and erases nothing.
    pub dry_run: bool,
}

/// The counts of what would be erased, without values.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ErasurePreview {
    pub dry_run: bool,
    pub submissions: usize,
    pub leads: usize,
    /// Further quarantine entries.
    pub quarantined: usize,
    /// Found values that other people share. They would not be erased.
    pub shared: usize,
    /// Leads of the request that the organization does not have.
    pub unknown_leads: BTreeSet<LeadId>,
}

/// The counts of what was erased.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ErasureResult {
    pub dry_run: bool,
    #[serde(flatten)]
    pub erased: ErasureCounts,
    /// Leads of the request that the organization does not have, or no longer has.
    pub unknown_leads: BTreeSet<LeadId>,
}

impl ErasurePreview {
    pub fn new(finding: &SubjectRecords, subject: &ErasureSubject, request: &ErasureRequest) -> Self {
        let SubjectRecords { submissions, entries, leads } = finding;
        Self {
            dry_run: true,
            submissions: submissions.len(),
            leads: leads.len(),
            quarantined: entries.len(),
            shared: subject.shared,
            unknown_leads: request.unknown_leads(subject),
        }
    }
}

impl ErasureResult {
    pub fn new(erased: ErasureCounts, subject: &ErasureSubject, request: &ErasureRequest) -> Self {
        Self { dry_run: false, erased, unknown_leads: request.unknown_leads(subject) }
    }
}

impl ErasureRequest {
    /// Whether no person is named.
    pub fn is_empty(&self) -> bool {
        self.phones.is_empty() && self.emails.is_empty() && self.leads.is_empty()
    }

    fn reason(&self) -> Result<Option<&str>, OperationError> {
        self.reason
            .as_deref()
            .map(|reason| text::trimmed_text("reason", reason, MAX_REASON_LENGTH))
            .transpose()
    }

    /// The leads of the request that the organization does not have.
    fn unknown_leads(&self, subject: &ErasureSubject) -> BTreeSet<LeadId> {
        self.leads.iter().copied().filter(|lead| !subject.leads.contains(lead)).collect()
    }

    /// Reads the values. The error contains the number of a value that cannot be read, and not the value
    /// itself.
    fn values(&self) -> Result<DataSubject, OperationError> {
        let read = |kind: SuppressionKind, texts: &[String]| -> Result<Vec<_>, OperationError> {
            let read = texts.iter().enumerate().map(|(at, text)| {
                SuppressedValue::parse_kind(kind, text, self.phone_country)
                    .map_err(|problem| OperationError::Invalid(format!("{kind} {}: {problem}", at + 1)))
            });
            read.collect()
        };
        let phones = read(SuppressionKind::Phone, &self.phones)?;
        let emails = read(SuppressionKind::Email, &self.emails)?;
        let mut values = DataSubject::default();
        for value in phones.into_iter().chain(emails) {
            match value {
                SuppressedValue::Phone(phone) => values.add_phone(phone),
                SuppressedValue::Email(email) => values.add_email(email),
                SuppressedValue::Domain(_) | SuppressedValue::Digest(..) => {}
            }
        }
        Ok(values)
    }
}

/// The person, with further values of theirs that are found with the given ones. An audit entry names each
/// lead that the organization does not have.
///
/// # Errors
/// [`OperationError::Invalid`] for a value or a reason that cannot be read, and if neither a value nor a lead
/// of the organization is given.
pub async fn subject(
    store: &Store,
    organization: OrganizationId,
    request: &ErasureRequest,
    log: &impl ReadLog,
) -> Result<ErasureSubject, OperationError> {
    if request.is_empty() {
        return Err(OperationError::invalid("name the person by phones, emails or leads"));
    }
    request.reason()?;
    let subject = store.find_subject(organization, request.values()?, &request.leads).await?;
    for lead in request.unknown_leads(&subject) {
        let entry = store.entry(organization, AuditAction::Erase).with_target(lead);
        log.note_read(entry.with_detail("answer", "not_found")).await?;
    }
    match subject.is_unknown() {
        true => Err(OperationError::invalid("the organization has none of these leads")),
        false => Ok(subject),
    }
}

/// Finds what would be erased, and erases nothing. `progress` is called with the number of further
/// submissions that were read.
pub async fn preview(
    store: &Store,
    organization: OrganizationId,
    subject: &ErasureSubject,
    progress: impl FnMut(usize),
    log: &impl ReadLog,
) -> Result<SubjectRecords, OperationError> {
    let finding = store.find_person(organization, subject, progress).await?;
    log.note_read(store.entry(organization, AuditAction::Erase).with_detail("dry_run", true)).await?;
    Ok(finding)
}

/// Erases the person irreversibly, for the reason in the request. If it is run again, it erases what remains.
///
/// # Errors
/// [`OperationError::Invalid`] for a reason that cannot be read.
pub async fn erase(
    store: &Store,
    organization: OrganizationId,
    subject: &ErasureSubject,
    request: &ErasureRequest,
    context: &JudgeContext,
    progress: impl FnMut(usize),
) -> Result<ErasureCounts, OperationError> {
    let judge = context.pipeline.clone();
    let erased = store.erase(organization, subject, request.reason()?, judge, progress).await?;
    // Other leads lose the values of the erased submissions.
    rebuild_without_erased(store, organization, &erased.to_rebuild, context).await?;
    Ok(ErasureCounts { to_rebuild: store.leads_to_rebuild(organization).await?, ..erased })
}
