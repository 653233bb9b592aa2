//! Shows which requests an endpoint would get for the last leads.

use leadgate_dialect::{OutboundRequest, outbound_request};
use leadgate_domain::{
    AuditAction, EndpointSecrets, EndpointSettings, Event, EventDetail, EventId, EventSource, EventType,
    Lead, LeadId, OrganizationId, SourceId, Timestamp,
};
use leadgate_store::{LeadFilter, Store};
use serde::Serialize;
use serde_json::{Map, json};

use super::EndpointInput;
use crate::{ItemLimit, OperationError, ReadLog};

/// The request for one lead.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct PreviewedRequest {
    pub lead: LeadId,
    #[serde(flatten)]
    pub result: PreviewResult,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(untagged)]
pub enum PreviewResult {
    /// Without signatures and without the endpoint's own headers.
    Request { method: &'static str, url: String, content_type: Option<&'static str>, body: String },
    /// Why there is no request for this lead.
    Fault { fault: String },
}

/// The requests for the newest leads that an endpoint with these settings wants. Sends and changes nothing. Of the last
/// hundred leads at most `last` are shown. The requests are those of the first type of `events`, or of `lead.created`.
///
/// # Errors
/// [`OperationError::Invalid`] for an invalid setting or header.
pub async fn preview(
    store: &Store,
    organization: OrganizationId,
    input: EndpointInput,
    last: ItemLimit,
    log: &impl ReadLog,
) -> Result<Vec<PreviewedRequest>, OperationError> {
    let defaults = json!({ "events": [EventType::LeadCreated] });
    let defaults = defaults.as_object().map_or_else(Map::new, Clone::clone);
    let (settings, _) = input.read(defaults)?;
    let kind = settings.events.first().copied().unwrap_or(EventType::LeadCreated);
    let page = store.leads(organization, &LeadFilter::default(), None, ItemLimit::MAX.get()).await?;
    let now = Timestamp::now();
    let has_event = |lead: &Lead| match kind {
        EventType::LeadEligible => lead.is_eligible_at(now),
        EventType::LeadHeld => !lead.is_eligible_at(now),
        _ => true,
    };
    let wants = |lead: &Lead| settings.wants(kind, Some(lead.source), Some(lead)) && has_event(lead);
    let wanted = page.data.iter().filter(|lead| wants(lead));
    let leads: Vec<&Lead> = wanted.take(last.get().try_into().unwrap_or(usize::MAX)).collect();
    let entry = store.entry(organization, AuditAction::EndpointPreviewed);
    log.note_read(entry.with_detail("count", leads.len())).await?;
    let sources = store.sources(organization).await?;
    let source = |id: SourceId| sources.iter().find(|source| source.id == id).map(EventSource::from);
    // A request needs one; its signature is not shown.
    let secrets = EndpointSecrets::new(Default::default()).map_err(OperationError::Invalid)?;
    let previewed = |lead: &Lead| PreviewedRequest {
        lead: lead.id,
        result: render(&settings, &event(lead, kind), source(lead.source).as_ref(), &secrets),
    };
    Ok(leads.into_iter().map(previewed).collect())
}

fn event(lead: &Lead, kind: EventType) -> Event {
    Event {
        organization: lead.organization,
        id: EventId::generate(),
        kind,
        lead: Some(lead.id),
        submission: Some(lead.id.into()),
        at: lead.updated_at,
        document: Some(lead.clone()).filter(|_| kind != EventType::LeadErased),
        detail: EventDetail::default(),
    }
}

fn render(
    settings: &EndpointSettings,
    event: &Event,
    source: Option<&EventSource>,
    secrets: &EndpointSecrets,
) -> PreviewResult {
    match outbound_request(event, source, &settings.form, secrets, Timestamp::now()) {
        Ok(OutboundRequest { content, .. }) => PreviewResult::Request {
            method: content.method(),
            url: content.url(settings.url.as_url()).to_string(),
            content_type: content.media_type(),
            body: String::from_utf8_lossy(content.body()).into_owned(),
        },
        Err(error) => PreviewResult::Fault { fault: error.to_string() },
    }
}
