//! The form `template`: a request that an operator designed.

use leadgate_domain::{Event, EventSource, RequestTemplate, TemplateEncoding};
use serde_json::{Map, Value};
use url::form_urlencoded;

use super::flat::text;
use super::{OutboundContent, OutboundError, standard};

/// Rules can repeat a long value. In bytes.
const MAX_BODY_LENGTH: usize = 1024 * 1024;

/// Many servers refuse longer URLs. In bytes.
const MAX_QUERY_LENGTH: usize = 8_000;

/// The fields of the template, in its encoding.
pub(super) fn content(
    event: &Event,
    source: Option<&EventSource>,
    template: &RequestTemplate,
) -> Result<OutboundContent, OutboundError> {
    let document = document(event, source)?;
    let urlencoded = || template.values(&document).map(urlencoded).map_err(OutboundError::Template);
    let content = match template.encoding {
        TemplateEncoding::Json => {
            let object = template.object(&document).map_err(OutboundError::Template)?;
            OutboundContent::Json(serde_json::to_vec(&object)?)
        }
        TemplateEncoding::Form => OutboundContent::Form(urlencoded()?),
        TemplateEncoding::Query => OutboundContent::Query(urlencoded()?),
    };
    let (length, most) = match &content {
        OutboundContent::Query(query) => (query.len(), MAX_QUERY_LENGTH),
        OutboundContent::Json(_) | OutboundContent::Form(_) => (content.body().len(), MAX_BODY_LENGTH),
    };
    if length > most { Err(OutboundError::TooLong { length, most }) } else { Ok(content) }
}

/// What rules read: the lead as `GET /v1/leads/{id}` shows it, and under `event` the event without the lead.
fn document(event: &Event, source: Option<&EventSource>) -> serde_json::Result<Map<String, Value>> {
    let lead = standard::lead(event, source).map(serde_json::to_value).transpose()?;
    let mut document = match lead {
        Some(Value::Object(members)) => members,
        _ => Map::new(),
    };
    let mut about = serde_json::to_value(standard::event_response(event, source))?;
    if let Some(data) = about.get_mut("data").and_then(Value::as_object_mut) {
        data.remove("lead");
    }
    document.insert("event".to_owned(), about);
    Ok(document)
}

fn urlencoded(fields: Vec<(&str, Value)>) -> String {
    let pairs = fields.into_iter().map(|(name, value)| (name, text(&value)));
    form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish()
}
