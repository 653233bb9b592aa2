//! A memory limit for bulk bodies, per organization and in total.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use leadgate_domain::OrganizationId;

use crate::refusal::Refusal;

/// Counts the bytes of all bulk bodies that are being read or answered.
pub(crate) struct BulkMemory {
    used: Mutex<UsedMemory>,
    /// The maximum for one organization, in bytes.
    per_organization: usize,
    /// The maximum for all organizations together, in bytes.
    total: usize,
}

#[derive(Default)]
struct UsedMemory {
    total: usize,
    by_organization: HashMap<OrganizationId, usize>,
}

impl BulkMemory {
    /// Each organization may use the size of one maximum body, and all organizations together of four.
    pub(crate) fn new(limit: usize) -> Arc<Self> {
        Arc::new(Self { used: Mutex::default(), per_organization: limit, total: 4 * limit })
    }

    /// A permit for a body of an organization. It grows as the body arrives.
    pub(crate) fn permit(self: &Arc<Self>, organization: OrganizationId) -> BulkPermit {
        BulkPermit { memory: Arc::clone(self), organization, size: 0 }
    }
}

/// Memory in use. It is released on drop.
pub(crate) struct BulkPermit {
    memory: Arc<BulkMemory>,
    organization: OrganizationId,
    size: usize,
}

impl BulkPermit {
    /// # Errors
    /// [`Refusal::BulkMemoryFull`] if a limit is exceeded.
    pub(crate) fn grow(&mut self, size: usize) -> Result<(), Refusal> {
        let mut used = self.memory.used.lock().unwrap_or_else(PoisonError::into_inner);
        let UsedMemory { total, by_organization } = &mut *used;
        let own = by_organization.entry(self.organization).or_default();
        if *own + size > self.memory.per_organization || *total + size > self.memory.total {
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
        let mut used = self.memory.used.lock().unwrap_or_else(PoisonError::into_inner);
        used.total -= self.size;
        if let Some(own) = used.by_organization.get_mut(&self.organization) {
            *own -= self.size;
            if *own == 0 {
                used.by_organization.remove(&self.organization);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_limited_per_organization_and_in_total() {
        let memory = BulkMemory::new(10);
        let organization = || OrganizationId::generate();
        let (ours, theirs) = (organization(), organization());
        let mut first = memory.permit(ours);
        first.grow(6).unwrap();
        let mut second = memory.permit(ours);
        second.grow(4).unwrap();
        assert!(second.grow(1).is_err(), "the limit of the organization");
        let mut others: Vec<_> =
            [theirs, organization(), organization()].map(|organization| memory.permit(organization)).into();
        for other in &mut others {
            other.grow(10).unwrap();
        }
        assert!(memory.permit(organization()).grow(1).is_err(), "the total limit");
        drop(first);
        second.grow(6).unwrap();
        drop((second, others));
        let used = memory.used.lock().unwrap();
        assert!(used.total == 0 && used.by_organization.is_empty());
    }
}
