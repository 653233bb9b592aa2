//! How much one organization may have of what every process keeps in memory or every list shows.

use leadgate_domain::OrganizationId;

use crate::error::{Fault, StoreError};
use crate::rows::Of;
use crate::session::Session;

pub(crate) const SOURCES: Quota = Quota { what: "sources per organization", most: 1_000, advice: "" };
/// Revoked ones do not count.
pub(crate) const KEYS: Quota =
    Quota { what: "keys and tokens per organization", most: 2_000, advice: REVOKE };
/// Of one source; revoked ones do not count.
pub(crate) const TOKENS: Quota = Quota { what: "tokens per source", most: 1_000, advice: REVOKE };
pub(crate) const TAGS: Quota = Quota { what: "numbered tags per organization", most: 1_000, advice: "" };
pub(crate) const SCORINGS: Quota =
    Quota { what: "scoring versions per organization", most: 1_000, advice: "" };

const REVOKE: &str = "; revoke keys and tokens that are no longer used";

#[derive(Debug, Clone, Copy)]
pub(crate) struct Quota {
    what: &'static str,
    most: u32,
    advice: &'static str,
}

impl Quota {
    /// Whether this many are allowed. Within the transaction that adds one, so that it is undone if not.
    pub(crate) fn check(self, number: u64) -> Result<(), Fault> {
        if number <= u64::from(self.most) {
            return Ok(());
        }
        Err(StoreError::TooMany { what: self.what, most: self.most, advice: self.advice }.into())
    }

    /// [`Quota::check`] for what `statement` counts. The caller holds a lock that keeps the number.
    pub(crate) fn check_counted(
        self,
        session: &mut Session,
        statement: &'static str,
        organization: OrganizationId,
    ) -> Result<(), Fault> {
        let counted: Option<u64> = session.find(statement, Of { organization })?;
        self.check(counted.unwrap_or(0))
    }
}
