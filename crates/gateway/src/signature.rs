//! Verifies signed posts (<https://www.standardwebhooks.com>). The headers are `webhook-id`,
//! `webhook-timestamp` and `webhook-signature: v1,<base64>`. The signature covers `id.timestamp.body`.

use std::time::Duration;

use actix_web::http::header::HeaderMap;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use leadgate_dialect::has_only_credentials;
use leadgate_domain::secret::SourceSigningKey;
use leadgate_domain::{BodyFormat, Source, Timestamp};

use crate::headers::webhook_id;
use crate::refusal::Refusal;
use crate::single_header::valid_single_header;

/// The maximum difference between the timestamp of a signature and now.
const TOLERANCE: Duration = Duration::from_secs(5 * 60);

/// The maximum number of signatures in one header. A sender that rotates its secret sends several.
const MAX_SIGNATURES: usize = 5;

/// For a source that requires signatures, refuses values that the signature does not cover: bodies other than
/// JSON, whose meaning depends on the header `Content-Type`, and a query with anything other than a key.
pub(crate) fn check_covered(source: &Source, media: &BodyFormat, query: Option<&str>) -> Result<(), Refusal> {
    if source.signature.is_none() {
        return Ok(());
    }
    if !media.is_json() {
        return Err(Refusal::UnsupportedMediaType);
    }
    let only_keys = query.is_none_or(has_only_credentials);
    if only_keys { Ok(()) } else { Err(Refusal::QueryNotSigned) }
}

/// Checks the signature of a body, if the source requires one.
pub(crate) fn check(
    headers: &HeaderMap,
    body: &[u8],
    source: &Source,
    signing: &SourceSigningKey,
    now: Timestamp,
) -> Result<(), Refusal> {
    let Some(required) = source.signature else { return Ok(()) };
    // Without an id a replay could not be recognized.
    let (Some(id), Some(timestamp), Some(signatures)) = (
        webhook_id(headers),
        valid_single_header(headers, "webhook-timestamp"),
        valid_single_header(headers, "webhook-signature"),
    ) else {
        return Err(Refusal::MissingSignature);
    };
    let seconds = timestamp.parse::<i64>().map_err(|_| Refusal::InvalidSignature)?;
    let signed_at = Timestamp::from_microseconds(seconds.saturating_mul(1_000_000));
    if signed_at.since(now) > TOLERANCE || now.since(signed_at) > TOLERANCE {
        return Err(Refusal::StaleSignature);
    }
    let content = [id.as_bytes(), b".", timestamp.as_bytes(), b".", body].concat();
    let previous = required.previous_until.is_some_and(|until| now < until);
    let versions = [Some(required.version), previous.then(|| required.version.saturating_sub(1))];
    let verifies = |signature: &[u8]| {
        let good = |version| signing.verifies(source.id, version, &content, signature);
        versions.into_iter().flatten().any(good)
    };
    let decoded = signatures
        .split(' ')
        .take(MAX_SIGNATURES)
        .filter_map(|signature| signature.strip_prefix("v1,").and_then(|text| STANDARD.decode(text).ok()));
    if decoded.into_iter().any(|signature| verifies(&signature)) {
        Ok(())
    } else {
        Err(Refusal::InvalidSignature)
    }
}
