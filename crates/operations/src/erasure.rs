//! Erases a person: everything stored about them, and what would bring them back.

use leadgate_domain::{
    AuditAction, DataSubject, LeadId, OrganizationId, Region, SuppressedValue, SuppressionKind,
};
use leadgate_store::{ErasureCounts, ErasureSubject, Store, SubjectRecords};
use serde::{Deserialize, Serialize};

use crate::text::{self, LONGEST_REASON};
use crate::{JudgeContext, OperationError, ReadLog, rebuild_without_erased};

/// The person to erase, by what is known of them.
#[derive(Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ErasureRequest {
    pub phones: Vec<String>,
    pub emails: Vec<String>,
    /// Their phones and emails are erased too, unless other leads share them.
    pub leads: Vec<LeadId>,
    /// Reads phones without a country code.
    pub phone_country: Option<Region>,
    /// For the audit log; it must not identify the person.
    pub reason: Option<String>,
    /// Counts what would be erased, and erases nothing.
    pub dry_run: bool,
}

/// How much would be erased: counts, no values.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ErasurePreview {
    pub dry_run: bool,
    pub submissions: usize,
    pub leads: usize,
    /// Further entries of the quarantine.
    pub quarantined: usize,
    /// Values found beside the given ones that others have, too: they would be left alone.
    pub shared: usize,
    /// Leads of the request that the organization does not have.
    pub unknown_leads: Vec<LeadId>,
}

/// How much was erased.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ErasureResult {
    pub dry_run: bool,
    #[serde(flatten)]
    pub erased: ErasureCounts,
    /// Leads of the request that the organization does not have, or not any more.
    pub unknown_leads: Vec<LeadId>,
}

impl ErasurePreview {
    pub fn of(finding: &SubjectRecords, subject: &ErasureSubject, request: &ErasureRequest) -> Self {
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
    pub fn of(erased: ErasureCounts, subject: &ErasureSubject, request: &ErasureRequest) -> Self {
        Self { dry_run: false, erased, unknown_leads: request.unknown_leads(subject) }
    }
}

impl ErasureRequest {
    /// Whether no person is named.
    pub fn is_empty(&self) -> bool {
        self.phones.is_empty() && self.emails.is_empty() && self.leads.is_empty()
    }

    fn reason(&self) -> Result<Option<&str>, OperationError> {
        self.reason.as_deref().map(|reason| text::trimmed_text("reason", reason, LONGEST_REASON)).transpose()
    }

    /// Whether the person is named by leads alone.
    pub fn is_only_leads(&self) -> bool {
        self.phones.is_empty() && self.emails.is_empty() && !self.leads.is_empty()
    }

    /// The named leads that the organization does not have.
    pub fn unknown_leads(&self, subject: &ErasureSubject) -> Vec<LeadId> {
        self.leads.iter().copied().filter(|lead| !subject.leads.contains(lead)).collect()
    }

    /// A value that cannot be read is named by its number: an error must not hold the value.
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

/// The person, with the values that are found beside the given ones.
///
/// # Errors
/// [`OperationError::Invalid`] for a value or a reason that cannot be read, and if no value is given and no lead of the
/// organization.
pub async fn subject(
    store: &Store,
    organization: OrganizationId,
    request: &ErasureRequest,
) -> Result<ErasureSubject, OperationError> {
    if request.is_empty() {
        return Err(OperationError::invalid("name the person by phones, emails or leads"));
    }
    request.reason()?;
    let subject = store.find_subject(organization, request.values()?, &request.leads).await?;
    match subject.is_unknown() {
        true => Err(OperationError::invalid("the organization has none of these leads")),
        false => Ok(subject),
    }
}

/// What would be erased. Erases nothing. `progress` is told how many more submissions were read.
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

/// Erases the person for good, for the reason of the request. Run again, it does what is left to do.
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
    // Leads of others lose what the erased submissions said.
    rebuild_without_erased(store, organization, &erased.to_rebuild, context).await?;
    Ok(ErasureCounts { to_rebuild: store.leads_to_rebuild(organization).await?, ..erased })
}
