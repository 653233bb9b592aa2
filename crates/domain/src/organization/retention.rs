//! For how long an organization keeps what.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// Ages after which things are erased; `None` is never. By default everything is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Retention {
    /// What was said in submissions, from when they were received.
    #[serde(rename = "submissions_seconds", with = "seconds")]
    pub submissions: Option<Duration>,
    /// Leads, from when the latest submission was received that they are made of.
    #[serde(rename = "leads_seconds", with = "seconds")]
    pub leads: Option<Duration>,
    /// Entries of the quarantine, from when they were put there last.
    #[serde(rename = "quarantine_seconds", with = "seconds")]
    pub quarantine: Option<Duration>,
    /// Entries of the audit log.
    #[serde(rename = "audit_seconds", with = "seconds")]
    pub audit: Option<Duration>,
}

mod seconds {
    use super::{Deserialize, Duration};
    use serde::{Deserializer, Serializer};

    #[expect(clippy::ref_option, reason = "serde hands it over like this")]
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
