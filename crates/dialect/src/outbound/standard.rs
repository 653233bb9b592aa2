//! The form `standard` (<https://www.standardwebhooks.com>): `type`, `timestamp` and `data`.

use leadgate_domain::{
    EndpointId, EndpointSecrets, Event, EventId, EventSource, EventType, LeadId, Outcome, QuarantineReason,
    SubmissionId, Timestamp,
};
use serde::Serialize;

use super::{OutboundContent, OutboundRequest};
use crate::dialects::native::{LeadResponse, listed_lead_response};

const USER_AGENT: &str = "Leadgate/1.0";

/// The form `standard` of an event.
#[derive(Serialize)]
pub struct EventResponse<'e> {
    /// The id of the event, which is also in the header `webhook-id`.
    id: EventId,
    #[serde(rename = "type")]
    kind: EventType,
    /// When the event happened.
    timestamp: Timestamp,
    data: EventData<'e>,
}

#[derive(Serialize)]
struct EventData<'e> {
    #[serde(skip_serializing_if = "Option::is_none")]
    lead_id: Option<LeadId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    submission_id: Option<SubmissionId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    outcome: Option<Outcome>,
    /// Why the submission is quarantined.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<QuarantineReason>,
    /// The endpoint that was disabled.
    #[serde(skip_serializing_if = "Option::is_none")]
    endpoint_id: Option<EndpointId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    previous_status: Option<&'e str>,
    /// The lead as `GET /v1/leads/{id}` shows it.
    #[serde(skip_serializing_if = "Option::is_none")]
    lead: Option<LeadResponse<'e>>,
}

/// The lead of an event as `GET /v1/leads/{id}` shows it.
pub(super) fn lead<'e>(event: &'e Event, source: Option<&EventSource>) -> Option<LeadResponse<'e>> {
    let document = event.document.as_ref()?;
    Some(listed_lead_response(document, &|_| source.map(|source| source.name.clone())))
}

/// An event as endpoints with the form `standard` get it. `source` is that of its lead.
pub fn event_response<'e>(event: &'e Event, source: Option<&EventSource>) -> EventResponse<'e> {
    let detail = &event.detail;
    EventResponse {
        id: event.id,
        kind: event.kind,
        timestamp: event.at,
        data: EventData {
            lead_id: event.lead,
            submission_id: event.submission,
            outcome: detail.outcome,
            reason: detail.quarantine,
            endpoint_id: detail.endpoint,
            previous_status: detail.previous_status.as_deref(),
            lead: lead(event, source),
        },
    }
}

pub(super) fn sign(
    event: &Event,
    secrets: &EndpointSecrets,
    now: Timestamp,
    content: OutboundContent,
) -> OutboundRequest {
    let id = event.id.to_string();
    let signatures = secrets.signatures(&id, now, content.body());
    let headers = vec![
        ("user-agent", USER_AGENT.to_owned()),
        ("webhook-id", id),
        ("webhook-timestamp", now.as_microseconds().div_euclid(1_000_000).to_string()),
        ("webhook-signature", signatures),
    ];
    OutboundRequest { headers, content }
}
