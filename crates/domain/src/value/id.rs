//! Identifiers. The id of a submission contains a MAC, so it can be recognized before it is stored.

use std::fmt;
use std::str::FromStr;
use std::sync::Mutex;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use uuid::{ContextV7, Uuid};

use crate::Timestamp;
use crate::credential::secret::IdKey;

/// The error text for a text that is not an id.
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
    /// The id of an organization.
    OrganizationId
}
identifier! {
    /// The id of a source.
    SourceId
}
identifier! {
    /// The id of a submission.
    SubmissionId
}
identifier! {
    /// The id of a lead. It is the id of the submission that created the lead.
    LeadId
}
identifier! {
    /// The id of an endpoint.
    EndpointId
}
identifier! {
    /// The id of an event. Receivers recognize a repeated delivery by it.
    EventId
}
identifier! {
    /// The id of an attempt of a delivery.
    AttemptId
}

macro_rules! generated {
    ($($name:ident),*) => {
        $(
            impl $name {
                /// A new id, ordered by time.
                pub fn generate() -> Self {
                    Self(Uuid::now_v7())
                }
            }
        )*
    };
}
generated!(OrganizationId, SourceId, EndpointId, EventId, AttemptId);

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
    /// The lower bound of all ids that were created at this time or later, to the millisecond.
    pub fn min_at(at: Timestamp) -> Self {
        let milliseconds = u64::try_from(at.as_milliseconds()).unwrap_or(0);
        Self(Uuid::from_u128(u128::from(milliseconds) << 80))
    }

    /// When the gateway created the id, in whole milliseconds; `None` if it is not a UUIDv7.
    pub fn created_at(self) -> Option<Timestamp> {
        let (seconds, nanoseconds) = self.0.get_timestamp()?.to_unix();
        let micros = i64::try_from(seconds).ok()?.checked_mul(1_000_000)?;
        Some(Timestamp::from_microseconds(micros.checked_add(i64::from(nanoseconds / 1_000))?))
    }
}

/// How long an id that is not stored is assumed to be in the queue.
pub const MAX_QUEUE_TIME: Duration = Duration::from_secs(7 * 24 * 60 * 60);

/// Creates and recognizes submission ids.
///
/// An id is a UUIDv7 (RFC 9562): 48 bits of milliseconds, a 42-bit counter that only increases within a
/// millisecond, 16 random bits, and, in the last 16 bits, a MAC over the organization and all other bits.
pub struct SubmissionIdGenerator {
    key: IdKey,
    context: Mutex<ContextV7>,
}

impl SubmissionIdGenerator {
    pub fn new(key: IdKey) -> Self {
        Self { key, context: Mutex::new(ContextV7::new()) }
    }

    /// A new id, greater than all earlier ids of this generator.
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

    /// Whether this installation created the id for this organization, and recently enough that the
    /// submission may still be in the queue.
    pub fn may_be_queued(&self, organization: OrganizationId, id: SubmissionId, now: Timestamp) -> bool {
        let is_recent = id.created_at().is_some_and(|created| {
            now.since(created) < MAX_QUEUE_TIME && created.since(now) < Duration::from_secs(60 * 60)
        });
        is_recent
            && self.key.verifies(
                organization,
                without_mac(id.0),
                u16::try_from(id.0.as_u128() & 0xffff).unwrap_or(0),
            )
    }
}

/// The id with its MAC set to zero.
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
    fn ids_increase_and_are_version_7() {
        let ids = ids("a secret that is long enough to be one");
        let (organization, now) = (OrganizationId::generate(), Timestamp::now());
        let created: Vec<_> = (0..1_000).map(|_| ids.make(organization, now)).collect();
        assert!(created.is_sorted_by(|a, b| a.as_uuid().as_u128() >> 16 < b.as_uuid().as_u128() >> 16));
        assert!(created.iter().all(|id| id.as_uuid().get_version_num() == 7));
        assert_eq!(created[0].created_at().unwrap().as_milliseconds(), now.as_milliseconds());
        let min_at = SubmissionId::min_at;
        assert!(min_at(now) < created[0] && created[999] < min_at(now.plus(Duration::from_millis(1))));
    }

    #[test]
    fn an_id_is_recognized_only_for_its_organization() {
        let ids = ids("a secret that is long enough to be one");
        let (ours, theirs, now) = (OrganizationId::generate(), OrganizationId::generate(), Timestamp::now());
        let created: Vec<_> = (0..1_000).map(|_| ids.make(ours, now)).collect();
        assert!(created.iter().all(|id| ids.may_be_queued(ours, *id, now)));
        let accepted = created.iter().filter(|id| ids.may_be_queued(theirs, **id, now)).count();
        assert!(accepted < 5, "a MAC of 16 bits accepts about one in 65,536, not {accepted} in 1,000");
        assert!(!ids.may_be_queued(ours, created[0], now.plus(MAX_QUEUE_TIME)));
    }

    #[test]
    fn another_installation_does_not_recognize_the_id() {
        let (a, b) =
            (ids("a secret that is long enough to be one"), ids("another secret of a good length !!"));
        let (organization, now) = (OrganizationId::generate(), Timestamp::now());
        let known =
            (0..1_000).filter(|_| b.may_be_queued(organization, a.make(organization, now), now)).count();
        assert!(known < 5);
    }
}
