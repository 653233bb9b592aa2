//! Answers that are no refusals.

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::http::header;
use leadgate_dialect::Answer;
use leadgate_domain::SubmissionId;
use serde::Serialize;

use crate::prefer::{PREFERENCE_APPLIED, Patience};

/// The answer to a lead that is durable. Only to be called after the queue confirmed it.
pub(crate) fn taken(answer: Answer, id: SubmissionId, patience: Patience) -> HttpResponse {
    let status = StatusCode::from_u16(answer.status).unwrap_or(StatusCode::ACCEPTED);
    let mut response = HttpResponse::build(status);
    response.content_type(answer.content_type);
    if answer.location {
        response.insert_header((header::LOCATION, format!("/v1/leads/{id}")));
    }
    if let Some(applied) = patience.applied() {
        response.insert_header((PREFERENCE_APPLIED, applied));
    }
    response.body(answer.body)
}

/// An answer that a dialect made.
pub(crate) fn answer(answer: Answer) -> HttpResponse {
    let status = StatusCode::from_u16(answer.status).unwrap_or(StatusCode::OK);
    HttpResponse::build(status).content_type(answer.content_type).body(answer.body)
}

/// 200.
pub(crate) fn json(value: &impl Serialize) -> HttpResponse {
    json_as(StatusCode::OK, value)
}

pub(crate) fn json_as(status: StatusCode, value: &impl Serialize) -> HttpResponse {
    match serde_json::to_vec(value) {
        Ok(body) => HttpResponse::build(status).content_type("application/json").body(body),
        Err(_) => HttpResponse::new(StatusCode::INTERNAL_SERVER_ERROR),
    }
}
