//! Requests that endpoints get: the payload of an event in the form of the endpoint, and its headers.

mod abc_sales;
mod flat;
mod kickofflabs;
mod standard;
mod template;

use leadgate_domain::mapping::MappingFault;
use leadgate_domain::{EndpointSecrets, Event, EventSource, PayloadForm, Timestamp};
use url::Url;

pub use abc_sales::ABC_SALES_EVENTS;
pub use kickofflabs::KICKOFFLABS_EVENTS;
pub use standard::{EventResponse, event_response};

/// A request without its URL, and without the endpoint's own headers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutboundRequest {
    /// With names in lower case. The header `content-type` is that of the content.
    pub headers: Vec<(&'static str, String)>,
    pub content: OutboundContent,
}

/// Where a request has its payload.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OutboundContent {
    /// A body in JSON, by POST.
    Json(Vec<u8>),
    /// A body of the type `application/x-www-form-urlencoded`, by POST.
    Form(String),
    /// Appended to the query of the URL, by GET.
    Query(String),
}

impl OutboundContent {
    pub fn method(&self) -> &'static str {
        match self {
            Self::Json(_) | Self::Form(_) => "POST",
            Self::Query(_) => "GET",
        }
    }

    /// The URL of the request, for the URL of the endpoint.
    pub fn url(&self, endpoint: &Url) -> Url {
        let mut url = endpoint.clone();
        if let Self::Query(query) = self {
            let joined = endpoint.query().filter(|own| !own.is_empty()).map(|own| format!("{own}&{query}"));
            url.set_query(Some(joined.as_deref().unwrap_or(query)));
        }
        url
    }

    /// The media type of the body. `None` for a GET.
    pub fn media_type(&self) -> Option<&'static str> {
        match self {
            Self::Json(_) => Some("application/json"),
            Self::Form(_) => Some("application/x-www-form-urlencoded"),
            Self::Query(_) => None,
        }
    }

    /// The body. It is empty for a GET.
    pub fn body(&self) -> &[u8] {
        match self {
            Self::Json(body) => body,
            Self::Form(body) => body.as_bytes(),
            Self::Query(_) => &[],
        }
    }

    pub fn into_body(self) -> Vec<u8> {
        match self {
            Self::Json(body) => body,
            Self::Form(body) => body.into_bytes(),
            Self::Query(_) => Vec::new(),
        }
    }
}

/// Why there is no request for an event.
#[derive(Debug, thiserror::Error)]
pub enum OutboundError {
    #[error("the event cannot be serialized: {0}")]
    NotSerializable(#[from] serde_json::Error),
    /// The template has a rule that cannot be applied to the event.
    #[error("the template failed for `{}`: {}", .0.to, .0.code.as_str())]
    Template(MappingFault),
    /// The fields of a template are too long.
    #[error("the request of the template is too long: {length} bytes, at most {most}")]
    TooLong { length: usize, most: usize },
}

/// The request for an event. Each attempt has a new timestamp and signature. `source` is that of the event's lead.
///
/// # Errors
/// See [`OutboundError`].
pub fn outbound_request(
    event: &Event,
    source: Option<&EventSource>,
    form: &PayloadForm,
    secrets: &EndpointSecrets,
    now: Timestamp,
) -> Result<OutboundRequest, OutboundError> {
    let content = match form {
        PayloadForm::Standard => {
            OutboundContent::Json(serde_json::to_vec(&standard::event_response(event, source))?)
        }
        PayloadForm::Flat => OutboundContent::Json(serde_json::to_vec(&flat::payload(event, source)?)?),
        PayloadForm::AbcSales => return Ok(abc_sales::request(event, secrets, now)?),
        PayloadForm::KickoffLabs => {
            OutboundContent::Json(serde_json::to_vec(&kickofflabs::payload(event, source)?)?)
        }
        PayloadForm::Template(template) => template::content(event, source, template)?,
    };
    Ok(standard::sign(event, secrets, now, content))
}
