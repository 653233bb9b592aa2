//! What is served where.

mod health;
mod leads;
mod metrics;
mod submissions;

use std::future::ready;

use actix_web::guard::{Any, Get, Head};
use actix_web::web::{ServiceConfig, resource, route, to};
use actix_web::{Resource, Route};

use crate::problem::Refusal;

const READ: &str = "GET, HEAD";

pub(crate) fn serve(config: &mut ServiceConfig) {
    let leads =
        resource("/v1/leads").route(actix_web::web::post().to(leads::post)).route(get().to(leads::list));
    config
        .service(only("GET, HEAD, POST", leads))
        .service(only(READ, resource("/v1/leads/{id}").route(get().to(leads::show))))
        .service(only(READ, resource("/v1/submissions/{id}").route(get().to(submissions::show))))
        .service(only(READ, resource("/healthz").route(get().to(health::alive))))
        .service(only(READ, resource("/readyz").route(get().to(health::ready))))
        .service(only(READ, resource("/metrics").route(get().to(metrics::show))))
        .default_service(to(|| ready(Err::<&str, _>(Refusal::NotFound))));
}

/// GET, and HEAD wherever there is GET (RFC 9110, section 9.1).
fn get() -> Route {
    route().guard(Any(Get()).or(Head()))
}

fn only(allowed: &'static str, resource: Resource) -> Resource {
    resource.default_service(to(move || ready(Err::<&str, _>(Refusal::MethodNotAllowed { allowed }))))
}
