//! Selects the source of a posted lead.

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

/// The caller with the source that the path selects.
///
/// A key of a named source can use that source only. An organization-wide key uses the default source of the
/// path's dialect, which is created when it is first needed, or the source of the campaign in the path. The
/// network and signature rules of the key's own source apply in any case.
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

/// Refuses a request from outside the allowed networks of a source. An empty list allows all addresses.
pub(crate) fn check_network(source: &Source, address: Option<IpAddr>) -> Result<(), Refusal> {
    check_networks(&source.networks, address)
}

/// The same for networks that are not stored yet.
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
    let creation = store.ensure_default_source(organization, &protocol(dialect).source_defaults);
    let created = with_store_timeout(state, creation).await?;
    state.keys.directory.insert_source(created.clone());
    Ok(Arc::new(created))
}

/// The source of the campaign in the path. A campaign of another organization is answered like an unknown
/// one.
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
    let is_own = |source: &Arc<Source>| source.organization == caller.organization();
    // The look-up of another organization's campaign takes as long as that of an unknown one.
    let cached = state.keys.directory.campaign(campaign).filter(is_own);
    let source = match cached {
        Some(source) => Some(source),
        None => {
            limit::unauthenticated(state, context, 1).await?;
            with_store_timeout(state, state.store.campaign(campaign)).await?.map(Arc::new)
        }
    };
    match source.filter(is_own).ok_or(Refusal::NotFound)? {
        source if caller.is_organization_key() => Ok(source),
        _ => Err(Refusal::WrongSource),
    }
}
