//! Responses of the native dialect about keys.

use leadgate_domain::{ApiKey, KeyId, KeyKind, Rate, Scope, SourceId, Timestamp};
use serde::Serialize;

#[derive(Debug, Serialize)]
pub struct KeyResponse<'k> {
    id: &'k KeyId,
    kind: KeyKind,
    organization: &'k str,
    source: SourceId,
    name: Option<&'k str>,
    scopes: &'k [Scope],
    rate: Option<Rate>,
    test: bool,
    origins: &'k [String],
    tags: &'k [String],
    created_by: Option<&'k KeyId>,
    organization_wide: bool,
    created_at: Timestamp,
    expires_at: Option<Timestamp>,
    revoked_at: Option<Timestamp>,
}

/// A key that was just created, with its text.
#[derive(Debug, Serialize)]
pub struct CreatedKeyResponse<'k> {
    #[serde(flatten)]
    details: KeyResponse<'k>,
    /// The secret text, which is shown once.
    key: &'k str,
    /// The URL for leads, if the key is a token.
    #[serde(skip_serializing_if = "Option::is_none")]
    url: Option<&'k str>,
}

/// A key that was revoked.
#[derive(Debug, Serialize)]
pub struct RevokedKeyResponse<'k> {
    id: &'k KeyId,
    revoked: bool,
    /// The number of keys and tokens created with this key that were also revoked.
    created_keys_revoked: usize,
}

/// `text` is the credential that clients send. `url` is for tokens only.
pub fn created_key_response<'k>(
    created: &'k ApiKey,
    organization: &'k str,
    text: &'k str,
    url: Option<&'k str>,
) -> CreatedKeyResponse<'k> {
    CreatedKeyResponse { details: key_response(created, organization), key: text, url }
}

pub fn revoked_key_response(id: &KeyId, created_keys_revoked: usize) -> RevokedKeyResponse<'_> {
    RevokedKeyResponse { id, revoked: true, created_keys_revoked }
}

/// `organization` is the name of the key's organization.
pub fn key_response<'k>(key: &'k ApiKey, organization: &'k str) -> KeyResponse<'k> {
    KeyResponse {
        id: &key.id,
        kind: key.kind,
        organization,
        source: key.source,
        name: key.name.as_deref(),
        scopes: &key.scopes,
        rate: key.rate,
        test: key.test,
        origins: &key.origins,
        tags: &key.tags,
        created_by: key.created_by.as_ref(),
        organization_wide: key.organization_wide,
        created_at: key.created_at,
        expires_at: key.expires_at,
        revoked_at: key.revoked_at,
    }
}
