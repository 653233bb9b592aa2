//! `POST /v1/leads/validate`: what would become of leads, if they were posted now. Stores nothing.

use std::sync::Arc;

use actix_web::http::header;
use actix_web::web::{Data, Payload};
use actix_web::{HttpRequest, HttpResponse};
use leadgate_dialect::{self as dialect, native};
use leadgate_domain::{AuditAction, Media, Normalized, Outcome, Submission};
use leadgate_store::Preview;
use tokio::task::spawn_blocking;

use crate::authenticate::{Caller, Reach};
use crate::body::{self, BodyLimits};
use crate::chunked_body::ChunkedBody;
use crate::client_address::client_address;
use crate::intake::{self, Brought};
use crate::problem::Refused;
use crate::read::{self, Asked};
use crate::receive::Head;
use crate::refusal::Refusal;
use crate::state::State;
use crate::{limit, respond};

/// As many lines are judged at once.
const MOST_LINES: usize = 500;

const NDJSON: &str = "application/x-ndjson";

/// One lead as JSON, or one on each line; the answers in the same form and order. Each is judged alone.
pub(crate) async fn validate(
    request: HttpRequest,
    payload: Payload,
    state: Data<State>,
) -> Result<HttpResponse, Refused> {
    let asked = Asked::of(&request, &state).await?;
    if asked.caller().source.disabled_at.is_some() {
        return Err(Refusal::SourceDisabled.into());
    }
    let kind = request.headers().get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
    let many = kind.is_some_and(|kind| kind.split(';').next().is_some_and(|kind| kind.trim() == NDJSON));
    let config = &state.config;
    let address = client_address(&request, &config.trusted_proxies);
    let head = Head::of_client(&request, address, asked.caller());
    let limit = if many { config.bulk_limit } else { config.body_limit };
    let limits = BodyLimits { limit, timeout: config.body_timeout };
    body::check_head(request.headers(), limits)?;
    if !many {
        body::only_json(request.headers())?;
        let body = body::read(&request, payload, limits).await?;
        let submission = submission(&body, &head, asked.caller(), &state)?;
        let told = judge(vec![submission], &asked, &state).await?;
        return Ok(respond::json(&shown(told.first().ok_or(Refusal::Internal)?, &state)));
    }
    let mut room = state.bulk.room(asked.organization());
    let mut breaks = 0;
    let body = body::read_with(&request, payload, limits, |arrived| {
        breaks += arrived.iter().filter(|byte| **byte == b'\n').count();
        // Empty lines do not count, within reason.
        if breaks > 2 * MOST_LINES { Err(wrong_number_of_lines()) } else { room.grow(arrived.len()) }
    })
    .await?;
    let lines: Vec<&[u8]> =
        body.split(|byte| *byte == b'\n').filter(|line| !line.trim_ascii().is_empty()).collect();
    if lines.is_empty() || lines.len() > MOST_LINES {
        return Err(wrong_number_of_lines().into());
    }
    limit::more(&state, &request, asked.caller(), u32::try_from(lines.len()).unwrap_or(u32::MAX)).await?;
    let read: Vec<_> = lines.iter().map(|line| submission(line, &head, asked.caller(), &state)).collect();
    let (good, faulty): (Vec<_>, Vec<_>) = read.into_iter().enumerate().partition(|(_, read)| read.is_ok());
    let (places, good): (Vec<_>, Vec<_>) =
        good.into_iter().filter_map(|(place, read)| Some((place, read.ok()?))).unzip();
    let told = judge(good, &asked, &state).await?;
    let mut answers: Vec<_> = places.into_iter().zip(told.iter().map(|one| line(one, &state))).collect();
    answers.extend(faulty.into_iter().filter_map(|(place, read)| Some((place, refused(read.err()?)))));
    answers.sort_by_key(|(place, _)| *place);
    let body: Vec<u8> = answers.into_iter().flat_map(|(_, line)| [line, b"\n".to_vec()].concat()).collect();
    Ok(HttpResponse::Ok().content_type(NDJSON).body(ChunkedBody::new(body.into(), Some(room))))
}

fn wrong_number_of_lines() -> Refusal {
    Refusal::InvalidParameter { name: "body", detail: "1 to 500 lines are validated at once." }
}

/// What would be published, if it were posted.
fn submission(body: &[u8], head: &Head, caller: &Caller, state: &State) -> Result<Submission, Refusal> {
    let limit = state.config.body_limit;
    if body.len() > limit {
        return Err(Refusal::BodyTooLarge { limit });
    }
    let brought = Brought { spoken: caller.source.dialect, media: Media::Json, query: None, body };
    intake::received(brought, head.clone(), caller, state).map(|received| received.submission)
}

/// The worker's own code, on a thread where it may take its time.
async fn judge(submissions: Vec<Submission>, asked: &Asked, state: &State) -> Result<Vec<Preview>, Refusal> {
    let pipeline = Arc::clone(state.keys.pipeline()?);
    let known = state.keys.directory.snapshot();
    let normalizing = Arc::clone(&pipeline);
    let normalize = move |submission: Submission| {
        let source = known.source(submission.source);
        let scoring = known.scoring(submission.organization);
        normalizing.normalize(submission, source, scoring)
    };
    let normalize_all = move || submissions.into_iter().map(normalize).collect::<Vec<Normalized>>();
    let normalized = spawn_blocking(normalize_all).await.map_err(|_| Refusal::Internal)?;
    let told = read::within(state, state.store.preview(normalized, pipeline)).await?;
    // A lead that is met is shown as it is.
    let met = told.iter().filter(|one| one.ruling.outcome != Outcome::Created);
    let met: Vec<_> = met.filter_map(|one| one.lead.as_ref()).map(|lead| lead.id).collect();
    let entry = asked.entry(AuditAction::Validate).with("count", told.len());
    state.audit.note(if met.is_empty() { entry } else { entry.with("leads", met) });
    Ok(told.into_iter().map(|one| within_reach(one, asked.reach())).collect())
}

/// Without what is stored of a lead of another source.
fn within_reach(told: Preview, reach: Reach) -> Preview {
    match &told.lead {
        Some(lead) if told.ruling.outcome != Outcome::Created && !reach.covers(lead.source) => {
            Preview { lead: None, trace: told.trace.of_submission(), ..told }
        }
        _ => told,
    }
}

fn shown<'t>(told: &'t Preview, state: &State) -> native::Validated<'t> {
    let sources = |id| state.keys.source_title(id);
    native::validated(told.ruling.outcome, told.ruling.quarantine, told.lead.as_ref(), &told.trace, &sources)
}

fn line(told: &Preview, state: &State) -> Vec<u8> {
    serde_json::to_vec(&shown(told, state)).unwrap_or_default()
}

/// A line that is no lead, as it would be refused.
fn refused(refusal: Refusal) -> Vec<u8> {
    dialect::refused(leadgate_domain::Dialect::Native, &refusal.problem()).body
}
