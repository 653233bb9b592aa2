//! `/v1/webhook-subscriptions` (<https://developers.abcsales.ai/webhooks>). The vendor's page names the routes, and not
//! the bodies; docs/dialects.md says what is read and answered.

use std::collections::BTreeSet;

use leadgate_domain::{Endpoint, EndpointId, EndpointState, EventType, Timestamp, WebUrl};
use serde::{Deserialize, Serialize};

use crate::outbound::ABC_SALES_EVENTS;

/// A new subscription, or a change of one. Further members are ignored.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct SubscriptionRequest {
    #[serde(default, alias = "callback_url")]
    pub url: Option<WebUrl>,
    #[serde(default, alias = "event_types")]
    pub events: Option<BTreeSet<SubscribedEvent>>,
    #[serde(default)]
    pub name: Option<String>,
    /// Whether events are sent.
    #[serde(default)]
    pub active: Option<bool>,
}

impl SubscriptionRequest {
    pub fn event_types(&self) -> Option<BTreeSet<EventType>> {
        Some(self.events.as_ref()?.iter().map(|event| event.0).collect())
    }
}

/// An event by its name at ABC Sales AI.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(try_from = "String")]
pub struct SubscribedEvent(EventType);

impl TryFrom<String> for SubscribedEvent {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        match ABC_SALES_EVENTS.iter().find(|(name, _)| *name == text) {
            Some((_, kind)) => Ok(Self(*kind)),
            None => Err(format!("`{text}` is not an event; expected {}", names(|_| true).join(", "))),
        }
    }
}

fn names(selected: impl Fn(EventType) -> bool) -> Vec<&'static str> {
    ABC_SALES_EVENTS.iter().filter(|(_, kind)| selected(*kind)).map(|(name, _)| *name).collect()
}

/// The events to which a client can subscribe.
#[derive(Debug, Serialize)]
pub struct SubscriptionEvents {
    events: Vec<&'static str>,
}

pub fn subscription_events() -> SubscriptionEvents {
    SubscriptionEvents { events: names(|_| true) }
}

/// A subscription.
#[derive(Debug, Serialize)]
pub struct SubscriptionResponse {
    id: EndpointId,
    url: WebUrl,
    events: Vec<&'static str>,
    name: String,
    active: bool,
    created_at: Timestamp,
    /// Shown when it is created and when it is regenerated.
    #[serde(skip_serializing_if = "Option::is_none")]
    secret: Option<String>,
}

pub fn subscription_response(endpoint: &Endpoint, secret: Option<&str>) -> SubscriptionResponse {
    SubscriptionResponse {
        id: endpoint.id,
        url: endpoint.settings.url.clone(),
        events: names(|kind| endpoint.settings.events.contains(&kind)),
        name: endpoint.settings.name.clone(),
        active: endpoint.health.state != EndpointState::Disabled,
        created_at: endpoint.created_at,
        secret: secret.map(str::to_owned),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_read_by_several_names_of_its_members() {
        let read = |text: &str| serde_json::from_str::<SubscriptionRequest>(text);
        let expected = BTreeSet::from([EventType::LeadCreated, EventType::LeadErased]);
        for text in [
            r#"{"url":"https://x.example/","events":["leads_created","leads_deleted"]}"#,
            r#"{"callback_url":"https://x.example/","event_types":["leads_deleted","leads_created"],"x":1}"#,
        ] {
            let request = read(text).unwrap();
            assert_eq!(request.event_types(), Some(expected.clone()), "{text}");
            assert_eq!(request.url.unwrap().to_string(), "https://x.example/");
        }
        assert!(
            read(r#"{"events":["conversation_created"]}"#).unwrap_err().to_string().contains("leads_created")
        );
    }
}
