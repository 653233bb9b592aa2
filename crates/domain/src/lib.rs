#![doc = include_str!("../README.md")]

mod audit;
pub mod certificate;
mod claim;
mod clock;
mod day;
mod email;
mod evidence;
pub mod explain;
pub mod export_signature;
mod fields;
mod hash;
pub mod id;
mod identity;
mod inferred;
pub mod json;
mod judge;
pub mod key;
mod lead;
pub mod mapping;
pub mod message;
pub mod name;
mod network;
mod organization;
mod outcome;
mod phone;
pub mod place;
mod raw;
mod reason;
mod repair;
pub mod reply;
mod retention;
pub mod scoring;
pub mod sealed;
pub mod secret;
mod settings;
mod sought;
mod source;
pub mod standard;
mod status;
mod submission;
pub mod suppression;
pub mod text;
mod texts;
mod time;
mod trace;
mod trust;
pub mod validate;

pub use audit::{Actor, AuditAction, AuditDetail, AuditEntry};
pub use certificate::CertificateProblem;
pub use claim::{Claim, ClaimKey, ClaimKind, by_mailbox_alone};
pub use clock::MonotonicClock;
pub use day::{Day, Zone};
pub use email::{Email, EmailKind, EmailProblem};
pub use evidence::{ConsentEvidence, Person};
pub use fields::{Consent, Correction, Fields, Said, TextField};
pub use hash::{BodyHash, ExportHash, KeyHash, PersonDigest, PhoneDigest, Salt, Sha256Digest};
pub use id::{LeadId, NOT_AN_ID, OrganizationId, SourceId, SubmissionId};
pub use identity::Identity;
pub use inferred::{Basis, Inferred};
pub use judge::{Case, Disposition, Effects, Judge, Normalized, Reading, Resolution, Ruling};
pub use key::{ApiKey, KeyId, KeyKind, Rate, Scope};
pub use lead::{Clock, Clocks, Eligibility, EmailView, Lead, PhoneView, Temperature};
pub use network::Network;
pub use organization::{Organization, organization_name};
pub use outcome::{Outcome, QuarantineReason};
pub use phone::{Phone, PhoneKind, PhoneProblem, Region, forbids_calls, may_have_lost_plus, subscriber};
pub use raw::Raw;
pub use reason::{NewerCode, Reason};
pub use repair::Repair;
pub use retention::Retention;
pub use scoring::{ActiveScoring, Score, ScoreRule, Scoring, ScoringFaults};
pub use settings::{SourceSettings, Window};
pub use sought::Sought;
pub use source::{
    Consents, Counted, DefaultLimit, Dialect, GmailIdentity, IdentityKey, IdentityRule, Policy, Signature,
    Source,
};
pub use status::LeadStatus;
pub use submission::{Client, Media, Release, Submission};
pub use suppression::{
    Listing, SuppressedValue, Suppression, SuppressionForm, SuppressionKey, SuppressionKind, Suppressions,
};
pub use texts::Texts;
pub use time::{TimeProblem, Timestamp};
pub use trace::Trace;
pub use trust::Trust;
