//! Responses of the native dialect about retention.

use std::time::Duration;

use leadgate_domain::{DurationOrForever, Retention};
use serde::Serialize;

/// In seconds.
const DAY: u64 = 24 * 60 * 60;

/// Maximum ages, in the format of the settings: `400d`, or `ever` for no limit.
#[derive(Debug, Serialize)]
pub struct RetentionResponse {
    pub submissions: String,
    pub leads: String,
    pub quarantine: String,
    pub audit: String,
    pub events: String,
}

pub fn retention_response(retention: Retention) -> RetentionResponse {
    RetentionResponse {
        submissions: format_age(retention.submissions),
        leads: format_age(retention.leads),
        quarantine: format_age(retention.quarantine),
        audit: format_age(retention.audit),
        events: format_age(retention.events),
    }
}

/// Formats whole days as `400d`, other ages with humantime, and no limit as `ever`.
fn format_age(age: Option<Duration>) -> String {
    match age.map(|age| (age.as_secs() / DAY, age.as_secs() % DAY)) {
        Some((days, 0)) => format!("{days}d"),
        _ => DurationOrForever(age).to_string(),
    }
}
