//! Shows which requests an endpoint would get for the last leads.

use leadgate_dialect::{OutboundRequest, outbound_request};
use leadgate_domain::{
    AuditAction, EndpointSecrets, EndpointSettings, Event, EventDetail, EventId, EventSource, EventType,
    Lead, LeadId, LeadStatus, OrganizationId, Outcome, SourceId, Timestamp,
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

/// No further request is shown when the ones before are longer together. In bytes.
const MAX_LENGTH: usize = 2 * 1024 * 1024;

impl PreviewResult {
    fn length(&self) -> usize {
        match self {
            Self::Request { url, body, .. } => url.len() + body.len(),
            Self::Fault { fault } => fault.len(),
        }
    }
}

/// The requests for the newest leads that an endpoint with these settings wants. Sends and changes nothing. Of the last
/// hundred leads at most `last` are shown. The requests are those of the first type of `events` in the order of
/// [`EventType`], or of `lead.created`.
///
/// # Errors
/// [`OperationError::Invalid`] for an invalid setting or header, and for a source that does not exist.
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
    super::check_sources(store, organization, &settings).await?;
    let kind = settings.events.first().copied().unwrap_or(EventType::LeadCreated);
    let leads = wanted_leads(store, organization, &settings, kind, last).await?;
    let entry = store.entry(organization, AuditAction::EndpointPreviewed);
    log.note_read(entry.with_detail("count", leads.len())).await?;
    let sources = store.sources(organization).await?;
    let source = |id: SourceId| sources.iter().find(|source| source.id == id).map(EventSource::from);
    // A request needs one; its signature is not shown.
    let secrets = EndpointSecrets::new(Default::default()).map_err(OperationError::Invalid)?;
    let (mut all, mut length) = (Vec::new(), 0);
    for lead in &leads {
        let result = render(&settings, &event(lead, kind), source(lead.source).as_ref(), &secrets);
        length += result.length();
        all.push(PreviewedRequest { lead: lead.id, result });
        if length > MAX_LENGTH {
            break;
        }
    }
    Ok(all)
}

/// Of the last hundred leads, the newest that an endpoint with these settings wants.
async fn wanted_leads(
    store: &Store,
    organization: OrganizationId,
    settings: &EndpointSettings,
    kind: EventType,
    last: ItemLimit,
) -> Result<Vec<Lead>, OperationError> {
    let now = Timestamp::now();
    let has_event = |lead: &Lead| match kind {
        EventType::LeadEligible => lead.is_eligible_at(now),
        EventType::LeadHeld => !lead.is_eligible_at(now),
        _ => true,
    };
    let wants = |lead: &Lead| settings.wants(kind, Some(lead.source), Some(lead)) && has_event(lead);
    let (mut wanted, mut after, mut unread) = (Vec::new(), None, ItemLimit::MAX.get());
    let most = usize::try_from(last.get()).unwrap_or(usize::MAX);
    // A page with large leads is short.
    while unread > 0 && wanted.len() < most {
        let page = store.leads(organization, &LeadFilter::default(), after, unread).await?;
        unread = unread.saturating_sub(u32::try_from(page.data.len()).unwrap_or(u32::MAX));
        wanted.extend(page.data.into_iter().filter(|lead| wants(lead)));
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    wanted.truncate(most);
    Ok(wanted)
}

fn event(lead: &Lead, kind: EventType) -> Event {
    use EventType::{
        EndpointDisabled, LeadDuplicate, LeadErased, LeadStatusChanged, SubmissionQuarantined, Test,
    };
    let has_lead = !matches!(kind, LeadErased | SubmissionQuarantined | EndpointDisabled | Test);
    let detail = EventDetail {
        outcome: (kind == LeadDuplicate).then_some(Outcome::Duplicate),
        previous_status: (kind == LeadStatusChanged).then(|| LeadStatus::default().to_string()),
        ..EventDetail::default()
    };
    Event {
        organization: lead.organization,
        id: EventId::generate(),
        kind,
        lead: Some(lead.id).filter(|_| has_lead || kind == LeadErased),
        submission: Some(lead.id.into()).filter(|_| has_lead || kind == SubmissionQuarantined),
        at: lead.updated_at,
        document: Some(lead.clone()).filter(|_| has_lead),
        detail,
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
