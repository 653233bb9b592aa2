//! Sources: configured inputs of leads.

use std::time::Duration;

use leadgate_dialect::protocol;
use leadgate_domain::secret::{Pepper, SourceSigningKey};
use leadgate_domain::{
    ApiKey, AuditAction, AuditEntry, Dialect, OrganizationId, SigningSecretVersion, Source, SourceId,
    SourceSettings, Timestamp,
};
use leadgate_store::{Page, RecentLeads, Store};
use secrecy::SecretString;
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::keys::{self, CreatedKey, NewToken};
pub use crate::source_lookup::{find, find_any, find_or_create_default, find_or_default};
use crate::{OperationError, ReadLog, read_document};

/// The number of recent leads of a source that are counted.
const RECENT_LEADS: u32 = 1_000;

/// How long the previous signing secret stays valid after a rotation.
const SIGNATURE_OVERLAP: Duration = Duration::from_secs(24 * 60 * 60);

/// A source to create. As JSON: `dialect`, and the settings that differ from the defaults of the dialect.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(try_from = "Map<String, Value>")]
pub struct NewSource {
    pub dialect: Dialect,
    pub settings: SourceSettings,
}

impl TryFrom<Map<String, Value>> for NewSource {
    type Error = String;

    /// serde cannot refuse unknown members of a flattened type.
    fn try_from(mut document: Map<String, Value>) -> Result<Self, Self::Error> {
        let dialect = document.remove("dialect").ok_or("missing field `dialect`")?;
        let dialect = serde_json::from_value(dialect).map_err(|error| format!("`dialect`: {error}"))?;
        Ok(Self { dialect, settings: read_document(Value::Object(document))? })
    }
}

impl NewSource {
    /// Checks what does not need the store.
    ///
    /// # Errors
    /// [`OperationError::Invalid`] for an invalid setting.
    pub fn check(&self) -> Result<(), OperationError> {
        let (organization, defaults) = (OrganizationId::generate(), &protocol(self.dialect).source_defaults);
        let mut source = Source::new(organization, defaults, None, Timestamp::now());
        self.settings.clone().apply(&mut source).map_err(OperationError::Invalid)
    }
}

/// A source, and the token of its URL.
#[derive(Debug)]
pub struct CreatedSource {
    pub source: Source,
    pub token: CreatedKey,
}

/// A change of whether a source requires signed posts (Standard Webhooks).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SignatureChange {
    /// Requires signed posts, with the current secret.
    Require,
    /// Creates a new secret. The previous one stays valid for a day.
    Rotate,
    /// Accepts unsigned posts.
    Off,
}

/// Creates a source and the token of its URL.
///
/// # Errors
/// [`OperationError::Invalid`] for an invalid setting.
pub async fn create(
    store: &Store,
    organization: OrganizationId,
    new: NewSource,
    pepper: &Pepper,
) -> Result<CreatedSource, OperationError> {
    let mut source =
        store.new_source(organization, &protocol(new.dialect).source_defaults, Some(new.dialect.to_string()));
    new.settings.apply(&mut source).map_err(OperationError::Invalid)?;
    store.create_source(&source).await?;
    let token = keys::create_token(store, &source, NewToken::default(), pepper).await?;
    Ok(CreatedSource { source, token })
}

/// A source, and how many of its recent leads have no contact.
pub async fn show(
    store: &Store,
    organization: OrganizationId,
    id: SourceId,
    log: &impl ReadLog,
) -> Result<(Source, RecentLeads), OperationError> {
    let source = find(store, organization, id).await?;
    let recent = store.recent_leads(organization, id, RECENT_LEADS).await?;
    log.note_read(store.entry(organization, AuditAction::SourceRead).with_target(id)).await?;
    Ok((source, recent))
}

/// An organization's sources in the order in which they were created.
pub async fn list(
    store: &Store,
    organization: OrganizationId,
    log: &impl ReadLog,
) -> Result<Vec<Source>, OperationError> {
    let mut all = store.sources(organization).await?;
    all.retain(|source| source.deleted_at.is_none());
    log.note_read(listed(store, organization, &all)).await?;
    Ok(all)
}

/// A page of at most `limit` sources after a cursor.
pub async fn page(
    store: &Store,
    organization: OrganizationId,
    after: Option<SourceId>,
    limit: u32,
    log: &impl ReadLog,
) -> Result<Page<Source, SourceId>, OperationError> {
    let page = store.sources_page(organization, after, limit).await?;
    log.note_read(listed(store, organization, &page.data)).await?;
    Ok(page)
}

fn listed(store: &Store, organization: OrganizationId, sources: &[Source]) -> AuditEntry {
    store.entry(organization, AuditAction::SourcesListed).with_detail("count", sources.len())
}

