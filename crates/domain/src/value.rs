//! Values that every other module is built of: ids, times, digests, text and JSON.

mod clock;
mod code;
mod day;
mod hash;
pub mod id;
pub mod json;
pub mod standard;
pub mod text;
mod time;

pub use clock::MonotonicClock;
pub use code::unknown_code;
pub use day::{Day, Zone};
pub use hash::{BodyHash, ExportHash, KeyHash, PersonDigest, PhoneDigest, Salt, Sha256Digest};
pub use id::{LeadId, NOT_AN_ID, OrganizationId, SourceId, SubmissionId};
pub use time::{TimeProblem, Timestamp};
