//! What is served where.

mod audit;
mod campaigns;
mod contacts;
mod health;
mod intake;
mod leads;
mod metrics;
mod quarantine;
mod reports;
mod scoring;
mod sources;
mod submissions;
mod suppressions;
mod tags;
mod validate;

use std::future::ready;

use actix_web::guard::{Any, Get, Head};
use actix_web::http::Method;
use actix_web::web::{ServiceConfig, post, put, resource, route, to};
use actix_web::{HttpRequest, Resource, Route};

use leadgate_domain::Dialect;

use crate::origin;
use crate::problem::Refused;
use crate::refusal::Refusal;

const READ: &str = "GET, HEAD, OPTIONS";
const POST: &str = "POST, OPTIONS";
const BOTH: &str = "GET, HEAD, POST, OPTIONS";

pub(crate) fn serve(config: &mut ServiceConfig) {
    take_leads(config);
    administer(config);
    let list = resource("/v1/leads").route(post().to(intake::leads)).route(get().to(leads::list));
    config
        .service(only(BOTH, list))
        .service(only(POST, resource("/v1/leads/validate").route(post().to(validate::validate))))
        .service(only(READ, resource("/v1/leads/{id}").route(get().to(leads::show))))
        .service(only(READ, resource("/v1/submissions/{id}").route(get().to(submissions::show))))
        .service(only(READ, resource("/api/v1/contacts").route(get().to(contacts::contacts))))
        .service(only(READ, resource("/api/v1/deals").route(get().to(contacts::deals))))
        .service(only(READ, resource("/v1/reports/intake").route(get().to(reports::intake))))
        .service(only(READ, resource("/healthz").route(get().to(health::alive))))
        .service(only(READ, resource("/readyz").route(get().to(health::ready))))
        .service(only(READ, resource("/metrics").route(get().to(metrics::show))))
        .default_service(to(|| ready(Err::<&str, Refused>(Refusal::NotFound.into()))));
}

/// Routes for operators, on their own address.
pub(crate) fn serve_operators(config: &mut ServiceConfig) {
    config
        .service(only(READ, resource("/healthz").route(get().to(health::alive))))
        .service(only(READ, resource("/readyz").route(get().to(health::ready_to_operators))))
        .service(only(READ, resource("/metrics").route(get().to(metrics::to_operators))))
        .default_service(to(|| ready(Err::<&str, Refused>(Refusal::NotFound.into()))));
}

/// The paths by which clients of other systems bring leads.
fn take_leads(config: &mut ServiceConfig) {
    use Dialect::{AbcSales, AskAd, FiveHundredLeads, KickoffLabs};
    let door = |spoken, path: &str, route: Route| only_in(spoken, POST, resource(path).route(route));
    let webhooks = resource("/v2/{campaign}/inbound-webhook").route(post().to(campaigns::create_webhook));
    config
        .service(door(AbcSales, "/v1/webhooks/leads", post().to(intake::webhooks_leads)))
        .service(door(FiveHundredLeads, "/api/webhooks/inbound/{token}", post().to(intake::token)))
        .service(door(FiveHundredLeads, "/api/webhooks/{token}", post().to(intake::token)))
        .service(only_in(KickoffLabs, POST, webhooks))
        .service(door(
            KickoffLabs,
            "/v2/{campaign}/inbound-webhook/{token}",
            post().to(intake::campaign_token),
        ))
        .service(door(KickoffLabs, "/v2/{campaign}", post().to(intake::campaign)))
        .service(door(KickoffLabs, "/v2/{campaign}/", post().to(intake::campaign)))
        .service(door(AskAd, "/api/v1/leads/inbound", post().to(intake::inbound)))
        .service(door(AskAd, "/api/v1/leads/capture", post().to(intake::capture)));
}

/// What an organization has set up: changes need the scope `admin`, looking at most of it `read`.
fn administer(config: &mut ServiceConfig) {
    let both = |path: &str, show: Route, make: Route| only(BOTH, resource(path).route(show).route(make));
    config
        .service(both("/v1/tags", get().to(tags::list), post().to(tags::create)))
        .service(both("/v1/sources", get().to(sources::list), post().to(sources::create)))
        .service(both("/v1/suppressions", get().to(suppressions::list), post().to(suppressions::add)))
        .service(only(POST, resource("/v1/suppressions/find").route(post().to(suppressions::find))))
        .service(only(POST, resource("/v1/suppressions/remove").route(post().to(suppressions::remove))))
        .service(only(
            "GET, HEAD, PUT, OPTIONS",
            resource("/v1/scoring").route(get().to(scoring::show)).route(put().to(scoring::set)),
        ))
        .service(only(READ, resource("/v1/audit").route(get().to(audit::list))))
        .service(only(READ, resource("/v1/quarantine").route(get().to(quarantine::list))))
        .service(only(READ, resource("/v1/quarantine/{id}").route(get().to(quarantine::show))))
        .service(only(POST, resource("/v1/quarantine/{id}/release").route(post().to(quarantine::release))))
        .service(only(POST, resource("/v1/quarantine/{id}/repair").route(post().to(quarantine::repair))))
        .service(only(POST, resource("/v1/quarantine/{id}/discard").route(post().to(quarantine::discard))));
}

/// GET, and HEAD wherever there is GET (RFC 9110, section 9.1).
fn get() -> Route {
    route().guard(Any(Get()).or(Head()))
}

fn only(allowed: &'static str, resource: Resource) -> Resource {
    only_in(Dialect::Native, allowed, resource)
}

/// Answers CORS preflights; other methods get a 405 in the path's dialect.
fn only_in(spoken: Dialect, allowed: &'static str, resource: Resource) -> Resource {
    let other = move |request: HttpRequest| {
        let answer = match *request.method() {
            Method::OPTIONS => Ok(origin::preflight(&request, allowed)),
            _ => Err(Refusal::MethodNotAllowed { allowed }.said_in(spoken)),
        };
        ready(answer)
    };
    resource.default_service(to(other))
}
