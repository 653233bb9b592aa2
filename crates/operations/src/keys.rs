//! Changes of keys.

use leadgate_domain::validate::{LONGEST_TAG, MOST_TAGS};
use leadgate_domain::{ApiKey, KeyId, KeyKind, OrganizationId, Rate, Said, Scope};
use leadgate_store::Store;
use serde::Deserialize;
use url::Url;

use crate::OperationError;

const LONGEST_NAME: usize = 255;

/// What of a key is to be changed; what is not mentioned stays, and null clears a name or a rate.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct KeyChanges {
    pub name: Said<String>,
    /// A limit of its own.
    pub rate: Said<Rate>,
    /// What a secret key may do.
    pub scopes: Option<Vec<Scope>>,
    /// The web pages that may use a publishable key or a token.
    pub origins: Option<Vec<String>>,
    /// Tags for every lead that is posted with it.
    pub tags: Option<Vec<String>>,
}

/// Changes a key that is not revoked; of one organization, if one is given. Gateways know within two seconds.
///
/// # Errors
/// [`OperationError::Invalid`] if nothing is to be changed, or a value does not fit the kind of the key.
pub async fn update(
    store: &Store,
    organization: Option<OrganizationId>,
    id: &KeyId,
    changes: KeyChanges,
) -> Result<ApiKey, OperationError> {
    let updated = store.update_key(id, organization, move |key| changes.apply(key)).await?;
    let updated = updated.ok_or_else(|| OperationError::not_found("key", id))?;
    updated.map_err(OperationError::Invalid)
}

impl KeyChanges {
    fn is_empty(&self) -> bool {
        let Self { name, rate, scopes, origins, tags } = self;
        name.is_absent() && rate.is_absent() && scopes.is_none() && origins.is_none() && tags.is_none()
    }

    fn apply(&self, key: &mut ApiKey) -> Result<(), String> {
        if key.revoked_at.is_some() {
            return Err(format!("key {} is revoked: create a new one", key.id));
        }
        if self.is_empty() {
            return Err("there is nothing to change: give a name, a rate, scopes, origins or tags".to_owned());
        }
        if let Said::Value(name) = &self.name {
            check_name(name)?;
        }
        self.name.clone().apply_to(&mut key.name);
        self.rate.clone().apply_to(&mut key.rate);
        if let Some(scopes) = &self.scopes {
            if key.kind != KeyKind::Secret {
                return Err(
                    "a publishable key or a token only posts leads: its scopes cannot be changed".to_owned()
                );
            }
            if scopes.is_empty() {
                return Err("a key has at least one scope: write, read or admin".to_owned());
            }
            check_scopes(scopes, key.of_organization)?;
            key.scopes.clone_from(scopes);
        }
        if let Some(texts) = &self.origins {
            if key.kind == KeyKind::Secret {
                return Err("a secret key has no origins: it must not stand in a web page".to_owned());
            }
            if texts.is_empty() && key.kind == KeyKind::Publishable {
                return Err(
                    "a publishable key has at least one origin, such as https://example.com".to_owned()
                );
            }
            key.origins = origins(texts.clone())?;
        }
        if let Some(tags) = &self.tags {
            key.tags = read_tags(tags.clone())?;
        }
        Ok(())
    }
}

/// # Errors
/// A sentence that says what a name may be.
pub fn check_name(name: &str) -> Result<(), String> {
    let length = name.trim().chars().count();
    if (1..=LONGEST_NAME).contains(&length) && !name.contains(char::is_control) {
        Ok(())
    } else {
        Err(format!("a name has 1 to {LONGEST_NAME} characters and no control characters"))
    }
}

/// What a secret key may have.
///
/// # Errors
/// A sentence, for `admin` on a key that is bound to one source: it would open nothing.
pub fn check_scopes(scopes: &[Scope], of_organization: bool) -> Result<(), String> {
    if scopes.contains(&Scope::Admin) && !of_organization {
        return Err(
            "only a key of the whole organization can have the scope admin; this one is bound to a source"
                .to_owned(),
        );
    }
    Ok(())
}

/// Tags that a key gives to its leads.
///
/// # Errors
/// A sentence that says what tags may be.
pub fn read_tags(tags: Vec<String>) -> Result<Vec<String>, String> {
    let tags: Vec<_> = tags.iter().map(|tag| tag.trim().to_owned()).collect();
    let is_good =
        |tag: &String| (1..=LONGEST_TAG).contains(&tag.chars().count()) && !tag.contains(char::is_control);
    if tags.len() <= MOST_TAGS && tags.iter().all(is_good) {
        Ok(tags)
    } else {
        Err(format!(
            "expected at most {MOST_TAGS} tags of 1 to {LONGEST_TAG} characters, without control characters"
        ))
    }
}

/// Scheme, host and port, as browsers send them in `Origin` (RFC 6454).
///
/// # Errors
/// A sentence with the text that is no origin.
pub fn origins(texts: Vec<String>) -> Result<Vec<String>, String> {
    let origin = |text: String| {
        let wrong = || {
            format!(
                "`{text}` is not an origin; expected scheme, host and port of a web page, such as https://example.com"
            )
        };
        let url = Url::parse(text.trim()).map_err(|_| wrong())?;
        let origin = url.origin().ascii_serialization();
        if origin == "null" || url.path() != "/" { Err(wrong()) } else { Ok(origin) }
    };
    texts.into_iter().map(origin).collect()
}
