//! `POST /v1/leads`, `GET /v1/leads`, `GET /v1/leads/{id}`.

use actix_web::web::{Data, Payload};
use actix_web::{HttpRequest, HttpResponse};
use bytes::Bytes;
use leadgate_dialect::native;
use leadgate_domain::{Dialect, Fields, Scope, Submission, json};
use leadgate_store::{Cursor, Found};
use url::form_urlencoded;

use crate::authenticate::{self, Caller};
use crate::body::{self, BodyLimits};
use crate::client_address::client_address;
use crate::problem::Refusal;
use crate::read::{self, Asked};
use crate::receive::{self, Head};
use crate::state::State;
use crate::{limit, respond};

/// A lead comes in: authenticate, limit, read, decode, publish, answer.
pub(crate) async fn post(
    request: HttpRequest,
    payload: Payload,
    state: Data<State>,
) -> Result<HttpResponse, Refusal> {
    let address = client_address(&request, &state.config.trusted_proxies);
    let caller = authenticate::caller(&state, &request, address).await?;
    limit::post(&state, &request, &caller).await?;
    caller.may(Scope::Write)?;
    let head = Head::read(&request, address, &caller, &state)?;
    let limits = BodyLimits { limit: state.config.body_limit, timeout: state.config.body_timeout };
    body::check_head(request.headers(), limits)?;
    let body = body::read(&request, payload, limits).await?;
    let fields = decode(&body, &caller)?;
    let submission = receive::submission(head, &body, fields, &caller, &state);
    publish(&submission, &state).await?;
    Ok(respond::accepted(submission.id))
}

/// The key's source decides how its leads are read.
fn decode(body: &Bytes, caller: &Caller) -> Result<Fields, Refusal> {
    let document = json::parse(body).map_err(Refusal::Unreadable)?;
    let decoded = match caller.source.dialect {
        Dialect::Native => native::decode(&document),
        _ => return Err(Refusal::NotFound),
    };
    decoded.map_err(Refusal::Faulty)
}

/// Returns once the submission is durable.
async fn publish(submission: &Submission, state: &State) -> Result<(), Refusal> {
    let message = serde_json::to_vec(submission).map_err(|_| Refusal::Internal)?;
    state.publisher.publish(message.into()).await.map_err(Refusal::Queue)?;
    metrics::counter!("leadgate_gateway_accepted_total", "dialect" => submission.dialect.as_str())
        .increment(1);
    Ok(())
}

/// A lead by its own id, or by that of any submission that it met.
pub(crate) async fn show(request: HttpRequest, state: Data<State>) -> Result<HttpResponse, Refusal> {
    let asked = Asked::of(&request, &state).await?;
    let id = asked.id(&request)?;
    match read::within(&state, state.store.find(asked.organization(), id)).await? {
        Some(found) => Ok(answer(&found)),
        None => asked.queued(id, &state),
    }
}

fn answer(found: &Found) -> HttpResponse {
    match (&found.lead, found.outcome) {
        (_, None) => respond::json(&native::queued(found.submission)),
        (Some(lead), Some(outcome)) => respond::json(&native::lead(lead, found.submission, outcome)),
        (None, Some(outcome)) => {
            respond::json(&native::leadless(found.submission, outcome, found.quarantine))
        }
    }
}

/// The organization's leads, from the newest to the oldest.
pub(crate) async fn list(request: HttpRequest, state: Data<State>) -> Result<HttpResponse, Refusal> {
    let asked = Asked::of(&request, &state).await?;
    let Query { limit, after } = Query::parse(request.query_string())?;
    let page = read::within(&state, state.store.leads(asked.organization(), after, limit)).await?;
    let next = page.next.map(|next| next.to_string());
    Ok(respond::json(&native::page(&page.data, next.as_deref())))
}

struct Query {
    limit: u32,
    after: Option<Cursor>,
}

impl Query {
    /// What is not known is ignored; what is known has to make sense.
    fn parse(text: &str) -> Result<Self, Refusal> {
        let mut query = Self { limit: 50, after: None };
        for (name, value) in form_urlencoded::parse(text.as_bytes()) {
            let wrong = |name, detail| Refusal::InvalidParameter { name, detail };
            match &*name {
                "limit" => {
                    let limit = value.parse().ok().filter(|limit| (1..=100).contains(limit));
                    query.limit = limit.ok_or(wrong("limit", "`limit` is a number from 1 to 100."))?;
                }
                "after" => {
                    let after = value.parse().ok();
                    query.after = Some(after.ok_or(wrong("after", "`after` is the `next` of a page."))?);
                }
                _ => {}
            }
        }
        Ok(query)
    }
}
