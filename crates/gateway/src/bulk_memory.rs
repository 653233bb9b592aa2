//! Bodies of many leads share a bounded amount of memory.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use leadgate_domain::OrganizationId;

use crate::refusal::Refusal;

/// The bytes of all such bodies that are being read or answered.
pub(crate) struct BulkMemory {
    taken: Mutex<UsedMemory>,
    /// For one organization.
    share: usize,
    /// For all organizations together.
    total: usize,
}

#[derive(Default)]
struct UsedMemory {
    total: usize,
    of: HashMap<OrganizationId, usize>,
}

impl BulkMemory {
    /// One organization may have one of the largest bodies under way, all together four.
    pub(crate) fn for_bodies_of(limit: usize) -> Arc<Self> {
        Arc::new(Self { taken: Mutex::default(), share: limit, total: 4 * limit })
    }

    /// Room for a body of an organization, which grows as the body arrives.
    pub(crate) fn permit(self: &Arc<Self>, organization: OrganizationId) -> BulkPermit {
        BulkPermit { memory: Arc::clone(self), organization, size: 0 }
    }
}

/// Memory in use, given back when this is dropped.
pub(crate) struct BulkPermit {
    memory: Arc<BulkMemory>,
    organization: OrganizationId,
    size: usize,
}

impl BulkPermit {
    pub(crate) fn grow(&mut self, size: usize) -> Result<(), Refusal> {
        let mut taken = self.memory.taken.lock().unwrap_or_else(PoisonError::into_inner);
        let UsedMemory { total, of } = &mut *taken;
        let own = of.entry(self.organization).or_default();
        if *own + size > self.memory.share || *total + size > self.memory.total {
            return Err(Refusal::BulkMemoryFull);
        }
        *own += size;
        *total += size;
        self.size += size;
        Ok(())
    }
}

impl Drop for BulkPermit {
    fn drop(&mut self) {
        let mut taken = self.memory.taken.lock().unwrap_or_else(PoisonError::into_inner);
        taken.total -= self.size;
        if let Some(own) = taken.of.get_mut(&self.organization) {
            *own -= self.size;
            if *own == 0 {
                taken.of.remove(&self.organization);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn organizations_have_a_share_and_all_of_them_a_total() {
        let memory = BulkMemory::for_bodies_of(10);
        let organization = || OrganizationId::generate();
        let (ours, theirs) = (organization(), organization());
        let mut first = memory.permit(ours);
        first.grow(6).unwrap();
        let mut second = memory.permit(ours);
        second.grow(4).unwrap();
        assert!(second.grow(1).is_err(), "the organization has all of its share");
        let mut others: Vec<_> =
            [theirs, organization(), organization()].map(|one| memory.permit(one)).into();
        for other in &mut others {
            other.grow(10).unwrap();
        }
        assert!(memory.permit(organization()).grow(1).is_err(), "four shares are all there is");
        drop(first);
        second.grow(6).unwrap();
        drop((second, others));
        let taken = memory.taken.lock().unwrap();
        assert!(taken.total == 0 && taken.of.is_empty());
    }
}
