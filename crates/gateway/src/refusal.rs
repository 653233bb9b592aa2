//! The reasons to refuse a request, and their mapping to HTTP.

use std::borrow::Cow;
use std::fmt;

use leadgate_dialect::{AcceptError, DecodeError, DocumentError, ProblemItem as Item, RepairError};
use leadgate_domain::mapping::MappingFault;
use leadgate_domain::validate::FieldFault;
use leadgate_domain::{KeyKind, Scope};
use leadgate_operations::OperationError;
use leadgate_queue::PublishError;
use leadgate_store::StoreError;

use crate::readiness::ReadinessReason;

/// The reason why a request is refused.
#[derive(Debug)]
pub(crate) enum Refusal {
    MissingCredentials,
    SeveralCredentials,
    UnsupportedScheme,
    MalformedKey,
    InvalidKey,
    RevokedKey,
    UnknownToken,
    InsufficientScope(Scope),
    WrongSource,
    SourceDisabled,
    AddressNotAllowed,
    OriginNotAllowed,
    MissingSignature,
    InvalidSignature,
    StaleSignature,
    QueryNotSigned,
    SecretKeyInPage,
    KeysUnavailable,
    RateLimited { retry_after_seconds: u64 },
    LargerThanLimit,
    UnexpectedBody,
    UnsupportedMediaType,
    UnsupportedEncoding,
    InvalidIdempotencyKey,
    IdempotencyInFlight,
    IdempotencyMismatch,
    BodyTooLarge { limit: usize },
    MappedTooLarge,
    BodyTimeout,
    BodyInterrupted,
    BulkMemoryFull,
    OperationRunning,
    NotCsv,
    InvalidDocument(DocumentError),
    EmptyLead,
    InvalidFields(Vec<FieldFault>),
    Mapping(MappingFault),
    InvalidSettings(String),
    Conflict,
    UnknownParameter { name: String, known: &'static [&'static str] },
    RepeatedParameter { name: &'static str },
    InvalidParameter { name: &'static str, detail: Cow<'static, str> },
    NotFound,
    MethodNotAllowed { allowed: String },
    Queue(PublishError),
    Store(StoreError),
    StoreTimeout,
    NotReady(Vec<ReadinessReason>),
    Internal,
}

