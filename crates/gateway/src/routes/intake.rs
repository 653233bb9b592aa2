//! Where leads come in: each path with what it says about its clients.

use actix_web::web::{Data, Payload};
use actix_web::{HttpRequest, HttpResponse};
use leadgate_domain::Dialect;

use crate::entrance::Entrance;
use crate::intake::{self, Bearing, Door};
use crate::problem::Refused;
use crate::state::State;

macro_rules! door {
    ($(#[$doc:meta])* $name:ident = $door:expr) => {
        $(#[$doc])*
        pub(crate) async fn $name(
            request: HttpRequest,
            payload: Payload,
            state: Data<State>,
        ) -> Result<HttpResponse, Refused> {
            intake::take($door, request, payload, &state).await
        }
    };
}

door! {
    /// `POST /v1/leads`, which native and lead2inbound share.
    leads = Door { entrance: Entrance::Shared, ..Door::of(Dialect::Native) }
}
door! {
    /// `POST /v1/webhooks/leads` of ABC Sales AI.
    webhooks_leads = Door::of(Dialect::AbcSales)
}
door! {
    /// `POST /api/webhooks/{token}` of 500 Leads; sources of other dialects have such a URL too.
    token = Door { bearing: Bearing::Path, entrance: Entrance::Shared, ..Door::of(Dialect::FiveHundredLeads) }
}
door! {
    /// `POST /v2/{campaign}/inbound-webhook/{token}`: the URL that KickoffLabs's clients are given.
    campaign_token = Door {
        bearing: Bearing::Path,
        entrance: Entrance::Campaign,
        ..Door::of(Dialect::KickoffLabs)
    }
}
door! {
    /// `POST /v2/{campaign}`: KickoffLabs's way of creating a lead with a key.
    campaign = Door {
        bearing: Bearing::Anywhere,
        entrance: Entrance::Campaign,
        ..Door::of(Dialect::KickoffLabs)
    }
}
door! {
    /// `POST /api/v1/leads/inbound` of AskAd.ai, for servers.
    inbound = Door { public: false, ..Door::of(Dialect::AskAd) }
}
door! {
    /// `POST /api/v1/leads/capture` of AskAd.ai, for web forms.
    capture = Door::of(Dialect::AskAd)
}
