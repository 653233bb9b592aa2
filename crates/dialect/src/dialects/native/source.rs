//! Responses of the native dialect about sources.

use leadgate_domain::{
    Dialect, IdentityKey, Network, Rate, Region, SigningSecretVersion, Source, SourceId, Timestamp, Zone,
};
use serde::Serialize;

/// The path of the URL to which clients of a source post leads with its token.
pub fn token_path(source: &Source, token: &str) -> String {
    match &source.campaign {
        Some(campaign) => format!("/v2/{campaign}/inbound-webhook/{token}"),
        None => format!("/api/webhooks/{token}"),
    }
}

#[derive(Debug, Serialize)]
pub struct SourceResponse<'s> {
    id: SourceId,
    /// Shown once, in the response that creates the source.
    token: Option<&'s str>,
    url: Option<String>,
    dialect: Dialect,
    organization: &'s str,
    #[serde(skip_serializing_if = "Option::is_none")]
    campaign_id: Option<&'s str>,
    name: Option<&'s str>,
    revision: i32,
    region: Option<Region>,
    timezone: Option<&'static str>,
    identity_rule: &'static str,
    identity: &'s [IdentityKey],
    gmail_identity: &'static str,
    policy: &'static str,
    consent: &'static str,
    consent_max_age_seconds: Option<u64>,
    rate: Option<Rate>,
    tags: &'s [String],
    networks: &'s [Network],
    signature: Option<SigningSecretVersion>,
    mapping_version: Option<u32>,
    created_at: Timestamp,
    #[serde(skip_serializing_if = "Option::is_none")]
    disabled_at: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    deleted_at: Option<Timestamp>,
}

/// The setting that requires signed posts.
#[derive(Debug, Serialize)]
pub struct SignatureResponse<'s> {
    id: SourceId,
    signature: Option<SigningSecretVersion>,
    /// The secret with which clients sign; null if the source accepts unsigned posts.
    secret: Option<&'s str>,
}

pub fn signature_response<'s>(source: &Source, secret: Option<&'s str>) -> SignatureResponse<'s> {
    SignatureResponse { id: source.id, signature: source.signature, secret }
}

/// `base` is the public URL of the gateways. `token` is set only if it can be shown.
pub fn source_response<'s>(
    source: &'s Source,
    organization: &'s str,
    base: &str,
    token: Option<&'s str>,
) -> SourceResponse<'s> {
    let base = base.trim_end_matches('/');
    SourceResponse {
        id: source.id,
        token,
        url: token.map(|token| format!("{base}{}", token_path(source, token))),
        dialect: source.dialect,
        organization,
        campaign_id: source.campaign.as_deref(),
        name: source.name.as_deref(),
        revision: source.revision,
        region: source.default_region,
        timezone: source.timezone.as_ref().map(Zone::name),
        identity_rule: source.identity_rule.as_str(),
        identity: &source.identity,
        gmail_identity: source.gmail_identity.as_str(),
        policy: source.policy.as_str(),
        consent: source.consent.as_str(),
        consent_max_age_seconds: source.consent_max_age.map(|age| age.as_secs()),
        rate: source.rate,
        tags: &source.tags,
        networks: &source.networks,
        signature: source.signature,
        mapping_version: source.mapping.as_ref().map(|active| active.version),
        created_at: source.created_at,
        disabled_at: source.disabled_at,
        deleted_at: source.deleted_at,
    }
}
