//! Middleware around every request: common response headers, one log line, metrics.

use std::sync::LazyLock;
use std::time::Instant;

use actix_web::Error;
use actix_web::body::{BoxBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::header::{self, HeaderValue};
use actix_web::middleware::Next;
use actix_web::web::Data;
use metrics::{Gauge, gauge};

use crate::chunked_body::{ClientSocket, in_chunks};
use crate::origin;
use crate::problem::ProblemResponse;
use crate::refusal::Refusal;
use crate::refusal_log::ServerError;
use crate::route_metrics::RouteMetrics;
use crate::state::GatewayState;

/// Adds the common headers to the response, and records it in the log and the metrics.
pub(crate) async fn observe(
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    let started = Instant::now();
    let _in_flight = InFlightGuard::enter();
    let origin = request.headers().get(header::ORIGIN).cloned();
    let mut response = next.call(request).await?;
    let headers = response.headers_mut();
    if let Some(origin) = origin {
        origin::add_cors_headers(origin, headers);
    }
    // Responses contain personal data, or data that changes.
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    record(&response, started);
    let socket = response.request().conn_data::<ClientSocket>().cloned();
    Ok(response.map_body(|_, body| in_chunks(body, socket)))
}

/// The template of the route is logged instead of the URL, because the URL may contain a token.
fn record(response: &ServiceResponse<impl MessageBody>, started: Instant) {
    let status = response.status();
    let unknown = RouteMetrics::new("unknown");
    let metrics = response.request().app_data::<RouteMetrics>().unwrap_or(&unknown);
    let route = metrics.path;
    let method = method(response);
    let problem = response.response().error().and_then(|error| error.as_error::<ProblemResponse>());
    let refusal = problem.map(|problem| &problem.refusal);
    let code = refusal.map_or("none", Refusal::code);
    let elapsed = started.elapsed();
    let log = response.request().app_data::<Data<GatewayState>>().map(|state| &state.refusals);
    if status.is_server_error() {
        let error = refusal.map_or_else(String::new, Refusal::log_text);
        if log.is_none_or(|log| log.is_first(ServerError { code, route })) {
            tracing::error!(
                http.method = method,
                http.route = route,
                http.status = status.as_u16(),
                problem.code = code,
                took_ms = millis(elapsed),
                error,
                "request failed"
            );
        }
    } else if status.is_client_error() {
        tracing::debug!(
            http.method = method,
            http.route = route,
            http.status = status.as_u16(),
            problem.code = code,
            took_ms = millis(elapsed),
            "request refused"
        );
    }
    metrics.record(method, status, elapsed);
    if let (Some(log), Some(problem)) = (log, problem) {
        log.count(problem.context.caller.clone(), code);
    }
}

fn millis(elapsed: std::time::Duration) -> u64 {
    u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX)
}

/// The method as a metric label. The client can send any name, and labels must be bounded.
fn method(response: &ServiceResponse<impl MessageBody>) -> &'static str {
    match response.request().method().as_str() {
        "GET" => "GET",
        "HEAD" => "HEAD",
        "POST" => "POST",
        "PUT" => "PUT",
        "PATCH" => "PATCH",
        "DELETE" => "DELETE",
        "OPTIONS" => "OPTIONS",
        _ => "other",
    }
}

/// The recorder of the process must be installed before the first request.
static IN_FLIGHT: LazyLock<Gauge> = LazyLock::new(|| gauge!("leadgate_gateway_in_flight"));

/// Counts a request in `leadgate_gateway_in_flight` until it is answered or its client disconnects.
struct InFlightGuard;

impl InFlightGuard {
    fn enter() -> Self {
        IN_FLIGHT.increment(1);
        Self
    }
}

impl Drop for InFlightGuard {
    fn drop(&mut self) {
        IN_FLIGHT.decrement(1);
    }
}
