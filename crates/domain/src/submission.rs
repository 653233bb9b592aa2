//! What somebody sent, once.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::{
    BodyHash, Dialect, Fields, KeyHash, KeyId, OrganizationId, Raw, SourceId, SubmissionId, Timestamp,
};

/// Who was at the other end of the connection.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Client {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub address: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user_agent: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<KeyId>,
}

/// One submission, immutable and self-contained: what the gateway publishes and the store keeps.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Submission {
    pub id: SubmissionId,
    pub organization: OrganizationId,
    pub source: SourceId,
    /// The revision of the source by which the gateway read it.
    pub source_revision: i32,
    pub dialect: Dialect,
    pub received_at: Timestamp,
    #[serde(default)]
    pub client: Client,
    pub fields: Fields,
    pub raw: Raw,
    pub body_hash: BodyHash,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub idempotency_key_hash: Option<KeyHash>,
    /// W3C `traceparent` of the request, if it had one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub traceparent: Option<String>,
    /// What a newer build wrote and this one does not know: kept, and stored with the submission.
    #[serde(flatten)]
    pub unknown: Map<String, Value>,
}

impl Submission {
    /// The order in which submissions count: when they were received, then by id.
    pub fn order(&self) -> (Timestamp, SubmissionId) {
        (self.received_at, self.id)
    }
}
