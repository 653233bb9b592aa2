//! API keys and URL tokens.

use std::time::Duration;

use leadgate_domain::key::PresentedKey;
use leadgate_domain::secret::Pepper;
use leadgate_domain::validate::{MAX_TAG_LENGTH, MAX_TAGS};
use leadgate_domain::{
    Actor, ApiKey, AuditAction, KeyId, KeyKind, Organization, OrganizationId, Patch, Rate, Scope, Source,
    SourceId, Timestamp,
};
use leadgate_store::Store;
use secrecy::SecretString;
use serde::Deserialize;
use url::Url;

use crate::error::ResourceKind;
use crate::{OperationError, ReadLog, source_lookup};

const MAX_NAME_LENGTH: usize = 255;

const MAX_OVERLAP: Duration = Duration::from_secs(10 * 365 * 24 * 60 * 60);

/// A key to create.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct NewKey {
    /// The only source that the key may use. Without it the key is bound to the organization's default native
    /// source, and a secret key may use all sources.
    pub source: Option<SourceId>,
    pub name: Option<String>,
    /// What a secret key may do. If absent: `write`, and `read` too unless it is bound to a named source.
    pub scopes: Option<Vec<Scope>>,
    /// The rate limit of the key.
    pub rate: Option<Rate>,
    /// Leads that are posted with the key are test leads.
    pub test: bool,
    /// A key for web pages. It can only post leads, and only from `origins`.
    pub publishable: bool,
    pub origins: Vec<String>,
    /// Tags for every lead that is posted with it.
    pub tags: Vec<String>,
}

/// A token to create for the URL of a source.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct NewToken {
    /// The web pages that may use the token. If empty, any page may use it.
    pub origins: Vec<String>,
}

/// A key and its text, which is not stored and cannot be shown again.
#[derive(Debug)]
pub struct CreatedKey {
    pub key: ApiKey,
    pub text: SecretString,
}

/// A revoked key, and how many keys and tokens that were created with it were revoked too.
#[derive(Debug, PartialEq, Eq)]
pub struct RevokedKey {
    pub key: ApiKey,
    pub created_keys_revoked: usize,
}

/// The settings of a key to change. Absent ones keep their values. Null clears a name or a rate.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct KeyChanges {
    pub name: Patch<String>,
    /// The rate limit of the key.
    pub rate: Patch<Rate>,
    /// What a secret key may do.
    pub scopes: Option<Vec<Scope>>,
    /// The web pages that may use a publishable key or a token.
    pub origins: Option<Vec<String>>,
    /// Tags for every lead that is posted with it.
    pub tags: Option<Vec<String>>,
}

/// Creates a key.
///
/// # Errors
/// [`OperationError::Invalid`] as in [`NewKey::check`]; [`OperationError::NotFound`] for the source.
pub async fn create(
    store: &Store,
    organization: OrganizationId,
    new: NewKey,
    pepper: &Pepper,
) -> Result<CreatedKey, OperationError> {
    let new = new.read()?;
    let source = source_lookup::find_or_create_default(store, organization, new.source).await?;
    let kind = if new.publishable { KeyKind::Publishable } else { KeyKind::Secret };
    let scopes = match (kind, new.scopes, source.name) {
        (KeyKind::Secret, Some(scopes), _) => scopes,
        (KeyKind::Secret, None, None) => vec![Scope::Write, Scope::Read],
        // A partner's key posts leads; the scope `read` must be given explicitly.
        _ => vec![Scope::Write],
    };
    let (presented, text) = PresentedKey::generate(kind);
    let key = ApiKey {
        organization_wide: kind == KeyKind::Secret && new.source.is_none(),
        name: new.name,
        rate: new.rate,
        test: new.test,
        origins: new.origins,
        tags: new.tags,
        created_by: creating_key(store),
        ..ApiKey::new(&presented, organization, source.id, scopes, pepper)
    };
    store.create_key(&key).await?;
    Ok(CreatedKey { key, text })
}

