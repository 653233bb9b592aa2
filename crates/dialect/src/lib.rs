#![doc = include_str!("../README.md")]

mod accept;
mod answer;
mod credentials;
mod decode;
mod dialects;
mod document;
mod names;
mod protocol;
mod reading;
mod refusal;
mod repair;
mod suggest;

pub use accept::{AcceptError, LeadRequest, NewSubmission, accept};
pub use answer::{DialectResponse, Disclosure, PostedLead, SourceNames, SubmissionOutcome, SubmissionStatus};
pub use credentials::holds_only_credentials;
pub use decode::DecodeError;
pub use dialects::{askad, kickofflabs, native, protocol};
pub use document::{Document, DocumentError, FormFault};
pub use protocol::{
    CredentialLocation, DefaultLimit, IntakeParameters, IntakePath, LimitScope, Protocol, SourceSelection,
};
pub use refusal::{Problem, ProblemItem};
pub use repair::{RepairError, repair, reread};
pub use suggest::MappingSuggestion;
