//! The reasons to refuse a request, and their mapping to HTTP.

mod conversions;
mod store_refusal;

use std::borrow::Cow;

use leadgate_dialect::{DocumentError, ProblemItem};
use leadgate_domain::mapping::MappingFault;
use leadgate_domain::validate::FieldFault;
use leadgate_domain::{KeyKind, Scope};
use leadgate_queue::PublishError;

use crate::readiness::ReadinessReason;
use store_refusal::StoreRefusal;

/// The reason why a request is refused.
///
/// `Display` is the sentence for the client. It contains positions and names, never a value. The code is the
/// name of the variant unless an attribute says otherwise.
#[derive(Debug, thiserror::Error, strum::IntoStaticStr)]
#[strum(serialize_all = "snake_case")]
pub(crate) enum Refusal {
    // No credentials, or malformed ones. Each mistake has its own code.
    #[error("Send an API key: `Authorization: Bearer lg_live_…`.")]
    MissingCredentials,
    #[error("Several credentials were sent. Send one API key in one place.")]
    SeveralCredentials,
    #[error("The Authorization scheme is not supported. Send `Authorization: Bearer lg_live_…`.")]
    UnsupportedScheme,
    #[error(
        "The API key is malformed: its format or checksum is wrong. Check that it was copied completely."
    )]
    MalformedKey,
    /// Unknown and wrong alike, so that a response does not reveal which key ids exist.
    #[error("The API key is not valid. Check the key, and that it belongs to this installation.")]
    InvalidKey,
    /// Only if the caller has proven that it has the revoked key.
    #[error(
        "The API key was revoked or has expired, its organization is disabled, or its source is deleted. Use another \
         key."
    )]
    RevokedKey,
    /// The same for a wrong and for a revoked token in a URL.
    #[error("The webhook URL is not valid: its token is unknown, revoked or expired.")]
    UnknownToken,
    #[error("The API key lacks the scope `{}`.", .0.as_str())]
    InsufficientScope(Scope),
    #[error("The API key is bound to another source. Use a key of this source or an organization-wide key.")]
    #[strum(serialize = "other_source")]
    WrongSource,
    /// Until an operator enables it again.
    #[error("The source is disabled. It accepts no leads until an administrator enables it.")]
    SourceDisabled,
    #[error(
        "The source does not accept requests from this IP address. Its setting `networks` lists the allowed ones."
    )]
    AddressNotAllowed,
    #[error(
        "The key may not be used from this web page. Add the origin of the page to the `origins` of the key."
    )]
    OriginNotAllowed,
    // The source accepts only posts with a recent signature.
    #[error(
        "This source requires signed requests: send webhook-id (1 to 255 visible ASCII characters), webhook-timestamp \
         and webhook-signature, each once."
    )]
    MissingSignature,
    #[error(
        "The signature does not match the body. Sign `webhook-id.webhook-timestamp.body` with the secret of the source."
    )]
    InvalidSignature,
    #[error(
        "`webhook-timestamp` differs from the current time by more than five minutes. Check the clock of the sender."
    )]
    StaleSignature,
    /// Reading the query would accept an unsigned value, and ignoring it would lose the value.
    #[error(
        "This source requires signed requests, and a signature does not cover the query: send all values in the \
         JSON body."
    )]
    #[strum(serialize = "unsigned_query")]
    QueryNotSigned,
    /// The key is valid, but every visitor of the page can read it.
    #[error(
        "This is a secret key, and it was sent from a web page, where every visitor can read it. Revoke it, and \
         use a publishable key there (`leadgate key create --publishable --origins …`)."
    )]
    SecretKeyInPage,
    /// The key cannot be checked now. After a 401 a client might discard a valid key.
    #[error("API keys cannot be checked at the moment. Send the request again later.")]
    KeysUnavailable,
    #[error("Too many requests; see Retry-After.")]
    RateLimited { retry_after_seconds: u64 },
    /// Waiting would not help.
    #[error(
        "The request has more leads than the rate limit allows at once. Send fewer leads in one request."
    )]
    LargerThanLimit,
    /// If a body were ignored, the client would assume that its values have an effect.
    #[error("The route accepts no body. Send the values in the path and the query.")]
    UnexpectedBody,
    #[error("The Content-Type is not supported. Send application/json in UTF-8.")]
    UnsupportedMediaType,
    /// Nothing here decompresses.
    #[error("Content-Encoding is not supported. Send the body uncompressed.")]
    UnsupportedEncoding,
    /// An invalid header must not be ignored, because the client relies on it.
    #[error("The Idempotency-Key is not valid. Send it once, with 1 to 255 visible ASCII characters.")]
    InvalidIdempotencyKey,
    #[error(
        "The first request with this Idempotency-Key is still being processed. Send the request again later."
    )]
    IdempotencyInFlight,
    #[error("This Idempotency-Key was used with another body. Send a new key with each new request.")]
    IdempotencyMismatch,
    /// Sent before the body is read, if its length is declared.
    #[error("The body is too large: at most {limit} bytes are allowed.")]
    BodyTooLarge { limit: usize },
    /// The mapping copies parts of the body.
    #[error(
        "The mapping of the source turns the body into more than 256 KB. Send a smaller body or change the mapping."
    )]
    #[strum(serialize = "body_too_large")]
    MappedTooLarge,
    #[error("The body did not arrive in time. Send the request again.")]
    BodyTimeout,
    /// The connection ended, or the framing broke, before the body did.
    #[error("The body is incomplete: the connection ended, or the framing is malformed.")]
    #[strum(serialize = "body_broken")]
    BodyInterrupted,
    /// The memory budget of bulk requests is used up.
    #[error("Too many bulk requests are being processed. Retry after the time in `Retry-After`.")]
    #[strum(serialize = "bulk_busy")]
    BulkMemoryFull,
    /// Each organization can run one at a time.
    #[error(
        "An erasure, a reprocessing, a replay, an import or an export of this organization is running. Retry when it \
         has ended."
    )]
    OperationRunning,
    #[error("Send the list as text/csv, without Content-Encoding.")]
    #[strum(serialize = "unsupported_media_type")]
    NotCsv,
    #[error("{}", .0.detail())]
    InvalidDocument(DocumentError),
    /// `{}` is a document, but it contains no lead.
    #[error("The lead is empty. Send at least one field.")]
    EmptyLead,
    /// The document has invalid fields. `errors` names each.
    #[error("Some fields are not valid; see `errors`.")]
    #[strum(serialize = "invalid_lead")]
    InvalidFields(Vec<FieldFault>),
    #[error("The mapping of the source cannot be applied to the body: {0}.")]
    #[strum(serialize = "mapping_failed")]
    Mapping(MappingFault),
    /// A document, but not valid settings.
    #[error("{0}.")]
    InvalidSettings(String),
    #[error("Another request made a change at the same time. Send the request again.")]
    Conflict,
    /// If an unknown filter were ignored, the client would assume that the response is filtered.
    #[error("{}", unknown_parameter(.name, .known))]
    UnknownParameter { name: String, known: &'static [&'static str] },
    #[error("The parameter `{name}` was sent several times. Send it once.")]
    RepeatedParameter { name: &'static str },
    #[error("{detail}")]
    InvalidParameter { name: &'static str, detail: Cow<'static, str> },
    /// The same for an unknown id and for an id of another organization.
    #[error("The path or the id does not exist.")]
    NotFound,
    #[error("The path does not support this method; see `Allow`.")]
    MethodNotAllowed { allowed: String },
    /// The lead is not accepted. The client can send the same request again.
    #[error("The lead could not be stored durably. Send the request again.")]
    #[strum(serialize = "queue_unavailable")]
    Queue(PublishError),
    #[error("{}", .0.detail)]
    Store(Box<StoreRefusal>),
    /// Reads wait for the database, posts do not.
    #[error("The database is not available at the moment. Send the request again later.")]
    #[strum(serialize = "store_unavailable")]
    StoreTimeout,
    /// For load balancers. `reasons` says what is missing.
    #[error("This gateway cannot accept leads at the moment; see `reasons`.")]
    NotReady(Vec<ReadinessReason>),
    /// A bug or a misconfiguration of this server.
    #[error("An internal error occurred. Report it with the `x-request-id` of the response.")]
    Internal,
}

