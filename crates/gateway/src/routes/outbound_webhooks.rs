//! `/v2/{campaign}/outbound-webhook`: clients of KickoffLabs create and delete endpoints for their campaign.

use actix_web::web::Payload;
use leadgate_dialect::kickofflabs::{self, OutboundWebhook};
use leadgate_dialect::{DialectResponse, Document};
use leadgate_domain::Scope;
use leadgate_operations::endpoints;

use crate::authorized_request::{Access, AdminAccess};
use crate::caller::Caller;
use crate::context::RequestContext;
use crate::intake::IntakeRequest;
use crate::limit;
use crate::refusal::Refusal;
use crate::state::GatewayState;
use crate::store_timeout::run_operation;

/// The endpoint gets the leads of the campaign only. A second request for the same URL adds its events.
pub(crate) async fn create(
    intake: &mut IntakeRequest<'_>,
    payload: Payload,
) -> Result<DialectResponse, Refusal> {
    let (caller, document) = admit(intake, payload).await?;
    let OutboundWebhook { url, events, label } =
        OutboundWebhook::read(&document).map_err(Refusal::InvalidFields)?;
    let store = intake.state.store.as_actor(caller.actor());
    let creating = endpoints::create_for_source(&store, &caller.source, &url, &events, label.as_deref());
    let endpoint = run_operation(intake.state, creating).await?;
    Ok(kickofflabs::render_outbound_webhook(endpoint.id, &endpoint.settings.events))
}

pub(crate) async fn delete(
    intake: &mut IntakeRequest<'_>,
    payload: Payload,
) -> Result<DialectResponse, Refusal> {
    let (caller, document) = admit(intake, payload).await?;
    let url = kickofflabs::read_url(&document).map_err(|fault| Refusal::InvalidFields(vec![fault]))?;
    let store = intake.state.store.as_actor(caller.actor());
    let deleting = endpoints::delete_for_source(&store, &caller.source, &url);
    match run_operation(intake.state, deleting).await? {
        0 => Err(Refusal::NotFound),
        _ => Ok(kickofflabs::render_outbound_webhook_deleted()),
    }
}

/// The caller may administer its organization, as for other endpoints. Another caller does not use up the permits of the
/// campaign.
async fn admit(intake: &mut IntakeRequest<'_>, payload: Payload) -> Result<(Caller, Document), Refusal> {
    let (caller, body) = intake.admit(payload, permit).await?;
    let (media, body) = intake.signed_body(&caller, body).await?;
    let is_empty = body.is_empty() && intake.request.query_string().is_empty();
    let document = if is_empty { Document::default() } else { intake.document(&media, &body)? };
    Ok((caller, document))
}

async fn permit(state: &GatewayState, context: &mut RequestContext, caller: &Caller) -> Result<(), Refusal> {
    match caller.check_scope(Scope::Admin).and_then(|()| AdminAccess::check(caller)) {
        Ok(()) => limit::webhook(state, context, caller).await,
        Err(refusal) => limit::authenticated(state, context, caller).await.and(Err(refusal)),
    }
}
