//! What is served where.

mod audit;
mod campaigns;
mod contacts;
mod health;
mod intake;
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

use actix_web::web::{ServiceConfig, to};
use leadgate_domain::Dialect::{AbcSales, AskAd, FiveHundredLeads, KickoffLabs};

use crate::http_route::{self, HttpRoute, Parameters};
use crate::problem::Refused;
use crate::refusal::Refusal;

const PAGE: &[&str] = &["limit", "after"];

/// Every route of the public address.
#[rustfmt::skip]
pub static ROUTES: &[HttpRoute] = &[
    // Leads, as clients of several systems post and read them.
    HttpRoute::get("/v1/leads", PAGE, || to(leads::list)).shared(),
    HttpRoute::post("/v1/leads", &[], || to(intake::leads)).shared(),
    HttpRoute::post("/v1/webhooks/leads", &[], || to(intake::webhooks_leads)).of(AbcSales),
    HttpRoute::post("/api/webhooks/inbound/{token}", &[], || to(intake::token))
        .taking(Parameters::Tracking).of(FiveHundredLeads),
    HttpRoute::post("/api/webhooks/{token}", &[], || to(intake::token))
        .taking(Parameters::Tracking).of(FiveHundredLeads),
    HttpRoute::post("/v2/{campaign}/inbound-webhook", &[], || to(campaigns::create_webhook))
        .taking(Parameters::Fields).of(KickoffLabs),
    HttpRoute::post("/v2/{campaign}/inbound-webhook/{token}", &[], || to(intake::campaign_token))
        .taking(Parameters::Fields).of(KickoffLabs),
    HttpRoute::post("/v2/{campaign}", &[], || to(intake::campaign)).taking(Parameters::Fields).of(KickoffLabs),
    HttpRoute::post("/v2/{campaign}/", &[], || to(intake::campaign)).taking(Parameters::Fields).of(KickoffLabs),
    HttpRoute::post("/api/v1/leads/inbound", &[], || to(intake::inbound)).of(AskAd),
    HttpRoute::post("/api/v1/leads/capture", &[], || to(intake::capture)).of(AskAd),
    HttpRoute::get("/api/v1/contacts", &["page", "limit"], || to(contacts::contacts)).of(AskAd),
    HttpRoute::get("/api/v1/deals", &["page", "limit", "stage"], || to(contacts::deals)).of(AskAd),
    HttpRoute::post("/v1/leads/validate", &[], || to(validate::validate)),
    HttpRoute::get("/v1/leads/{id}", &[], || to(leads::show)),
    HttpRoute::patch("/v1/leads/{id}", || to(leads::update)),
    HttpRoute::delete("/v1/leads/{id}", || to(leads::delete)),
    HttpRoute::put("/v1/leads/{id}/status", &[], || to(leads::set_status)),
    HttpRoute::get("/v1/submissions/{id}", &[], || to(submissions::show)),
    HttpRoute::get("/v1/reports/intake", &["source", "day", "timezone"], || to(reports::intake)),
    // What an organization has set up: changes need the scope `admin`, looking at most of it `read`.
    HttpRoute::get("/v1/tags", PAGE, || to(tags::list)),
    HttpRoute::post("/v1/tags", &[], || to(tags::create)),
    HttpRoute::get("/v1/sources", PAGE, || to(sources::list)),
    HttpRoute::post("/v1/sources", &[], || to(sources::create)),
    HttpRoute::delete("/v1/sources/{id}", || to(sources::delete)),
    HttpRoute::post("/v1/sources/{id}/disable", &[], || to(sources::disable)),
    HttpRoute::post("/v1/sources/{id}/enable", &[], || to(sources::enable)),
    HttpRoute::patch("/v1/keys/{id}", || to(keys::update)),
    HttpRoute::get("/v1/suppressions", PAGE, || to(suppressions::list)),
    HttpRoute::post("/v1/suppressions", &[], || to(suppressions::add)),
    HttpRoute::post("/v1/suppressions/find", &[], || to(suppressions::find)),
    HttpRoute::post("/v1/suppressions/remove", &[], || to(suppressions::remove)),
    HttpRoute::get("/v1/scoring", &[], || to(scoring::show)),
    HttpRoute::put("/v1/scoring", &[], || to(scoring::set)),
    HttpRoute::get("/v1/audit", &["key", "action", "since", "limit", "after"], || to(audit::list)),
    HttpRoute::get("/v1/quarantine", &["state", "limit", "after"], || to(quarantine::list)),
    HttpRoute::get("/v1/quarantine/{id}", &[], || to(quarantine::show)),
    HttpRoute::post("/v1/quarantine/{id}/release", &[], || to(quarantine::release)),
    HttpRoute::post("/v1/quarantine/{id}/repair", &[], || to(quarantine::repair)),
    HttpRoute::post("/v1/quarantine/{id}/discard", &[], || to(quarantine::discard)),
    HttpRoute::get("/healthz", &[], || to(health::alive)),
    HttpRoute::get("/readyz", &[], || to(health::ready)),
    HttpRoute::get("/metrics", &[], || to(metrics::show)),
];

/// Every route of the address for operators.
pub static OPERATOR_ROUTES: &[HttpRoute] = &[
    HttpRoute::get("/healthz", &[], || to(health::alive)),
    HttpRoute::get("/readyz", &[], || to(health::ready_to_operators)),
    HttpRoute::get("/metrics", &[], || to(metrics::to_operators)),
];

/// Serves a table of routes; other paths get a 404.
pub(crate) fn serve(routes: &'static [HttpRoute], config: &mut ServiceConfig) {
    http_route::serve(routes, config);
    config.default_service(to(|| ready(Err::<&str, Refused>(Refusal::NotFound.into()))));
}
