//! Submissions: what a client sent in one request.

mod fields;
pub mod message;
mod raw_body;
mod repair;
pub mod reply;
mod text_values;
pub mod validate;

pub use fields::{Consent, Correction, Fields, Patch, TextField};
pub use raw_body::RawBody;
pub use repair::Repair;
pub use text_values::TextValues;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::source::mapping::MappingFault;
use crate::submission::reply::ReplyAddress;
use crate::{
    BodyHash, Dialect, FieldVersion, KeyHash, KeyId, OrganizationId, QuarantineReason, Source, SourceId,
    SubmissionId, Timestamp, Trust,
};

/// The client that sent a submission.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct ClientInfo {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub address: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user_agent: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<KeyId>,
    /// Members that a newer build wrote.
    #[serde(flatten)]
    pub unknown: Map<String, Value>,
}

/// The format of a body, which is needed to decode it again.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BodyFormat {
    #[default]
    Json,
    /// JSON whose media type declares the charset windows-1252 or ISO-8859-1.
    JsonWindows1252,
    /// `application/x-www-form-urlencoded`.
    Form,
    /// `multipart/form-data` (RFC 7578) with its boundary.
    Multipart(String),
}

impl BodyFormat {
    fn is_default(&self) -> bool {
        *self == Self::default()
    }

    pub fn is_json(&self) -> bool {
        matches!(self, Self::Json | Self::JsonWindows1252)
    }
}

/// Marks a submission that was released from the quarantine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct QuarantineRelease {
    /// The quarantine entry. It is released only once, even if the message is delivered several times.
    pub entry: uuid::Uuid,
    pub released_at: Timestamp,
}

/// One submission as the gateway publishes it and the store keeps it. It is immutable and self-contained.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Submission {
    pub id: SubmissionId,
    pub organization: OrganizationId,
    pub source: SourceId,
    /// The revision of the source with which the gateway decoded the body.
    pub source_revision: i32,
    pub dialect: Dialect,
    pub received_at: Timestamp,
    /// The trust of its credential; public if the member is missing.
    #[serde(default)]
    pub trust: Trust,
    #[serde(default)]
    pub client: ClientInfo,
    pub fields: Fields,
    pub raw: RawBody,
    #[serde(default, skip_serializing_if = "BodyFormat::is_default")]
    pub media: BodyFormat,
    /// The query of the URL without credentials. Most dialects do not read it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub query: Option<String>,
    /// The version of the source's mapping that was applied.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mapping_version: Option<u32>,
    /// Set if the mapping failed and the dialect has no error response for it. The submission is quarantined.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mapping_fault: Option<MappingFault>,
    pub body_hash: BodyHash,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub idempotency_key_hash: Option<KeyHash>,
    /// W3C `traceparent` of the request, if it had one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub traceparent: Option<String>,
    /// The gateway that waits for the outcome.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reply_to: Option<ReplyAddress>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub release: Option<QuarantineRelease>,
    /// Members that a newer build wrote. They are stored with the submission.
    #[serde(flatten)]
    pub unknown: Map<String, Value>,
}

impl Submission {
    /// A submission with a JSON body and no information about the client.
    pub fn new(
        id: SubmissionId,
        source: &Source,
        received_at: Timestamp,
        fields: Fields,
        body: &[u8],
    ) -> Self {
        Self {
            id,
            organization: source.organization,
            source: source.id,
            source_revision: source.revision,
            dialect: source.dialect,
            received_at,
            trust: Trust::default(),
            client: ClientInfo::default(),
            fields,
            raw: RawBody::new(body),
            media: BodyFormat::default(),
            query: None,
            mapping_version: None,
            mapping_fault: None,
            body_hash: BodyHash::compute(body),
            idempotency_key_hash: None,
            traceparent: None,
            reply_to: None,
            release: None,
            unknown: Map::new(),
        }
    }

    /// The submission to publish when it is released from the quarantine.
    ///
    /// If its id was used by another submission, it gets the id of its quarantine entry. If its idempotency
    /// key was used by another submission, the key is removed.
    pub fn released_from_quarantine(
        self,
        entry: uuid::Uuid,
        reason: QuarantineReason,
        now: Timestamp,
    ) -> Self {
        let id = match reason {
            QuarantineReason::IdReused => SubmissionId::from_uuid(entry),
            _ => self.id,
        };
        let idempotency_key_hash = match reason {
            QuarantineReason::IdempotencyMismatch => None,
            _ => self.idempotency_key_hash,
        };
        let release = Some(QuarantineRelease { entry, released_at: now });
        Self { id, idempotency_key_hash, release, reply_to: None, ..self }
    }

    /// The submission without the submitted content.
    pub fn without_content(self) -> Self {
        Self {
            client: ClientInfo { key: self.client.key, ..ClientInfo::default() },
            fields: Fields::default(),
            raw: RawBody::Text(String::new()),
            media: BodyFormat::default(),
            query: None,
            mapping_fault: None,
            body_hash: BodyHash::erased(self.id.as_uuid()),
            idempotency_key_hash: None,
            traceparent: None,
            unknown: Map::new(),
            ..self
        }
    }

    /// The order in which submissions are processed: by the time of receipt, then by id.
    pub fn processing_order(&self) -> (Timestamp, SubmissionId) {
        (self.received_at, self.id)
    }

    /// The version of the field values that this submission sets.
    pub fn field_version(&self) -> FieldVersion {
        FieldVersion { trust: self.trust, received_at: self.received_at, submission: self.id }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::Trust;

    #[test]
    fn members_of_a_newer_build_are_kept_at_every_level() {
        let id = "018f4e2a-7b1c-7000-8000-0000000000aa";
        let stored = json!({
            "id": id, "organization": id, "source": id, "source_revision": 1, "dialect": "native",
            "received_at": "2026-01-01T00:00:00.000000Z", "trust": "secret",
            "client": { "address": "192.0.2.1", "tls": "1.3" },
            "fields": {
                "phone": "+14155550132", "texts": { "full_name": "Ann", "city": "Łódź", "street": null },
                "consent": { "source_url": "https://x.example", "video": "v" }, "pronouns": ["they"],
            },
            "raw": { "text": "{}" }, "body_hash": "ab".repeat(32), "of_tomorrow": { "a": [1] },
        });
        let submission: Submission = serde_json::from_value(stored.clone()).unwrap();
        assert_eq!(serde_json::to_value(&submission).unwrap(), stored);
        let trusted = json!("by_notary");
        let submission = Submission { trust: serde_json::from_value(trusted).unwrap(), ..submission };
        assert_eq!(submission.trust, Trust::Public, "an unknown trust counts as public");
    }
}
