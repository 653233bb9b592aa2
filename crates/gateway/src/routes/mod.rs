//! The table of routes.

mod audit;
mod campaigns;
mod consents;
mod contacts;
mod deliveries;
mod endpoints;
mod erasures;
mod events;
mod health;
mod keys;
mod leads;
mod mappings;
mod metrics;
mod outbound_webhooks;
mod quarantine;
mod reports;
mod reprocess;
mod retention;
mod scoring;
mod sources;
mod submissions;
mod subscriptions;
mod suppression_import;
mod suppressions;
mod tags;
mod validate;

use std::future::ready;
use std::iter;
use std::sync::LazyLock;

use actix_web::web::{ServiceConfig, to};
use leadgate_dialect::{kickofflabs, protocol};
use leadgate_domain::Dialect::{self, AbcSales, AskAd, KickoffLabs, Native};

use crate::http_route::{self, HttpRoute};
use crate::problem::ProblemResponse;
use crate::refusal::Refusal;

/// Every route of the public address. The intake paths are first: actix-router compares a URL with one path after the
/// other, and most of the paths have placeholders, which cost a regular expression each.
pub fn routes() -> &'static [HttpRoute] {
    static ROUTES: LazyLock<Vec<HttpRoute>> = LazyLock::new(|| {
        let intake = Dialect::ALL.iter().flat_map(|dialect| {
            protocol(*dialect).intake_paths.iter().map(|path| HttpRoute::intake(path, *dialect))
        });
        // Clients of several systems read this list, on the path of the native intake.
        let list = HttpRoute::new("GET", "/v1/leads", None, leads::list);
        iter::once(list).chain(intake).chain(own_routes()).chain(administration()).chain(outbound()).collect()
    });
    &ROUTES
}

/// Routes other than the intake paths of the dialects.
fn own_routes() -> Vec<HttpRoute> {
    vec![
        HttpRoute::authenticated_as_intake(
            "POST",
            &kickofflabs::CREATE_WEBHOOK,
            KickoffLabs,
            campaigns::create_webhook,
        ),
        HttpRoute::authenticated_as_intake(
            "POST",
            &kickofflabs::OUTBOUND_WEBHOOK,
            KickoffLabs,
            outbound_webhooks::create,
        ),
        HttpRoute::authenticated_as_intake(
            "DELETE",
            &kickofflabs::OUTBOUND_WEBHOOK,
            KickoffLabs,
            outbound_webhooks::delete,
        ),
        HttpRoute::new("GET", "/v1/webhook-subscriptions/events", Some(AbcSales), subscriptions::events),
        HttpRoute::new("POST", "/v1/webhook-subscriptions", Some(AbcSales), subscriptions::create),
        HttpRoute::new("PUT", "/v1/webhook-subscriptions/{id}", Some(AbcSales), subscriptions::update),
        HttpRoute::new("DELETE", "/v1/webhook-subscriptions/{id}", Some(AbcSales), subscriptions::delete),
        HttpRoute::new(
            "POST",
            "/v1/webhook-subscriptions/{id}/regenerate-secret",
            Some(AbcSales),
            subscriptions::regenerate_secret,
        ),
        HttpRoute::new("GET", "/api/v1/contacts", Some(AskAd), contacts::contacts),
        HttpRoute::new("GET", "/api/v1/deals", Some(AskAd), contacts::deals),
        HttpRoute::post("/v1/leads/validate", validate::validate),
        HttpRoute::get("/v1/leads/export", leads::export),
        HttpRoute::get("/v1/leads/{id}", leads::show),
        HttpRoute::patch("/v1/leads/{id}", leads::update),
        HttpRoute::delete("/v1/leads/{id}", leads::delete),
        HttpRoute::put("/v1/leads/{id}/status", leads::set_status),
        HttpRoute::get("/v1/submissions/{id}", submissions::show),
        HttpRoute::get("/v1/reports/intake", reports::intake),
        HttpRoute::unauthenticated("/healthz", health::alive),
        HttpRoute::unauthenticated("/readyz", health::ready),
        HttpRoute::unauthenticated("/metrics", metrics::show),
    ]
}

