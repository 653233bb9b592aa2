//! From a request to a submission: the one way, whether a lead comes over HTTP, in a batch or in a file.

use std::borrow::Cow;

use leadgate_domain::mapping::MappingFault;
use leadgate_domain::secret::MatchKey;
use leadgate_domain::{
    ApiKey, BodyFormat, BodyHash, ClaimKey, ClaimKind, ClientInfo, Fields, KeyHash, KeyKind, RawBody, Source,
    Submission, SubmissionId, Timestamp, Trust,
};

use crate::credentials;
use crate::decode::DecodeError;
use crate::dialects::protocol;
use crate::document::{Document, DocumentError};
use crate::protocol::Protocol;

/// What a request says about one lead.
#[derive(Clone)]
pub struct LeadRequest<'r> {
    pub media: BodyFormat,
    pub body: &'r [u8],
    /// The query, if fields may be in it.
    pub query: Option<&'r str>,
    pub idempotency_key: Option<&'r str>,
    /// W3C Trace Context.
    pub traceparent: Option<&'r str>,
    /// The address and the user agent.
    pub client: ClientInfo,
}

/// A submission, and the tags that the client sent with it.
pub struct NewSubmission {
    pub submission: Submission,
    /// Without the tags that the key adds, which are not shown to a public credential.
    pub own_tags: Vec<String>,
}

/// Why no submission can be made of a request. Names fields, never values.
#[derive(Debug, Clone, PartialEq)]
pub enum AcceptError {
    Document(DocumentError),
    Decode(DecodeError),
}

/// Makes the submission of a request that came in through `source` with the credential `key`.
///
/// A mapping that fails is an error for a secret key. A token's URL stands in forms, where no client reads the response, so
/// its submission is made with the mapping's fault, to be quarantined.
///
/// # Errors
/// When the body is no lead of the source's dialect.
pub fn accept(
    request: LeadRequest<'_>,
    source: &Source,
    key: &ApiKey,
    match_key: &MatchKey,
    id: SubmissionId,
    received_at: Timestamp,
) -> Result<NewSubmission, AcceptError> {
    let protocol = protocol(source.dialect);
    let document = protocol.document(&request.media, request.body, request.query);
    let mut document = document.map_err(AcceptError::Document)?;
    let keys = credentials::remove_credentials(&mut document, request.body, protocol.reads_query);
    let (mut fields, mapping_fault) = read_fields(protocol, &document, source, key)?;
    let trust = Trust::of(key.kind, source);
    trust.remove_untrusted_fields(&mut fields);
    let own_tags = fields.tags.clone();
    key.apply_defaults(&mut fields);
    let LeadRequest { media, body, query, .. } = &request;
    let stored = StoredBody::from_request(media, body, *query, protocol, &document, &keys);
    let idempotency_key_hash = request
        .idempotency_key
        .and_then(|text| idempotency_hash(text, stored.body_hash, trust, source, key, match_key));
    let submission = Submission {
        trust,
        client: ClientInfo { key: Some(key.id.clone()), ..request.client },
        idempotency_key_hash,
        traceparent: request.traceparent.map(str::to_owned),
        raw: stored.raw,
        media: stored.media,
        query: stored.query,
        body_hash: stored.body_hash,
        mapping_version: source.mapping.as_ref().map(|active| active.version),
        mapping_fault,
        ..Submission::new(id, source, received_at, fields, &[])
    };
    Ok(NewSubmission { submission, own_tags })
}

fn read_fields(
    protocol: &Protocol,
    document: &Document,
    source: &Source,
    key: &ApiKey,
) -> Result<(Fields, Option<MappingFault>), AcceptError> {
    let mapping = source.mapping.as_ref().map(|active| &active.mapping);
    match protocol.decode(document, mapping) {
        Ok(fields) => Ok((fields, None)),
        Err(DecodeError::Mapping(fault)) if key.kind == KeyKind::Token => {
            Ok((Fields::default(), Some(fault)))
        }
        Err(undecodable) => Err(AcceptError::Decode(undecodable)),
    }
}

/// What is kept of the bytes of a request: all of them, except keys.
pub(crate) struct StoredBody {
    pub(crate) raw: RawBody,
    pub(crate) media: BodyFormat,
    query: Option<String>,
    body_hash: BodyHash,
}

impl StoredBody {
    pub(crate) fn from_request(
        media: &BodyFormat,
        body: &[u8],
        query: Option<&str>,
        protocol: &Protocol,
        document: &Document,
        keys: &[String],
    ) -> Self {
        let query = query.filter(|_| protocol.reads_query || body.trim_ascii().is_empty());
        let (raw, media) = match keys {
            [] => (RawBody::new(body), media.clone()),
            keys => credentials::body_without(keys, body, query, media.clone(), document),
        };
        let query = query.and_then(|query| credentials::query_without(keys, query));
        let body_hash = match (&query, keys) {
            (None, []) => BodyHash::of(body),
            // The query is part of what was sent; the key that came with it is not.
            (query, _) => {
                let body = raw.bytes().unwrap_or_default();
                BodyHash::of(&[&body, &b"?"[..], query.as_deref().unwrap_or_default().as_bytes()].concat())
            }
        };
        Self { raw, media, query, body_hash }
    }
}

/// The key under which an `Idempotency-DerivedKey` is claimed. Everyone may use a public credential, so such a key counts
/// apart from those of servers and only together with the body; and one of a test key apart from those of live keys.
fn idempotency_hash(
    text: &str,
    body: BodyHash,
    trust: Trust,
    source: &Source,
    key: &ApiKey,
    match_key: &MatchKey,
) -> Option<KeyHash> {
    // No header holds a control character.
    let text = match trust {
        Trust::Secret => Cow::from(text),
        Trust::Public => Cow::from(format!("public\0{body}\0{text}")),
    };
    let text = if key.test { Cow::from(format!("test\0{text}")) } else { text };
    let claim = ClaimKey::new(match_key, source.organization, source.id, ClaimKind::Idempotency, &text);
    claim.map(|claim| claim.key)
}
