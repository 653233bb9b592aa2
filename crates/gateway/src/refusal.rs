//! Why a request is refused, and the one place that says what HTTP calls that.

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

/// Everything that a request can be refused for.
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
            // 401: only if the caller has proven possession of the revoked key.
            Self::RevokedKey => (401, "revoked_key"),
            // 404: the same for a wrong and for a revoked token in a URL.
            Self::UnknownToken => (404, "unknown_token"),
            // 403: the key is good, for other things, or from other places.
            Self::InsufficientScope(_) => (403, "insufficient_scope"),
            Self::WrongSource => (403, "other_source"),
            // 403: until an operator enables it again.
            Self::SourceDisabled => (403, "source_disabled"),
            Self::AddressNotAllowed => (403, "address_not_allowed"),
            Self::OriginNotAllowed => (403, "origin_not_allowed"),
            // 401: the source takes only what was signed with its secret, a moment ago.
            Self::MissingSignature => (401, "missing_signature"),
            Self::InvalidSignature => (401, "invalid_signature"),
            Self::StaleSignature => (401, "stale_signature"),
            // 400: taking it would be taking a value that is not signed; leaving it out would lose it.
            Self::QueryNotSigned => (400, "unsigned_query"),
            // 403: the key is good, and everyone who opens that page can read it.
            Self::SecretKeyInPage => (403, "secret_key_in_page"),
            // 503: the key cannot be verified now; a 401 would make a client throw away a good key.
            Self::KeysUnavailable => (503, "keys_unavailable"),
            // 429: RFC 6585; the window's end is in Retry-After.
            Self::RateLimited { .. } => (429, "rate_limited"),
            // 422: waiting would not help.
            Self::LargerThanLimit => (422, "larger_than_limit"),
            // 400: if a body were ignored, the client would take the answer for one to what it says.
            Self::UnexpectedBody => (400, "unexpected_body"),
            // 415: also for codings, because nothing here decompresses (RFC 9110, section 15.5.16).
            Self::UnsupportedMediaType => (415, "unsupported_media_type"),
            Self::UnsupportedEncoding => (415, "unsupported_encoding"),
            // 400: a header that cannot be obeyed must not be ignored: the client relies on it.
            Self::InvalidIdempotencyKey => (400, "invalid_idempotency_key"),
            // 409, 422: draft-ietf-httpapi-idempotency-key-header-07, section 2.6.
            Self::IdempotencyInFlight => (409, "idempotency_in_flight"),
            Self::IdempotencyMismatch => (422, "idempotency_mismatch"),
            // 413: before the body is read if its length is declared.
            Self::BodyTooLarge { .. } => (413, "body_too_large"),
            // 413: a part of the body, repeated by the mapping.
            Self::MappedTooLarge => (413, "body_too_large"),
            // 408: the client may try again.
            Self::BodyTimeout => (408, "body_timeout"),
            // 400: the connection ended, or the framing broke, before the body did.
            Self::BodyInterrupted => (400, "body_broken"),
            // 503: the memory budget of bulk requests is used up.
            Self::BulkMemoryFull => (503, "bulk_busy"),
            // 503: each organization has one at a time; it ends by itself.
            Self::OperationRunning => (503, "operation_running"),
            // 415: as for other routes, with another sentence.
            Self::NotCsv => (415, "unsupported_media_type"),
            // 400: not a document that could be looked at.
            Self::InvalidDocument(fault) => (400, fault.code()),
            // 422: `{}` is a document, but it contains no lead.
            Self::EmptyLead => (422, "nothing_said"),
            // 422: a document, but not a lead; `errors` names every fault.
            Self::InvalidFields(_) => (422, "invalid_lead"),
            // 422: a lead that its source's mapping does not fit.
            Self::Mapping(_) => (422, "mapping_failed"),
            // 422: a document, but not a setting.
            Self::InvalidSettings(_) => (422, "invalid_settings"),
            // 409: the same request can be sent again.
            Self::Conflict => (409, "conflict"),
            // 400: if an unknown filter were ignored, the client would take the answer for a filtered one.
            Self::UnknownParameter { .. } => (400, "unknown_parameter"),
            Self::RepeatedParameter { .. } => (400, "repeated_parameter"),
            // 400: a query that means nothing.
            Self::InvalidParameter { .. } => (400, "invalid_parameter"),
            // 404: the same for what does not exist and for what is another organization's.
            Self::NotFound => (404, "not_found"),
            // 405: with Allow (RFC 9110, section 15.5.6).
            Self::MethodNotAllowed { .. } => (405, "method_not_allowed"),
            // 503: nothing was promised; the same request can be sent again.
            Self::Queue(_) => (503, "queue_unavailable"),
            // 503: reads wait for the database, posts do not.
            Self::Store(StoreError::Unavailable { .. } | StoreError::NotMigrated) | Self::StoreTimeout => {
                (503, "store_unavailable")
            }
            // 401: the caller has proven possession of the (now revoked) key.
            Self::Store(StoreError::MakerRevoked) => (401, "revoked_key"),
            // 404: what the request names is no longer there.
            Self::Store(StoreError::LeadGone | StoreError::SourceDeleted) => (404, "not_found"),
            // 422: a retry does not help; the detail says what does.
            Self::Store(StoreError::TooMany { .. }) => (422, "too_many"),
            // 503: for load balancers; `reasons` says what is missing.
            Self::NotReady(_) => (503, "not_ready"),
            // 500: a fault of ours.
            Self::Store(_) | Self::Internal => (500, "internal"),
        }
    }

    /// A sentence for the client. Positions and names only, never a value.
    pub(crate) fn detail(&self) -> Cow<'static, str> {
        let detail = match self {
            Self::MissingCredentials => "Send an API key: `Authorization: Bearer lg_live_…`.",
            Self::SeveralCredentials => "Send one API key, in one place.",
            Self::UnsupportedScheme => "The Authorization scheme is Bearer.",
            Self::MalformedKey => "This is no API key: its checksum is wrong. Was it copied whole?",
            Self::InvalidKey => "There is no such API key.",
            Self::RevokedKey => {
                "This API key was revoked, or its organization is disabled, or its source is deleted."
            }
            Self::UnknownToken => "There is no such webhook.",
            Self::SourceDisabled => "This source is disabled and takes no leads.",
            Self::WrongSource => "This API key is bound to another source.",
            Self::AddressNotAllowed => "This source takes nothing from this address.",
            Self::OriginNotAllowed => "This key may not be used from this web page.",
            Self::MissingSignature => {
                "This source requires signed requests: send webhook-id (1 to 255 visible ASCII characters), webhook-timestamp \
                 and webhook-signature, each once."
            }
            Self::InvalidSignature => "The signature is not that of this body.",
            Self::StaleSignature => "The signature's timestamp is more than five minutes from now.",
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
            Self::KeysUnavailable => "API keys cannot be checked at the moment.",
            Self::RateLimited { .. } => "Too many requests; see Retry-After.",
            Self::LargerThanLimit => "This is more than the rate limit ever admits at once.",
            Self::UnexpectedBody => "This route takes no body. Send its values in the path and the query.",
            Self::UnsupportedMediaType => {
                "This Content-Type is not taken here; application/json in UTF-8 always is."
            }
            Self::UnsupportedEncoding => "Bodies are taken without Content-Encoding.",
            Self::InvalidIdempotencyKey => "Send one Idempotency-Key of 1 to 255 visible ASCII characters.",
            Self::IdempotencyInFlight => "The first request with this Idempotency-Key is under way.",
            Self::IdempotencyMismatch => "This Idempotency-Key was used with another body.",
            Self::BodyTooLarge { limit } => return format!("A body may have {limit} bytes.").into(),
            Self::MappedTooLarge => "The source's mapping makes more than 256 KB of this body.",
            Self::BodyTimeout => "The body did not arrive in time.",
            Self::BodyInterrupted => "The body ended before its declared length.",
            Self::BulkMemoryFull => {
                "Too many bulk requests are being processed. Retry after the time in `Retry-After`."
            }
            Self::OperationRunning => {
                "An erasure, a reprocessing, an import or an export of this organization is running. Retry when it has \
                 ended."
            }
            Self::NotCsv => "Send the list as text/csv, without Content-Encoding.",
            Self::InvalidDocument(fault) => return fault.detail(),
            Self::EmptyLead => "The lead says nothing.",
            Self::InvalidFields(_) => "The lead has faults; see `errors`.",
            Self::Mapping(fault) => return format!("The source's mapping does not fit: {fault}.").into(),
            Self::InvalidSettings(detail) => return format!("{detail}.").into(),
            Self::Conflict => "It was changed by another request at the same time. Send the request again.",
            Self::UnknownParameter { name, known } => return unknown_parameter(name, known).into(),
            Self::RepeatedParameter { name } => return format!("`{name}` can be sent once.").into(),
            Self::InvalidParameter { detail, .. } => return detail.clone(),
            Self::NotFound => "There is nothing here.",
            Self::MethodNotAllowed { .. } => "This method is not served here; see Allow.",
            Self::Queue(_) => "The lead could not be made durable. Send it again.",
            Self::Store(StoreError::Unavailable { .. } | StoreError::NotMigrated) | Self::StoreTimeout => {
                "The database cannot be read at the moment."
            }
            Self::Store(StoreError::MakerRevoked) => "This API key was revoked.",
            Self::Store(StoreError::LeadGone | StoreError::SourceDeleted) => "There is nothing here.",
            Self::Store(error @ StoreError::TooMany { .. }) => return format!("{error}.").into(),
            Self::NotReady(_) => "This gateway cannot take leads at the moment; see `reasons`.",
            Self::Store(_) | Self::Internal => "Something went wrong here.",
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
            Self::InvalidFields(faults) => faults
                .iter()
                .map(|fault| body(fault.pointer.as_str().into(), fault.code, fault.detail.as_str().into()))
                .collect(),
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

    /// The same, of a token instead of an API key: there is no such URL.
    pub(crate) fn for_key_kind(self, kind: KeyKind) -> Self {
        match (kind, self) {
            (KeyKind::Token, Self::InvalidKey | Self::RevokedKey) => Self::UnknownToken,
            (_, refusal) => refusal,
        }
    }
}

impl Refusal {
    /// Why another body does not repair a submission.
    pub(crate) fn not_repairable(why: RepairError) -> Self {
        match why {
            RepairError::BodyErased => Self::Internal,
            RepairError::Document(fault) => Self::InvalidDocument(fault),
            RepairError::Decode(fault) => Self::undecodable(fault),
        }
    }
}

impl Refusal {
    /// Why a request is no lead.
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
    let takes = if known.is_empty() { "It takes none.".to_owned() } else { format!("It takes {known}.") };
    format!("This route has no parameter `{name}`. {takes}")
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
