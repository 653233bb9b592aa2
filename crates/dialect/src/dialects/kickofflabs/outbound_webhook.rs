//! `POST` and `DELETE /v2/{campaign}/outbound-webhook`
//! (<https://support.kickofflabs.com/developer/webhooks/outbound/>).

use std::collections::BTreeSet;

use leadgate_domain::validate::FieldFault;
use leadgate_domain::{EndpointId, EventType, WebUrl};
use serde::Serialize;
use serde_json::Value;

use crate::document::Document;
use crate::outbound::KICKOFFLABS_EVENTS;
use crate::response::DialectResponse;

/// What a client wants sent to a URL.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutboundWebhook {
    pub url: WebUrl,
    pub events: BTreeSet<EventType>,
    /// The parameter `source`, which KickoffLabs stores for tracking.
    pub label: Option<String>,
}

impl OutboundWebhook {
    /// Events that Leadgate does not have are left out.
    ///
    /// # Errors
    /// A fault for each parameter that is missing or invalid, also if no event is left.
    pub fn read(document: &Document) -> Result<Self, Vec<FieldFault>> {
        let members = &document.members;
        let named = members.get("events").or(members.get("event"));
        let names: Vec<&str> = match named {
            Some(Value::Array(names)) => names.iter().filter_map(Value::as_str).collect(),
            // A form has one text.
            Some(Value::String(names)) => names.split(',').collect(),
            _ => Vec::new(),
        };
        let has_name = |known: &str| names.iter().any(|name| name.trim() == known);
        let wanted = KICKOFFLABS_EVENTS.iter().filter(|(known, _)| has_name(known));
        let events: BTreeSet<EventType> = wanted.flat_map(|(_, types)| types.iter().copied()).collect();
        let label = members.get("source").and_then(Value::as_str).map(str::to_owned);
        match (read_url(document), events.is_empty()) {
            (Ok(url), false) => Ok(Self { url, events, label }),
            (url, has_no_event) => {
                let no_event = has_no_event.then(|| {
                    let known = KICKOFFLABS_EVENTS.iter().map(|(name, _)| *name).collect::<Vec<_>>();
                    FieldFault::new("/events", "unknown_value", format!("expected {}", known.join(" or ")))
                });
                Err(url.err().into_iter().chain(no_event).collect())
            }
        }
    }
}

/// Reads the parameter `url`.
///
/// # Errors
/// A fault if it is missing or not a URL.
pub fn read_url(document: &Document) -> Result<WebUrl, FieldFault> {
    let text = document.members.get("url").and_then(Value::as_str).unwrap_or_default();
    if text.trim().is_empty() {
        return Err(FieldFault::new("/url", "missing", "a URL that starts with http is required"));
    }
    text.parse().map_err(|problem: String| FieldFault::new("/url", "not_a_url", problem))
}

#[derive(Serialize)]
struct WebhookCreated<'e> {
    message: &'static str,
    #[serde(rename = "referenceId")]
    reference: u64,
    events: Vec<&'e str>,
}

/// The documented response, with those events that are sent.
pub fn render_outbound_webhook(endpoint: EndpointId, events: &BTreeSet<EventType>) -> DialectResponse {
    let is_sent = |types: &[EventType]| types.iter().all(|kind| events.contains(kind));
    let sent = KICKOFFLABS_EVENTS.iter().filter(|(_, types)| is_sent(types));
    let body = WebhookCreated {
        message: "Webhook Created",
        reference: reference(endpoint),
        events: sent.map(|(name, _)| *name).collect(),
    };
    DialectResponse::json(200, &body)
}

/// A number for clients that store numbers only. JavaScript reads integers up to 53 bits exactly.
fn reference(endpoint: EndpointId) -> u64 {
    let (_, random) = endpoint.as_uuid().as_u64_pair();
    random & ((1 << 48) - 1)
}

#[derive(Serialize)]
struct WebhookDeleted {
    message: &'static str,
}

/// The response of the `DELETE`, which the vendor does not document.
pub fn render_outbound_webhook_deleted() -> DialectResponse {
    DialectResponse::json(200, &WebhookDeleted { message: "Webhook Deleted" })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read(members: Value) -> Result<OutboundWebhook, Vec<String>> {
        let Value::Object(members) = members else { unreachable!() };
        let document = Document { members, ..Document::default() };
        OutboundWebhook::read(&document)
            .map_err(|faults| faults.into_iter().map(|fault| fault.pointer).collect())
    }

    #[test]
    fn events_are_one_name_or_a_list_and_others_are_left_out() {
        let url = "https://example.com/hook";
        let signup = BTreeSet::from([EventType::LeadCreated]);
        for members in [
            json!({ "url": url, "event": "new_signup" }),
            json!({ "url": url, "events": ["new_signup", "referral"] }),
            json!({ "url": url, "events": "score_change, new_signup" }),
        ] {
            assert_eq!(read(members.clone()).unwrap().events, signup, "{members}");
        }
        let both = read(json!({ "url": url, "events": ["repeat_signup", "new_signup"] })).unwrap();
        let shown = render_outbound_webhook(EndpointId::generate(), &both.events);
        let shown: Value = serde_json::from_slice(&shown.body).unwrap();
        assert_eq!(shown["events"], json!(["new_signup", "repeat_signup"]));
        assert!(shown["referenceId"].as_u64().unwrap() < 1 << 48);
    }

    #[test]
    fn each_missing_parameter_has_its_fault() {
        assert_eq!(read(json!({})), Err(vec!["/url".to_owned(), "/events".to_owned()]));
        assert_eq!(read(json!({ "url": "ftp://x", "event": "new_signup" })), Err(vec!["/url".to_owned()]));
        let unknown = json!({ "url": "https://x.example", "events": ["tagged"] });
        assert_eq!(read(unknown), Err(vec!["/events".to_owned()]));
    }
}
