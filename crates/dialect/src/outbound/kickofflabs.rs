//! The form `kickofflabs`: the outbound webhooks of KickoffLabs
//! (<https://support.kickofflabs.com/developer/webhooks/outbound/>).

use leadgate_domain::{Event, EventSource, EventType};
use serde_json::{Value, json};

use crate::dialects::kickofflabs::LeadPayload;

/// The events of KickoffLabs that Leadgate has, and the types of its events that they stand for.
pub const KICKOFFLABS_EVENTS: &[(&str, &[EventType])] = &[
    ("new_signup", &[EventType::LeadCreated]),
    ("repeat_signup", &[EventType::LeadUpdated, EventType::LeadDuplicate]),
];

/// The documented lead, and the name of the event.
pub(super) fn payload(event: &Event, source: Option<&EventSource>) -> serde_json::Result<Value> {
    let campaign = source.and_then(|source| source.campaign.as_deref());
    let mut payload = match &event.document {
        Some(lead) => serde_json::to_value(LeadPayload::from_lead(lead, campaign))?,
        None => json!({ "id": event.lead }),
    };
    if let Value::Object(members) = &mut payload {
        members.insert("event".to_owned(), event_name(event).into());
    }
    Ok(payload)
}

/// The documented name. Events that KickoffLabs does not have get a name of the same form.
fn event_name(event: &Event) -> String {
    match event.kind {
        // The person did not sign up again.
        EventType::LeadUpdated if event.detail.corrected || event.submission.is_none() => {
            "lead_updated".to_owned()
        }
        kind => match KICKOFFLABS_EVENTS.iter().find(|(_, kinds)| kinds.contains(&kind)) {
            Some((name, _)) => (*name).to_owned(),
            None => kind.as_str().replace('.', "_"),
        },
    }
}
