//! The scorings of organizations. A version never changes. At most one version is active.

use leadgate_domain::{ActiveScoring, AuditAction, OrganizationId, Scoring, Timestamp};
use serde::Serialize;

use crate::audit;
use crate::connection::query;
use crate::error::StoreError;
use crate::installation::advance;
use crate::quotas;
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
            let version = query!(session, scorings::insert_scoring(organization, &scoring, created_at))?;
            if let Some(number) = version {
                query!(session, scorings::activate_scoring(organization, version, generation))?;
                let oldest = number.saturating_sub(quotas::SCORINGS);
                query!(session, scorings::delete_scorings(organization, oldest))?;
                audit::record(session, &[entry.clone().with_detail("version", version)])?;
            }
            Ok(version)
        })
        .await
    }

    /// The scorings of an organization by version. Versions that only a newer build can read are omitted with
    /// a warning.
    pub async fn scorings(&self, organization: OrganizationId) -> Result<Vec<ScoringRecord>, StoreError> {
        self.read(move |session| query!(session, scorings::scorings_of(organization))).await
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
            let activated = query!(session, scorings::activate_scoring(organization, version, generation))?;
            if activated {
                audit::record(session, std::slice::from_ref(&entry))?;
            }
            Ok(activated)
        })
        .await
    }
}

/// `None`, and a warning, for what only a newer build can read. No lead waits for that: its organization's
/// leads are scored by the standard scoring until this build is replaced, and their traces say so.
pub(crate) fn read_scoring(version: u32, document: &str) -> Option<ActiveScoring> {
    let scoring = serde_json::from_str(document).ok().and_then(|document| Scoring::read(&document).ok());
    if scoring.is_none() {
        tracing::warn!(scoring.version = version, "this build cannot read a scoring");
    }
    Some(ActiveScoring { version, scoring: scoring? })
}
