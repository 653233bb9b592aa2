//! What travels on the queue: one message carries a group of submissions.

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::Submission;

/// The version this build writes, and the only one it reads.
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

/// Why a message cannot be attributed to anybody and is parked whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unreadable {
    #[error("not a message: line {line}, column {column}")]
    NotAMessage { line: usize, column: usize },
    #[error("message version {0} is unknown to this build")]
    UnknownVersion(u64),
    #[error("submission {position} of the message is unreadable: line {line}, column {column}")]
    Submission { position: usize, line: usize, column: usize },
}

#[derive(Deserialize)]
struct Envelope<'a> {
    v: u64,
    #[serde(borrow, default)]
    submissions: Vec<&'a RawValue>,
}

/// Reads a message body.
///
/// The version is looked at before the submissions, so that a message from a newer build is called
/// unknown rather than malformed. Error texts carry positions, never values.
pub fn decode(body: &[u8]) -> Result<Vec<Submission>, Unreadable> {
    let envelope: Envelope<'_> = serde_json::from_slice(body)
        .map_err(|error| Unreadable::NotAMessage { line: error.line(), column: error.column() })?;
    if envelope.v != VERSION {
        return Err(Unreadable::UnknownVersion(envelope.v));
    }
    let read = |(position, raw): (usize, &&RawValue)| {
        serde_json::from_str(raw.get()).map_err(|error| Unreadable::Submission {
            position,
            line: error.line(),
            column: error.column(),
        })
    };
    envelope.submissions.iter().enumerate().map(read).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_group_concatenates_what_it_is_given() {
        assert_eq!(encode_group(&["{}", "[1]"]), br#"{"v":1,"submissions":[{},[1]]}"#);
        assert_eq!(encode_group::<&str>(&[]), br#"{"v":1,"submissions":[]}"#);
    }

    #[test]
    fn a_newer_version_is_unknown_not_malformed() {
        let body = br#"{"v":2,"submissions":[{"whatever":true}],"more":1}"#;
        assert_eq!(decode(body).unwrap_err(), Unreadable::UnknownVersion(2));
        assert!(matches!(decode(b"\x00garbage"), Err(Unreadable::NotAMessage { .. })));
        assert!(matches!(
            decode(br#"{"v":1,"submissions":[{}]}"#),
            Err(Unreadable::Submission { position: 0, .. })
        ));
    }
}
