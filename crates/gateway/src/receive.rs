//! Makes a submission of a request.

use std::net::IpAddr;

use actix_web::HttpRequest;
use leadgate_dialect::Document;
use leadgate_domain::{
    BodyHash, ClaimKey, ClaimKind, Client, Dialect, Fields, KeyHash, Media, Raw, Submission, Timestamp,
};
use serde_json::Value;
use url::form_urlencoded;

use crate::authenticate::Caller;
use crate::credentials::API_KEY;
use crate::head;
use crate::refusal::Refusal;
use crate::state::State;

/// What a submission takes from the head of its request.
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
        let hash = |key| {
            let (organization, source) = (caller.key.organization, caller.source.id);
            let matching = state.keys.matching()?;
            Ok(ClaimKey::new(matching, organization, source, ClaimKind::Idempotency, key)
                .map(|claim| claim.key))
        };
        Ok(Self {
            client: Client {
                address: address.map(|address| address.to_string()),
                user_agent: head::user_agent(headers),
                key: Some(caller.key.id.clone()),
            },
            idempotency_key_hash: head::idempotency_key(headers)?.map(hash).transpose()?.flatten(),
            traceparent: head::traceparent(headers),
        })
    }
}

/// What a request says, read and as it came.
pub(crate) struct Said<'r> {
    pub(crate) media: Media,
    pub(crate) body: &'r [u8],
    pub(crate) query: Option<&'r str>,
    pub(crate) document: &'r Document,
    pub(crate) fields: Fields,
}

pub(crate) fn submission(head: Head, said: Said<'_>, caller: &Caller, state: &State) -> Submission {
    let Caller { key, source } = caller;
    let mut fields = said.fields;
    key.mark(&mut fields);
    let received_at = Timestamp::now();
    let id = state.ids.make(source.organization, received_at);
    let (raw, media) = without_credentials(said.body, said.media, said.document);
    let query = said.query.filter(|_| source.dialect == Dialect::KickoffLabs);
    let body_hash = match query {
        // What stands in the query is part of what was said.
        Some(query) => BodyHash::of(&[said.body, b"?", query.as_bytes()].concat()),
        None => BodyHash::of(said.body),
    };
    Submission {
        client: head.client,
        idempotency_key_hash: head.idempotency_key_hash,
        traceparent: head.traceparent,
        raw,
        media,
        query: query.and_then(query_without_credentials),
        body_hash,
        mapping_version: source.mapping.as_ref().map(|active| active.version),
        ..Submission::new(id, source, received_at, fields, &[])
    }
}

/// A body as it came, but for a key in it: secrets are kept nowhere.
fn without_credentials(body: &[u8], media: Media, document: &Document) -> (Raw, Media) {
    let Some(Value::String(secret)) = document.members.get(API_KEY).filter(|_| !body.is_empty()) else {
        return (Raw::new(body), media);
    };
    let found = (!secret.is_empty()).then(|| std::str::from_utf8(body).ok()).flatten();
    match found.filter(|text| text.contains(secret.as_str())) {
        Some(text) => (Raw::new(text.replace(secret.as_str(), "removed").as_bytes()), media),
        // It was written in some other way, or not in the body: what was understood is kept instead.
        None => {
            let mut members = document.members.clone();
            members.remove(API_KEY);
            (Raw::new(Value::Object(members).to_string().as_bytes()), Media::Json)
        }
    }
}

fn query_without_credentials(query: &str) -> Option<String> {
    let mut kept = form_urlencoded::Serializer::new(String::new());
    for (name, value) in form_urlencoded::parse(query.as_bytes()).filter(|(name, _)| name != API_KEY) {
        kept.append_pair(&name, &value);
    }
    Some(kept.finish()).filter(|kept| !kept.is_empty())
}
