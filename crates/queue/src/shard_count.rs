//! The number of lead queues (shards), and the shard of an organization.

use std::sync::Arc;

use leadgate_domain::OrganizationId;
use tokio::sync::watch;

/// The number of queues `leads.0 … leads.<n-1>` that this process uses. Clones share it. It only grows.
#[derive(Debug, Clone)]
pub(crate) struct ShardCount(Arc<watch::Sender<u16>>);

impl ShardCount {
    pub(crate) fn new(count: u16) -> Self {
        Self(Arc::new(watch::Sender::new(count.max(1))))
    }

    pub(crate) fn count(&self) -> u16 {
        *self.0.borrow()
    }

    /// Ignores a smaller number, because a shard may still contain leads.
    pub(crate) fn grow_to(&self, count: u16) {
        self.0.send_if_modified(|current| {
            let grows = count > *current;
            *current = count.max(*current);
            grows
        });
    }

    /// Returns a receiver of later changes.
    pub(crate) fn subscribe(&self) -> watch::Receiver<u16> {
        self.0.subscribe()
    }
}

/// Returns the shard of an organization. All its leads go to one shard, so that batches of different shards
/// lock different organizations.
pub(crate) fn shard_for(organization: OrganizationId, count: u16) -> u16 {
    // The low bits of an id are random.
    let shard = organization.as_uuid().as_u128() % u128::from(count.max(1));
    u16::try_from(shard).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_number_only_grows() {
        let shards = ShardCount::new(0);
        let mut receiver = shards.subscribe();
        assert_eq!(shards.count(), 1);
        shards.grow_to(3);
        assert!(receiver.has_changed().unwrap());
        receiver.mark_unchanged();
        shards.grow_to(2);
        assert_eq!(shards.count(), 3);
        assert!(!receiver.has_changed().unwrap());
    }

    #[test]
    fn organizations_are_distributed_over_all_shards_and_keep_their_shard() {
        let organizations: Vec<_> = (0..4_000).map(|_| OrganizationId::generate()).collect();
        let mut counts = [0; 4];
        for organization in &organizations {
            let shard = shard_for(*organization, 4);
            assert_eq!(shard_for(*organization, 4), shard);
            assert_eq!(shard_for(*organization, 1), 0);
            counts[usize::from(shard)] += 1;
        }
        assert!(counts.iter().all(|count| (850..1_150).contains(count)), "{counts:?}");
    }
}
