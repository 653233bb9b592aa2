//! Requests that endpoints get: the payload of an event in the form of the endpoint, and its headers.

mod abc_sales;
mod flat;
mod standard;

use leadgate_domain::{EndpointSecrets, Event, PayloadForm, Timestamp};

/// The body of a request in JSON, and its headers apart from `content-type` and the endpoint's own headers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutboundRequest {
    /// With names in lower case.
    pub headers: Vec<(&'static str, String)>,
    pub body: Vec<u8>,
}

/// The request for an event. Each attempt has a new timestamp and signature.
///
/// # Errors
/// If the event cannot be serialized.
pub fn outbound_request(
    event: &Event,
    form: PayloadForm,
    secrets: &EndpointSecrets,
    now: Timestamp,
) -> serde_json::Result<OutboundRequest> {
    match form {
        PayloadForm::Standard => {
            Ok(standard::sign(event, secrets, now, serde_json::to_vec(&standard::payload(event))?))
        }
        PayloadForm::Flat => {
            Ok(standard::sign(event, secrets, now, serde_json::to_vec(&flat::payload(event)?)?))
        }
        PayloadForm::AbcSales => abc_sales::request(event, secrets, now),
    }
}
