//! Makes a submission of a request.

use std::borrow::Cow;
use std::net::IpAddr;

use actix_web::HttpRequest;
use leadgate_dialect::Document;
use leadgate_domain::{
    BodyHash, ClaimKey, ClaimKind, Client, Dialect, Fields, KeyHash, Media, Raw, Submission, Trust,
};

use crate::authenticate::Caller;
use crate::refusal::Refusal;
use crate::state::State;
use crate::{head, secrets};

/// What a submission takes from the head of its request.
#[derive(Clone)]
pub(crate) struct Head {
    client: Client,
    idempotency_key: Option<String>,
    traceparent: Option<String>,
}

impl Head {
    pub(crate) fn read(
        request: &HttpRequest,
        address: Option<IpAddr>,
        caller: &Caller,
    ) -> Result<Self, Refusal> {
        let headers = request.headers();
        // A signed post that is sent once more, by its sender or by one who copied it, is the same post. No signature
        // covers the header Idempotency-Key.
        let signed = caller.source.signature.and_then(|_| head::webhook_id(headers));
        let idempotency_key = signed.or(head::idempotency_key(headers)?).map(str::to_owned);
        Ok(Self { idempotency_key, ..Self::of_client(request, address, caller) })
    }

    /// The same of a request that is judged for itself, whatever was sent before under its key.
    pub(crate) fn of_client(request: &HttpRequest, address: Option<IpAddr>, caller: &Caller) -> Self {
        let headers = request.headers();
        let client = Client {
            address: address.map(|address| address.to_string()),
            user_agent: head::user_agent(headers),
            key: Some(caller.key.id.clone()),
            unknown: serde_json::Map::new(),
        };
        Self { client, idempotency_key: None, traceparent: head::traceparent(headers) }
    }
}

/// What a request says, read and as it came.
pub(crate) struct Said<'r> {
    pub(crate) media: Media,
    pub(crate) body: &'r [u8],
    pub(crate) query: Option<&'r str>,
    pub(crate) document: &'r Document,
    /// Keys that were taken out of the document.
    pub(crate) secrets: &'r [String],
    pub(crate) fields: Fields,
}

/// A submission, and the tags that the client sent with it.
pub(crate) struct AcceptedPost {
    pub(crate) submission: Submission,
    /// Without those that the key adds, which a public credential does not see.
    pub(crate) own_tags: Vec<String>,
}

/// The key under which an `Idempotency-Key` is claimed. Everyone may use a public credential, so such a key counts
/// apart from those of servers and only together with the body; and one of a test key apart from those of live keys.
fn idempotency_hash(
    key: &str,
    body: BodyHash,
    caller: &Caller,
    state: &State,
) -> Result<Option<KeyHash>, Refusal> {
    let (organization, source) = (caller.organization(), caller.source.id);
    // No header holds a control character.
    let key = match caller.trust() {
        Trust::Secret => Cow::from(key),
        Trust::Public => Cow::from(format!("public\0{body}\0{key}")),
    };
    let key = if caller.key.test { Cow::from(format!("test\0{key}")) } else { key };
    let claim = ClaimKey::new(state.keys.matching()?, organization, source, ClaimKind::Idempotency, &key);
    Ok(claim.map(|claim| claim.key))
}

pub(crate) fn submission(
    head: Head,
    said: Said<'_>,
    caller: &Caller,
    state: &State,
) -> Result<AcceptedPost, Refusal> {
    let Caller { key, source, .. } = caller;
    let mut fields = said.fields;
    let trust = caller.trust();
    trust.withhold_untrusted_fields(&mut fields);
    let own_tags = fields.tags.clone();
    key.mark(&mut fields);
    let received_at = state.keys.directory.clock().now();
    let id = state.ids.make(source.organization, received_at);
    let query =
        said.query.filter(|_| source.dialect == Dialect::KickoffLabs || said.body.trim_ascii().is_empty());
    let (raw, media) = match said.secrets {
        [] => (Raw::new(said.body), said.media),
        taken => secrets::body_without(taken, said.body, query, said.media, said.document),
    };
    let query = query.and_then(|query| secrets::query_without(said.secrets, query));
    let body_hash = match (&query, said.secrets) {
        (None, []) => BodyHash::of(said.body),
        // What stands in the query is part of what was said; the key by which it was said is not.
        (query, _) => {
            let body = raw.bytes().unwrap_or_default();
            BodyHash::of(&[&body, &b"?"[..], query.as_deref().unwrap_or_default().as_bytes()].concat())
        }
    };
    let idempotency_key = head.idempotency_key.as_deref();
    let idempotency_key_hash =
        idempotency_key.map(|key| idempotency_hash(key, body_hash, caller, state)).transpose()?.flatten();
    let submission = Submission {
        trust,
        client: head.client,
        idempotency_key_hash,
        traceparent: head.traceparent,
        raw,
        media,
        query,
        body_hash,
        mapping_version: source.mapping.as_ref().map(|active| active.version),
        ..Submission::new(id, source, received_at, fields, &[])
    };
    Ok(AcceptedPost { submission, own_tags })
}
