//! Signed exports of evidence of consent: a header, a line for each consent, and a signature of all of it.

mod verify;

use std::io;

use leadgate_domain::export_signature::{ExportSignature, ExportSigningKey};
use leadgate_domain::{
    AuditAction, LeadId, Organization, OrganizationId, SubmissionId, Timestamp, past_moment,
};
use leadgate_store::{ConsentFilter, Store};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

pub use verify::{ExportVerification, verify};

use super::{BLOCK, ExportSink, PAGE};
use crate::error::ResourceKind;
use crate::{OperationError, ReadLog};

const FORMAT: &str = "leadgate consent export";
const VERSION: u32 = 1;

/// Which consents to export: those of a lead, of a submission, or of a time range. Default: all.
#[derive(Debug, Clone, Copy, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ExportRequest {
    pub lead: Option<LeadId>,
    pub submission: Option<SubmissionId>,
    /// Received from this time on.
    #[serde(deserialize_with = "past_moment")]
    pub from: Option<Timestamp>,
    /// Received before this time.
    #[serde(deserialize_with = "past_moment")]
    pub to: Option<Timestamp>,
    /// Leaves out the persons, and the salts with which they could be guessed.
    pub without_people: bool,
}

impl ExportRequest {
    /// # Errors
    /// [`OperationError::Invalid`] if the request combines several kinds of selection.
    pub fn check(&self) -> Result<(), OperationError> {
        self.consents().map(drop)
    }

    fn consents(&self) -> Result<ConsentFilter, OperationError> {
        match (self.lead, self.submission, self.from, self.to) {
            (Some(lead), None, None, None) => Ok(ConsentFilter::Lead(lead)),
            (None, Some(submission), None, None) => Ok(ConsentFilter::Submission(submission)),
            (None, None, from, to) => Ok(ConsentFilter::Received { from, to }),
            _ => Err(OperationError::invalid(
                "select by lead, by submission, or by from and to, but not by several of them",
            )),
        }
    }
}

/// The first line of an export.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ExportHeader {
    format: String,
    version: u32,
    pub organization: ExportedOrganization,
    pub made_at: Timestamp,
    requested: ExportFilter,
    /// Whether the export contains persons (other than erased ones).
    people: bool,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ExportedOrganization {
    pub id: OrganizationId,
    pub name: String,
}

/// The filter of the request. It is empty if everything was exported.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct ExportFilter {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    lead: Option<LeadId>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    submission: Option<SubmissionId>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    from: Option<Timestamp>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    to: Option<Timestamp>,
}

/// Writes an export page by page, without keeping it in memory. Returns the signature, which is also its last
/// line.
///
/// # Errors
/// [`OperationError::Invalid`] for a request that selects in several ways; [`OperationError::NotFound`] for a
/// lead or a submission that has no evidence and is not stored; [`OperationError::NoSigningKey`] before
/// anything is written; [`OperationError::Io`] of the sink.
pub async fn write(
    store: &Store,
    organization: &Organization,
    request: &ExportRequest,
    key: &ExportSigningKey,
    to: impl ExportSink,
    log: &impl ReadLog,
) -> Result<ExportSignature, OperationError> {
    let consents = request.consents()?;
    if key.public_keys().is_empty() {
        return Err(OperationError::NoSigningKey);
    }
    let mut page = store.consents(organization.id, consents, None, PAGE).await?;
    if page.data.is_empty() {
        check_is_stored(store, organization.id, consents, log).await?;
    }
    log.note_read(store.entry(organization.id, AuditAction::ConsentExported)).await?;
    let ExportRequest { lead, submission, from, to: before, without_people } = *request;
    let mut lines = ExportWriter { to, block: Vec::new(), sha256: Sha256::new(), rows: 0 };
    lines
        .add(&ExportHeader {
            format: FORMAT.to_owned(),
            version: VERSION,
            organization: ExportedOrganization { id: organization.id, name: organization.name.clone() },
            made_at: Timestamp::now(),
            requested: ExportFilter { lead, submission, from, to: before },
            people: !without_people,
        })
        .await?;
    loop {
        for mut consent in page.data {
            if without_people {
                // With the salt, a reader could find persons by hashing a list of phones.
                (consent.person, consent.salt) = (None, None);
            }
            lines.add(&consent).await?;
            lines.rows += 1;
        }
        if page.next.is_none() {
            return lines.sign(key).await;
        }
        page = store.consents(organization.id, consents, page.next, PAGE).await?;
    }
}

/// Refuses an unknown lead or submission, because an empty export would mean that it has no consent. Only
/// called if there is no evidence: the evidence of a deleted lead stays.
async fn check_is_stored(
    store: &Store,
    organization: OrganizationId,
    filter: ConsentFilter,
    log: &impl ReadLog,
) -> Result<(), OperationError> {
    let (id, kind, is_stored) = match filter {
        ConsentFilter::Received { .. } => return Ok(()),
        ConsentFilter::Lead(id) => {
            (id.as_uuid(), ResourceKind::Lead, store.lead(organization, id).await?.is_some())
        }
        ConsentFilter::Submission(id) => {
            (id.as_uuid(), ResourceKind::Submission, store.submission(organization, id).await?.is_some())
        }
    };
    if is_stored {
        return Ok(());
    }
    let entry = store.entry(organization, AuditAction::ConsentExported).with_target(id);
    log.note_read(entry.with_detail("answer", "not_found")).await?;
    Err(OperationError::not_found(kind, id))
}

struct ExportWriter<S> {
    to: S,
    /// Lines that are not written to the sink yet.
    block: Vec<u8>,
    sha256: Sha256,
    rows: u64,
}

impl<S: ExportSink> ExportWriter<S> {
    async fn add(&mut self, line: &impl Serialize) -> Result<(), OperationError> {
        let start = self.block.len();
        serde_json::to_writer(&mut self.block, line).map_err(io::Error::from)?;
        self.block.push(b'\n');
        self.sha256.update(self.block.get(start..).unwrap_or_default());
        if self.block.len() >= BLOCK { self.flush().await } else { Ok(()) }
    }

    async fn flush(&mut self) -> Result<(), OperationError> {
        Ok(self.to.write_block(std::mem::take(&mut self.block)).await?)
    }

    async fn sign(mut self, key: &ExportSigningKey) -> Result<ExportSignature, OperationError> {
        let sha256 = <[u8; 32]>::from(self.sha256.clone().finalize()).into();
        let signature = key.sign(sha256, self.rows).ok_or(OperationError::NoSigningKey)?;
        self.add(&signature).await?;
        self.flush().await?;
        Ok(signature)
    }
}
