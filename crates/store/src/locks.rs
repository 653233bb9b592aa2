//! Locks of organizations: who else may write leads of an organization while a transaction does.

use std::collections::BTreeMap;

use leadgate_domain::OrganizationId;

/// The stronger mode is the larger one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum LockMode {
    /// For writers that do not change its suppression lists.
    Shared,
    Exclusive,
}

/// An advisory lock of one or more organizations.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct AdvisoryLock {
    pub(crate) key: i64,
    pub(crate) mode: LockMode,
}

impl AdvisoryLock {
    /// The locks of these organizations, in the order in which every transaction takes them.
    pub(crate) fn for_organizations(
        organizations: impl IntoIterator<Item = (OrganizationId, LockMode)>,
    ) -> Vec<Self> {
        let mut locks = BTreeMap::new();
        for (organization, mode) in organizations {
            // The last bits of a UUIDv7 are random.
            let (_, low) = organization.as_uuid().as_u64_pair();
            let slot = i64::try_from(low % Self::LOCK_COUNT).unwrap_or(0);
            let strongest = locks.entry(Self::CLASS | slot).or_insert(mode);
            *strongest = mode.max(*strongest);
        }
        locks.into_iter().map(|(key, mode)| Self { key, mode }).collect()
    }

    /// Organizations share this many locks. PostgreSQL's lock table has room for 64 locks per connection, and
    /// a batch may be of as many organizations as it has submissions.
    const LOCK_COUNT: u64 = 256;

    /// The upper half of every key, so that other users of the database do not meet ours by chance.
    const CLASS: i64 = 0x6c65_6164 << 32;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_batch_of_very_many_organizations_takes_few_locks() {
        let organizations: Vec<_> = (0..20_000).map(|_| OrganizationId::generate()).collect();
        let shared = organizations.iter().map(|organization| (*organization, LockMode::Shared));
        let locks = AdvisoryLock::for_organizations(shared);
        assert!(
            locks.len() <= 256
                && locks.is_sorted_by_key(|lock| lock.key)
                && locks[0].mode == LockMode::Shared
        );
        let both = [(organizations[0], LockMode::Shared), (organizations[0], LockMode::Exclusive)];
        let locks = AdvisoryLock::for_organizations(both);
        assert!(locks.len() == 1 && locks[0].mode == LockMode::Exclusive);
    }
}
