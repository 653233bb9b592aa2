//! PostgreSQL, the store of the distributed shape.

mod audit;
mod claims;
mod connect;
mod consents;
mod directory;
mod erasure;
mod error_class;
mod keys;
mod leads;
mod migrate;
mod quarantine;
mod reports;
mod scorings;
mod sources;
mod submissions;
mod suppressions;

pub(crate) use connect::PostgresAddress;
pub(crate) use error_class::classify;

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
    crash_attempts: quarantine::CRASH_ATTEMPTS,
    sweeps: suppressions::SWEEPS,
    consents: consents::CONSENTS,
    erasure: erasure::ERASURE,
    retention: erasure::RETENTION,
    scorings: scorings::SCORINGS,
    reports: reports::REPORTS,
    audit: audit::AUDIT,
};
