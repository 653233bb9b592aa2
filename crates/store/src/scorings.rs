//! The scorings of organizations. A version never changes. At most one version is active.

use leadgate_domain::{ActiveScoring, AuditAction, OrganizationId, Scoring, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::audit;
use crate::connection::StoreConnection;
use crate::error::{StoreError, TransactionError};
use crate::installation::advance;
use crate::quotas;
use crate::rows::InOrganization;
use crate::store::Store;

/// A version of an organization's scoring.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ScoringRecord {
    /// The version number, from 1 within its organization.
    pub version: u32,
    pub scoring: Scoring,
    pub created_at: Timestamp,
    /// Whether it is the active version.
    pub active: bool,
}

#[derive(Deserialize)]
struct ScoringRow {
    version: u32,
    document: Value,
    created_at: Timestamp,
    active: bool,
}

#[derive(Serialize)]
struct NewScoringRow<'a> {
    organization: OrganizationId,
    document: &'a Scoring,
    created_at: Timestamp,
}

/// This version and those before it.
#[derive(Serialize)]
struct OutdatedScorings {
    organization: OrganizationId,
    version: u32,
}

#[derive(Serialize)]
struct ScoringActivation {
    organization: OrganizationId,
    version: Option<u32>,
    generation: i64,
}

impl Store {
    /// Stores a scoring as the next version of the organization and activates it. `None` if the organization
    /// does not exist. The newest 1,000 versions are kept.
    pub async fn add_scoring(
        &self,
        organization: OrganizationId,
        scoring: &Scoring,
    ) -> Result<Option<u32>, StoreError> {
        let (scoring, created_at) = (scoring.clone(), Timestamp::now());
        let entry = self.entry(organization, AuditAction::ScoringSet);
        self.write(move |session| {
            let generation = advance(session)?;
            let added = NewScoringRow { organization, document: &scoring, created_at };
            let version: Option<u32> = session.find(session.sql.scorings.add, added)?;
            if let Some(number) = version {
                activate(session, ScoringActivation { organization, version, generation })?;
                let oldest = number.saturating_sub(quotas::SCORINGS);
                session.execute(
                    session.sql.scorings.delete,
                    &[OutdatedScorings { organization, version: oldest }],
                )?;
                audit::record(session, &[entry.clone().with_detail("version", version)])?;
            }
            Ok(version)
        })
        .await
    }

    /// The scorings of an organization by version. Versions that only a newer build can read are omitted with
    /// a warning.
    pub async fn scorings(&self, organization: OrganizationId) -> Result<Vec<ScoringRecord>, StoreError> {
        let rows: Vec<ScoringRow> = self
            .read(move |session| {
                session.load(session.sql.scorings.by_organization, &[InOrganization { organization }])
            })
            .await?;
        let record = |row: ScoringRow| {
            let ActiveScoring { version, scoring } = read(row.version, &row.document)?;
            Some(ScoringRecord { version, scoring, created_at: row.created_at, active: row.active })
        };
        Ok(rows.into_iter().filter_map(record).collect())
    }

    /// Activates a version. `None` activates the standard scoring of the build. False if the organization or
    /// the version does not exist.
    pub async fn activate_scoring(
        &self,
        organization: OrganizationId,
        version: Option<u32>,
    ) -> Result<bool, StoreError> {
        let entry = self.entry(organization, AuditAction::ScoringSet).with_detail("version", version);
        self.write(move |session| {
            let generation = advance(session)?;
            let activated = activate(session, ScoringActivation { organization, version, generation })?;
            if activated {
                audit::record(session, std::slice::from_ref(&entry))?;
            }
            Ok(activated)
        })
        .await
    }
}

fn activate(session: &mut StoreConnection, activated: ScoringActivation) -> Result<bool, TransactionError> {
    Ok(session.execute(session.sql.scorings.activate, &[activated])? > 0)
}

/// `None`, and a warning, for what only a newer build can read. No lead waits for that: its organization's
/// leads are scored by the standard scoring until this build is replaced, and their traces say so.
pub(crate) fn read(version: u32, document: &Value) -> Option<ActiveScoring> {
    match Scoring::read(document) {
        Ok(scoring) => Some(ActiveScoring { version, scoring }),
        Err(_) => {
            tracing::warn!(scoring.version = version, "this build cannot read a scoring");
            None
        }
    }
}
