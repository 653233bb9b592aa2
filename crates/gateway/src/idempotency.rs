//! The `Idempotency-DerivedKey` while the gateways remember it (draft-ietf-httpapi-idempotency-key-header-07).
//!
//! This only answers early. That one key has one effect is decided by the worker's claim, also when
//! no marker is left.

use leadgate_domain::{ClaimKey, ClaimKind, Submission, SubmissionId};
use leadgate_limiter::IdempotencyState;
use leadgate_queue::{PublishError, QueueFailure};

use crate::refusal::Refusal;
use crate::state::GatewayState;

/// Whether a submission is the first with its key.
pub(crate) enum IdempotencyCheck {
    First,
    /// Of one that is durable.
    Repeated(SubmissionId),
}

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

/// Says how the publish went. Where it may have been stored although it was refused, the marker expires by
/// itself: until then a retry is asked to wait.
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

/// Markers of before a restore say nothing: the submissions that they name may be gone.
fn key(state: &GatewayState, submission: &Submission) -> Option<ClaimKey> {
    let key = submission.idempotency_key_hash?.with_epoch(state.keys.directory.epoch()?);
    Some(ClaimKey { organization: submission.organization, kind: ClaimKind::Idempotency, key })
}
