#![doc = include_str!("../README.md")]

mod accept;
mod credentials;
mod decode;
mod dialects;
mod document;
mod field_reader;
mod name_index;
mod outbound;
mod problem;
mod protocol;
mod repair;
mod response;
mod suggest;

pub use accept::{AcceptError, LeadRequest, NewSubmission, accept};
pub use credentials::{has_only_credentials, without_keys};
pub use decode::DecodeError;
pub use dialects::{abc_sales, askad, kickofflabs, native, protocol};
pub use document::{Document, DocumentError, FormFault};
pub use outbound::{
    ABC_SALES_EVENTS, EventResponse, KICKOFFLABS_EVENTS, OutboundContent, OutboundError, OutboundRequest,
    event_response, outbound_request,
};
pub use problem::{Problem, ProblemItem};
pub use protocol::{
    CredentialLocation, DefaultLimit, IntakeParameters, IntakePath, LimitScope, Protocol, SourceSelection,
};
pub use repair::{RepairError, repair, reread};
pub use response::{
    DialectResponse, Disclosure, PostedLead, SourceNameLookup, SubmissionOutcome, SubmissionStatus,
};
pub use suggest::MappingSuggestion;
