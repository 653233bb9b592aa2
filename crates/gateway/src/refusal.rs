//! Why a request is refused, and the one place that says what HTTP calls that (RFC 9457).

use std::borrow::Cow;
use std::fmt;

use actix_web::http::StatusCode;
use actix_web::http::header::{self, HeaderName, HeaderValue};
use actix_web::{HttpResponse, HttpResponseBuilder, ResponseError};
use leadgate_domain::Scope;
use leadgate_domain::json::{Fault, FaultCode};
use leadgate_domain::validate::FieldFault;
use leadgate_queue::Refused;
use leadgate_store::StoreError;
use serde::Serialize;

use crate::state::Trouble;

/// How long a client is asked to wait where nothing better is known, in seconds.
const RETRY_AFTER_SECONDS: u64 = 5;

/// Everything that a request can be refused for.
#[derive(Debug)]
pub(crate) enum Refusal {
    MissingCredentials,
    SeveralCredentials,
    UnsupportedScheme,
    MalformedKey,
    InvalidKey,
    RevokedKey,
    InsufficientScope(Scope),
    KeysUnavailable,
    RateLimited { retry_after_seconds: u64 },
    LargerThanLimit,
    UnsupportedMediaType,
    UnsupportedEncoding,
    InvalidIdempotencyKey,
    BodyTooLarge { limit: usize },
    BodyTimeout,
    BodyBroken,
    Unreadable(Fault),
    Faulty(Vec<FieldFault>),
    InvalidParameter { name: &'static str, detail: &'static str },
    NotFound,
    MethodNotAllowed { allowed: &'static str },
    Queue(Refused),
    Store(StoreError),
    StoreSlow,
    NotReady(Vec<Trouble>),
    Internal,
}

impl Refusal {
    /// The only mapping of refusals to HTTP.
    fn status_and_code(&self) -> (u16, &'static str) {
        match self {
            // 401: nobody was named, or not in a way that is understood. Each slip has its own name.
            Self::MissingCredentials => (401, "missing_credentials"),
            Self::SeveralCredentials => (401, "several_credentials"),
            Self::UnsupportedScheme => (401, "unsupported_scheme"),
            Self::MalformedKey => (401, "malformed_key"),
            // 401: unknown and wrong alike, so that nobody learns which key ids exist.
            Self::InvalidKey => (401, "invalid_key"),
            // 401: told only to who holds the secret of the revoked key.
            Self::RevokedKey => (401, "revoked_key"),
            // 403: the key is good, for other things.
            Self::InsufficientScope(_) => (403, "insufficient_scope"),
            // 503: whether a key is good cannot be told now; a 401 would make a client throw away a good key.
            Self::KeysUnavailable => (503, "keys_unavailable"),
            // 429: RFC 6585; the window's end is in Retry-After.
            Self::RateLimited { .. } => (429, "rate_limited"),
            // 422: waiting would not help.
            Self::LargerThanLimit => (422, "larger_than_limit"),
            // 415: also for codings, because nothing here decompresses (RFC 9110, section 15.5.16).
            Self::UnsupportedMediaType => (415, "unsupported_media_type"),
            Self::UnsupportedEncoding => (415, "unsupported_encoding"),
            // 400: a header that cannot be obeyed must not be ignored: the client relies on it.
            Self::InvalidIdempotencyKey => (400, "invalid_idempotency_key"),
            // 413: told before the body is read where its length is declared.
            Self::BodyTooLarge { .. } => (413, "body_too_large"),
            // 408: the client may try again.
            Self::BodyTimeout => (408, "body_timeout"),
            // 400: the connection ended, or the framing broke, before the body did.
            Self::BodyBroken => (400, "body_broken"),
            // 400: not a document that could be looked at.
            Self::Unreadable(fault) => (400, fault.code.as_str()),
            // 422: a document, but not a lead; `errors` names every fault.
            Self::Faulty(_) => (422, "invalid_lead"),
            // 400: a query that means nothing.
            Self::InvalidParameter { .. } => (400, "invalid_parameter"),
            // 404: the same for what does not exist and for what is another organization's.
            Self::NotFound => (404, "not_found"),
            // 405: with Allow (RFC 9110, section 15.5.6).
            Self::MethodNotAllowed { .. } => (405, "method_not_allowed"),
            // 503: nothing was promised; the same request can be sent again.
            Self::Queue(_) => (503, "queue_unavailable"),
            // 503: reads wait for the database, posts do not.
            Self::Store(StoreError::Unavailable { .. } | StoreError::NotMigrated) | Self::StoreSlow => {
                (503, "store_unavailable")
            }
            // 503: for load balancers; `reasons` says what is missing.
            Self::NotReady(_) => (503, "not_ready"),
            // 500: a fault of ours.
            Self::Store(_) | Self::Internal => (500, "internal"),
        }
    }