/// Changes the given settings of a source. Absent ones keep their values.
///
/// # Errors
/// [`OperationError::Invalid`] for an invalid setting, and if no setting is given.
pub async fn update(
    store: &Store,
    organization: OrganizationId,
    id: SourceId,
    settings: SourceSettings,
) -> Result<Source, OperationError> {
    let before = find(store, organization, id).await?;
    if settings.is_empty() {
        return Err(OperationError::invalid(
            "nothing to change: expected a setting, such as a name or a policy",
        ));
    }
    let mut source = before.clone();
    settings.apply(&mut source).map_err(OperationError::Invalid)?;
    if source == before { Ok(source) } else { save(store, &source).await }
}

/// Sets whether a source accepts only signed posts. Returns the changed source, and its signing secret if it
/// has one.
///
/// # Errors
/// [`OperationError::Invalid`] for the rotation of a secret that does not exist.
pub async fn set_signature(
    store: &Store,
    organization: OrganizationId,
    id: SourceId,
    change: SignatureChange,
    key: &SourceSigningKey,
) -> Result<(Source, Option<SecretString>), OperationError> {
    let source = find(store, organization, id).await?;
    let signature = match (change, source.signature) {
        (SignatureChange::Off, _) => None,
        (SignatureChange::Rotate, Some(SigningSecretVersion { version, .. })) => {
            let previous_until = Some(Timestamp::now().plus(SIGNATURE_OVERLAP));
            Some(SigningSecretVersion { version: version.saturating_add(1), previous_until })
        }
        (SignatureChange::Rotate, None) => {
            return Err(OperationError::invalid(
                "the source accepts unsigned posts, so it has no secret to rotate; require signatures first",
            ));
        }
        (SignatureChange::Require, Some(signature)) => Some(signature),
        // Higher than all versions that were ever used, so that a discarded secret never becomes valid again.
        (SignatureChange::Require, None) => {
            Some(SigningSecretVersion { version: source.revision.unsigned_abs(), previous_until: None })
        }
    };
    let source = match signature == source.signature {
        true => source,
        false => save(store, &Source { signature, ..source }).await?,
    };
    let Some(SigningSecretVersion { version, .. }) = source.signature else { return Ok((source, None)) };
    // The entry is durable before the secret is shown.
    let entry = store.entry(organization, AuditAction::SourceSecretShown).with_target(id);
    store.record(vec![entry]).await?;
    Ok((source, Some(key.secret(id, version))))
}

/// Disables a source: it refuses further leads. Its keys and tokens stay, and its messages in the queue are
/// processed.
pub async fn disable(
    store: &Store,
    organization: OrganizationId,
    id: SourceId,
) -> Result<Source, OperationError> {
    let source = find(store, organization, id).await?;
    if source.disabled_at.is_some() {
        return Ok(source);
    }
    save(store, &Source { disabled_at: Some(Timestamp::now()), ..source }).await
}

/// Enables a source again.
pub async fn enable(
    store: &Store,
    organization: OrganizationId,
    id: SourceId,
) -> Result<Source, OperationError> {
    let source = find(store, organization, id).await?;
    if source.disabled_at.is_none() {
        return Ok(source);
    }
    save(store, &Source { disabled_at: None, ..source }).await
}

/// Deletes a source and revokes its keys and tokens. Its leads stay, and its messages in the queue go to the
/// quarantine.
///
/// # Errors
/// [`OperationError::Invalid`] for a default source, which would be created again when it is needed, and
/// while an organization-wide key is bound to the source.
pub async fn delete(
    store: &Store,
    organization: OrganizationId,
    id: SourceId,
) -> Result<Source, OperationError> {
    let source = find(store, organization, id).await?;
    if source.name.is_none() {
        return Err(OperationError::Invalid(format!(
            "the {} cannot be deleted, because it is created again when it is needed; disable it instead",
            source.display_name()
        )));
    }
    let keys = store.keys(organization).await?;
    let is_bound = |key: &&ApiKey| key.source == id && key.organization_wide && key.revoked_at.is_none();
    if let Some(key) = keys.iter().find(is_bound) {
        return Err(OperationError::Invalid(format!(
            "the organization-wide key {} is bound to this source: revoke the key first, or disable the source",
            key.id
        )));
    }
    let deleted_at = Some(Timestamp::now());
    save(store, &Source { campaign: None, deleted_at, ..source }).await
}

/// Stores a source.
///
/// # Errors
/// [`OperationError::Conflict`] if the source was changed since it was read.
async fn save(store: &Store, source: &Source) -> Result<Source, OperationError> {
    store.update_source(source).await?.ok_or(OperationError::Conflict)
}
