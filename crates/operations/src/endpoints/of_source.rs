//! Endpoints for the leads of one source, which clients of KickoffLabs create and delete by their URL.

use std::collections::BTreeSet;

use leadgate_domain::{Endpoint, EndpointState, EventType, PayloadForm, Source, WebUrl};
use leadgate_store::Store;
use serde_json::{Map, Value, json};

use super::EndpointInput;
use crate::OperationError;

/// Sends these events of a source to a URL. If an endpoint for both exists, it is enabled and gets the events, too.
///
/// # Errors
/// [`OperationError::Invalid`] if the name is too long.
pub async fn create_for_source(
    store: &Store,
    source: &Source,
    url: &WebUrl,
    events: &BTreeSet<EventType>,
    name: Option<&str>,
) -> Result<Endpoint, OperationError> {
    if let Some(existing) = of_source(store, source, url).await?.into_iter().next() {
        let (organization, id) = (source.organization, existing.id);
        // The client has no other way to enable it again.
        if matches!(existing.health.state, EndpointState::Disabled | EndpointState::Suspended) {
            super::enable(store, organization, id).await?;
        }
        let all: BTreeSet<_> = existing.settings.events.union(events).copied().collect();
        if all == existing.settings.events {
            return Ok(existing);
        }
        return super::update(store, organization, id, input(json!({ "events": all }))).await;
    }
    let settings = json!({
        "name": name.unwrap_or_default(),
        "url": url,
        "events": events,
        "form": PayloadForm::KickoffLabs,
        "filter": { "sources": [source.id] },
    });
    let created = super::create(store, source.organization, input(settings), true).await?.endpoint;
    merge(store, source, url, created).await
}

/// Requests at the same time may have created several endpoints: the oldest one stays, and gets the events of all.
async fn merge(
    store: &Store,
    source: &Source,
    url: &WebUrl,
    created: Endpoint,
) -> Result<Endpoint, OperationError> {
    let mut all = of_source(store, source, url).await?;
    all.sort_by_key(|endpoint| endpoint.id);
    let events: BTreeSet<_> = all.iter().flat_map(|endpoint| &endpoint.settings.events).copied().collect();
    let mut all = all.into_iter();
    let Some(first) = all.next() else { return Ok(created) };
    let kept = match first.settings.events == events {
        true => first,
        false => {
            super::update(store, source.organization, first.id, input(json!({ "events": events }))).await?
        }
    };
    for other in all {
        match super::delete(store, source.organization, other.id).await {
            // Another request deleted it.
            Ok(_) | Err(OperationError::NotFound { .. } | OperationError::Conflict) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(kept)
}

/// Deletes the endpoints for the leads of a source with this URL. Returns their number.
pub async fn delete_for_source(
    store: &Store,
    source: &Source,
    url: &WebUrl,
) -> Result<usize, OperationError> {
    let found = of_source(store, source, url).await?;
    for endpoint in &found {
        super::delete(store, source.organization, endpoint.id).await?;
    }
    Ok(found.len())
}

async fn of_source(store: &Store, source: &Source, url: &WebUrl) -> Result<Vec<Endpoint>, OperationError> {
    let mut found = store.endpoints(source.organization).await?;
    let own = BTreeSet::from([source.id]);
    found.retain(|endpoint| {
        let settings = &endpoint.settings;
        settings.form == PayloadForm::KickoffLabs && settings.url == *url && settings.filter.sources == own
    });
    Ok(found)
}

fn input(settings: Value) -> EndpointInput {
    match settings {
        Value::Object(members) => members.into(),
        _ => Map::new().into(),
    }
}
