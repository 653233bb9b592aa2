//! `GET`, `POST /v1/sources`: ways in, among them KickoffLabs's campaigns.

use actix_web::http::StatusCode;
use actix_web::web::{Data, Payload};
use actix_web::{HttpRequest, HttpResponse};
use leadgate_dialect::native;
use leadgate_domain::key::PresentedKey;
use leadgate_domain::{ApiKey, AuditAction, Dialect, KeyKind, Scope, Source, SourceId, SourceSettings};
use leadgate_operations::sources as operations;
use secrecy::ExposeSecret;
use serde_json::{Map, Value};

use crate::problem::Refused;
use crate::public_url::base_url;
use crate::read::{self, Asked};
use crate::refusal::Refusal;
use crate::respond;
use crate::state::State;

pub(crate) async fn list(request: HttpRequest, state: Data<State>) -> Result<HttpResponse, Refused> {
    let asked = Asked::to_administer(&request, &state).await?;
    let (limit, after) = (asked.query().limit()?, asked.query().after()?);
    let listing = state.store.sources_page(asked.organization(), after, limit);
    let page = read::within(&state, listing).await?;
    state.audit.note(asked.entry(AuditAction::SourcesListed).with("count", page.data.len()));
    let (owner, base) = (asked.organization_name(&state), base_url(&request, &state)?);
    let shown = page.data.iter().map(|source| native::source(source, &owner, &base, None));
    let shown: Vec<_> = shown.collect();
    Ok(respond::json(&serde_json::json!({ "data": shown, "next": page.next })))
}

/// Makes a source and the token of its URL, which is shown this once.
pub(crate) async fn create(
    request: HttpRequest,
    payload: Payload,
    state: Data<State>,
) -> Result<HttpResponse, Refused> {
    let asked = Asked::to_administer(&request, &state).await?;
    let (dialect, settings) = wanted(read::document(&request, payload, &state).await?)?;
    let name = Some(dialect.to_string());
    let store = asked.store(&state);
    let mut source = store.new_source(asked.organization(), dialect, name);
    settings.apply(&mut source).map_err(Refusal::InvalidSettings)?;
    let (owner, base) = (asked.organization_name(&state), base_url(&request, &state)?);
    let (presented, text) = PresentedKey::generate(KeyKind::Token);
    let scopes = vec![Scope::Write];
    let token = ApiKey::new(&presented, source.organization, source.id, scopes, &state.keys.pepper);
    let token = ApiKey { made_by: Some(asked.caller().key.id.clone()), ..token };
    read::within(&state, store.create_source(&source)).await?;
    read::within(&state, store.create_key(&token)).await?;
    let shown = native::source(&source, &owner, &base, Some(text.expose_secret()));
    state.keys.directory.insert_source(source.clone());
    state.keys.directory.insert_key(token);
    Ok(respond::json_as(StatusCode::CREATED, &shown))
}

pub(crate) async fn disable(request: HttpRequest, state: Data<State>) -> Result<HttpResponse, Refused> {
    let (asked, id) = named(&request, &state).await?;
    let store = asked.store(&state);
    let changed = operations::disable(&store, asked.organization(), id);
    answer(read::operation(&state, changed).await?, &asked, &request, &state)
}

pub(crate) async fn enable(request: HttpRequest, state: Data<State>) -> Result<HttpResponse, Refused> {
    let (asked, id) = named(&request, &state).await?;
    let store = asked.store(&state);
    let changed = operations::enable(&store, asked.organization(), id);
    answer(read::operation(&state, changed).await?, &asked, &request, &state)
}

/// Revokes its keys and tokens, too; its leads stay.
pub(crate) async fn delete(request: HttpRequest, state: Data<State>) -> Result<HttpResponse, Refused> {
    let (asked, id) = named(&request, &state).await?;
    let store = asked.store(&state);
    let changed = operations::delete(&store, asked.organization(), id);
    answer(read::operation(&state, changed).await?, &asked, &request, &state)
}

/// An administrator's request about the source in the path.
async fn named(request: &HttpRequest, state: &State) -> Result<(Asked, SourceId), Refused> {
    let asked = Asked::to_administer(request, state).await?;
    let id = asked.id(request)?;
    Ok((asked, SourceId::from_uuid(id)))
}

fn answer(
    source: Source,
    asked: &Asked,
    request: &HttpRequest,
    state: &State,
) -> Result<HttpResponse, Refused> {
    let (owner, base) = (asked.organization_name(state), base_url(request, state)?);
    let answer = respond::json(&native::source(&source, &owner, &base, None));
    state.keys.directory.insert_source(source);
    Ok(answer)
}

/// The dialect, and what of its settings is said otherwise.
fn wanted(mut said: Map<String, Value>) -> Result<(Dialect, SourceSettings), Refusal> {
    let wrong = |error: serde_json::Error| Refusal::InvalidSettings(error.to_string());
    let dialect = said.remove("dialect").unwrap_or_default();
    let dialect = serde_json::from_value(dialect).map_err(wrong)?;
    Ok((dialect, serde_json::from_value(Value::Object(said)).map_err(wrong)?))
}
