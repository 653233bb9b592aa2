//! The `Idempotency-Key` while the gateways remember it (draft-ietf-httpapi-idempotency-key-header-07).
//!
//! This only answers early. That one key has one effect is decided by the worker's claim, also when
//! no marker is left.

use leadgate_domain::{ClaimKey, ClaimKind, Submission, SubmissionId};
use leadgate_limiter::Begun;
use leadgate_queue::{Cause, Refused};

use crate::refusal::Refusal;
use crate::state::State;

/// Whether a submission is the first with its key.
pub(crate) enum Attempt {
    First,
    /// Of one that is durable.
    Repetition(SubmissionId),
}

pub(crate) async fn begin(state: &State, submission: &Submission) -> Result<Attempt, Refusal> {
    let Some(key) = key(state, submission) else { return Ok(Attempt::First) };
    match state.markers.begin(key, submission.id, submission.body_hash).await {
        Begun::First | Begun::Unknown => Ok(Attempt::First),
        Begun::Done(first) => Ok(Attempt::Repetition(first)),
        Begun::InFlight => Err(Refusal::IdempotencyInFlight),
        Begun::OtherBody => Err(Refusal::IdempotencyMismatch),
    }
}

/// Says how the publish went. Where it may have been stored although it was refused, the marker expires by
/// itself: until then a retry is asked to wait.
pub(crate) async fn end(state: &State, submission: &Submission, refused: Option<&Refused>) {
    let Some(key) = key(state, submission) else { return };
    match refused {
        None => state.markers.done(key, submission.id, submission.body_hash).await,
        Some(refused) if was_never_sent(refused) => state.markers.forget(key, submission.id).await,
        Some(_) => {}
    }
}

fn was_never_sent(refused: &Refused) -> bool {
    match refused {
        Refused::Busy => true,
        Refused::TimedOut => false,
        Refused::Unavailable(cause) => match cause {
            Cause::Alarm | Cause::Full | Cause::Locked | Cause::Topology => true,
            Cause::Disconnected | Cause::Unroutable | Cause::Storage | Cause::Closed => false,
        },
    }
}

/// Markers of before a restore say nothing: the submissions that they name may be gone.
fn key(state: &State, submission: &Submission) -> Option<ClaimKey> {
    let key = submission.idempotency_key_hash?.in_epoch(state.keys.directory.epoch()?);
    Some(ClaimKey { organization: submission.organization, kind: ClaimKind::Idempotency, key })
}
