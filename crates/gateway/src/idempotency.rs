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
    First,
    /// The id of the first one, which is durable.
    Repeated(SubmissionId),
}

/// Sets the marker of a submission, unless another one with the same key has set it.
///
/// # Errors
/// [`Refusal::IdempotencyInFlight`] or [`Refusal::IdempotencyMismatch`].
pub(crate) async fn begin(
    state: &GatewayState,
    submission: &Submission,
) -> Result<IdempotencyCheck, Refusal> {
    let Some(key) = key(state, submission) else { return Ok(IdempotencyCheck::First) };
    match state.markers.begin(key, submission.id, submission.body_hash).await {
        IdempotencyState::First | IdempotencyState::Unknown => Ok(IdempotencyCheck::First),
        IdempotencyState::Done(first) => Ok(IdempotencyCheck::Repeated(first)),
        IdempotencyState::InFlight => Err(Refusal::IdempotencyInFlight),
        IdempotencyState::BodyMismatch => Err(Refusal::IdempotencyMismatch),
    }
}

/// Updates the marker after the publish. If the publish failed and the message may still be in the queue, the
/// marker is kept until it expires. Meanwhile a retry gets a 409.
pub(crate) async fn end(state: &GatewayState, submission: &Submission, refused: Option<&PublishError>) {
    let Some(key) = key(state, submission) else { return };
    match refused {
        None => state.markers.done(key, submission.id, submission.body_hash).await,
        Some(refused) if was_never_sent(refused) => state.markers.forget(key, submission.id).await,
        Some(_) => {}
    }
}

fn was_never_sent(refused: &PublishError) -> bool {
    match refused {
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
fn key(state: &GatewayState, submission: &Submission) -> Option<ClaimKey> {
    let key = submission.idempotency_key_hash?.with_epoch(state.keys.directory.epoch()?);
    Some(ClaimKey { organization: submission.organization, kind: ClaimKind::Idempotency, key })
}
