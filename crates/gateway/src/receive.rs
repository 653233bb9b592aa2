//! Makes a submission of a request.

use std::net::IpAddr;

use actix_web::HttpRequest;
use leadgate_domain::{ClaimKey, ClaimKind, Client, Fields, KeyHash, Submission, Timestamp};

use crate::authenticate::Caller;
use crate::head;
use crate::problem::Refusal;
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

pub(crate) fn submission(
    head: Head,
    body: &[u8],
    mut fields: Fields,
    caller: &Caller,
    state: &State,
) -> Submission {
    let organization = caller.key.organization;
    let received_at = Timestamp::now();
    // A test key makes test leads, whatever they say about themselves.
    fields.is_test |= caller.key.test;
    let id = state.ids.make(organization, received_at);
    Submission {
        client: head.client,
        idempotency_key_hash: head.idempotency_key_hash,
        traceparent: head.traceparent,
        ..Submission::new(id, &caller.source, received_at, fields, body)
    }
}
