//! Responses of the native dialect about suppression entries.

use leadgate_domain::{Suppression, SuppressionForm, SuppressionKind, Timestamp};
use serde::Serialize;

#[derive(Debug, Serialize)]
pub struct SuppressionResponse<'s> {
    kind: SuppressionKind,
    /// Null if only a hash is stored, after an erasure.
    value: Option<&'s str>,
    form: SuppressionForm,
    list: &'s str,
    reason: Option<&'s str>,
    added_at: Timestamp,
    expires_at: Option<Timestamp>,
    /// Whether the entry holds matching leads now. False if it has expired.
    holds: bool,
}

pub fn suppression_response(entry: &Suppression, now: Timestamp) -> SuppressionResponse<'_> {
    SuppressionResponse {
        kind: entry.key.kind,
        value: entry.value.as_deref(),
        form: entry.form,
        list: &entry.list,
        reason: entry.reason.as_deref(),
        added_at: entry.added_at,
        expires_at: entry.expires_at,
        holds: entry.is_active_at(now),
    }
}
