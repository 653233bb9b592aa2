//! What a client sent, once.

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

/// Who was at the other end of the connection.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct ClientInfo {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub address: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user_agent: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<KeyId>,
    /// What a newer build wrote and this one does not know.
    #[serde(flatten)]
    pub unknown: Map<String, Value>,
}

/// How a body is written, so that it can be read again.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BodyFormat {
    #[default]
    Json,
    /// JSON whose type says that it is written in windows-1252 or ISO-8859-1.
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

/// That a submission comes out of the quarantine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct QuarantineRelease {
    /// The quarantine entry. It is released once, however often the message is delivered.
    pub entry: uuid::Uuid,
    pub released_at: Timestamp,
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
    /// Of the credential that it came with; public where that is not said.
    #[serde(default)]
    pub trust: Trust,
    #[serde(default)]
    pub client: ClientInfo,
    pub fields: Fields,
    pub raw: RawBody,
    #[serde(default, skip_serializing_if = "BodyFormat::is_default")]
    pub media: BodyFormat,
    /// What was said in the URL's query, without credentials; most dialects do not look there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub query: Option<String>,
    /// The version of the source's mapping that was applied.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mapping_version: Option<u32>,
    /// The mapping could not be applied, and the caller could not be told: to be quarantined.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mapping_fault: Option<MappingFault>,
    pub body_hash: BodyHash,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub idempotency_key_hash: Option<KeyHash>,
    /// W3C `traceparent` of the request, if it had one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub traceparent: Option<String>,
    /// Who waits to hear what becomes of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reply_to: Option<ReplyAddress>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub release: Option<QuarantineRelease>,
    /// What a newer build wrote and this one does not know: kept, and stored with the submission.
    #[serde(flatten)]
    pub unknown: Map<String, Value>,
}

impl Submission {
    /// A JSON body that came in by a source, with nothing known about who sent it.
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
            body_hash: BodyHash::of(body),
            idempotency_key_hash: None,
            traceparent: None,
            reply_to: None,
            release: None,
            unknown: Map::new(),
        }
    }

    /// The submission as it comes out of the quarantine, to be published once more.
    ///
    /// One that came under the id of another gets an id of its own, its entry's; one that reused an idempotency key
    /// goes without.
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

    /// The same with nothing of what was said.
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

    /// The order in which submissions are processed: when they were received, then by id.
    pub fn processing_order(&self) -> (Timestamp, SubmissionId) {
        (self.received_at, self.id)
    }

    /// The order in which their values win.
    pub fn clock(&self) -> FieldVersion {
        FieldVersion { trust: self.trust, received_at: self.received_at, submission: self.id }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::Trust;

    #[test]
    fn what_a_newer_build_wrote_is_kept_at_every_level() {
        let id = "018f4e2a-7b1c-7000-8000-0000000000aa";
        let written = json!({
            "id": id, "organization": id, "source": id, "source_revision": 1, "dialect": "native",
            "received_at": "2026-01-01T00:00:00.000000Z", "trust": "secret",
            "client": { "address": "192.0.2.1", "tls": "1.3" },
            "fields": {
                "phone": "+14155550132", "texts": { "full_name": "Ann", "city": "Łódź", "street": null },
                "consent": { "source_url": "https://x.example", "video": "v" }, "pronouns": ["they"],
            },
            "raw": { "text": "{}" }, "body_hash": "ab".repeat(32), "of_tomorrow": { "a": [1] },
        });
        let submission: Submission = serde_json::from_value(written.clone()).unwrap();
        assert_eq!(serde_json::to_value(&submission).unwrap(), written);
        let trusted = json!("by_notary");
        let submission = Submission { trust: serde_json::from_value(trusted).unwrap(), ..submission };
        assert_eq!(submission.trust, Trust::Public, "the cautious reading");
    }
}