impl Refusal {
    /// The only mapping of refusals to HTTP.
    pub(crate) fn status_and_code(&self) -> (u16, &'static str) {
        match self {
            // 401: no credentials, or malformed ones. Each mistake has its own code.
            Self::MissingCredentials => (401, "missing_credentials"),
            Self::SeveralCredentials => (401, "several_credentials"),
            Self::UnsupportedScheme => (401, "unsupported_scheme"),
            Self::MalformedKey => (401, "malformed_key"),
            // 401: unknown and wrong alike, so that a response does not reveal which key ids exist.
            Self::InvalidKey => (401, "invalid_key"),
            // 401: only if the caller has proven that it has the revoked key.
            Self::RevokedKey => (401, "revoked_key"),
            // 404: the same for a wrong and for a revoked token in a URL.
            Self::UnknownToken => (404, "unknown_token"),
            // 403: the key is valid, but not for this request, or not from this address or page.
            Self::InsufficientScope(_) => (403, "insufficient_scope"),
            Self::WrongSource => (403, "other_source"),
            // 403: until an operator enables it again.
            Self::SourceDisabled => (403, "source_disabled"),
            Self::AddressNotAllowed => (403, "address_not_allowed"),
            Self::OriginNotAllowed => (403, "origin_not_allowed"),
            // 401: the source accepts only posts with a recent signature.
            Self::MissingSignature => (401, "missing_signature"),
            Self::InvalidSignature => (401, "invalid_signature"),
            Self::StaleSignature => (401, "stale_signature"),
            // 400: reading the query would accept an unsigned value, and ignoring it would lose the value.
            Self::QueryNotSigned => (400, "unsigned_query"),
            // 403: the key is valid, but every visitor of the page can read it.
            Self::SecretKeyInPage => (403, "secret_key_in_page"),
            // 503: the key cannot be checked now. After a 401 a client might discard a valid key.
            Self::KeysUnavailable => (503, "keys_unavailable"),
            // 429: RFC 6585. `Retry-After` says when the window ends.
            Self::RateLimited { .. } => (429, "rate_limited"),
            // 422: waiting would not help.
            Self::LargerThanLimit => (422, "larger_than_limit"),
            // 400: if a body were ignored, the client would assume that its values have an effect.
            Self::UnexpectedBody => (400, "unexpected_body"),
            // 415: also for codings, because nothing here decompresses (RFC 9110, section 15.5.16).
            Self::UnsupportedMediaType => (415, "unsupported_media_type"),
            Self::UnsupportedEncoding => (415, "unsupported_encoding"),
            // 400: an invalid header must not be ignored, because the client relies on it.
            Self::InvalidIdempotencyKey => (400, "invalid_idempotency_key"),
            // 409, 422: draft-ietf-httpapi-idempotency-key-header-07, section 2.6.
            Self::IdempotencyInFlight => (409, "idempotency_in_flight"),
            Self::IdempotencyMismatch => (422, "idempotency_mismatch"),
            // 413: sent before the body is read, if its length is declared.
            Self::BodyTooLarge { .. } => (413, "body_too_large"),
            // 413: the mapping copies parts of the body.
            Self::MappedTooLarge => (413, "body_too_large"),
            // 408: the client may try again.
            Self::BodyTimeout => (408, "body_timeout"),
            // 400: the connection ended, or the framing broke, before the body did.
            Self::BodyInterrupted => (400, "body_broken"),
            // 503: the memory budget of bulk requests is used up.
            Self::BulkMemoryFull => (503, "bulk_busy"),
            // 503: each organization can run one at a time.
            Self::OperationRunning => (503, "operation_running"),
            // 415: as for other routes, with a different `detail`.
            Self::NotCsv => (415, "unsupported_media_type"),
            // 400: the document cannot be parsed.
            Self::InvalidDocument(fault) => (400, fault.code()),
            // 422: `{}` is a document, but it contains no lead.
            Self::EmptyLead => (422, "empty_lead"),
            // 422: a document, but not a lead. `errors` names every fault.
            Self::InvalidFields(_) => (422, "invalid_lead"),
            // 422: the mapping of the source cannot be applied.
            Self::Mapping(_) => (422, "mapping_failed"),
            // 422: a document, but not valid settings.
            Self::InvalidSettings(_) => (422, "invalid_settings"),
            // 409: the client can send the same request again.
            Self::Conflict => (409, "conflict"),
            // 400: if an unknown filter were ignored, the client would assume that the response is filtered.
            Self::UnknownParameter { .. } => (400, "unknown_parameter"),
            Self::RepeatedParameter { .. } => (400, "repeated_parameter"),
            // 400: the value of a parameter cannot be read.
            Self::InvalidParameter { .. } => (400, "invalid_parameter"),
            // 404: the same for an unknown id and for an id of another organization.
            Self::NotFound => (404, "not_found"),
            // 405: with Allow (RFC 9110, section 15.5.6).
            Self::MethodNotAllowed { .. } => (405, "method_not_allowed"),
            // 503: the lead is not accepted. The client can send the same request again.
            Self::Queue(_) => (503, "queue_unavailable"),
            // 503: reads wait for the database, posts do not.
            Self::Store(StoreError::Unavailable { .. } | StoreError::NotMigrated) | Self::StoreTimeout => {
                (503, "store_unavailable")
            }
            // 401: the caller has proven that it has the key, which is revoked now.
            Self::Store(StoreError::CreatorRevoked) => (401, "revoked_key"),
            // 404: the lead or the source no longer exists.
            Self::Store(StoreError::LeadGone | StoreError::SourceDeleted) => (404, "not_found"),
            // 422: a retry does not help. The detail says what to do.
            Self::Store(StoreError::TooMany { .. }) => (422, "too_many"),
            // 503: for load balancers. `reasons` says what is missing.
            Self::NotReady(_) => (503, "not_ready"),
            // 500: a bug or a misconfiguration of this server.
            Self::Store(_) | Self::Internal => (500, "internal"),
        }
    }

