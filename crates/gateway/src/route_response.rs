//! Successful responses.

use std::marker::PhantomData;

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use leadgate_dialect::DialectResponse;
use serde::Serialize;

/// A value that a route can return as its response.
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

/// A serialized JSON response. The type parameter says which type was serialized.
///
/// It is contravariant: a response that was serialized from a borrowed `T<'a>` can be returned as one of
/// `T<'static>`.
pub(crate) struct JsonResponse<T> {
    status: StatusCode,
    body: Vec<u8>,
    serialized: PhantomData<fn(T)>,
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
            // Cannot happen: no response has a map with keys that are not strings.
            Err(_) => (StatusCode::INTERNAL_SERVER_ERROR, Vec::new()),
        };
        Self { status, body, serialized: PhantomData }
    }
}

impl<T> RouteResponse for JsonResponse<T> {
    fn into_response(self) -> HttpResponse {
        HttpResponse::build(self.status).content_type("application/json").body(self.body)
    }
}

/// A page of a list. The client sends `next` as the parameter `after` to get the following page.
#[derive(Serialize)]
pub(crate) struct ListResponse<T> {
    pub(crate) data: Vec<T>,
    pub(crate) next: Option<String>,
}
