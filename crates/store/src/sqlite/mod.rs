//! SQLite: the embedded shape's store.

mod audit;
mod claims;
mod connect;
mod directory;
mod keys;
mod leads;
mod migrate;
#[cfg(test)]
mod plans;
mod quarantine;
mod reports;
mod sources;
mod submissions;
mod suppressions;
mod verdict;

pub(crate) use connect::Address;
pub(crate) use verdict::judge;

use crate::sql::Sql;

pub(crate) static SQL: Sql = Sql {
    installation: directory::INSTALLATION,
    organizations: directory::ORGANIZATIONS,
    sources: sources::SOURCES,
    mappings: sources::MAPPINGS,
    keys: keys::KEYS,
    tags: keys::TAGS,
    submissions: submissions::SUBMISSIONS,
    claims: claims::CLAIMS,
    leads: leads::LEADS,
    quarantine: quarantine::QUARANTINE,
    suppressions: suppressions::SUPPRESSIONS,
    attempts: quarantine::ATTEMPTS,
    reports: reports::REPORTS,
    audit: audit::AUDIT,
};