/// Creates a token for the URL of a source.
///
/// # Errors
/// [`OperationError::Invalid`] for an invalid origin.
pub async fn create_token(
    store: &Store,
    source: &Source,
    new: NewToken,
    pepper: &Pepper,
) -> Result<CreatedKey, OperationError> {
    let (presented, text) = PresentedKey::generate(KeyKind::Token);
    let key = ApiKey {
        origins: read_origins(new.origins).map_err(OperationError::Invalid)?,
        created_by: creating_key(store),
        ..ApiKey::new(&presented, source.organization, source.id, vec![Scope::Write], pepper)
    };
    store.create_key(&key).await?;
    Ok(CreatedKey { key, text })
}

/// The key of the current actor. It is stored with new keys, so that they can be revoked together with it.
fn creating_key(store: &Store) -> Option<KeyId> {
    match store.actor() {
        Actor::Key(key) => Some(key.clone()),
        Actor::CommandLine { .. } | Actor::Leadgate => None,
    }
}

/// The keys and tokens of an organization, including revoked ones.
pub async fn list(
    store: &Store,
    organization: OrganizationId,
    log: &impl ReadLog,
) -> Result<Vec<ApiKey>, OperationError> {
    let all = store.keys(organization).await?;
    log.note_read(store.entry(organization, AuditAction::KeysListed).with_detail("count", all.len())).await?;
    Ok(all)
}

/// The organization that a key belongs to, for operators of the whole installation.
pub async fn organization_of_key(store: &Store, id: &KeyId) -> Result<Option<Organization>, OperationError> {
    let Some(key) = store.find_key(id).await? else { return Ok(None) };
    let all = store.organizations().await?;
    Ok(all.into_iter().find(|owner| owner.id == key.organization))
}

/// Replaces a key by a new one with the same settings. The old one stays valid for `overlap`, or until its
/// earlier expiry. The new one counts as created with the key of the current actor.
///
/// # Errors
/// [`OperationError::Invalid`] for a key that is revoked or has expired, or an overlap of more than ten years.
pub async fn rotate(
    store: &Store,
    organization: OrganizationId,
    id: &KeyId,
    overlap: Duration,
    pepper: &Pepper,
) -> Result<CreatedKey, OperationError> {
    if overlap > MAX_OVERLAP {
        return Err(OperationError::invalid("a rotated key stays valid for ten years at most"));
    }
    let old = store.find_key(id).await?.filter(|key| key.organization == organization);
    let old = old.ok_or_else(|| OperationError::not_found(ResourceKind::Key, id))?;
    if old.revoked_at.is_none() && !old.is_valid_at(Timestamp::now()) {
        // The new key would never expire.
        return Err(OperationError::Invalid(format!("key {id} has expired; create a new one")));
    }
    let (presented, text) = PresentedKey::generate(old.kind);
    let new = ApiKey::new(&presented, old.organization, old.source, Vec::new(), pepper);
    let key = ApiKey {
        id: new.id,
        hash: new.hash,
        created_at: new.created_at,
        expires_at: None,
        revoked_at: None,
        created_by: creating_key(store).or(old.created_by),
        ..old
    };
    let until = Timestamp::now().plus(overlap);
    let replaced = store.rotate_key(id, Some(organization), &key, until).await?;
    replaced.ok_or_else(|| is_revoked(id)).map_err(OperationError::Invalid)?;
    Ok(CreatedKey { key, text })
}

/// Revokes a key. With `include_created_keys` it also revokes the keys and tokens that were created with the
/// key, and those created with them. Gateways refuse them within seconds.
///
/// # Errors
/// [`OperationError::Invalid`] if the key of the current actor would be revoked.
pub async fn revoke(
    store: &Store,
    organization: OrganizationId,
    id: &KeyId,
    include_created_keys: bool,
) -> Result<RevokedKey, OperationError> {
    let all = if include_created_keys { store.keys(organization).await? } else { Vec::new() };
    if creating_key(store).is_some_and(|own| own == *id || is_created_with(&all, &own, id)) {
        return Err(OperationError::invalid(CANNOT_REVOKE_OWN_KEY));
    }
    let key = store.revoke_key(id, Some(organization)).await?;
    let key = key.ok_or_else(|| OperationError::not_found(ResourceKind::Key, id))?;
    let created_keys_revoked = if include_created_keys { revoke_created_with(store, &key).await? } else { 0 };
    Ok(RevokedKey { key, created_keys_revoked })
}

