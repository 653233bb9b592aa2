//! Why a program is degraded or not ready.

use serde::Serialize;

/// An item of `degraded` and `reasons` in `/readyz` of gateways and workers. It contains no address and no
/// secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ReadinessReason {
    part: &'static str,
    reason: String,
}

impl ReadinessReason {
    pub fn new(part: &'static str, reason: &str) -> Self {
        Self { part, reason: reason.to_owned() }
    }
}
