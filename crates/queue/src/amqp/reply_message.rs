//! The message from a worker to a gateway: `{"v":1,"replies":[…]}`.

use leadgate_domain::reply::Reply;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

/// The only version that this build writes and reads.
const VERSION: u64 = 1;

#[derive(Serialize)]
struct EncodedReplies<'a> {
    v: u64,
    replies: &'a [Reply],
}

#[derive(Deserialize)]
struct ReplyEnvelope<'a> {
    v: u64,
    #[serde(borrow)]
    replies: Vec<&'a RawValue>,
}

/// The readable replies of a message, and the number of unreadable ones.
#[derive(Debug, Default)]
pub(crate) struct DecodedReplies {
    pub(crate) replies: Vec<Reply>,
    pub(crate) unreadable: u64,
}

pub(crate) fn encode(replies: &[Reply]) -> serde_json::Result<Vec<u8>> {
    serde_json::to_vec(&EncodedReplies { v: VERSION, replies })
}

/// Decodes each reply separately, so that a reply that only a newer build can read does not affect the
/// others.
pub(crate) fn decode(message: &[u8]) -> DecodedReplies {
    let Some(envelope) =
        serde_json::from_slice::<ReplyEnvelope<'_>>(message).ok().filter(|envelope| envelope.v == VERSION)
    else {
        return DecodedReplies { unreadable: 1, ..DecodedReplies::default() };
    };
    let mut decoded = DecodedReplies::default();
    for raw in envelope.replies {
        match serde_json::from_str(raw.get()) {
            Ok(reply) => decoded.replies.push(reply),
            Err(_) => decoded.unreadable += 1,
        }
    }
    decoded
}

#[cfg(test)]
mod tests {
    use leadgate_domain::{Outcome, SubmissionId};

    use super::*;

    fn reply(outcome: Outcome) -> Reply {
        let submission: SubmissionId = "01890a5d-ac96-774b-bcce-b302099a8057".parse().unwrap();
        Reply { submission, outcome, lead: None, quarantine: None }
    }

    #[test]
    fn encoded_replies_are_decoded() {
        let replies = [reply(Outcome::Created), reply(Outcome::Duplicate)];
        assert_eq!(decode(&encode(&replies).unwrap()).replies, replies);
    }

    #[test]
    fn unreadable_replies_are_counted_and_do_not_affect_others() {
        let known = serde_json::to_string(&reply(Outcome::Linked)).unwrap();
        let newer = known.replace("linked", "teleported");
        let decoded = decode(format!(r#"{{"v":1,"more":true,"replies":[{newer},{known}]}}"#).as_bytes());
        assert_eq!((decoded.replies, decoded.unreadable), (vec![reply(Outcome::Linked)], 1));
        for message in ["", "garbage", "{}", r#"{"v":2,"replies":[]}"#, "\u{0}"] {
            assert_eq!(decode(message.as_bytes()).unreadable, 1, "{message}");
        }
    }
}
