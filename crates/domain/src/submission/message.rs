//! What travels on the queue: one message carries a group of submissions.

use std::num::NonZeroU64;

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::{OrganizationId, Submission, SubmissionId, Timestamp};

/// The version that this build writes. It reads this one and all before it.
///
/// It rises by one when a build writes what an older build must not interpret: another format, or a new dialect,
/// policy, identity kind or other code. An older build parks such a submission in the queue `newer.v<its own
/// version + 1>`, and a build of that version or a later one consumes it. See `docs/decisions/newer-messages.md`.
pub const VERSION: u64 = 1;

/// Wraps already serialized submissions into one message body: `{"v":1,"submissions":[…]}`.
///
/// The gateway serializes each submission once; grouping only concatenates bytes.
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

/// Why nothing of a message can be read; it is parked whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum MessageError {
    #[error("not a message: line {line}, column {column}")]
    NotAMessage { line: usize, column: usize },
    #[error("message version {0} is unknown to this build")]
    UnknownVersion(u64),
}

/// What a message holds. Each submission is read by itself, so that one that cannot be read costs the others nothing.
#[derive(Debug, Default)]
pub struct Message {
    pub submissions: Vec<Submission>,
    /// Those that this build cannot read.
    pub unread: Vec<UnreadableSubmission>,
}

/// A submission that this build cannot read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnreadableSubmission {
    /// A message that holds it alone.
    pub message: Vec<u8>,
    /// Whether a newer build wrote it: what identifies it can be read, and something else has a code that is not known
    /// here.
    pub newer: bool,
    /// Where reading failed.
    pub line: usize,
    pub column: usize,
}

/// What every build reads of a submission.
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

/// What every build reads of a message.
#[derive(Deserialize)]
struct MessageVersion {
    v: NonZeroU64,
}

/// Reads a message body.
///
/// The version is looked at before the submissions, so that a message from a newer build is called
/// unknown rather than malformed. Error texts carry positions, never values.
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
    fn a_group_concatenates_what_it_is_given() {
        assert_eq!(encode_group(&["{}", "[1]"]), br#"{"v":1,"submissions":[{},[1]]}"#);
        assert_eq!(encode_group::<&str>(&[]), br#"{"v":1,"submissions":[]}"#);
    }

    #[test]
    fn a_newer_version_is_unknown_not_malformed() {
        let body = br#"{"v":2,"submissions":[{"whatever":true}],"more":1}"#;
        assert_eq!(decode(body).unwrap_err(), MessageError::UnknownVersion(2));
        let other_format = br#"{"v":3,"submissions":{"compressed":"x"}}"#;
        assert_eq!(decode(other_format).unwrap_err(), MessageError::UnknownVersion(3));
        for malformed in [&b"\x00garbage"[..], br#"{"v":0,"submissions":[]}"#, br#"{"submissions":[]}"#] {
            assert!(matches!(decode(malformed), Err(MessageError::NotAMessage { .. })));
        }
    }

    #[test]
    fn a_submission_that_cannot_be_read_costs_its_neighbours_nothing() {
        let source = Source::new(
            OrganizationId::generate(),
            &crate::SourceDefaults::for_tests(Dialect::Native),
            None,
            Timestamp::now(),
        );
        let id = SubmissionId::from_uuid(OrganizationId::generate().as_uuid());
        let good = Submission::new(id, &source, Timestamp::now(), Fields::default(), b"{}");
        let good = serde_json::to_string(&good).unwrap();
        let newer = good.replace("\"dialect\":\"native\"", "\"dialect\":\"of_tomorrow\"");
        let message = decode(&encode_group(&[&good, &newer, "{}", &good])).unwrap();
        assert_eq!(message.submissions.len(), 2);
        let unread: Vec<_> = message.unread.iter().map(|one| (one.message.clone(), one.newer)).collect();
        assert_eq!(unread, [(encode_group(&[&newer]), true), (encode_group(&["{}"]), false)]);
    }
}
