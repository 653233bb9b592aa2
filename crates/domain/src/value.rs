//! Basic values that all other modules use: ids, times, digests, text and JSON.

mod code;
mod day;
mod hash;
pub mod id;
pub mod json;
mod moment;
mod monotonic_clock;
pub mod standard_codes;
pub mod text;
mod time;
mod toml_document;

pub use code::unknown_code;
pub use day::{Day, Zone};
pub use hash::{BodyHash, ExportHash, KeyHash, PersonDigest, PhoneDigest, Salt, Sha256Digest};
pub use id::{AttemptId, EndpointId, EventId, LeadId, NOT_AN_ID, OrganizationId, SourceId, SubmissionId};
pub use moment::{ParsedDuration, past_moment};
pub use monotonic_clock::MonotonicClock;
pub use time::{TimeProblem, Timestamp};
pub use toml_document::read_toml;
