//! For how long data is kept, as administrators see it.

use std::time::Duration;

use leadgate_domain::{Retention, Window};
use serde::Serialize;

/// In seconds.
const DAY: u64 = 24 * 60 * 60;

/// Ages such as `400d`, or `ever`: as they are set.
#[derive(Debug, Serialize)]
pub struct RetentionAnswer {
    pub submissions: String,
    pub leads: String,
    pub quarantine: String,
    pub audit: String,
}

pub fn retention(retention: Retention) -> RetentionAnswer {
    RetentionAnswer {
        submissions: in_words(retention.submissions),
        leads: in_words(retention.leads),
        quarantine: in_words(retention.quarantine),
        audit: in_words(retention.audit),
    }
}

/// In days, where it is so many.
fn in_words(age: Option<Duration>) -> String {
    match age.map(|age| (age.as_secs() / DAY, age.as_secs() % DAY)) {
        Some((days, 0)) => format!("{days}d"),
        _ => Window(age).to_string(),
    }
}
