//! The limits of one organization, for rows that every process keeps in memory or that lists show.

use crate::error::{StoreError, TransactionError};

pub(crate) const SOURCES: Quota = Quota {
    what: "sources",
    most: 1_000,
    remedy: "delete one that is no longer used (`leadgate source list`, `leadgate source delete`)",
};
/// Revoked ones do not count.
pub(crate) const KEYS: Quota = Quota {
    what: "keys and tokens",
    most: 2_000,
    remedy: "revoke those that are no longer used (`leadgate key list`, `leadgate key revoke`)",
};
/// Of one source; revoked ones do not count.
pub(crate) const TOKENS: Quota = Quota {
    what: "tokens per source",
    most: 1_000,
    remedy: "revoke those that are no longer used (`leadgate key list`, `leadgate key revoke`)",
};
pub(crate) const TAGS: Quota = Quota {
    what: "numbered tags",
    most: 1_000,
    remedy: "a numbered tag cannot be deleted or renamed, so use one that is there",
};

pub(crate) const ENDPOINTS: Quota = Quota {
    what: "endpoints",
    most: 100,
    remedy: "delete one that is no longer used (`leadgate endpoint list`, `leadgate endpoint delete`)",
};

/// The newest versions of a scoring that are kept.
pub(crate) const SCORINGS: u32 = 1_000;

#[derive(Debug, Clone, Copy)]
pub(crate) struct Quota {
    what: &'static str,
    most: u32,
    remedy: &'static str,
}

impl Quota {
    /// Whether this many are allowed. Within the transaction that adds one, so that it is undone if not. The caller
    /// holds a lock that keeps the number.
    pub(crate) fn check(self, number: u64) -> Result<(), TransactionError> {
        if number <= u64::from(self.most) {
            return Ok(());
        }
        Err(StoreError::TooMany { what: self.what, most: self.most, remedy: self.remedy }.into())
    }
}
