//! The form `abc_sales`: the outbound webhooks of ABC Sales AI (<https://developers.abcsales.ai>).

use leadgate_domain::{EndpointSecrets, Event, EventType, Lead, TextField, Timestamp};
use serde_json::{Value, json};

use super::{OutboundContent, OutboundRequest};

const USER_AGENT: &str = "Engagematic-Webhook-Dispatcher/1.0";

/// The events of ABC Sales AI that Leadgate has.
pub const ABC_SALES_EVENTS: &[(&str, EventType)] = &[
    ("leads_created", EventType::LeadCreated),
    ("leads_updated", EventType::LeadUpdated),
    ("leads_deleted", EventType::LeadErased),
];

/// The signature covers the body only. Its key is the text of the secret.
pub(super) fn request(
    event: &Event,
    secrets: &EndpointSecrets,
    now: Timestamp,
) -> serde_json::Result<OutboundRequest> {
    let kind = event_type(event.kind);
    let lead = match &event.document {
        Some(document) => lead(document),
        None => json!({ "id": event.lead, "leadgate_id": event.lead }),
    };
    let body = serde_json::to_vec(&json!({ "event_type": kind, "event_data": {}, "lead": lead }))?;
    let headers = vec![
        ("user-agent", USER_AGENT.to_owned()),
        ("x-abcsalesai-signature", secrets.current().hex_mac(&body)),
        ("x-abcsalesai-event", kind),
        ("x-abcsalesai-delivery", event.id.to_string()),
        ("x-abcsalesai-timestamp", now.as_microseconds().div_euclid(1_000_000).to_string()),
    ];
    Ok(OutboundRequest { headers, content: OutboundContent::Json(body) })
}

/// The documented name. Events that this system does not have get a name of the same form.
fn event_type(kind: EventType) -> String {
    match ABC_SALES_EVENTS.iter().find(|(_, known)| *known == kind) {
        Some((name, _)) => (*name).to_owned(),
        None => kind.as_str().replace("lead.", "leads_").replace('.', "_"),
    }
}

/// The documented members. `id` is the client's, if it sent one. Only `leadgate_id` is also in the event of a deletion.
fn lead(lead: &Lead) -> Value {
    json!({
        "id": lead.text(TextField::ExternalId).map_or_else(|| lead.id.to_string(), str::to_owned),
        "leadgate_id": lead.id,
        "name": lead.text(TextField::FullName),
        "email": lead.email_address(),
        "phone": lead.phone.as_ref().map(|phone| phone.identity()),
        "naver_line_id": lead.text(TextField::LineId),
        "source": lead.text(TextField::Source),
        "tags": lead.all_tags(),
        "timezone": lead.text_or_inferred(TextField::Timezone),
        "locale": lead.text(TextField::Locale),
        "currency": lead.text(TextField::Currency),
        "custom_fields": lead.custom_fields,
    })
}
