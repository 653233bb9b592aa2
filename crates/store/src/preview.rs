//! What a commit would make of a submission, if it were made now.

use std::collections::BTreeMap;
use std::sync::Arc;

use leadgate_domain::{Case, Effects, Judge, Lead, LeadId, Normalized, Resolution, Ruling, Trace};

use crate::commit::{locked, provisional, watched};
use crate::error::{Fault, StoreError};
use crate::rows::One;
use crate::statements::Statements;
use crate::store::Store;

/// How a submission would end.
#[derive(Debug, Clone, PartialEq)]
pub struct Preview {
    pub ruling: Ruling,
    /// The lead as it would be then; one that would only be met, as it is.
    pub lead: Option<Lead>,
    pub trace: Trace,
}

impl Store {
    /// Judges submissions each for itself, by the same judge as a commit. Stores nothing and locks nothing, so that
    /// what is told may have changed a moment later.
    pub async fn preview(
        &self,
        submissions: Vec<Normalized>,
        judge: Arc<dyn Judge>,
    ) -> Result<Vec<Preview>, StoreError> {
        self.read(move |session| preview(&mut Statements::new(session), &submissions, judge.as_ref())).await
    }
}

/// The steps of a commit as far as they only read: one statement each, however many submissions there are.
fn preview(tx: &mut Statements<'_>, all: &[Normalized], judge: &dyn Judge) -> Result<Vec<Preview>, Fault> {
    let claims = tx.read_claims(&provisional(&all.iter().collect::<Vec<_>>()))?;
    let resolved = all.iter().map(|normalized| {
        let own = normalized.claim_keys().filter_map(|key| Some((*key, claims.get(key)?.clone())));
        judge.resolve(vec![normalized], own.collect())
    });
    let resolved: Vec<_> = resolved.collect();

    let changed = leads(tx.read_leads(&resolved.iter().flat_map(locked).collect())?);
    let own = |resolution: &Resolution<'_>| -> Vec<Lead> {
        locked(resolution).iter().filter_map(|key| changed.get(key).cloned()).collect()
    };
    let before: Vec<Lead> = resolved.iter().flat_map(own).collect();
    let suppressions = tx.read_suppressions(&watched(judge, all, &before))?;
    let judged = resolved.into_iter().map(|resolution| {
        let own = own(&resolution);
        judge.judge(resolution, own, &suppressions)
    });
    let judged: Vec<_> = judged.collect();

    let met =
        leads(tx.read_leads(&judged.iter().flat_map(|effects| &effects.cases).filter_map(key).collect())?);
    judged.into_iter().map(|effects| told(effects, &met)).collect()
}

fn told(effects: Effects<'_>, met: &BTreeMap<One<LeadId>, Lead>) -> Result<Preview, Fault> {
    let case = effects.cases.into_iter().next();
    let case = case.ok_or_else(|| StoreError::Bug("a submission was judged away".to_owned()))?;
    let made =
        effects.created.into_iter().chain(effects.updated).find(|lead| case.ruling.lead == Some(lead.id));
    let lead = made.or_else(|| met.get(&key(&case)?).cloned());
    Ok(Preview { ruling: case.ruling, lead, trace: case.trace })
}

fn key(case: &Case<'_>) -> Option<One<LeadId>> {
    Some(One { organization: case.normalized.submission.organization, id: case.ruling.lead? })
}

fn leads(found: Vec<Lead>) -> BTreeMap<One<LeadId>, Lead> {
    found.into_iter().map(|lead| (One { organization: lead.organization, id: lead.id }, lead)).collect()
}