    /// A sentence for whoever reads the answer. Positions and names only, never a value.
    fn detail(&self) -> Cow<'static, str> {
        let detail = match self {
            Self::MissingCredentials => "Send an API key: `Authorization: Bearer lg_live_…`.",
            Self::SeveralCredentials => "Send one Authorization header.",
            Self::UnsupportedScheme => "The Authorization scheme is Bearer.",
            Self::MalformedKey => "This is no API key: its checksum is wrong. Was it copied whole?",
            Self::InvalidKey => "There is no such API key.",
            Self::RevokedKey => "This API key was revoked.",
            Self::InsufficientScope(Scope::Write) => "The API key lacks the scope `write`.",
            Self::InsufficientScope(Scope::Read) => "The API key lacks the scope `read`.",
            Self::InsufficientScope(Scope::Admin) => "The API key lacks the scope `admin`.",
            Self::KeysUnavailable => "API keys cannot be checked at the moment.",
            Self::RateLimited { .. } => "Too many requests; see Retry-After.",
            Self::LargerThanLimit => "This is more than the rate limit ever admits at once.",
            Self::UnsupportedMediaType => "The Content-Type is application/json, in UTF-8.",
            Self::UnsupportedEncoding => "Bodies are taken without Content-Encoding.",
            Self::InvalidIdempotencyKey => "Send one Idempotency-Key of 1 to 255 visible ASCII characters.",
            Self::BodyTooLarge { limit } => return format!("A body may have {limit} bytes.").into(),
            Self::BodyTimeout => "The body did not arrive in time.",
            Self::BodyBroken => "The body ended before its declared length.",
            Self::Unreadable(Fault { code: FaultCode::NotJson, line, column, .. }) => {
                return format!("The body is not valid JSON: line {line}, column {column}.").into();
            }
            Self::Unreadable(fault) => fault.code.detail(),
            Self::Faulty(_) => "The lead has faults; see `errors`.",
            Self::InvalidParameter { detail, .. } => detail,
            Self::NotFound => "There is nothing here.",
            Self::MethodNotAllowed { .. } => "This method is not served here; see Allow.",
            Self::Queue(_) => "The lead could not be made durable. Send it again.",
            Self::Store(StoreError::Unavailable { .. } | StoreError::NotMigrated) | Self::StoreSlow => {
                "The database cannot be read at the moment."
            }
            Self::NotReady(_) => "This gateway cannot take leads at the moment; see `reasons`.",
            Self::Store(_) | Self::Internal => "Something went wrong here.",
        };
        detail.into()
    }

    /// The stable code, for logs and metrics.
    pub(crate) fn code(&self) -> &'static str {
        self.status_and_code().1
    }

    fn errors(&self) -> Vec<Item<'_>> {
        match self {
            Self::Unreadable(Fault { code, pointer: Some(pointer), .. }) => {
                vec![Item {
                    pointer: Some(pointer),
                    parameter: None,
                    code: code.as_str(),
                    detail: code.detail(),
                }]
            }
            Self::Faulty(faults) => faults.iter().map(Item::of).collect(),
            Self::InvalidParameter { name, detail } => {
                vec![Item { pointer: None, parameter: Some(name), code: "invalid_parameter", detail }]
            }
            _ => Vec::new(),
        }
    }

    fn headers(&self, response: &mut HttpResponseBuilder) {
        let mut set = |name: HeaderName, value: &'static str| {
            response.insert_header((name, HeaderValue::from_static(value)));
        };
        match self {
            // RFC 6750, section 3: without an error code for who sent no credentials at all.
            Self::MissingCredentials | Self::SeveralCredentials | Self::UnsupportedScheme => {
                set(header::WWW_AUTHENTICATE, "Bearer");
            }
            Self::MalformedKey | Self::InvalidKey | Self::RevokedKey => {
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
            Self::MethodNotAllowed { allowed } => set(header::ALLOW, allowed),
            _ => {}
        }
    }

    fn retry_after_seconds(&self, status: StatusCode) -> Option<u64> {
        match self {
            Self::RateLimited { retry_after_seconds } => Some(*retry_after_seconds),
            Self::Queue(refused) => Some(refused.retry_after().as_secs()),
            _ => (status == StatusCode::SERVICE_UNAVAILABLE).then_some(RETRY_AFTER_SECONDS),
        }
    }
}

/// The body of a refusal.
#[derive(Serialize)]
struct Problem<'r> {
    r#type: &'static str,
    title: &'static str,
    status: u16,
    detail: Cow<'static, str>,
    code: &'static str,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    errors: Vec<Item<'r>>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    reasons: &'r [Trouble],
}

#[derive(Serialize)]
struct Item<'r> {
    /// RFC 6901, into the body.
    #[serde(skip_serializing_if = "Option::is_none")]
    pointer: Option<&'r str>,
    /// Of the query.
    #[serde(skip_serializing_if = "Option::is_none")]
    parameter: Option<&'r str>,
    code: &'r str,
    detail: &'r str,
}

impl<'r> Item<'r> {
    fn of(fault: &'r FieldFault) -> Self {
        Self { pointer: Some(&fault.pointer), parameter: None, code: fault.code, detail: &fault.detail }
    }
}

impl fmt::Display for Refusal {
    /// For logs: what a port said is more than the client is told, and holds no value of anybody either.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Queue(refused) => fmt::Display::fmt(refused, formatter),
            Self::Store(error) => fmt::Display::fmt(error, formatter),
            _ => formatter.write_str(self.code()),
        }
    }
}

impl ResponseError for Refusal {
    fn status_code(&self) -> StatusCode {
        StatusCode::from_u16(self.status_and_code().0).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }

    fn error_response(&self) -> HttpResponse {
        let status = self.status_code();
        let mut response = HttpResponse::build(status);
        response.content_type("application/problem+json");
        self.headers(&mut response);
        if let Some(seconds) = self.retry_after_seconds(status) {
            response.insert_header((header::RETRY_AFTER, HeaderValue::from(seconds)));
        }
        let reasons = match self {
            Self::NotReady(reasons) => reasons.as_slice(),
            _ => &[],
        };
        let problem = Problem {
            r#type: "about:blank",
            title: status.canonical_reason().unwrap_or_default(),
            status: status.as_u16(),
            detail: self.detail(),
            code: self.code(),
            errors: self.errors(),
            reasons,
        };
        response.body(serde_json::to_vec(&problem).unwrap_or_default())
    }
}