/// Revokes the keys and tokens that were created with a revoked key, and recursively those created with them.
/// A revoked key cannot create others, so none is missed.
async fn revoke_created_with(store: &Store, key: &ApiKey) -> Result<usize, OperationError> {
    let (mut creators, mut revoked) = (vec![key.clone()], 0);
    while let Some(creator) = creators.pop() {
        revoked += store.revoke_created_by(&creator).await?;
        let all = store.keys(key.organization).await?;
        creators.extend(
            all.into_iter()
                .filter(|key| key.created_by.as_ref() == Some(&creator.id) && key.kind == KeyKind::Secret),
        );
    }
    Ok(revoked)
}

/// Whether a key was created with another one, directly or indirectly.
fn is_created_with(all: &[ApiKey], key: &KeyId, first: &KeyId) -> bool {
    let creator = |id: &KeyId| all.iter().find(|key| key.id == *id).and_then(|key| key.created_by.clone());
    std::iter::successors(creator(key), creator).any(|creator| creator == *first)
}

/// Changes a key that is not revoked. Gateways apply the change within seconds.
///
/// # Errors
/// [`OperationError::Invalid`] if no change is given, a value is not valid for the kind of the key, or the
/// key of the current actor would lose its scope `admin`.
pub async fn update(
    store: &Store,
    organization: OrganizationId,
    id: &KeyId,
    changes: KeyChanges,
) -> Result<ApiKey, OperationError> {
    let loses_admin = changes.scopes.as_ref().is_some_and(|scopes| !scopes.contains(&Scope::Admin));
    if loses_admin && creating_key(store).is_some_and(|own| own == *id) {
        return Err(OperationError::invalid(CANNOT_REMOVE_OWN_ADMIN));
    }
    let updated = store.update_key(id, Some(organization), move |key| changes.apply(key)).await?;
    let updated = updated.ok_or_else(|| OperationError::not_found(ResourceKind::Key, id))?;
    updated.map_err(OperationError::Invalid)
}

fn is_revoked(id: &KeyId) -> String {
    format!("key {id} is revoked: create a new one")
}

const CANNOT_REVOKE_OWN_KEY: &str =
    "this would revoke the key of this request: use another key, or rotate this one";
const CANNOT_REMOVE_OWN_ADMIN: &str =
    "this would remove the scope admin from the key of this request: use another key";
const CANNOT_HAVE_OTHER_SCOPES: &str =
    "a publishable key or a token can only have the scope write, because it is visible in web pages";
const CANNOT_HAVE_ORIGINS: &str =
    "a secret key cannot have origins, because it must not be used in a web page; create a publishable key";
const NEEDS_ORIGINS: &str = "a publishable key needs at least one origin, such as https://example.com";

impl NewKey {
    /// Checks what does not need the store.
    ///
    /// # Errors
    /// [`OperationError::Invalid`] for an invalid name, origin or tag, and for a setting that is not valid
    /// for the kind of key.
    pub fn check(&self) -> Result<(), OperationError> {
        self.clone().read().map(drop)
    }

    fn read(self) -> Result<Self, OperationError> {
        let checked = || {
            let name = self.name.as_deref().map(read_name).transpose()?;
            let scopes = self.scopes.as_deref();
            scopes.map_or(Ok(()), |scopes| check_scopes(scopes, self.source.is_none()))?;
            let only_writes = scopes.is_none_or(|scopes| scopes.iter().all(|scope| *scope == Scope::Write));
            match (self.publishable, self.origins.is_empty()) {
                (true, _) if !only_writes => Err(CANNOT_HAVE_OTHER_SCOPES.to_owned()),
                (true, true) => Err(NEEDS_ORIGINS.to_owned()),
                (false, false) => Err(CANNOT_HAVE_ORIGINS.to_owned()),
                _ => Ok((name, read_origins(self.origins.clone())?, read_tags(self.tags.clone())?)),
            }
        };
        let (name, origins, tags) = checked().map_err(OperationError::Invalid)?;
        Ok(Self { name, origins, tags, ..self })
    }
}

