//! Through which source a lead comes in.

use std::net::IpAddr;
use std::sync::Arc;

use actix_web::HttpRequest;
use leadgate_dialect::{SourceSelection, protocol};
use leadgate_domain::{Dialect, KeyKind, Network, Source};

use crate::caller::Caller;
use crate::context::RequestContext;
use crate::limit;
use crate::refusal::Refusal;
use crate::state::GatewayState;
use crate::store_timeout::with_store_timeout;

/// The caller at the source that the path asks for.
///
/// A key of a named source speaks for that source only. A key of a default source speaks for its
/// organization: elsewhere it comes in by the default source of the path's dialect, made when first needed, or by
/// the campaign. What its own source demands of a request still holds.
pub(crate) async fn select(
    state: &GatewayState,
    request: &HttpRequest,
    context: &mut RequestContext,
    caller: Caller,
    selection: SourceSelection,
) -> Result<Caller, Refusal> {
    let source = match selection {
        SourceSelection::Credential => Arc::clone(&caller.source),
        SourceSelection::Dialect(dialect) if caller.source.dialect == dialect => Arc::clone(&caller.source),
        SourceSelection::Dialect(_) if !caller.is_organization_key() => return Err(Refusal::WrongSource),
        SourceSelection::Dialect(dialect) => default_source(state, &caller, dialect).await?,
        SourceSelection::Campaign => campaign(state, request, context, &caller).await?,
    };
    check_network(&caller.source, context.address)?;
    check_network(&source, context.address)?;
    if source.disabled_at.is_some() {
        return Err(Refusal::SourceDisabled);
    }
    if caller.source.signature.is_some() && source.id != caller.source.id {
        return Err(Refusal::WrongSource);
    }
    Ok(Caller { source, ..caller })
}

/// Refuses a request from outside of the networks that a source allows; no network allows all.
pub(crate) fn check_network(source: &Source, address: Option<IpAddr>) -> Result<(), Refusal> {
    check_networks(&source.networks, address)
}

/// The same for networks that a source is to allow.
pub(crate) fn check_networks(networks: &[Network], address: Option<IpAddr>) -> Result<(), Refusal> {
    let allowed = |address: IpAddr| networks.iter().any(|network| network.contains(address));
    if networks.is_empty() || address.is_some_and(allowed) { Ok(()) } else { Err(Refusal::AddressNotAllowed) }
}

async fn default_source(
    state: &GatewayState,
    caller: &Caller,
    dialect: Dialect,
) -> Result<Arc<Source>, Refusal> {
    let organization = caller.organization();
    if let Some(source) = state.keys.directory.default_source(organization, dialect) {
        return Ok(source);
    }
    let store = state.store.as_actor(caller.actor());
    let creating = store.ensure_default_source(organization, &protocol(dialect).source_defaults);
    let made = with_store_timeout(state, creating).await?;
    state.keys.directory.insert_source(made.clone());
    Ok(Arc::new(made))
}

/// A campaign of another organization does not exist for this caller.
async fn campaign(
    state: &GatewayState,
    request: &HttpRequest,
    context: &mut RequestContext,
    caller: &Caller,
) -> Result<Arc<Source>, Refusal> {
    let campaign = request.match_info().query("campaign");
    let well_formed =
        (1..=20).contains(&campaign.len()) && campaign.bytes().all(|byte| byte.is_ascii_digit());
    if !well_formed {
        return Err(Refusal::NotFound);
    }
    if caller.source.campaign.as_deref() == Some(campaign) {
        return Ok(Arc::clone(&caller.source));
    }
    if caller.key.kind != KeyKind::Secret {
        return Err(Refusal::NotFound);
    }
    let ours = |source: &Arc<Source>| source.organization == caller.organization();
    // Another organization's campaign takes as long as one that does not exist.
    let known = state.keys.directory.campaign(campaign).filter(ours);
    let source = match known {
        Some(source) => Some(source),
        None => {
            limit::unauthenticated(state, context, 1).await?;
            with_store_timeout(state, state.store.campaign(campaign)).await?.map(Arc::new)
        }
    };
    match source.filter(ours).ok_or(Refusal::NotFound)? {
        source if caller.is_organization_key() => Ok(source),
        _ => Err(Refusal::WrongSource),
    }
}
