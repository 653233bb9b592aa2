//! `POST /v1/leads/validate`: shows what would happen to leads if they were posted now. Stores nothing.

use actix_web::HttpResponse;
use actix_web::http::header;
use actix_web::web::Payload;
use leadgate_dialect::{LeadRequest, native, protocol};
use leadgate_domain::{BodyFormat, Dialect, Outcome, Submission};
use leadgate_operations::leads as operations;
use leadgate_store::SubmissionPreview;

use crate::authorized_request::{AuthorizedRequest, ReadAccess};
use crate::body::{self, BodyLimits};
use crate::caller::SourceAccess;
use crate::chunked_body::ChunkedBody;
use crate::refusal::Refusal;
use crate::route_response::{JsonResponse, RouteResponse};
use crate::state::GatewayState;
use crate::store_timeout::run_operation;
use crate::{headers, intake, limit};

const NDJSON: &str = "application/x-ndjson";

/// Validates one JSON lead, or NDJSON with one lead per line. The response has the same format and order.
/// Each lead is judged independently of the others.
pub(crate) async fn validate(
    call: &mut AuthorizedRequest<ReadAccess>,
    payload: Payload,
) -> Result<HttpResponse, Refusal> {
    if call.caller.source.disabled_at.is_some() {
        return Err(Refusal::SourceDisabled);
    }
    let kind = call.request.headers().get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
    let is_many = kind.is_some_and(|kind| kind.split(';').next().is_some_and(|kind| kind.trim() == NDJSON));
    let config = &call.state.config;
    let limit = if is_many { config.bulk_limit } else { config.body_limit };
    let limits = BodyLimits { limit, timeout: config.body_timeout };
    body::check_head(call.request.headers(), limits)?;
    if is_many {
        validate_lines(call, payload, limits).await
    } else {
        validate_one(call, payload, limits).await
    }
}

async fn validate_one(
    call: &AuthorizedRequest<ReadAccess>,
    payload: Payload,
    limits: BodyLimits,
) -> Result<HttpResponse, Refusal> {
    body::only_json(call.request.headers())?;
    let body = body::read(&call.request, payload, limits).await?;
    let previews = judge(vec![submission(&body, call)?], call).await?;
    let preview = previews.first().ok_or(Refusal::Internal)?;
    Ok(JsonResponse::ok(&shown(preview, &call.state)).into_response())
}

async fn validate_lines(
    call: &mut AuthorizedRequest<ReadAccess>,
    payload: Payload,
    limits: BodyLimits,
) -> Result<HttpResponse, Refusal> {
    let mut room = call.state.bulk_memory.permit(call.organization());
    let mut breaks = 0;
    let body = body::read_with(&call.request, payload, limits, |arrived| {
        breaks += arrived.iter().filter(|byte| **byte == b'\n').count();
        // Empty lines are ignored, up to this limit.
        if breaks > 2 * operations::MAX_VALIDATED {
            Err(wrong_number_of_lines())
        } else {
            room.grow(arrived.len())
        }
    })
    .await?;
    let lines: Vec<&[u8]> =
        body.split(|byte| *byte == b'\n').filter(|line| !line.trim_ascii().is_empty()).collect();
    if lines.is_empty() || lines.len() > operations::MAX_VALIDATED {
        return Err(wrong_number_of_lines());
    }
    let count = u32::try_from(lines.len()).unwrap_or(u32::MAX);
    limit::additional(&call.state, &mut call.context, &call.caller, count).await?;
    let read: Vec<_> = lines.iter().map(|line| submission(line, call)).collect();
    let (good, faulty): (Vec<_>, Vec<_>) = read.into_iter().enumerate().partition(|(_, read)| read.is_ok());
    let (places, good): (Vec<_>, Vec<_>) =
        good.into_iter().filter_map(|(place, read)| Some((place, read.ok()?))).unzip();
    let previews = judge(good, call).await?;
    let shown = previews.iter().map(|preview| line(preview, &call.state));
    let mut answers: Vec<_> = places.into_iter().zip(shown).collect();
    answers.extend(faulty.into_iter().filter_map(|(place, read)| Some((place, refused(read.err()?)))));
    answers.sort_by_key(|(place, _)| *place);
    let body: Vec<u8> = answers.into_iter().flat_map(|(_, line)| [line, b"\n".to_vec()].concat()).collect();
    Ok(HttpResponse::Ok().content_type(NDJSON).body(ChunkedBody::new(body.into(), Some(room))))
}

fn wrong_number_of_lines() -> Refusal {
    Refusal::InvalidParameter { name: "body", detail: "1 to 500 lines are validated at once.".into() }
}

/// The submission that a post would publish. It has no idempotency key, so that earlier requests have no
/// influence.
fn submission(body: &[u8], call: &AuthorizedRequest<ReadAccess>) -> Result<Submission, Refusal> {
    let limit = call.state.config.body_limit;
    if body.len() > limit {
        return Err(Refusal::BodyTooLarge { limit });
    }
    let headers = call.request.headers();
    let received = LeadRequest {
        media: BodyFormat::Json,
        body,
        query: None,
        idempotency_key: None,
        traceparent: headers::traceparent(headers),
        client: headers::client(headers, call.context.address),
    };
    intake::accept(received, &call.caller, &call.state).map(|accepted| accepted.submission)
}

/// Judges submissions with the worker's code, on a blocking thread.
async fn judge(
    submissions: Vec<Submission>,
    call: &AuthorizedRequest<ReadAccess>,
) -> Result<Vec<SubmissionPreview>, Refusal> {
    let (state, context, store) = (&call.state, call.state.keys.judge_context()?, call.store());
    let normalized = operations::normalize(submissions, &call.caller.source, &context).await?;
    let judging = operations::validate(&store, call.organization(), normalized, &context, call.log());
    let previews = run_operation(state, judging).await?;
    Ok(previews.into_iter().map(|one| restrict_to_access(one, call.source_access())).collect())
}

/// Removes the stored data of a lead of another source.
fn restrict_to_access(preview: SubmissionPreview, source_access: SourceAccess) -> SubmissionPreview {
    match &preview.lead {
        Some(lead) if preview.ruling.outcome != Outcome::Created && !source_access.covers(lead.source) => {
            SubmissionPreview { lead: None, trace: preview.trace.without_lead_details(), ..preview }
        }
        _ => preview,
    }
}

fn shown<'t>(preview: &'t SubmissionPreview, state: &GatewayState) -> native::ValidationResponse<'t> {
    let sources = |id| state.keys.source_title(id);
    native::validation_response(
        preview.ruling.outcome,
        preview.ruling.quarantine,
        preview.lead.as_ref(),
        &preview.trace,
        &sources,
    )
}

fn line(preview: &SubmissionPreview, state: &GatewayState) -> Vec<u8> {
    serde_json::to_vec(&shown(preview, state)).unwrap_or_default()
}

/// The line for a lead that would be refused.
fn refused(refusal: Refusal) -> Vec<u8> {
    protocol(Dialect::Native).render_problem(&refusal.problem()).body
}