impl KeyChanges {
    fn is_empty(&self) -> bool {
        let Self { name, rate, scopes, origins, tags } = self;
        name.is_absent() && rate.is_absent() && scopes.is_none() && origins.is_none() && tags.is_none()
    }

    fn apply(&self, key: &mut ApiKey) -> Result<(), String> {
        if key.revoked_at.is_some() {
            return Err(is_revoked(&key.id));
        }
        if self.is_empty() {
            return Err("no change given: expected a name, a rate, scopes, origins or tags".to_owned());
        }
        match &self.name {
            Patch::Absent => {}
            Patch::Null => key.name = None,
            Patch::Value(name) => key.name = Some(read_name(name)?),
        }
        self.rate.clone().apply_to(&mut key.rate);
        if let Some(scopes) = &self.scopes {
            if key.kind != KeyKind::Secret {
                return Err(CANNOT_HAVE_OTHER_SCOPES.to_owned());
            }
            check_scopes(scopes, key.organization_wide)?;
            key.scopes.clone_from(scopes);
        }
        if let Some(texts) = &self.origins {
            if key.kind == KeyKind::Secret {
                return Err(CANNOT_HAVE_ORIGINS.to_owned());
            }
            if texts.is_empty() && key.kind == KeyKind::Publishable {
                return Err(NEEDS_ORIGINS.to_owned());
            }
            key.origins = read_origins(texts.clone())?;
        }
        if let Some(tags) = &self.tags {
            key.tags = read_tags(tags.clone())?;
        }
        Ok(())
    }
}

fn read_name(text: &str) -> Result<String, String> {
    let name = text.trim();
    if (1..=MAX_NAME_LENGTH).contains(&name.chars().count()) && !text.contains(char::is_control) {
        Ok(name.to_owned())
    } else {
        Err(format!("a name must have 1 to {MAX_NAME_LENGTH} characters and no control characters"))
    }
}

/// Refuses the scope `admin` for a key that is bound to one source, because it would have no effect.
fn check_scopes(scopes: &[Scope], organization_wide: bool) -> Result<(), String> {
    if scopes.is_empty() {
        return Err("a key needs at least one scope: write, read or admin".to_owned());
    }
    if scopes.contains(&Scope::Admin) && !organization_wide {
        return Err("only an organization-wide key can have the scope admin; this key is bound to a source"
            .to_owned());
    }
    Ok(())
}

fn read_tags(tags: Vec<String>) -> Result<Vec<String>, String> {
    let tags: Vec<_> = tags.iter().map(|tag| tag.trim().to_owned()).collect();
    let is_good =
        |tag: &String| (1..=MAX_TAG_LENGTH).contains(&tag.chars().count()) && !tag.contains(char::is_control);
    if tags.len() <= MAX_TAGS && tags.iter().all(is_good) {
        Ok(tags)
    } else {
        Err(format!(
            "expected at most {MAX_TAGS} tags of 1 to {MAX_TAG_LENGTH} characters, without control characters"
        ))
    }
}

/// Normalizes origins to scheme, host and port, as browsers send them in `Origin` (RFC 6454).
fn read_origins(texts: Vec<String>) -> Result<Vec<String>, String> {
    let origin = |text: String| {
        let error = || {
            format!(
                "`{text}` is not an origin; expected scheme, host and port of a web page, such as https://example.com"
            )
        };
        let url = Url::parse(text.trim()).map_err(|_| error())?;
        let origin = url.origin().ascii_serialization();
        if origin == "null" || url.path() != "/" { Err(error()) } else { Ok(origin) }
    };
    texts.into_iter().map(origin).collect()
}
