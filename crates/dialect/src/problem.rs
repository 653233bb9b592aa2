//! Responses to refused requests, in the format of each dialect.

use std::borrow::Cow;

use http::StatusCode;
use leadgate_domain::validate::FieldFault;
use serde::Serialize;
use serde_json::Value;

use crate::response::DialectResponse;

/// Why a request is refused, independent of the dialect.
#[derive(Debug, Clone)]
pub struct Problem<'p> {
    /// The HTTP status. A dialect may answer with another one that its system documents.
    pub status: u16,
    /// Stable, snake_case.
    pub code: &'p str,
    /// A sentence for the client. Contains positions and names, never values.
    pub detail: Cow<'p, str>,
    pub errors: Vec<ProblemItem<'p>>,
    /// Why the gateway is not ready, for load balancers.
    pub reasons: Vec<Value>,
    pub retry_after_seconds: Option<u64>,
}

/// One fault of a request.
#[derive(Debug, Clone, Serialize)]
pub struct ProblemItem<'p> {
    /// A JSON Pointer (RFC 6901) into the body.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pointer: Option<Cow<'p, str>>,
    /// The name of a query parameter.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub parameter: Option<&'p str>,
    pub code: &'p str,
    pub detail: Cow<'p, str>,
}

impl<'p> From<&'p FieldFault> for ProblemItem<'p> {
    fn from(fault: &'p FieldFault) -> Self {
        Self {
            pointer: Some(fault.pointer.as_str().into()),
            parameter: None,
            code: fault.code,
            detail: fault.detail.as_str().into(),
        }
    }
}

/// A problem document (RFC 9457).
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
pub(crate) fn render_problem_document(problem: &Problem<'_>) -> DialectResponse {
    let status = StatusCode::from_u16(problem.status).ok();
    let body = ProblemDocument {
        r#type: "about:blank",
        title: status.and_then(|status| status.canonical_reason()).unwrap_or_default(),
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

/// A flat error body: most clients show the text of `error`, programs read the other members.
#[derive(Serialize)]
struct FlatProblem<'p> {
    error: &'p str,
    code: &'p str,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    errors: &'p [ProblemItem<'p>],
    #[serde(skip_serializing_if = "Option::is_none")]
    retry_after: Option<u64>,
}

/// A refusal with its detail as the member `error`.
pub(crate) fn render_flat_problem(problem: &Problem<'_>) -> DialectResponse {
    render_flat_problem_with(problem.status, &problem.detail, problem)
}

/// A flat refusal with the status and the text that a system documents.
pub(crate) fn render_flat_problem_with(status: u16, error: &str, problem: &Problem<'_>) -> DialectResponse {
    let Problem { code, errors, retry_after_seconds, .. } = problem;
    DialectResponse::json(status, &FlatProblem { error, code, errors, retry_after: *retry_after_seconds })
}
