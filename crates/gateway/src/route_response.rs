//! Answers that are no refusals.

use std::marker::PhantomData;

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use leadgate_dialect::DialectResponse;
use serde::Serialize;

/// What a route answers with.
pub(crate) trait RouteResponse {
    fn into_response(self) -> HttpResponse;
}

impl RouteResponse for HttpResponse {
    fn into_response(self) -> HttpResponse {
        self
    }
}

impl RouteResponse for DialectResponse {
    fn into_response(self) -> HttpResponse {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::OK);
        HttpResponse::build(status).content_type(self.content_type).body(self.body)
    }
}

/// An answer in JSON, already written; its type says what was written.
///
/// The type parameter is contravariant: what was written of a borrowed `T<'a>` can be returned as a `T<'static>`.
pub(crate) struct JsonResponse<T> {
    status: StatusCode,
    body: Vec<u8>,
    written: PhantomData<fn(T)>,
}

impl<T: Serialize> JsonResponse<T> {
    /// 200.
    pub(crate) fn ok(value: &T) -> Self {
        Self::with(StatusCode::OK, value)
    }

    /// 201.
    pub(crate) fn created(value: &T) -> Self {
        Self::with(StatusCode::CREATED, value)
    }

    /// 202.
    pub(crate) fn accepted(value: &T) -> Self {
        Self::with(StatusCode::ACCEPTED, value)
    }

    pub(crate) fn with(status: StatusCode, value: &T) -> Self {
        let (status, body) = match serde_json::to_vec(value) {
            Ok(body) => (status, body),
            // No answer has a map with keys that are no texts.
            Err(_) => (StatusCode::INTERNAL_SERVER_ERROR, Vec::new()),
        };
        Self { status, body, written: PhantomData }
    }
}

impl<T> RouteResponse for JsonResponse<T> {
    fn into_response(self) -> HttpResponse {
        HttpResponse::build(self.status).content_type("application/json").body(self.body)
    }
}

/// Part of a list; `next` is given back as `after` to get the following part.
#[derive(Serialize)]
pub(crate) struct ListResponse<T> {
    pub(crate) data: Vec<T>,
    pub(crate) next: Option<String>,
}
