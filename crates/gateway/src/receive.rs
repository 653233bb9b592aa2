//! Makes a submission of a request.

use std::borrow::Cow;
use std::net::IpAddr;

use actix_web::HttpRequest;
use leadgate_dialect::Document;
use leadgate_domain::{
    BodyHash, ClaimKey, ClaimKind, Client, Dialect, Fields, KeyHash, Media, Raw, Submission,
};

use crate::authenticate::Caller;
use crate::refusal::Refusal;
use crate::state::State;
use crate::{head, secrets};

/// What a submission takes from the head of its request.
#[derive(Clone)]
pub(crate) struct Head {
    client: Client,
    idempotency_key_hash: Option<KeyHash>,
    traceparent: Option<String>,
}

impl Head {
    pub(crate) fn read(
        request: &HttpRequest,
        address: Option<IpAddr>,
        caller: &Caller,
        state: &State,
    ) -> Result<Self, Refusal> {
        let headers = request.headers();
        let hash = |key: &str| {
            let (organization, source) = (caller.key.organization, caller.source.id);
            let matching = state.keys.matching()?;
            // What was tried with a test key stands in nobody's way; no header holds a control character.
            let key = if caller.key.test { Cow::from(format!("test\0{key}")) } else { Cow::from(key) };
            Ok(ClaimKey::new(matching, organization, source, ClaimKind::Idempotency, &key)
                .map(|claim| claim.key))
        };
        // A signed post that is sent once more, by its sender or by who overheard it, is the same post.
        let signed = caller.source.signature.and_then(|_| head::webhook_id(headers));
        let key = head::idempotency_key(headers)?.or(signed);
        let idempotency_key_hash = key.map(hash).transpose()?.flatten();
        Ok(Self { idempotency_key_hash, ..Self::of_client(request, address, caller) })
    }

    /// The same of a request that is judged for itself, whatever was sent before under its key.
    pub(crate) fn of_client(request: &HttpRequest, address: Option<IpAddr>, caller: &Caller) -> Self {
        let headers = request.headers();
        let client = Client {
            address: address.map(|address| address.to_string()),
            user_agent: head::user_agent(headers),
            key: Some(caller.key.id.clone()),
        };
        Self { client, idempotency_key_hash: None, traceparent: head::traceparent(headers) }
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

pub(crate) fn submission(head: Head, said: Said<'_>, caller: &Caller, state: &State) -> Submission {
    let Caller { key, source } = caller;
    let mut fields = said.fields;
    key.mark(&mut fields);
    let received_at = state.clock.now();
    let id = state.ids.make(source.organization, received_at);
    let query = said.query.filter(|_| source.dialect == Dialect::KickoffLabs);
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
    Submission {
        client: head.client,
        idempotency_key_hash: head.idempotency_key_hash,
        traceparent: head.traceparent,
        raw,
        media,
        query,
        body_hash,
        mapping_version: source.mapping.as_ref().map(|active| active.version),
        ..Submission::new(id, source, received_at, fields, &[])
    }
}
