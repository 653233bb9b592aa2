//! Answers that are no refusals.

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::http::header;
use leadgate_dialect::native;
use leadgate_domain::SubmissionId;
use serde::Serialize;

/// 202: the submission is durable, a worker will look at it. Only to be called after the queue confirmed it.
pub(crate) fn accepted(id: SubmissionId) -> HttpResponse {
    HttpResponse::Accepted()
        .insert_header((header::LOCATION, format!("/v1/leads/{id}")))
        .content_type("application/json")
        .body(serde_json::to_vec(&native::queued(id)).unwrap_or_default())
}

/// 200.
pub(crate) fn json(value: &impl Serialize) -> HttpResponse {
    match serde_json::to_vec(value) {
        Ok(body) => HttpResponse::Ok().content_type("application/json").body(body),
        Err(_) => HttpResponse::new(StatusCode::INTERNAL_SERVER_ERROR),
    }
}