impl Refusal {
    /// The HTTP status. A dialect may answer with another one.
    pub(crate) fn status(&self) -> u16 {
        match self {
            Self::QueryNotSigned
            | Self::UnexpectedBody
            | Self::InvalidIdempotencyKey
            | Self::BodyInterrupted
            | Self::InvalidDocument(_)
            | Self::UnknownParameter { .. }
            | Self::RepeatedParameter { .. }
            | Self::InvalidParameter { .. } => 400,
            Self::MissingCredentials
            | Self::SeveralCredentials
            | Self::UnsupportedScheme
            | Self::MalformedKey
            | Self::InvalidKey
            | Self::RevokedKey
            | Self::MissingSignature
            | Self::InvalidSignature
            | Self::StaleSignature => 401,
            Self::InsufficientScope(_)
            | Self::WrongSource
            | Self::SourceDisabled
            | Self::AddressNotAllowed
            | Self::OriginNotAllowed
            | Self::SecretKeyInPage => 403,
            Self::UnknownToken | Self::NotFound => 404,
            Self::MethodNotAllowed { .. } => 405,
            Self::BodyTimeout => 408,
            // draft-ietf-httpapi-idempotency-key-header-07, section 2.6: 409 and 422.
            Self::IdempotencyInFlight | Self::Conflict => 409,
            Self::BodyTooLarge { .. } | Self::MappedTooLarge => 413,
            // Also for codings (RFC 9110, section 15.5.16).
            Self::UnsupportedMediaType | Self::UnsupportedEncoding | Self::NotCsv => 415,
            Self::LargerThanLimit
            | Self::IdempotencyMismatch
            | Self::EmptyLead
            | Self::InvalidFields(_)
            | Self::Mapping(_)
            | Self::InvalidSettings(_) => 422,
            Self::RateLimited { .. } => 429,
            Self::Internal => 500,
            Self::KeysUnavailable
            | Self::BulkMemoryFull
            | Self::OperationRunning
            | Self::Queue(_)
            | Self::StoreTimeout
            | Self::NotReady(_) => 503,
            Self::Store(refusal) => refusal.status,
        }
    }