/// Routes for administration. They require the scope `admin`, and some reads the scope `read`.
fn administration() -> Vec<HttpRoute> {
    vec![
        HttpRoute::get("/v1/tags", tags::list),
        HttpRoute::post("/v1/tags", tags::create),
        HttpRoute::get("/v1/sources", sources::list),
        HttpRoute::post("/v1/sources", sources::create),
        HttpRoute::get("/v1/sources/{id}", sources::show),
        HttpRoute::patch("/v1/sources/{id}", sources::update),
        HttpRoute::delete("/v1/sources/{id}", sources::delete),
        HttpRoute::post("/v1/sources/{id}/tokens", sources::create_token),
        HttpRoute::put("/v1/sources/{id}/signature", sources::set_signature),
        HttpRoute::post("/v1/sources/{id}/disable", sources::disable),
        HttpRoute::post("/v1/sources/{id}/enable", sources::enable),
        HttpRoute::get("/v1/sources/{id}/mappings", mappings::list),
        HttpRoute::put("/v1/sources/{id}/mapping", mappings::set),
        HttpRoute::put("/v1/sources/{id}/mapping/version", mappings::activate),
        HttpRoute::post("/v1/sources/{id}/mapping/preview", mappings::preview),
        HttpRoute::get("/v1/sources/{id}/mapping/suggestion", mappings::suggest),
        HttpRoute::get("/v1/keys", keys::list),
        HttpRoute::post("/v1/keys", keys::create),
        HttpRoute::patch("/v1/keys/{id}", keys::update),
        HttpRoute::post("/v1/keys/{id}/rotate", keys::rotate),
        HttpRoute::post("/v1/keys/{id}/revoke", keys::revoke),
        HttpRoute::get("/v1/suppressions", suppressions::list),
        HttpRoute::post("/v1/suppressions", suppressions::add),
        HttpRoute::post("/v1/suppressions/find", suppressions::find),
        HttpRoute::post("/v1/suppressions/remove", suppressions::remove),
        HttpRoute::post("/v1/suppressions/import", suppression_import::import),
        HttpRoute::get("/v1/scoring", scoring::show),
        HttpRoute::put("/v1/scoring", scoring::set),
        HttpRoute::delete("/v1/scoring", scoring::reset),
        HttpRoute::get("/v1/scoring/versions", scoring::versions),
        HttpRoute::get("/v1/scoring/versions/{id}", scoring::version),
        HttpRoute::post("/v1/scoring/preview", scoring::preview),
        HttpRoute::get("/v1/retention", retention::show),
        HttpRoute::patch("/v1/retention", retention::update),
        HttpRoute::post("/v1/erasures", erasures::erase),
        HttpRoute::post("/v1/reprocess", reprocess::reprocess),
        HttpRoute::post("/v1/consents/export", consents::export),
        HttpRoute::get("/v1/consents/public-key", consents::public_key),
        HttpRoute::get("/v1/audit", audit::list),
        HttpRoute::get("/v1/quarantine", quarantine::list),
        HttpRoute::get("/v1/quarantine/{id}", quarantine::show),
        HttpRoute::post("/v1/quarantine/{id}/release", quarantine::release),
        HttpRoute::post("/v1/quarantine/{id}/repair", quarantine::repair),
        HttpRoute::post("/v1/quarantine/{id}/discard", quarantine::discard),
    ]
}

/// Routes for how leads go out. They require the scope `admin`.
fn outbound() -> Vec<HttpRoute> {
    vec![
        HttpRoute::get("/v1/endpoints", endpoints::list),
        HttpRoute::post("/v1/endpoints", endpoints::create),
        HttpRoute::post("/v1/endpoints/preview", endpoints::preview),
        HttpRoute::get("/v1/endpoints/{id}", endpoints::show),
        HttpRoute::patch("/v1/endpoints/{id}", endpoints::update),
        HttpRoute::delete("/v1/endpoints/{id}", endpoints::delete),
        HttpRoute::post("/v1/endpoints/{id}/secret", endpoints::rotate_secret),
        HttpRoute::post("/v1/endpoints/{id}/enable", endpoints::enable),
        HttpRoute::post("/v1/endpoints/{id}/disable", endpoints::disable),
        HttpRoute::post("/v1/endpoints/{id}/test", endpoints::test),
        HttpRoute::post("/v1/endpoints/{id}/replay", endpoints::replay),
        HttpRoute::get("/v1/deliveries", deliveries::list),
        HttpRoute::get("/v1/deliveries/export", deliveries::export),
        HttpRoute::get("/v1/attempts", deliveries::attempts),
        HttpRoute::get("/v1/attempts/export", deliveries::export_attempts),
        HttpRoute::get("/v1/events/export", events::export),
    ]
}

/// Every route of the address for operators.
pub fn operator_routes() -> &'static [HttpRoute] {
    static ROUTES: LazyLock<Vec<HttpRoute>> = LazyLock::new(|| {
        vec![
            HttpRoute::unauthenticated("/healthz", health::alive),
            HttpRoute::unauthenticated("/readyz", health::ready_to_operators),
            HttpRoute::unauthenticated("/metrics", metrics::to_operators),
        ]
    });
    &ROUTES
}

/// Serves a table of routes. Other paths get a 404.
pub(crate) fn serve(routes: &'static [HttpRoute], config: &mut ServiceConfig) {
    http_route::serve(routes, config);
    let not_found = || ready(Err::<&str, ProblemResponse>(Refusal::NotFound.without_route(Native)));
    config.default_service(to(not_found));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn intake_paths_are_matched_before_all_other_paths() {
        let intake: Vec<_> = Dialect::ALL
            .iter()
            .flat_map(|dialect| protocol(*dialect).intake_paths)
            .map(|path| path.path)
            .collect();
        let first: Vec<_> = routes().iter().map(|route| route.path).take(1 + intake.len()).collect();
        assert_eq!((first[0], &first[1..]), ("/v1/leads", &intake[..]));
    }
}
