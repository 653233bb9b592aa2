//! Messages of the queue. One message contains a group of submissions.

use std::num::NonZeroU64;

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::{OrganizationId, Submission, SubmissionId, Timestamp};

/// The version that this build writes. It can read this version and all earlier ones.
///
/// It is incremented when a build writes something that an older build must not interpret: another format, or
/// a new dialect, policy, identity kind or other code. An older build parks such a submission in the queue
/// `newer.v<its own version + 1>`. A build of that version or a later one consumes it. See
/// `docs/decisions/newer-messages.md`.
pub const VERSION: u64 = 1;

/// Wraps already serialized submissions into one message body: `{"v":1,"submissions":[…]}`.
///
/// The gateway serializes each submission once. Grouping only concatenates bytes.
pub fn encode_group<T: AsRef<[u8]>>(submissions: &[T]) -> Vec<u8> {
    let bytes: usize = submissions.iter().map(|item| item.as_ref().len() + 1).sum();
    let mut body = Vec::with_capacity(bytes + 32);
    body.extend_from_slice(br#"{"v":1,"submissions":["#);
    for (position, submission) in submissions.iter().enumerate() {
        if position > 0 {
            body.push(b',');
        }
        body.extend_from_slice(submission.as_ref());
    }
    body.extend_from_slice(b"]}");
    body
}

/// Why no part of a message can be read. The whole message is parked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum MessageError {
    #[error("malformed message: line {line}, column {column}")]
    NotAMessage { line: usize, column: usize },
    #[error("message version {0} is newer than this build can read; upgrade the worker")]
    UnknownVersion(u64),
}

/// A decoded message. Each submission is decoded separately, so an unreadable one does not affect the others.
#[derive(Debug, Default)]
pub struct Message {
    pub submissions: Vec<Submission>,
    /// The submissions that this build cannot read.
    pub unread: Vec<UnreadableSubmission>,
}

/// A submission that this build cannot read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnreadableSubmission {
    /// A message that contains only this submission.
    pub message: Vec<u8>,
    /// Whether a newer build wrote it: its header can be read, and another part contains an unknown code.
    pub newer: bool,
    /// The position at which decoding failed.
    pub line: usize,
    pub column: usize,
}

/// The part of a submission that every build can read.
#[derive(Deserialize)]
struct SubmissionHeader {
    #[serde(rename = "id")]
    _id: SubmissionId,
    #[serde(rename = "organization")]
    _organization: OrganizationId,
    #[serde(rename = "received_at")]
    _received_at: Timestamp,
}

#[derive(Deserialize)]
struct MessageEnvelope<'a> {
    v: NonZeroU64,
    #[serde(borrow, default)]
    submissions: Vec<&'a RawValue>,
}

/// The part of a message that every build can read.
#[derive(Deserialize)]
struct MessageVersion {
    v: NonZeroU64,
}

/// Decodes a message body.
///
/// The version is checked before the submissions, so that a message of a newer build is reported as an
/// unknown version and not as malformed. Error texts contain positions, never values.
pub fn decode(body: &[u8]) -> Result<Message, MessageError> {
    let envelope: MessageEnvelope<'_> = serde_json::from_slice(body).map_err(|error| {
        // A newer format may have other members.
        match serde_json::from_slice::<MessageVersion>(body) {
            Ok(MessageVersion { v }) if v.get() > VERSION => MessageError::UnknownVersion(v.get()),
            _ => MessageError::NotAMessage { line: error.line(), column: error.column() },
        }
    })?;
    if envelope.v.get() > VERSION {
        return Err(MessageError::UnknownVersion(envelope.v.get()));
    }
    let mut message = Message::default();
    for raw in envelope.submissions {
        match serde_json::from_str(raw.get()) {
            Ok(submission) => message.submissions.push(submission),
            Err(error) => message.unread.push(UnreadableSubmission {
                message: encode_group(&[raw.get()]),
                newer: serde_json::from_str::<SubmissionHeader>(raw.get()).is_ok(),
                line: error.line(),
                column: error.column(),
            }),
        }
    }
    Ok(message)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Dialect, Fields, Source};

    #[test]
    fn a_group_is_a_json_array_of_its_submissions() {
        assert_eq!(encode_group(&["{}", "[1]"]), br#"{"v":1,"submissions":[{},[1]]}"#);
        assert_eq!(encode_group::<&str>(&[]), br#"{"v":1,"submissions":[]}"#);
    }

    #[test]
    fn a_newer_version_is_unknown_and_not_malformed() {
        let body = br#"{"v":2,"submissions":[{"whatever":true}],"more":1}"#;
        assert_eq!(decode(body).unwrap_err(), MessageError::UnknownVersion(2));
        let other_format = br#"{"v":3,"submissions":{"compressed":"x"}}"#;
        assert_eq!(decode(other_format).unwrap_err(), MessageError::UnknownVersion(3));
        for malformed in [&b"\x00garbage"[..], br#"{"v":0,"submissions":[]}"#, br#"{"submissions":[]}"#] {
            assert!(matches!(decode(malformed), Err(MessageError::NotAMessage { .. })));
        }
    }

    #[test]
    fn an_unreadable_submission_does_not_affect_the_others() {
        let source = Source::new(
            OrganizationId::generate(),
            &crate::SourceDefaults::for_tests(Dialect::Native),
            None,
            Timestamp::now(),
        );
        let id = SubmissionId::from_uuid(OrganizationId::generate().as_uuid());
        let readable = Submission::new(id, &source, Timestamp::now(), Fields::default(), b"{}");
        let readable = serde_json::to_string(&readable).unwrap();
        let newer = readable.replace("\"dialect\":\"native\"", "\"dialect\":\"of_tomorrow\"");
        let message = decode(&encode_group(&[&readable, &newer, "{}", &readable])).unwrap();
        assert_eq!(message.submissions.len(), 2);
        let unread: Vec<_> = message.unread.iter().map(|item| (item.message.clone(), item.newer)).collect();
        assert_eq!(unread, [(encode_group(&[&newer]), true), (encode_group(&["{}"]), false)]);
    }
}
