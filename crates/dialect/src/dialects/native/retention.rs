//! For how long data is kept, as administrators see it.

use std::time::Duration;

use leadgate_domain::{DurationOrForever, Retention};
use serde::Serialize;

/// In seconds.
const DAY: u64 = 24 * 60 * 60;

/// Ages such as `400d`, or `ever`: as they are set.
#[derive(Debug, Serialize)]
pub struct RetentionResponse {
    pub submissions: String,
    pub leads: String,
    pub quarantine: String,
    pub audit: String,
}

pub fn retention(retention: Retention) -> RetentionResponse {
    RetentionResponse {
        submissions: format_age(retention.submissions),
        leads: format_age(retention.leads),
        quarantine: format_age(retention.quarantine),
        audit: format_age(retention.audit),
    }
}

/// In days, where it is so many.
fn format_age(age: Option<Duration>) -> String {
    match age.map(|age| (age.as_secs() / DAY, age.as_secs() % DAY)) {
        Some((days, 0)) => format!("{days}d"),
        _ => DurationOrForever(age).to_string(),
    }
}
