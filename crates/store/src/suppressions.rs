//! Adding to and taking from suppression lists, with the leads that this concerns.

use std::sync::Arc;

use leadgate_domain::{Judge, Lead, OrganizationId, Suppression, SuppressionKey};

use crate::error::{Fault, StoreError};
use crate::page::Page;
use crate::rows::{AfterKey, Listed};
use crate::session::Session;
use crate::statements::Statements;
use crate::store::Store;

/// Entries per transaction: while one runs, nobody commits leads of the organization.
const CHUNK: usize = 1_000;

impl Store {
    /// Adds entries and takes the leads that hold their values out of use in the same transaction. An entry that
    /// is there stays as it is. Long lists go in chunks: after an error the beginning may be in; add it again.
    pub async fn suppress(
        &self,
        organization: OrganizationId,
        entries: Vec<Suppression>,
        judge: Arc<dyn Judge>,
    ) -> Result<(), StoreError> {
        check(organization, entries.iter().map(|entry| &entry.key))?;
        for chunk in entries.chunks(CHUNK) {
            let (chunk, judge) = (chunk.to_vec(), Arc::clone(&judge));
            self.write(move |session| {
                Statements::new(session).exclude_organization(organization)?;
                session.execute(session.sql.suppressions.insert, &chunk)?;
                reassess(session, &chunk, judge.as_ref())
            })
            .await?;
        }
        Ok(())
    }

    /// Removes entries and decides the leads that hold their values anew. Returns what was removed.
    pub async fn unsuppress(
        &self,
        organization: OrganizationId,
        keys: Vec<SuppressionKey>,
        judge: Arc<dyn Judge>,
    ) -> Result<Vec<Suppression>, StoreError> {
        check(organization, keys.iter())?;
        let mut removed = Vec::new();
        for chunk in keys.chunks(CHUNK) {
            let (chunk, judge) = (chunk.to_vec(), Arc::clone(&judge));
            let gone = self.write(move |session| {
                Statements::new(session).exclude_organization(organization)?;
                let gone: Vec<Suppression> = session.load(session.sql.suppressions.remove, &chunk)?;
                reassess(session, &gone, judge.as_ref())?;
                Ok(gone)
            });
            removed.extend(gone.await?);
        }
        Ok(removed)
    }

    /// At most `limit` entries in the order of kind and key, beginning after the given one.
    pub async fn suppressions(
        &self,
        organization: OrganizationId,
        after: Option<SuppressionKey>,
        limit: u32,
    ) -> Result<Page<Suppression, SuppressionKey>, StoreError> {
        let (kind, key) =
            after.map_or(("", String::new()), |after| (after.kind.as_str(), after.key.to_string()));
        let after = AfterKey { organization, kind, key, most: limit.saturating_add(1) };
        let found =
            self.read(move |session| session.load_anew(session.sql.suppressions.page, &[after])).await?;
        Ok(Page::cut(found, limit, |entry: &Suppression| entry.key))
    }
}

/// Nobody writes to another's list, whoever built the keys.
fn check<'a>(
    organization: OrganizationId,
    mut keys: impl Iterator<Item = &'a SuppressionKey>,
) -> Result<(), StoreError> {
    match keys.all(|key| key.organization == organization) {
        true => Ok(()),
        false => Err(StoreError::Bug("a suppression of another organization".to_owned())),
    }
}

/// Decides the leads anew that hold these values. The organization is ours alone for the time.
fn reassess(session: &mut Session, entries: &[Suppression], judge: &dyn Judge) -> Result<(), Fault> {
    let listed: Vec<Listed<'_>> = entries
        .iter()
        .map(|entry| Listed {
            organization: entry.key.organization,
            kind: entry.key.kind,
            value: &entry.value,
        })
        .collect();
    if listed.is_empty() {
        return Ok(());
    }
    let before: Vec<Lead> = session.load_anew(session.sql.leads.lock_listed, &listed)?;
    let mut tx = Statements::new(session);
    let suppressions = tx.read_suppressions(&judge.watched_by(&before))?;
    let after = judge.reassess(before.clone(), &suppressions);
    let changed: Vec<Lead> = after
        .into_iter()
        .zip(before)
        .filter(|(after, before)| after != before)
        .map(|(after, _)| after)
        .collect();
    tx.update_leads(&changed)
}
