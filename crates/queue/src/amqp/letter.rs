//! What travels from a worker to a gateway: `{"v":1,"replies":[…]}`.

use leadgate_domain::reply::Reply;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

/// The version this build writes, and the only one it reads.
const VERSION: u64 = 1;

#[derive(Serialize)]
struct Written<'a> {
    v: u64,
    replies: &'a [Reply],
}

#[derive(Deserialize)]
struct Received<'a> {
    v: u64,
    #[serde(borrow)]
    replies: Vec<&'a RawValue>,
}

/// What could be read of a letter, and how much could not.
#[derive(Debug, Default)]
pub(crate) struct Read {
    pub(crate) replies: Vec<Reply>,
    pub(crate) unreadable: u64,
}

pub(crate) fn encode(replies: &[Reply]) -> serde_json::Result<Vec<u8>> {
    serde_json::to_vec(&Written { v: VERSION, replies })
}

/// Each reply by itself: one that only a newer build understands spoils no other.
pub(crate) fn decode(letter: &[u8]) -> Read {
    let Some(received) = serde_json::from_slice::<Received<'_>>(letter).ok().filter(|it| it.v == VERSION)
    else {
        return Read { unreadable: 1, ..Read::default() };
    };
    let mut read = Read::default();
    for raw in received.replies {
        match serde_json::from_str(raw.get()) {
            Ok(reply) => read.replies.push(reply),
            Err(_) => read.unreadable += 1,
        }
    }
    read
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
    fn what_is_written_is_read() {
        let replies = [reply(Outcome::Created), reply(Outcome::Duplicate)];
        assert_eq!(decode(&encode(&replies).unwrap()).replies, replies);
    }

    #[test]
    fn what_cannot_be_read_is_counted_and_spoils_nothing_else() {
        let known = serde_json::to_string(&reply(Outcome::Linked)).unwrap();
        let newer = known.replace("linked", "teleported");
        let read = decode(format!(r#"{{"v":1,"more":true,"replies":[{newer},{known}]}}"#).as_bytes());
        assert_eq!((read.replies, read.unreadable), (vec![reply(Outcome::Linked)], 1));
        for letter in ["", "garbage", "{}", r#"{"v":2,"replies":[]}"#, "\u{0}"] {
            assert_eq!(decode(letter.as_bytes()).unreadable, 1, "{letter}");
        }
    }
}
