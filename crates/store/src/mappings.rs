//! The mappings of sources. A version never changes. At most one version is active.

use leadgate_domain::mapping::Mapping;
use leadgate_domain::{AuditAction, OrganizationId, SourceId, Timestamp};
use serde::Serialize;

use crate::audit;
use crate::connection::query;
use crate::error::StoreError;
use crate::installation::advance;
use crate::store::Store;

/// A version of a source's mapping.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct MappingRecord {
    /// The version number, from 1 within its source.
    pub version: u32,
    pub mapping: Mapping,
    pub created_at: Timestamp,
    /// Whether it is the active version.
    pub active: bool,
}

impl Store {
    /// Stores a mapping as the next version of the source and activates it. The source gets its next
    /// revision. `None` if the organization does not have the source.
    pub async fn add_mapping(
        &self,
        organization: OrganizationId,
        source: SourceId,
        mapping: &Mapping,
    ) -> Result<Option<u32>, StoreError> {
        let (mapping, created_at) = (mapping.clone(), Timestamp::now());
        let entry = self.entry(organization, AuditAction::MappingSet).with_target(source);
        self.write(move |session| {
            let generation = advance(session)?;
            let version =
                query!(session, mappings::insert_mapping(organization, source, &mapping, created_at))?;
            if version.is_some() {
                query!(session, mappings::activate_mapping(organization, source, version, generation))?;
                audit::record(session, &[entry.clone().with_detail("version", version)])?;
            }
            Ok(version)
        })
        .await
    }

    /// The mappings of a source by version. Versions that only a newer build can read are omitted with a
    /// warning.
    pub async fn mappings(
        &self,
        organization: OrganizationId,
        source: SourceId,
    ) -> Result<Vec<MappingRecord>, StoreError> {
        self.read(move |session| query!(session, mappings::mappings_of(organization, source))).await
    }

    /// Activates a version. `None` deactivates the mapping. The source gets its next revision. False if the
    /// source or the version does not exist.
    pub async fn activate_mapping(
        &self,
        organization: OrganizationId,
        source: SourceId,
        version: Option<u32>,
    ) -> Result<bool, StoreError> {
        let entry = self.entry(organization, AuditAction::MappingActivated).with_target(source);
        let entry = entry.with_detail("version", version);
        self.write(move |session| {
            let generation = advance(session)?;
            let activated =
                query!(session, mappings::activate_mapping(organization, source, version, generation))?;
            if activated {
                audit::record(session, std::slice::from_ref(&entry))?;
            }
            Ok(activated)
        })
        .await
    }
}
