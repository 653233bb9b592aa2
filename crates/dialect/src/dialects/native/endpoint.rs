//! Responses of the native dialect about endpoints.

use leadgate_domain::{DeliveryCounts, Endpoint, EndpointId, EndpointSettings, EndpointState, Timestamp};
use serde::Serialize;

#[derive(Debug, Serialize)]
pub struct EndpointResponse<'e> {
    id: EndpointId,
    organization: &'e str,
    /// Shown once, in the response that creates it.
    #[serde(skip_serializing_if = "Option::is_none")]
    secret: Option<&'e str>,
    #[serde(flatten)]
    settings: &'e EndpointSettings,
    revision: i32,
    state: EndpointState,
    state_since: Timestamp,
    /// Failures since the last success.
    failures: u32,
    failing_since: Option<Timestamp>,
    paused_until: Option<Timestamp>,
    created_at: Timestamp,
    /// The number of its deliveries in each state, if they were counted.
    #[serde(skip_serializing_if = "Option::is_none")]
    deliveries: Option<DeliveryCounts>,
}

impl EndpointResponse<'_> {
    #[must_use]
    pub fn with_deliveries(self, counts: DeliveryCounts) -> Self {
        Self { deliveries: Some(counts), ..self }
    }
}

/// `secret` is set only if it can be shown.
pub fn endpoint_response<'e>(
    endpoint: &'e Endpoint,
    organization: &'e str,
    secret: Option<&'e str>,
) -> EndpointResponse<'e> {
    let health = &endpoint.health;
    EndpointResponse {
        id: endpoint.id,
        organization,
        secret,
        settings: &endpoint.settings,
        revision: endpoint.revision,
        state: health.state,
        state_since: health.since,
        failures: health.failures,
        failing_since: health.failing_since,
        paused_until: health.paused_until,
        created_at: endpoint.created_at,
        deliveries: None,
    }
}
