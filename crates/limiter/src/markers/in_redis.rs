//! Markers that all gateways share.

use std::sync::{Arc, LazyLock};
use std::time::Duration;

use ::redis::aio::MultiplexedConnection;
use ::redis::{ErrorKind, RedisResult};
use leadgate_domain::{BodyHash, ClaimKey, SubmissionId};

use super::{Begun, REMEMBERED};
use crate::redis::gather::Line;
use crate::redis::question::{Asked, Question};
use crate::redis::script::Lua;
use crate::{LimiterConfig, LimiterError, Status};

static MARK: LazyLock<Lua> = LazyLock::new(|| Lua::new(include_str!("mark.lua")));

#[derive(Clone)]
pub(super) struct InRedis {
    line: Line<Use>,
    prefix: Arc<str>,
    in_flight: Duration,
}

/// A use of a key in Redis' words.
#[derive(Clone)]
pub(super) struct Use {
    key: String,
    /// What is to be done, the submission, the body, the lifetime.
    words: [String; 4],
}

impl InRedis {
    pub(super) async fn open(config: &LimiterConfig, in_flight: Duration) -> Result<Self, LimiterError> {
        let line = Line::open(config).await?;
        Ok(Self { line, prefix: config.prefix.as_str().into(), in_flight })
    }

    pub(super) async fn begin(&self, key: ClaimKey, submission: SubmissionId, body: BodyHash) -> Begun {
        let body = body.to_string();
        let answer = self.line.ask_again(self.to("begin", key, submission, body, self.in_flight)).await;
        match answer.as_deref() {
            Some("first") => Begun::First,
            Some("in_flight") => Begun::InFlight,
            Some("other_body") => Begun::OtherBody,
            Some(id) => id.parse().map_or(Begun::Unknown, Begun::Done),
            None => Begun::Unknown,
        }
    }

    pub(super) async fn done(&self, key: ClaimKey, submission: SubmissionId, body: BodyHash) {
        self.line.ask_again(self.to("done", key, submission, body.to_string(), REMEMBERED)).await;
    }

    pub(super) async fn forget(&self, key: ClaimKey, submission: SubmissionId) {
        self.line.ask_again(self.to("forget", key, submission, String::new(), Duration::ZERO)).await;
    }

    pub(super) fn status(&self) -> Status {
        self.line.status()
    }

    fn to(
        &self,
        what: &str,
        key: ClaimKey,
        submission: SubmissionId,
        body: String,
        lifetime: Duration,
    ) -> Use {
        let ClaimKey { organization, kind, key } = key;
        // The braces make the organization the hash tag of Redis Cluster.
        let key = format!("{}:marker:{{{organization}}}:{}:{key}", self.prefix, kind.as_str());
        // Redis takes no lifetime of nothing for an expiry.
        let lifetime = lifetime.as_millis().max(1).to_string();
        Use { key, words: [what.to_owned(), submission.to_string(), body, lifetime] }
    }
}

impl Question for Use {
    type Answer = String;
    const OF: &'static str = "markers";

    async fn ask(connection: &mut MultiplexedConnection, asked: &[Asked<Self>]) -> RedisResult<Vec<String>> {
        let keys: Vec<&str> = asked.iter().map(|asked| asked.question.key.as_str()).collect();
        let words: Vec<&String> = asked.iter().flat_map(|asked| &asked.question.words).collect();
        let answers: Vec<String> = MARK.run(connection, &keys, &words).await?;
        match answers.len() == asked.len() {
            true => Ok(answers),
            false => Err((ErrorKind::Parse, "the script answered too little").into()),
        }
    }
}
