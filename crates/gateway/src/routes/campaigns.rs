//! `POST /v2/{campaign}/inbound-webhook`: KickoffLabs's clients ask for a URL that takes leads.

use actix_web::web::{Data, Payload};
use actix_web::{HttpRequest, HttpResponse};
use leadgate_dialect::{Document, kickofflabs, native};
use leadgate_domain::key::PresentedKey;
use leadgate_domain::validate::FieldFault;
use leadgate_domain::{ApiKey, Dialect, KeyKind, Scope, Timestamp};
use secrecy::ExposeSecret;
use serde_json::Value;

use crate::authenticate::Caller;
use crate::entrance::Entrance;
use crate::intake::{Bearing, Door, Incoming, Takes};
use crate::problem::Refused;
use crate::public_url::base_url;
use crate::refusal::Refusal;
use crate::state::State;
use crate::{body, read, respond, signature};

/// For servers with a key: a URL that leaked must not make more of itself.
const DOOR: Door = Door {
    bearing: Bearing::Anywhere,
    entrance: Entrance::Campaign,
    public: false,
    takes: Takes::Wishes,
    ..Door::of(Dialect::KickoffLabs)
};

/// What KickoffLabs calls a webhook that nobody named.
const USUAL_NAME: &str = "Inbound via API";

const LONGEST_NAME: usize = 255;

pub(crate) async fn create_webhook(
    request: HttpRequest,
    payload: Payload,
    state: Data<State>,
) -> Result<HttpResponse, Refused> {
    let made = make(&request, payload, &state).await;
    made.map_err(|refusal| refusal.said_in(Dialect::KickoffLabs))
}

async fn make(request: &HttpRequest, payload: Payload, state: &State) -> Result<HttpResponse, Refusal> {
    let mut incoming = Incoming::new(request, state, Dialect::KickoffLabs);
    let (caller, arriving) = incoming.admit(DOOR, payload).await?;
    let base = base_url(request, state)?;
    let media = body::media(request.headers())?;
    signature::covers(&caller.source, &media, incoming.query())?;
    let body = incoming.body(arriving).await?;
    signature::check(request.headers(), &body, &caller.source, &state.signing, Timestamp::now())?;
    let document = match body.is_empty() && request.query_string().is_empty() {
        true => None,
        false => Some(incoming.document(&media, &body)?),
    };
    let wanted = Wanted::read(document.as_ref())?;
    let token = create(state, &caller, wanted).await?;
    let path = native::token_path(&caller.source, token.expose_secret());
    let url = format!("{base}{path}");
    Ok(respond::answer(kickofflabs::webhook_created(&url)))
}

/// What a webhook is asked to be.
struct Wanted {
    name: String,
    tag: Option<String>,
    label: Option<String>,
}

impl Wanted {
    fn read(document: Option<&Document>) -> Result<Self, Refusal> {
        let text = |name: &str| match document?.members.get(name)? {
            Value::String(text) => Some(text.trim().to_owned()).filter(|text| !text.is_empty()),
            Value::Number(number) => Some(number.to_string()),
            _ => None,
        };
        let wanted = Self {
            name: text("name").unwrap_or_else(|| USUAL_NAME.to_owned()),
            tag: text("tag_id"),
            label: text("source"),
        };
        let texts = [("/name", Some(&wanted.name)), ("/source", wanted.label.as_ref())];
        let too_long = texts
            .into_iter()
            .filter(|(_, text)| text.is_some_and(|text| text.chars().count() > LONGEST_NAME));
        let faults: Vec<_> = too_long
            .map(|(pointer, _)| {
                FieldFault::new(pointer, "too_long", format!("at most {LONGEST_NAME} characters are taken"))
            })
            .collect();
        if faults.is_empty() { Ok(wanted) } else { Err(Refusal::Faulty(faults)) }
    }
}

/// A tag that is not there makes a webhook without one, as KickoffLabs documents it.
async fn create(state: &State, caller: &Caller, wanted: Wanted) -> Result<secrecy::SecretString, Refusal> {
    let organization = caller.organization();
    let tag = match wanted.tag.and_then(|id| id.parse().ok()) {
        Some(id) => read::within(state, state.store.tag(organization, id)).await?,
        None => None,
    };
    let (presented, text) = PresentedKey::generate(KeyKind::Token);
    let (source, scopes) = (caller.source.id, vec![Scope::Write]);
    let key = ApiKey {
        name: Some(wanted.name),
        tags: tag.into_iter().map(|tag| tag.name).collect(),
        label: wanted.label,
        test: caller.key.test,
        made_by: Some(caller.key.id.clone()),
        ..ApiKey::new(&presented, organization, source, scopes, &state.keys.pepper)
    };
    read::within(state, state.store.acting_for(caller.actor()).create_key(&key)).await?;
    // Its source may be as new: another process made it a moment ago.
    state.keys.directory.insert_source((*caller.source).clone());
    state.keys.directory.insert_key(key);
    Ok(text)
}
