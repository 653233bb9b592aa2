//! Retention: how long an organization keeps its data.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// The ages after which data is deleted; `None` means never. By default all data is kept, except events.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Retention {
    /// The content of submissions, from their receipt.
    #[serde(rename = "submissions_seconds", with = "seconds")]
    pub submissions: Option<Duration>,
    /// Leads, from the receipt of their latest contributor.
    #[serde(rename = "leads_seconds", with = "seconds")]
    pub leads: Option<Duration>,
    /// Quarantine entries, from the last time that the submission was quarantined.
    #[serde(rename = "quarantine_seconds", with = "seconds")]
    pub quarantine: Option<Duration>,
    /// Entries of the audit log.
    #[serde(rename = "audit_seconds", with = "seconds")]
    pub audit: Option<Duration>,
    /// Events with their deliveries and attempts, from the event.
    #[serde(rename = "events_seconds", with = "seconds")]
    pub events: Option<Duration>,
}

impl Default for Retention {
    /// Events are copies of leads, so they are kept for 30 days.
    fn default() -> Self {
        let month = Duration::from_secs(30 * 24 * 60 * 60);
        Self { submissions: None, leads: None, quarantine: None, audit: None, events: Some(month) }
    }
}

mod seconds {
    use super::{Deserialize, Duration};
    use serde::{Deserializer, Serializer};

    #[expect(clippy::ref_option, reason = "serde passes a reference to the option")]
    pub(super) fn serialize<S: Serializer>(age: &Option<Duration>, serializer: S) -> Result<S::Ok, S::Error> {
        match age {
            Some(age) => serializer.serialize_u64(age.as_secs()),
            None => serializer.serialize_none(),
        }
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<Duration>, D::Error> {
        Ok(Option::<u64>::deserialize(deserializer)?.map(Duration::from_secs))
    }
}
