//! `Idempotency-Key`: markers of recent requests (draft-ietf-httpapi-idempotency-key-header-07).
//!
//! A marker only allows an early response. The claim that the worker stores guarantees that a key has one
//! effect, even after the marker has expired.

use leadgate_domain::{ClaimKey, ClaimKind, Submission, SubmissionId};
use leadgate_limiter::IdempotencyState;
use leadgate_queue::{PublishError, QueueFailure};

use crate::refusal::Refusal;
use crate::state::GatewayState;

/// Whether a submission is the first one with its key.
pub(crate) enum IdempotencyCheck {
    FirstRequest,
    /// The id of the first one, which is durable.
    Repeated(SubmissionId),
}

/// Reserves the idempotency key of a submission, unless another submission has reserved it.
///
/// # Errors
/// [`Refusal::IdempotencyInFlight`] or [`Refusal::IdempotencyMismatch`].
pub(crate) async fn reserve(
    state: &GatewayState,
    submission: &Submission,
) -> Result<IdempotencyCheck, Refusal> {
    let Some(key) = marker_key(state, submission) else { return Ok(IdempotencyCheck::FirstRequest) };
    match state.markers.reserve(key, submission.id, submission.body_hash).await {
        IdempotencyState::FirstRequest | IdempotencyState::Unknown => Ok(IdempotencyCheck::FirstRequest),
        IdempotencyState::Completed(first) => Ok(IdempotencyCheck::Repeated(first)),
        IdempotencyState::InFlight => Err(Refusal::IdempotencyInFlight),
        IdempotencyState::BodyMismatch => Err(Refusal::IdempotencyMismatch),
    }
}

/// Completes or releases the key after the publish. If the publish failed and the message may still be in the
/// queue, the key stays reserved until the marker expires. Meanwhile a retry gets a 409.
pub(crate) async fn complete_or_release(
    state: &GatewayState,
    submission: &Submission,
    published: &Result<(), PublishError>,
) {
    let Some(key) = marker_key(state, submission) else { return };
    match published {
        Ok(()) => state.markers.complete(key, submission.id, submission.body_hash).await,
        Err(error) if was_never_sent(error) => state.markers.release(key, submission.id).await,
        Err(_) => {}
    }
}

fn was_never_sent(error: &PublishError) -> bool {
    match error {
        PublishError::Busy => true,
        PublishError::TimedOut => false,
        PublishError::Unavailable(cause) => match cause {
            QueueFailure::Alarm | QueueFailure::Full | QueueFailure::Locked | QueueFailure::Topology => true,
            QueueFailure::Disconnected
            | QueueFailure::Unroutable
            | QueueFailure::Storage
            | QueueFailure::Closed => false,
        },
    }
}

/// The marker key. It contains the epoch, so that markers from before a restore do not match: the submissions
/// that they name may no longer exist.
fn marker_key(state: &GatewayState, submission: &Submission) -> Option<ClaimKey> {
    let key = submission.idempotency_key_hash?.with_epoch(state.keys.directory.epoch()?);
    Some(ClaimKey { organization: submission.organization, kind: ClaimKind::Idempotency, key })
}
