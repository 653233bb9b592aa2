//! The mappings of sources. A version never changes. At most one version is active.

use leadgate_domain::mapping::Mapping;
use leadgate_domain::{AuditAction, OrganizationId, SourceId, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::audit;
use crate::connection::StoreConnection;
use crate::error::{StoreError, TransactionError};
use crate::installation::advance;
use crate::rows::InSource;
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

#[derive(Deserialize)]
struct MappingRow {
    version: u32,
    mapping: Value,
    created_at: Timestamp,
    active: bool,
}

impl MappingRow {
    fn read(self) -> Option<MappingRecord> {
        let Self { version, mapping, created_at, active } = self;
        match serde_json::from_value(mapping) {
            Ok(mapping) => Some(MappingRecord { version, mapping, created_at, active }),
            Err(_) => {
                tracing::warn!(mapping.version = version, "this build cannot read a mapping");
                None
            }
        }
    }
}

#[derive(Serialize)]
struct NewMappingRow<'a> {
    organization: OrganizationId,
    source: SourceId,
    document: &'a Mapping,
    created_at: Timestamp,
}

#[derive(Serialize)]
struct MappingActivation {
    organization: OrganizationId,
    source: SourceId,
    version: Option<u32>,
    generation: i64,
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
            let added = NewMappingRow { organization, source, document: &mapping, created_at };
            let version: Option<u32> = session.find(session.sql.mappings.add, added)?;
            if version.is_some() {
                activate(session, MappingActivation { organization, source, version, generation })?;
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
        let scope = [InSource { organization, source, most: u32::MAX }];
        let rows: Vec<MappingRow> =
            self.read(move |session| session.load(session.sql.mappings.by_source, &scope)).await?;
        Ok(rows.into_iter().filter_map(MappingRow::read).collect())
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
                activate(session, MappingActivation { organization, source, version, generation })?;
            if activated {
                audit::record(session, std::slice::from_ref(&entry))?;
            }
            Ok(activated)
        })
        .await
    }
}

fn activate(session: &mut StoreConnection, activated: MappingActivation) -> Result<bool, TransactionError> {
    Ok(session.execute(session.sql.mappings.activate, &[activated])? > 0)
}
