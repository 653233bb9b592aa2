//! Markers that all gateways share.

use std::sync::{Arc, LazyLock};
use std::time::Duration;

use ::redis::aio::MultiplexedConnection;
use ::redis::{ErrorKind, RedisResult};
use leadgate_domain::{BodyHash, ClaimKey, SubmissionId};

use super::{IdempotencyState, REMEMBERED};
use crate::redis::batched_call::{BatchedCall, PendingCall};
use crate::redis::batcher::Batcher;
use crate::redis::lua_script::LuaScript;
use crate::{LimiterConfig, LimiterError, LimiterStatus};

static MARK: LazyLock<LuaScript> = LazyLock::new(|| LuaScript::new(include_str!("mark.lua")));

#[derive(Clone)]
pub(super) struct RedisMarkers {
    line: Batcher<MarkerCall>,
    prefix: Arc<str>,
    in_flight: Duration,
}

/// A use of a key in Redis' words.
#[derive(Clone)]
pub(super) struct MarkerCall {
    key: String,
    /// What is to be done, the submission, the body, the lifetime.
    words: [String; 4],
}

impl RedisMarkers {
    pub(super) async fn open(config: &LimiterConfig, in_flight: Duration) -> Result<Self, LimiterError> {
        let line = Batcher::open(config).await?;
        Ok(Self { line, prefix: config.prefix.as_str().into(), in_flight })
    }

    pub(super) async fn begin(
        &self,
        key: ClaimKey,
        submission: SubmissionId,
        body: BodyHash,
    ) -> IdempotencyState {
        let body = body.to_string();
        let answer = self.line.call_with_retry(self.to("begin", key, submission, body, self.in_flight)).await;
        match answer.as_deref() {
            Some("first") => IdempotencyState::First,
            Some("in_flight") => IdempotencyState::InFlight,
            Some("other_body") => IdempotencyState::BodyMismatch,
            Some(id) => id.parse().map_or(IdempotencyState::Unknown, IdempotencyState::Done),
            None => IdempotencyState::Unknown,
        }
    }

    pub(super) async fn done(&self, key: ClaimKey, submission: SubmissionId, body: BodyHash) {
        self.line.call_with_retry(self.to("done", key, submission, body.to_string(), REMEMBERED)).await;
    }

    pub(super) async fn forget(&self, key: ClaimKey, submission: SubmissionId) {
        self.line.call_with_retry(self.to("forget", key, submission, String::new(), Duration::ZERO)).await;
    }

    pub(super) fn status(&self) -> LimiterStatus {
        self.line.status()
    }

    fn to(
        &self,
        what: &str,
        key: ClaimKey,
        submission: SubmissionId,
        body: String,
        lifetime: Duration,
    ) -> MarkerCall {
        let ClaimKey { organization, kind, key } = key;
        // The braces make the organization the hash tag of Redis Cluster.
        let key = format!("{}:marker:{{{organization}}}:{}:{key}", self.prefix, kind.as_str());
        // Redis takes no lifetime of nothing for an expiry.
        let lifetime = lifetime.as_millis().max(1).to_string();
        MarkerCall { key, words: [what.to_owned(), submission.to_string(), body, lifetime] }
    }
}

impl BatchedCall for MarkerCall {
    type Answer = String;
    const LABEL: &'static str = "markers";

    async fn call_all(
        connection: &mut MultiplexedConnection,
        asked: &[PendingCall<Self>],
    ) -> RedisResult<Vec<String>> {
        let keys: Vec<&str> = asked.iter().map(|asked| asked.question.key.as_str()).collect();
        let words: Vec<&String> = asked.iter().flat_map(|asked| &asked.question.words).collect();
        let answers: Vec<String> = MARK.run(connection, &keys, &words).await?;
        match answers.len() == asked.len() {
            true => Ok(answers),
            false => Err((ErrorKind::Parse, "the script answered too little").into()),
        }
    }
}