    /// A sentence for the client. It contains positions and names, never a value.
    pub(crate) fn detail(&self) -> Cow<'static, str> {
        let detail = match self {
            Self::MissingCredentials => "Send an API key: `Authorization: Bearer lg_live_…`.",
            Self::SeveralCredentials => "Several credentials were sent. Send one API key in one place.",
            Self::UnsupportedScheme => {
                "The Authorization scheme is not supported. Send `Authorization: Bearer lg_live_…`."
            }
            Self::MalformedKey => {
                "The API key is malformed: its format or checksum is wrong. Check that it was copied completely."
            }
            Self::InvalidKey => {
                "The API key is not valid. Check the key, and that it belongs to this installation."
            }
            Self::RevokedKey => {
                "The API key was revoked or has expired, its organization is disabled, or its source is deleted. Use another \
                 key."
            }
            Self::UnknownToken => "The webhook URL is not valid: its token is unknown, revoked or expired.",
            Self::SourceDisabled => {
                "The source is disabled. It accepts no leads until an administrator enables it."
            }
            Self::WrongSource => {
                "The API key is bound to another source. Use a key of this source or an organization-wide key."
            }
            Self::AddressNotAllowed => {
                "The source does not accept requests from this IP address. Its setting `networks` lists the allowed ones."
            }
            Self::OriginNotAllowed => {
                "The key may not be used from this web page. Add the origin of the page to the `origins` of the key."
            }
            Self::MissingSignature => {
                "This source requires signed requests: send webhook-id (1 to 255 visible ASCII characters), webhook-timestamp \
                 and webhook-signature, each once."
            }
            Self::InvalidSignature => {
                "The signature does not match the body. Sign `webhook-id.webhook-timestamp.body` with the secret of the source."
            }
            Self::StaleSignature => {
                "`webhook-timestamp` differs from the current time by more than five minutes. Check the clock of the sender."
            }
            Self::QueryNotSigned => {
                "This source requires signed requests, and a signature does not cover the query: send all values in the \
                 JSON body."
            }
            Self::SecretKeyInPage => {
                "This is a secret key, and it was sent from a web page, where every visitor can read it. Revoke it, and \
                 use a publishable key there (`leadgate key create --publishable --origins …`)."
            }
            Self::InsufficientScope(Scope::Write) => "The API key lacks the scope `write`.",
            Self::InsufficientScope(Scope::Read) => "The API key lacks the scope `read`.",
            Self::InsufficientScope(Scope::Admin) => "The API key lacks the scope `admin`.",
            Self::KeysUnavailable => {
                "API keys cannot be checked at the moment. Send the request again later."
            }
            Self::RateLimited { .. } => "Too many requests; see Retry-After.",
            Self::LargerThanLimit => {
                "The request has more leads than the rate limit allows at once. Send fewer leads in one request."
            }
            Self::UnexpectedBody => "The route accepts no body. Send the values in the path and the query.",
            Self::UnsupportedMediaType => {
                "The Content-Type is not supported. Send application/json in UTF-8."
            }
            Self::UnsupportedEncoding => "Content-Encoding is not supported. Send the body uncompressed.",
            Self::InvalidIdempotencyKey => {
                "The Idempotency-Key is not valid. Send it once, with 1 to 255 visible ASCII characters."
            }
            Self::IdempotencyInFlight => {
                "The first request with this Idempotency-Key is still being processed. Send the request again later."
            }
            Self::IdempotencyMismatch => {
                "This Idempotency-Key was used with another body. Send a new key with each new request."
            }
            Self::BodyTooLarge { limit } => {
                return format!("The body is too large: at most {limit} bytes are allowed.").into();
            }
            Self::MappedTooLarge => {
                "The mapping of the source turns the body into more than 256 KB. Send a smaller body or change the mapping."
            }
            Self::BodyTimeout => "The body did not arrive in time. Send the request again.",
            Self::BodyInterrupted => {
                "The body is incomplete: the connection ended, or the framing is malformed."
            }
            Self::BulkMemoryFull => {
                "Too many bulk requests are being processed. Retry after the time in `Retry-After`."
            }
            Self::OperationRunning => {
                "An erasure, a reprocessing, an import or an export of this organization is running. Retry when it has \
                 ended."
            }
            Self::NotCsv => "Send the list as text/csv, without Content-Encoding.",
            Self::InvalidDocument(fault) => return fault.detail(),
            Self::EmptyLead => "The lead is empty. Send at least one field.",
            Self::InvalidFields(_) => "Fields of the lead are not valid; see `errors`.",
            Self::Mapping(fault) => {
                return format!("The mapping of the source cannot be applied to the body: {fault}.").into();
            }
            Self::InvalidSettings(detail) => return format!("{detail}.").into(),
            Self::Conflict => "Another request made a change at the same time. Send the request again.",
            Self::UnknownParameter { name, known } => return unknown_parameter(name, known).into(),
            Self::RepeatedParameter { name } => {
                return format!("The parameter `{name}` was sent several times. Send it once.").into();
            }
            Self::InvalidParameter { detail, .. } => return detail.clone(),
            Self::NotFound => "The path or the id does not exist.",
            Self::MethodNotAllowed { .. } => "The path does not support this method; see `Allow`.",
            Self::Queue(_) => "The lead could not be stored durably. Send the request again.",
            Self::Store(StoreError::Unavailable { .. } | StoreError::NotMigrated) | Self::StoreTimeout => {
                "The database is not available at the moment. Send the request again later."
            }
            Self::Store(StoreError::CreatorRevoked) => {
                "The API key of this request was revoked. Use another key."
            }
            Self::Store(StoreError::LeadGone | StoreError::SourceDeleted) => {
                "The path or the id does not exist."
            }
            Self::Store(error @ StoreError::TooMany { .. }) => return format!("{error}.").into(),
            Self::NotReady(_) => "This gateway cannot accept leads at the moment; see `reasons`.",
            Self::Store(_) | Self::Internal => {
                "An internal error occurred. Report it with the `x-request-id` of the response."
            }
        };
        detail.into()
    }

    /// The stable code, for logs and metrics.
    pub(crate) fn code(&self) -> &'static str {
        self.status_and_code().1
    }

    pub(crate) fn errors(&self) -> Vec<Item<'_>> {
        let body = |pointer, code, detail| Item { pointer: Some(pointer), parameter: None, code, detail };
        match self {
            Self::InvalidDocument(fault) => {
                let pointer = fault.pointer().into_iter();
                pointer.map(|pointer| body(pointer.into(), fault.code(), fault.detail())).collect()
            }
            Self::InvalidFields(faults) => faults.iter().map(Item::from).collect(),
            Self::Mapping(fault) => {
                let pointer = format!("/{}", fault.to.replacen('.', "/", 1));
                vec![body(pointer.into(), fault.code.as_str(), fault.to_string().into())]
            }
            Self::UnknownParameter { name, .. } => vec![self.about_parameter(name)],
            Self::RepeatedParameter { name } | Self::InvalidParameter { name, .. } => {
                vec![self.about_parameter(name)]
            }
            _ => Vec::new(),
        }
    }

    fn about_parameter<'n>(&self, name: &'n str) -> Item<'n> {
        Item { pointer: None, parameter: Some(name), code: self.code(), detail: self.detail() }
    }

    /// For a token, an invalid or revoked key is reported as an unknown URL.
    pub(crate) fn for_key_kind(self, kind: KeyKind) -> Self {
        match (kind, self) {
            (KeyKind::Token, Self::InvalidKey | Self::RevokedKey) => Self::UnknownToken,
            (_, refusal) => refusal,
        }
    }
}

