//! Identifiers. A submission's id can be recognized as ours without anybody having stored it.

use std::fmt;
use std::str::FromStr;
use std::sync::Mutex;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use uuid::{ContextV7, Uuid};

use crate::Timestamp;
use crate::credential::secret::IdKey;

/// What is said about a text that is no identifier.
pub const NOT_AN_ID: &str = "not an id; expected one such as 01a1fea9-1461-757d-9d74-5642f0fe5c4b";

macro_rules! identifier {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(Uuid);

        impl $name {
            pub const fn from_uuid(uuid: Uuid) -> Self {
                Self(uuid)
            }

            pub const fn as_uuid(self) -> Uuid {
                self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(&self.0, formatter)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(&self.0, formatter)
            }
        }

        impl FromStr for $name {
            type Err = &'static str;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                text.trim().parse().map(Self).map_err(|_| NOT_AN_ID)
            }
        }
    };
}

identifier! {
    /// A tenant.
    OrganizationId
}
identifier! {
    /// A configured way in.
    SourceId
}
identifier! {
    /// What somebody sent, once.
    SubmissionId
}
identifier! {
    /// One person for one organization; the id of the submission that created the lead.
    LeadId
}

impl OrganizationId {
    /// A fresh id, ordered by time.
    pub fn generate() -> Self {
        Self(Uuid::now_v7())
    }
}

impl SourceId {
    /// A fresh id, ordered by time.
    pub fn generate() -> Self {
        Self(Uuid::now_v7())
    }
}

impl From<SubmissionId> for LeadId {
    fn from(id: SubmissionId) -> Self {
        Self(id.0)
    }
}

impl From<LeadId> for SubmissionId {
    fn from(id: LeadId) -> Self {
        Self(id.0)
    }
}

impl SubmissionId {
    /// No id that was made at that time or later is less; none that was made before is greater. To the millisecond.
    pub fn min_at(at: Timestamp) -> Self {
        let milliseconds = u64::try_from(at.as_milliseconds()).unwrap_or(0);
        Self(Uuid::from_u128(u128::from(milliseconds) << 80))
    }

    /// When the gateway made the id, in whole milliseconds; `None` if it is no UUIDv7.
    pub fn created_at(self) -> Option<Timestamp> {
        let (seconds, nanoseconds) = self.0.get_timestamp()?.to_unix();
        let micros = i64::try_from(seconds).ok()?.checked_mul(1_000_000)?;
        Some(Timestamp::from_microseconds(micros.checked_add(i64::from(nanoseconds / 1_000))?))
    }
}

/// How long an id that nobody stored yet is believed to be on its way.
pub const MAX_QUEUE_TIME: Duration = Duration::from_secs(7 * 24 * 60 * 60);

/// Makes and recognizes submission ids.
///
/// An id is a UUIDv7 (RFC 9562): 48 bits of milliseconds, a 42-bit counter that only grows within a
/// millisecond, 16 random bits, and, in the last 16 bits, a MAC over the organization and all the rest.
pub struct SubmissionIdGenerator {
    key: IdKey,
    context: Mutex<ContextV7>,
}

impl SubmissionIdGenerator {
    pub fn new(key: IdKey) -> Self {
        Self { key, context: Mutex::new(ContextV7::new()) }
    }

    /// A fresh id, greater than every id made before by this value.
    pub fn make(&self, organization: OrganizationId, at: Timestamp) -> SubmissionId {
        let micros = at.as_microseconds().max(0).unsigned_abs();
        let subsecond = u32::try_from(micros % 1_000_000).unwrap_or(0) * 1_000;
        let uuid = {
            let context = self.context.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
            Uuid::new_v7(uuid::Timestamp::from_unix(&*context, micros / 1_000_000, subsecond))
        };
        let mac = self.key.mac(organization, without_mac(uuid));
        SubmissionId(Uuid::from_u128(without_mac(uuid) | u128::from(mac)))
    }

    /// Whether this installation made the id for this organization, and recently enough that the
    /// submission may still be on its way.
    pub fn may_be_queued(&self, organization: OrganizationId, id: SubmissionId, now: Timestamp) -> bool {
        let young = id.created_at().is_some_and(|made| {
            now.since(made) < MAX_QUEUE_TIME && made.since(now) < Duration::from_secs(60 * 60)
        });
        young
            && self.key.verifies(
                organization,
                without_mac(id.0),
                u16::try_from(id.0.as_u128() & 0xffff).unwrap_or(0),
            )
    }
}

/// The id with its MAC blanked.
fn without_mac(uuid: Uuid) -> u128 {
    uuid.as_u128() & !0xffff
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::credential::secret::RootSecret;

    fn ids(root: &str) -> SubmissionIdGenerator {
        SubmissionIdGenerator::new(RootSecret::new(root, None).unwrap().ids())
    }

    #[test]
    fn ids_grow_and_are_version_7() {
        let ids = ids("a secret that is long enough to be one");
        let (organization, now) = (OrganizationId::generate(), Timestamp::now());
        let made: Vec<_> = (0..1_000).map(|_| ids.make(organization, now)).collect();
        assert!(made.is_sorted_by(|a, b| a.as_uuid().as_u128() >> 16 < b.as_uuid().as_u128() >> 16));
        assert!(made.iter().all(|id| id.as_uuid().get_version_num() == 7));
        assert_eq!(made[0].created_at().unwrap().as_milliseconds(), now.as_milliseconds());
        let least = SubmissionId::min_at;
        assert!(least(now) < made[0] && made[999] < least(now.plus(Duration::from_millis(1))));
    }

    #[test]
    fn only_the_owner_is_told_queued() {
        let ids = ids("a secret that is long enough to be one");
        let (ours, theirs, now) = (OrganizationId::generate(), OrganizationId::generate(), Timestamp::now());
        let made: Vec<_> = (0..1_000).map(|_| ids.make(ours, now)).collect();
        assert!(made.iter().all(|id| ids.may_be_queued(ours, *id, now)));
        let fooled = made.iter().filter(|id| ids.may_be_queued(theirs, **id, now)).count();
        assert!(fooled < 5, "16 bits of MAC let about one in 65,536 through, not {fooled} in 1,000");
        assert!(!ids.may_be_queued(ours, made[0], now.plus(MAX_QUEUE_TIME)));
    }

    #[test]
    fn another_installation_does_not_know_the_id() {
        let (a, b) =
            (ids("a secret that is long enough to be one"), ids("another secret of a good length !!"));
        let (organization, now) = (OrganizationId::generate(), Timestamp::now());
        let known =
            (0..1_000).filter(|_| b.may_be_queued(organization, a.make(organization, now), now)).count();
        assert!(known < 5);
    }
}
