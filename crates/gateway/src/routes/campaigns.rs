//! `POST /v2/{campaign}/inbound-webhook`: clients of KickoffLabs create a webhook URL for leads.

use actix_web::web::Payload;
use leadgate_dialect::{DialectResponse, Document, kickofflabs, native};
use leadgate_domain::key::PresentedKey;
use leadgate_domain::validate::FieldFault;
use leadgate_domain::{ApiKey, KeyKind, Scope};
use secrecy::ExposeSecret;
use serde_json::Value;

use crate::caller::Caller;
use crate::intake::IntakeRequest;
use crate::limit;
use crate::public_url::base_url;
use crate::refusal::Refusal;
use crate::state::GatewayState;
use crate::store_timeout::with_store_timeout;

/// The name that KickoffLabs gives to a webhook without a name.
const DEFAULT_NAME: &str = "Inbound via API";

const MAX_NAME_LENGTH: usize = 255;

pub(crate) async fn create_webhook(
    intake: &mut IntakeRequest<'_>,
    payload: Payload,
) -> Result<DialectResponse, Refusal> {
    let (caller, body) = intake.admit(payload, limit::webhook).await?;
    let base = base_url(intake.request, intake.state)?;
    let (media, body) = intake.signed_body(&caller, body).await?;
    let document = match body.is_empty() && intake.request.query_string().is_empty() {
        true => None,
        false => Some(intake.document(&media, &body)?),
    };
    let token = create(intake.state, &caller, NewWebhook::read(document.as_ref())?).await?;
    let path = native::token_path(&caller.source, token.expose_secret());
    Ok(kickofflabs::render_webhook_created(&format!("{base}{path}")))
}

/// The settings of a new webhook.
struct NewWebhook {
    name: String,
    tag: Option<String>,
    label: Option<String>,
}

impl NewWebhook {
    fn read(document: Option<&Document>) -> Result<Self, Refusal> {
        let text = |name: &str| match document?.members.get(name)? {
            Value::String(text) => Some(text.trim().to_owned()).filter(|text| !text.is_empty()),
            Value::Number(number) => Some(number.to_string()),
            _ => None,
        };
        let webhook = Self {
            name: text("name").unwrap_or_else(|| DEFAULT_NAME.to_owned()),
            tag: text("tag_id"),
            label: text("source"),
        };
        let texts = [("/name", Some(&webhook.name)), ("/source", webhook.label.as_ref())];
        let too_long = texts
            .into_iter()
            .filter(|(_, text)| text.is_some_and(|text| text.chars().count() > MAX_NAME_LENGTH));
        let faults: Vec<_> = too_long
            .map(|(pointer, _)| {
                FieldFault::new(
                    pointer,
                    "too_long",
                    format!("at most {MAX_NAME_LENGTH} characters are allowed"),
                )
            })
            .collect();
        if faults.is_empty() { Ok(webhook) } else { Err(Refusal::InvalidFields(faults)) }
    }
}

/// With an unknown tag the webhook is created without a tag, as KickoffLabs documents it.
async fn create(
    state: &GatewayState,
    caller: &Caller,
    webhook: NewWebhook,
) -> Result<secrecy::SecretString, Refusal> {
    let organization = caller.organization();
    let tag = match webhook.tag.and_then(|id| id.parse().ok()) {
        Some(id) => with_store_timeout(state, state.store.tag(organization, id)).await?,
        None => None,
    };
    let (presented, text) = PresentedKey::generate(KeyKind::Token);
    let (source, scopes) = (caller.source.id, vec![Scope::Write]);
    let key = ApiKey {
        name: Some(webhook.name),
        tags: tag.into_iter().map(|tag| tag.name).collect(),
        label: webhook.label,
        test: caller.key.test,
        created_by: Some(caller.key.id.clone()),
        ..ApiKey::new(&presented, organization, source, scopes, &state.keys.pepper)
    };
    with_store_timeout(state, state.store.as_actor(caller.actor()).create_key(&key)).await?;
    // The source may be new, too, if another process has just created it.
    state.keys.directory.insert_source((*caller.source).clone());
    state.keys.directory.insert_key(key);
    Ok(text)
}