impl Refusal {
    /// The refusal for a body that does not repair a submission.
    pub(crate) fn not_repairable(why: RepairError) -> Self {
        match why {
            RepairError::BodyErased => Self::Internal,
            RepairError::Document(fault) => Self::InvalidDocument(fault),
            RepairError::Decode(fault) => Self::undecodable(fault),
        }
    }
}

impl Refusal {
    /// The refusal for a body that is not a lead.
    pub(crate) fn rejected(rejection: AcceptError) -> Self {
        match rejection {
            AcceptError::Document(fault) => Self::InvalidDocument(fault),
            AcceptError::Decode(fault) => Self::undecodable(fault),
        }
    }

    fn undecodable(fault: DecodeError) -> Self {
        match fault {
            DecodeError::Mapping(fault) => Self::Mapping(fault),
            DecodeError::InvalidFields(faults) => Self::InvalidFields(faults),
            DecodeError::Empty => Self::EmptyLead,
            DecodeError::TooLarge => Self::MappedTooLarge,
        }
    }
}

impl From<OperationError> for Refusal {
    fn from(error: OperationError) -> Self {
        match error {
            OperationError::NotFound { .. } => Self::NotFound,
            OperationError::Invalid(detail) => Self::InvalidSettings(detail),
            OperationError::InvalidFields(faults) => Self::InvalidFields(faults),
            OperationError::Repair(why) => Self::not_repairable(why),
            OperationError::Conflict => Self::Conflict,
            OperationError::Queue(refused) => Self::Queue(refused),
            OperationError::Store(error) => Self::Store(error),
            OperationError::NoSigningKey | OperationError::Io(_) => Self::Internal,
        }
    }
}

fn unknown_parameter(name: &str, known: &[&str]) -> String {
    let known = known.iter().map(|known| format!("`{known}`")).collect::<Vec<_>>().join(", ");
    let expected = match known.is_empty() {
        true => "The route has no parameters.".to_owned(),
        false => format!("The route has {known}."),
    };
    format!("Unknown parameter `{name}`. {expected}")
}

impl fmt::Display for Refusal {
    /// For logs: contains more detail of a port's error than the response, and no personal data.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Queue(refused) => fmt::Display::fmt(refused, formatter),
            Self::Store(error) => fmt::Display::fmt(error, formatter),
            _ => formatter.write_str(self.code()),
        }
    }
}