    /// The stable code, for responses, logs and metrics.
    pub(crate) fn code(&self) -> &'static str {
        match self {
            Self::InvalidDocument(fault) => fault.code(),
            Self::Store(refusal) => refusal.code,
            refusal => refusal.into(),
        }
    }

    /// The text for logs: it contains more detail of a port's error than the response, and no personal data.
    pub(crate) fn log_text(&self) -> String {
        match self {
            Self::Queue(error) => error.to_string(),
            Self::Store(refusal) => refusal.error.to_string(),
            _ => self.code().to_owned(),
        }
    }

    pub(crate) fn errors(&self) -> Vec<ProblemItem<'_>> {
        let body =
            |pointer, code, detail| ProblemItem { pointer: Some(pointer), parameter: None, code, detail };
        match self {
            Self::InvalidDocument(fault) => {
                let pointer = fault.pointer().into_iter();
                pointer.map(|pointer| body(pointer.into(), fault.code(), fault.detail())).collect()
            }
            Self::InvalidFields(faults) => faults.iter().map(ProblemItem::from).collect(),
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

    fn about_parameter<'n>(&self, name: &'n str) -> ProblemItem<'n> {
        ProblemItem {
            pointer: None,
            parameter: Some(name),
            code: self.code(),
            detail: self.to_string().into(),
        }
    }

    /// For a token, an invalid or revoked key is reported as an unknown URL.
    pub(crate) fn for_key_kind(self, kind: KeyKind) -> Self {
        match (kind, self) {
            (KeyKind::Token, Self::InvalidKey | Self::RevokedKey) => Self::UnknownToken,
            (_, refusal) => refusal,
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
