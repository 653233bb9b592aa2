//! What clients are told when a request is refused, each in the shape that its dialect documents.

use std::borrow::Cow;

use http::StatusCode;
use leadgate_domain::validate::FieldFault;
use serde::Serialize;
use serde_json::Value;

use crate::response::DialectResponse;

/// Why a request is refused, before it takes a dialect's shape.
#[derive(Debug, Clone)]
pub struct Problem<'p> {
    /// Of HTTP; a dialect may know only others.
    pub status: u16,
    /// Stable, snake_case.
    pub code: &'p str,
    /// A sentence for the client. Holds positions and names, never values.
    pub detail: Cow<'p, str>,
    pub errors: Vec<ProblemItem<'p>>,
    /// What is missing, for load balancers.
    pub reasons: Vec<Value>,
    pub retry_after_seconds: Option<u64>,
}

/// One of the things that are wrong with a request.
#[derive(Debug, Clone, Serialize)]
pub struct ProblemItem<'p> {
    /// RFC 6901, into the body.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pointer: Option<Cow<'p, str>>,
    /// Of the query.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub parameter: Option<&'p str>,
    pub code: &'p str,
    pub detail: Cow<'p, str>,
}

impl<'p> ProblemItem<'p> {
    pub fn of(fault: &'p FieldFault) -> Self {
        Self {
            pointer: Some(fault.pointer.as_str().into()),
            parameter: None,
            code: fault.code,
            detail: fault.detail.as_str().into(),
        }
    }
}

/// RFC 9457.
#[derive(Serialize)]
struct ProblemDocument<'p> {
    r#type: &'static str,
    title: &'static str,
    status: u16,
    detail: &'p str,
    code: &'p str,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    errors: &'p [ProblemItem<'p>],
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    reasons: &'p [Value],
}

/// A refusal as a problem document.
pub(crate) fn document(problem: &Problem<'_>) -> DialectResponse {
    let known = StatusCode::from_u16(problem.status).ok();
    let body = ProblemDocument {
        r#type: "about:blank",
        title: known.and_then(|status| status.canonical_reason()).unwrap_or_default(),
        status: problem.status,
        detail: &problem.detail,
        code: problem.code,
        errors: &problem.errors,
        reasons: &problem.reasons,
    };
    DialectResponse {
        content_type: "application/problem+json",
        ..DialectResponse::json(problem.status, &body)
    }
}

/// A sentence where most clients look for one, and what a program may want to know beside it.
#[derive(Serialize)]
struct FlatProblem<'p> {
    error: &'p str,
    code: &'p str,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    errors: &'p [ProblemItem<'p>],
    #[serde(skip_serializing_if = "Option::is_none")]
    retry_after: Option<u64>,
}

/// A refusal with its sentence under `error`.
pub(crate) fn flat(problem: &Problem<'_>) -> DialectResponse {
    flat_with(problem.status, &problem.detail, problem)
}

/// The same, with the status and the sentence that a system documents.
pub(crate) fn flat_with(status: u16, error: &str, problem: &Problem<'_>) -> DialectResponse {
    let Problem { code, errors, retry_after_seconds, .. } = problem;
    DialectResponse::json(status, &FlatProblem { error, code, errors, retry_after: *retry_after_seconds })
}
