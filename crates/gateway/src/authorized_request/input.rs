//! The parts of a request that a route reads: the id in the path, and the body.

use actix_web::web::Payload;
use actix_web::{HttpRequest, web};
use leadgate_domain::{EndpointId, KeyId, LeadId, SourceId, SubmissionId, json};
use leadgate_operations::read_document;
use serde::de::DeserializeOwned;
use uuid::Uuid;

use crate::body::{self, BodyLimits};
use crate::refusal::Refusal;
use crate::state::GatewayState;

/// The part `{id}` of a path. A malformed id is answered like an id that does not exist.
pub(crate) trait PathId: Sized + 'static {
    fn read(text: &str) -> Option<Self>;
}

impl PathId for () {
    fn read(_text: &str) -> Option<Self> {
        Some(())
    }
}

impl PathId for Uuid {
    fn read(text: &str) -> Option<Self> {
        text.parse().ok()
    }
}

/// The number of a version.
impl PathId for u32 {
    fn read(text: &str) -> Option<Self> {
        text.parse().ok()
    }
}

impl PathId for LeadId {
    fn read(text: &str) -> Option<Self> {
        Uuid::read(text).map(Self::from_uuid)
    }
}

impl PathId for SourceId {
    fn read(text: &str) -> Option<Self> {
        Uuid::read(text).map(Self::from_uuid)
    }
}

impl PathId for EndpointId {
    fn read(text: &str) -> Option<Self> {
        Uuid::read(text).map(Self::from_uuid)
    }
}

impl PathId for SubmissionId {
    fn read(text: &str) -> Option<Self> {
        Uuid::read(text).map(Self::from_uuid)
    }
}

impl PathId for KeyId {
    fn read(text: &str) -> Option<Self> {
        Self::parse(text)
    }
}

/// A type that a route can accept as its body.
pub(crate) trait BodyInput: Sized + 'static {
    async fn read(request: &HttpRequest, payload: Payload, state: &GatewayState) -> Result<Self, Refusal>;
}

/// For a route without a body.
pub(crate) struct NoBody;

impl BodyInput for NoBody {
    async fn read(request: &HttpRequest, _payload: Payload, _state: &GatewayState) -> Result<Self, Refusal> {
        if body::is_empty(request.headers()) { Ok(Self) } else { Err(Refusal::UnexpectedBody) }
    }
}

/// A body that the handler reads itself.
impl BodyInput for Payload {
    async fn read(_request: &HttpRequest, payload: Payload, _state: &GatewayState) -> Result<Self, Refusal> {
        Ok(payload)
    }
}

/// A small JSON document.
impl<T: DeserializeOwned + 'static> BodyInput for web::Json<T> {
    async fn read(request: &HttpRequest, payload: Payload, state: &GatewayState) -> Result<Self, Refusal> {
        let config = &state.config;
        let limits = BodyLimits { limit: config.body_limit, timeout: config.body_timeout };
        body::declared_json(request.headers())?;
        body::check_head(request.headers(), limits)?;
        let body = body::read(request, payload, limits).await?;
        let document = json::parse_settings(&body).map_err(|fault| Refusal::InvalidDocument(fault.into()))?;
        // serde would read the items of an array as fields, in their order.
        if !document.is_object() {
            return Err(Refusal::InvalidSettings("the body must be a JSON object".to_owned()));
        }
        read_document(document).map(web::Json).map_err(Refusal::InvalidSettings)
    }
}

/// An optional JSON document.
impl<T: DeserializeOwned + 'static> BodyInput for Option<web::Json<T>> {
    async fn read(request: &HttpRequest, payload: Payload, state: &GatewayState) -> Result<Self, Refusal> {
        let is_empty = body::is_empty(request.headers());
        if is_empty { Ok(None) } else { web::Json::read(request, payload, state).await.map(Some) }
    }
}
