//! What is served where.

mod audit;
mod campaigns;
mod contacts;
mod health;
mod keys;
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
use std::sync::LazyLock;

use actix_web::web::{ServiceConfig, to};
use leadgate_dialect::{kickofflabs, protocol};
use leadgate_domain::Dialect::{self, AskAd, KickoffLabs, Native};

use crate::http_route::{self, HttpRoute};
use crate::problem::Refused;
use crate::refusal::Refusal;

/// Every route of the public address.
pub fn routes() -> &'static [HttpRoute] {
    static ROUTES: LazyLock<Vec<HttpRoute>> = LazyLock::new(|| {
        let intake = Dialect::ALL.iter().flat_map(|dialect| {
            protocol(*dialect).intake.iter().map(|path| HttpRoute::intake(path, *dialect))
        });
        own_routes().into_iter().chain(intake).collect()
    });
    &ROUTES
}

/// Those that no dialect declares as a path for leads.
fn own_routes() -> Vec<HttpRoute> {
    vec![
        // Leads, as clients of several systems read them.
        HttpRoute::of("GET", "/v1/leads", None, leads::list),
        HttpRoute::posted(&kickofflabs::CREATE_WEBHOOK, KickoffLabs, campaigns::create_webhook),
        HttpRoute::of("GET", "/api/v1/contacts", Some(AskAd), contacts::contacts),
        HttpRoute::of("GET", "/api/v1/deals", Some(AskAd), contacts::deals),
        HttpRoute::post("/v1/leads/validate", validate::validate),
        HttpRoute::get("/v1/leads/{id}", leads::show),
        HttpRoute::patch("/v1/leads/{id}", leads::update),
        HttpRoute::delete("/v1/leads/{id}", leads::delete),
        HttpRoute::put("/v1/leads/{id}/status", leads::set_status),
        HttpRoute::get("/v1/submissions/{id}", submissions::show),
        HttpRoute::get("/v1/reports/intake", reports::intake),
        // What an organization has set up: changes need the scope `admin`, looking at most of it `read`.
        HttpRoute::get("/v1/tags", tags::list),
        HttpRoute::post("/v1/tags", tags::create),
        HttpRoute::get("/v1/sources", sources::list),
        HttpRoute::post("/v1/sources", sources::create),
        HttpRoute::delete("/v1/sources/{id}", sources::delete),
        HttpRoute::post("/v1/sources/{id}/disable", sources::disable),
        HttpRoute::post("/v1/sources/{id}/enable", sources::enable),
        HttpRoute::patch("/v1/keys/{id}", keys::update),
        HttpRoute::get("/v1/suppressions", suppressions::list),
        HttpRoute::post("/v1/suppressions", suppressions::add),
        HttpRoute::post("/v1/suppressions/find", suppressions::find),
        HttpRoute::post("/v1/suppressions/remove", suppressions::remove),
        HttpRoute::get("/v1/scoring", scoring::show),
        HttpRoute::put("/v1/scoring", scoring::set),
        HttpRoute::get("/v1/audit", audit::list),
        HttpRoute::get("/v1/quarantine", quarantine::list),
        HttpRoute::get("/v1/quarantine/{id}", quarantine::show),
        HttpRoute::post("/v1/quarantine/{id}/release", quarantine::release),
        HttpRoute::post("/v1/quarantine/{id}/repair", quarantine::repair),
        HttpRoute::post("/v1/quarantine/{id}/discard", quarantine::discard),
        HttpRoute::open("/healthz", health::alive),
        HttpRoute::open("/readyz", health::ready),
        HttpRoute::open("/metrics", metrics::show),
    ]
}

/// Every route of the address for operators.
pub fn operator_routes() -> &'static [HttpRoute] {
    static ROUTES: LazyLock<Vec<HttpRoute>> = LazyLock::new(|| {
        vec![
            HttpRoute::open("/healthz", health::alive),
            HttpRoute::open("/readyz", health::ready_to_operators),
            HttpRoute::open("/metrics", metrics::to_operators),
        ]
    });
    &ROUTES
}

/// Serves a table of routes; other paths get a 404.
pub(crate) fn serve(routes: &'static [HttpRoute], config: &mut ServiceConfig) {
    http_route::serve(routes, config);
    let not_found = || ready(Err::<&str, Refused>(Refusal::NotFound.without_route(Native)));
    config.default_service(to(not_found));
}
