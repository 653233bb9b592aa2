//! Turns a refusal into a response in the format of the client's dialect (RFC 9457 in the native dialect).

use std::fmt;

use actix_web::http::StatusCode;
use actix_web::http::header::{self, HeaderName, HeaderValue};
use actix_web::{HttpResponse, HttpResponseBuilder, ResponseError};
use leadgate_dialect::{DialectResponse, Problem, protocol};
use leadgate_domain::{Dialect, Scope};

use crate::context::RequestContext;
use crate::html_page;
use crate::readiness::ReadinessReason;
use crate::refusal::Refusal;

/// The default of `Retry-After` for a 503, in seconds.
const RETRY_AFTER_SECONDS: u64 = 5;

/// A refusal with the context of its request.
#[derive(Debug)]
pub(crate) struct ProblemResponse {
    pub(crate) refusal: Refusal,
    pub(crate) context: Box<RequestContext>,
}

impl ProblemResponse {
    pub(crate) fn new(refusal: Refusal, context: RequestContext) -> Self {
        Self { refusal, context: Box::new(context) }
    }
}

impl Refusal {
    /// The response to a request that matches no route.
    pub(crate) fn without_route(self, dialect: Dialect) -> ProblemResponse {
        ProblemResponse::new(self, RequestContext::unknown(dialect))
    }

    fn retry_after_seconds(&self, status: u16) -> Option<u64> {
        match self {
            Self::RateLimited { retry_after_seconds } => Some(*retry_after_seconds),
            Self::Queue(refused) => Some(refused.retry_after().as_secs()),
            // Most requests end within a second. The marker expires one second after the confirm timeout.
            Self::IdempotencyInFlight => Some(1),
            _ => (status == 503).then_some(RETRY_AFTER_SECONDS),
        }
    }

    fn headers(&self, response: &mut HttpResponseBuilder) {
        let mut set = |name: HeaderName, value: &'static str| {
            response.insert_header((name, HeaderValue::from_static(value)));
        };
        match self {
            // RFC 6750, section 3: no error code if the request has no credentials.
            Self::MissingCredentials
            | Self::SeveralCredentials
            | Self::UnsupportedScheme
            | Self::MissingSignature
            | Self::InvalidSignature
            | Self::StaleSignature => set(header::WWW_AUTHENTICATE, "Bearer"),
            Self::MalformedKey | Self::InvalidKey | Self::RevokedKey => {
                set(header::WWW_AUTHENTICATE, r#"Bearer error="invalid_token""#);
            }
            Self::Store(refusal) if refusal.is_revoked_key() => {
                set(header::WWW_AUTHENTICATE, r#"Bearer error="invalid_token""#);
            }
            Self::InsufficientScope(Scope::Write) => {
                set(header::WWW_AUTHENTICATE, r#"Bearer error="insufficient_scope", scope="write""#);
            }
            Self::InsufficientScope(Scope::Read) => {
                set(header::WWW_AUTHENTICATE, r#"Bearer error="insufficient_scope", scope="read""#);
            }
            Self::InsufficientScope(Scope::Admin) => {
                set(header::WWW_AUTHENTICATE, r#"Bearer error="insufficient_scope", scope="admin""#);
            }
            // RFC 7694.
            Self::UnsupportedEncoding => set(header::ACCEPT_ENCODING, "identity"),
            Self::MethodNotAllowed { allowed } => {
                response.insert_header((header::ALLOW, allowed.as_str()));
            }
            _ => {}
        }
    }
}

impl fmt::Display for ProblemResponse {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.refusal.log_text())
    }
}

impl ResponseError for ProblemResponse {
    fn status_code(&self) -> StatusCode {
        StatusCode::from_u16(self.dialect_response().status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }

    fn error_response(&self) -> HttpResponse {
        if self.context.is_page {
            let mut response = html_page::refused(self.status_code(), &self.refusal.problem());
            self.context.add_limit_headers(response.headers_mut());
            return response;
        }
        let answer = self.dialect_response();
        let mut response = HttpResponse::build(
            StatusCode::from_u16(answer.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR),
        );
        response.content_type(answer.content_type);
        self.refusal.headers(&mut response);
        if let Some(seconds) = self.refusal.retry_after_seconds(answer.status) {
            response.insert_header((header::RETRY_AFTER, HeaderValue::from(seconds)));
        }
        let mut response = response.body(answer.body);
        self.context.add_limit_headers(response.headers_mut());
        response
    }
}

impl ProblemResponse {
    fn dialect_response(&self) -> DialectResponse {
        protocol(self.context.dialect).render_problem(&self.refusal.problem())
    }
}

impl Refusal {
    /// The content of the response, independent of the dialect.
    pub(crate) fn problem(&self) -> Problem<'_> {
        let status = self.status();
        let reasons: &[ReadinessReason] = match self {
            Self::NotReady(reasons) => reasons,
            _ => &[],
        };
        Problem {
            status,
            code: self.code(),
            detail: self.to_string().into(),
            errors: self.errors(),
            reasons: reasons.iter().filter_map(|reason| serde_json::to_value(reason).ok()).collect(),
            retry_after_seconds: self.retry_after_seconds(status),
        }
    }
}
