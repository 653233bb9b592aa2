//! How leads go out: events, the endpoints that want them, and the attempts to deliver them.

mod attempt;
mod endpoint;
mod event;
mod health;
mod retry;
mod secrets;
mod template;

pub use attempt::{Attempt, AttemptResult, DeliveryCounts, DeliveryState};
pub use endpoint::{Endpoint, EndpointFilter, EndpointSettings, PayloadForm, WebUrl};
pub use event::{Event, EventDetail, EventSource, EventType};
pub use health::{EndpointHealth, EndpointState};
pub use retry::RetrySchedule;
pub use secrets::{EndpointSecrets, SigningSecret};
pub use template::{RequestTemplate, StatusRange, SuccessRule, TemplateEncoding, TemplateField};
