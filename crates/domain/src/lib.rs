#![doc = include_str!("../README.md")]

mod consent;
mod contact;
mod credential;
pub mod explain;
mod lead;
mod organization;
pub mod scoring;
mod source;
mod submission;
pub mod suppression;
pub mod trace;
mod value;

pub use consent::{CertificateProblem, ConsentEvidence, Person, certificate, export_signature};
pub use contact::{
    Email, EmailKind, EmailProblem, Phone, PhoneKind, PhoneProblem, Region, forbids_calls,
    may_have_lost_plus, name, place, subscriber,
};
pub use credential::{ApiKey, KeyId, KeyKind, Rate, Scope, Trust, key, sealed, secret};
pub use lead::{
    Basis, Case, Claim, ClaimKey, ClaimKind, Clock, Clocks, Disposition, Effects, Eligibility, EmailView,
    Inferred, Judge, Lead, LeadStatus, NewerCode, Normalized, Outcome, PhoneView, QuarantineReason, Reading,
    Reason, Resolution, Ruling, Temperature, by_mailbox_alone,
};
pub use organization::{
    Actor, AuditAction, AuditDetail, AuditEntry, Organization, Retention, organization_name,
};
pub use scoring::{ActiveScoring, LeadScore, ScoreRule, Scoring, ScoringFaults};
pub use source::{
    Consents, Dialect, GmailIdentity, Identity, IdentityKey, IdentityRule, Network, Policy, Signature,
    Source, SourceDefaults, SourceSettings, Window, mapping,
};
pub use submission::{
    Client, Consent, Correction, Fields, Media, Raw, Release, Repair, Said, Submission, TextField, Texts,
    message, reply, validate,
};
pub use suppression::{
    Listing, Sought, SuppressedValue, Suppression, SuppressionForm, SuppressionKey, SuppressionKind,
    Suppressions,
};
pub use trace::{Stage, Trace};
pub use value::{
    BodyHash, Day, ExportHash, KeyHash, LeadId, MonotonicClock, NOT_AN_ID, OrganizationId, PersonDigest,
    PhoneDigest, Salt, Sha256Digest, SourceId, SubmissionId, TimeProblem, Timestamp, Zone, id, json,
    standard, text, unknown_code,
};
