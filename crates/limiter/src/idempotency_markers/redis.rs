//! Markers in Redis, which all gateways share.

use std::sync::{Arc, LazyLock};
use std::time::Duration;

use ::redis::aio::MultiplexedConnection;
use ::redis::{ErrorKind, RedisResult};
use leadgate_domain::{BodyHash, ClaimKey, SubmissionId};

use super::{COMPLETED_LIFETIME, IdempotencyState};
use crate::redis::batched_call::{BatchedCall, PendingCall};
use crate::redis::batcher::Batcher;
use crate::redis::lua_script::LuaScript;
use crate::{LimiterConfig, LimiterError, LimiterStatus};

static MARKER_SCRIPT: LazyLock<LuaScript> = LazyLock::new(|| LuaScript::new(include_str!("markers.lua")));

#[derive(Clone)]
pub(super) struct RedisMarkers {
    batcher: Batcher<MarkerCall>,
    prefix: Arc<str>,
    in_flight_lifetime: Duration,
}

/// One operation on a marker, as arguments of `markers.lua`.
#[derive(Clone)]
pub(super) struct MarkerCall {
    key: String,
    /// The operation, the submission's id, the hash of the body, the lifetime in ms.
    arguments: [String; 4],
}

impl RedisMarkers {
    pub(super) async fn open(
        config: &LimiterConfig,
        in_flight_lifetime: Duration,
    ) -> Result<Self, LimiterError> {
        let batcher = Batcher::open(config).await?;
        Ok(Self { batcher, prefix: config.prefix.as_str().into(), in_flight_lifetime })
    }

    pub(super) async fn reserve(
        &self,
        key: ClaimKey,
        submission: SubmissionId,
        body: BodyHash,
    ) -> IdempotencyState {
        let body = body.to_string();
        let answer = self
            .batcher
            .call_with_retry(self.marker_call("reserve", key, submission, body, self.in_flight_lifetime))
            .await;
        match answer.as_deref() {
            Some("first_request") => IdempotencyState::FirstRequest,
            Some("in_flight") => IdempotencyState::InFlight,
            Some("body_mismatch") => IdempotencyState::BodyMismatch,
            Some(id) => id.parse().map_or(IdempotencyState::Unknown, IdempotencyState::Completed),
            None => IdempotencyState::Unknown,
        }
    }

    pub(super) async fn complete(&self, key: ClaimKey, submission: SubmissionId, body: BodyHash) {
        self.batcher
            .call_with_retry(self.marker_call(
                "complete",
                key,
                submission,
                body.to_string(),
                COMPLETED_LIFETIME,
            ))
            .await;
    }

    pub(super) async fn release(&self, key: ClaimKey, submission: SubmissionId) {
        self.batcher
            .call_with_retry(self.marker_call("release", key, submission, String::new(), Duration::ZERO))
            .await;
    }

    pub(super) fn status(&self) -> LimiterStatus {
        self.batcher.status()
    }

    fn marker_call(
        &self,
        operation: &str,
        key: ClaimKey,
        submission: SubmissionId,
        body: String,
        lifetime: Duration,
    ) -> MarkerCall {
        let ClaimKey { organization, kind, key } = key;
        // The braces mark the organization as the hash tag of Redis Cluster, so that its keys are in one slot.
        let key = format!("{}:marker:{{{organization}}}:{}:{key}", self.prefix, kind.as_str());
        // Redis rejects an expiry of 0 ms.
        let lifetime = lifetime.as_millis().max(1).to_string();
        MarkerCall { key, arguments: [operation.to_owned(), submission.to_string(), body, lifetime] }
    }
}

impl BatchedCall for MarkerCall {
    type Answer = String;
    const LABEL: &'static str = "markers";

    async fn call_all(
        connection: &mut MultiplexedConnection,
        calls: &[PendingCall<Self>],
    ) -> RedisResult<Vec<String>> {
        let keys: Vec<&str> = calls.iter().map(|pending| pending.call.key.as_str()).collect();
        let arguments: Vec<&String> = calls.iter().flat_map(|pending| &pending.call.arguments).collect();
        let answers: Vec<String> = MARKER_SCRIPT.run(connection, &keys, &arguments).await?;
        match answers.len() == calls.len() {
            true => Ok(answers),
            false => Err((ErrorKind::Parse, "the script did not return one result for each call").into()),
        }
    }
}
