#![doc = include_str!("../README.md")]

mod consent;
mod contact;
mod credential;
mod delivery;
pub mod explain;
mod lead;
mod organization;
pub mod scoring;
mod source;
mod submission;
pub mod suppression;
pub mod trace;
mod value;

pub use consent::{CertificateProblem, ConsentEvidence, PersonDocument, certificate, export_signature};
pub use contact::{
    Email, EmailKind, EmailProblem, Phone, PhoneKind, PhoneProblem, Region, canonical_e164, forbids_calls,
    may_lack_plus, name, states,
};
pub use credential::{ApiKey, KeyId, KeyKind, Rate, Scope, Trust, key, sealing_key, secret};
pub use delivery::{
    Attempt, AttemptResult, DeliveryCounts, DeliveryState, Endpoint, EndpointFilter, EndpointHealth,
    EndpointSecrets, EndpointSettings, EndpointState, Event, EventDetail, EventSource, EventType,
    PayloadForm, RequestTemplate, RetrySchedule, SigningSecret, StatusRange, SuccessRule, TemplateEncoding,
    TemplateField, WebUrl,
};
pub use lead::{
    BatchChanges, BatchResolution, Claim, ClaimKey, ClaimKind, CommitAction, Eligibility, EmailView,
    FieldVersion, FieldVersions, InferenceBasis, InferredValue, Judge, Lead, LeadStatus,
    NormalizedSubmission, NormalizedValues, Outcome, PhoneView, QuarantineReason, Reason, ResolvedOutcome,
    ResolvedSubmission, Temperature, UnknownCode, matched_by_mailbox_only,
};
pub use organization::{
    Actor, AuditAction, AuditDetail, AuditEntry, Organization, Retention, organization_name,
};
pub use scoring::{ActiveScoring, LeadScore, ScoreRule, Scoring, ScoringFaults};
pub use source::{
    ConsentPolicy, Dialect, DuplicatePolicy, DurationOrForever, GmailIdentity, IdentityKey, IdentityRule,
    IdentitySettings, Network, SigningSecretVersion, Source, SourceDefaults, SourceSettings, mapping,
};
pub use submission::{
    BodyFormat, ClientInfo, Consent, Correction, Fields, Patch, QuarantineRelease, RawBody, Repair,
    Submission, TextField, TextValues, message, reply, validate,
};
pub use suppression::{
    DataSubject, ListEntry, SuppressedValue, Suppression, SuppressionForm, SuppressionKey, SuppressionKind,
    SuppressionMatches,
};
pub use trace::{Stage, Trace};
pub use value::{
    AttemptId, BodyHash, Day, EndpointId, EventId, ExportHash, KeyHash, LeadId, MonotonicClock, NOT_AN_ID,
    OrganizationId, ParsedDuration, PersonDigest, PhoneDigest, Salt, Sha256Digest, SourceId, SubmissionId,
    TimeProblem, Timestamp, Zone, id, json, past_moment, read_toml, standard_codes, text, unknown_code,
};
