//! The form `standard` (<https://www.standardwebhooks.com>): `type`, `timestamp` and `data`.

use leadgate_domain::{
    EndpointId, EndpointSecrets, Event, EventId, EventType, LeadId, Outcome, QuarantineReason, SubmissionId,
    Timestamp,
};
use serde::Serialize;

use super::OutboundRequest;
use crate::dialects::native::{LeadResponse, listed_lead_response};

const USER_AGENT: &str = "Leadgate/1.0";

#[derive(Serialize)]
pub(super) struct StandardPayload<'e> {
    /// The id of the event, which is also in the header `webhook-id`.
    id: EventId,
    #[serde(rename = "type")]
    kind: EventType,
    /// When the event happened.
    timestamp: Timestamp,
    data: StandardData<'e>,
}

#[derive(Serialize)]
struct StandardData<'e> {
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

pub(super) fn payload(event: &Event) -> StandardPayload<'_> {
    let detail = &event.detail;
    StandardPayload {
        id: event.id,
        kind: event.kind,
        timestamp: event.at,
        data: StandardData {
            lead_id: event.lead,
            submission_id: event.submission,
            outcome: detail.outcome,
            reason: detail.quarantine,
            endpoint_id: detail.endpoint,
            previous_status: detail.previous_status.as_deref(),
            lead: event.document.as_ref().map(|lead| listed_lead_response(lead, &|_| None)),
        },
    }
}

pub(super) fn sign(
    event: &Event,
    secrets: &EndpointSecrets,
    now: Timestamp,
    body: Vec<u8>,
) -> OutboundRequest {
    let id = event.id.to_string();
    let signatures = secrets.signatures(&id, now, &body);
    let headers = vec![
        ("user-agent", USER_AGENT.to_owned()),
        ("webhook-id", id),
        ("webhook-timestamp", now.as_microseconds().div_euclid(1_000_000).to_string()),
        ("webhook-signature", signatures),
    ];
    OutboundRequest { headers, body }
}
