//! `x-request-id`: one id of a request, in its response and in its log lines.

use actix_web::Error;
use actix_web::body::MessageBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::header::{HeaderMap, HeaderName, HeaderValue};
use actix_web::middleware::Next;
use tracing::Instrument;
use uuid::Uuid;

use crate::single_header::valid_single_header;

const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

const MAX_LENGTH: usize = 128;

/// Uses the id that the client sent, if it is well-formed, so that both logs name the same request.
/// Otherwise generates an id.
pub(crate) async fn assign<B: MessageBody + 'static>(
    request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<B>, Error> {
    let id = client_id(request.headers()).map_or_else(|| Uuid::now_v7().to_string(), str::to_owned);
    let span = tracing::info_span!("request", request.id = id);
    let mut response = next.call(request).instrument(span).await?;
    if let Ok(id) = HeaderValue::try_from(id) {
        response.headers_mut().insert(X_REQUEST_ID, id);
    }
    Ok(response)
}

/// The id is written to the log, so only short ids of plain characters are accepted.
fn client_id(headers: &HeaderMap) -> Option<&str> {
    let id = valid_single_header(headers, X_REQUEST_ID)?;
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.:".contains(&byte);
    let well_formed = (1..=MAX_LENGTH).contains(&id.len()) && id.bytes().all(plain);
    well_formed.then_some(id)
}
