//! Makes submissions from requests. Leads posted over HTTP, in batches and from files all pass through here.

use std::borrow::Cow;

use leadgate_domain::mapping::MappingFault;
use leadgate_domain::secret::MatchKey;
use leadgate_domain::{
    ApiKey, BodyFormat, BodyHash, ClaimKey, ClaimKind, ClientInfo, Fields, KeyHash, KeyKind, RawBody, Source,
    Submission, SubmissionId, Timestamp, Trust,
};

use crate::credentials::{self, RemovedKeys};
use crate::decode::DecodeError;
use crate::dialects::protocol;
use crate::document::{Document, DocumentError};
use crate::protocol::Protocol;

/// The parts of a request that belong to one lead.
#[derive(Clone)]
pub struct LeadRequest<'r> {
    pub media: BodyFormat,
    pub body: &'r [u8],
    /// The query string, if it may contain fields.
    pub query: Option<&'r str>,
    pub idempotency_key: Option<&'r str>,
    /// W3C Trace Context.
    pub traceparent: Option<&'r str>,
    /// The address and the user agent.
    pub client: ClientInfo,
}

/// A submission and the tags that the client sent with it.
pub struct NewSubmission {
    pub submission: Submission,
    /// Without the tags that the key adds. Those are not shown to a public credential.
    pub client_tags: Vec<String>,
}

/// Why a request cannot become a submission. Names fields, never values.
#[derive(Debug, Clone, PartialEq)]
pub enum AcceptError {
    Document(DocumentError),
    Decode(DecodeError),
}

/// Makes the submission of a request that `source` received with the credential `key`.
///
/// A failing mapping is an error for a secret key. A URL token is used by forms, where no client reads the
/// response. Its submission therefore records the mapping fault, and is quarantined.
///
/// # Errors
/// When the body is not a lead in the dialect of the source.
pub fn accept(
    request: LeadRequest<'_>,
    source: &Source,
    key: &ApiKey,
    match_key: &MatchKey,
    id: SubmissionId,
    received_at: Timestamp,
) -> Result<NewSubmission, AcceptError> {
    let protocol = protocol(source.dialect);
    let document = protocol.read_document(&request.media, request.body, request.query);
    let mut document = document.map_err(AcceptError::Document)?;
    let keys = credentials::remove_credentials(&mut document, request.body, protocol.reads_query);
    let (mut fields, mapping_fault) = read_fields(protocol, &document, source, key)?;
    let trust = Trust::for_credential(key.kind, source);
    trust.remove_untrusted_fields(&mut fields);
    let client_tags = fields.tags.clone();
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
    Ok(NewSubmission { submission, client_tags })
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
        Err(error) => Err(AcceptError::Decode(error)),
    }
}

/// The bytes of a request as they are stored: everything except keys.
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
        keys: &RemovedKeys,
    ) -> Self {
        let query = query.filter(|_| protocol.reads_query || body.trim_ascii().is_empty());
        let (raw, media) = if keys.is_empty() {
            (RawBody::new(body), media.clone())
        } else {
            credentials::body_without(keys, body, media, protocol, document)
        };
        let query = query.and_then(|query| credentials::query_without(keys, query));
        let body_hash = match &query {
            None if keys.is_empty() => BodyHash::compute(body),
            // The hash covers the query, but not the key in it.
            query => {
                let body = raw.bytes().unwrap_or_default();
                BodyHash::compute(
                    &[&body, &b"?"[..], query.as_deref().unwrap_or_default().as_bytes()].concat(),
                )
            }
        };
        Self { raw, media, query, body_hash }
    }
}

/// The hash under which an `Idempotency-Key` is claimed.
///
/// Any visitor can use a public credential. Its idempotency keys are therefore separate from those of secret
/// keys, and they include the body. The idempotency keys of test keys are separate from those of live keys.
fn idempotency_hash(
    text: &str,
    body: BodyHash,
    trust: Trust,
    source: &Source,
    key: &ApiKey,
    match_key: &MatchKey,
) -> Option<KeyHash> {
    // A header cannot contain a control character, so the prefix is unambiguous.
    let text = match trust {
        Trust::Secret => Cow::from(text),
        Trust::Public => Cow::from(format!("public\0{body}\0{text}")),
    };
    let text = if key.test { Cow::from(format!("test\0{text}")) } else { text };
    let claim = ClaimKey::new(match_key, source.organization, source.id, ClaimKind::Idempotency, &text);
    claim.map(|claim| claim.key)
}
