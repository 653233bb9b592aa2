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

pub use accept::{LeadRequest, NewSubmission, Rejection, accept};
pub use answer::{Answer, Disclosure, PostedLead, Settlement, SourceNames, SubmissionStatus};
pub use credentials::holds_only_credentials;
pub use decode::Undecodable;
pub use dialects::{askad, kickofflabs, native, protocol};
pub use document::{Document, FormFault, Unreadable};
pub use protocol::{
    CountedBy, CredentialLocation, DefaultLimit, IntakePath, Parameters, Protocol, SourceSelection,
};
pub use refusal::{Problem, ProblemItem};
pub use repair::{NotRepairable, repair, reread};
pub use suggest::Suggestion;
