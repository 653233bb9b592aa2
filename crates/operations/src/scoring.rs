//! The scoring rules of an organization. They contain no personal data, so reads are not audited.

use std::collections::BTreeMap;
use std::sync::Arc;

use leadgate_domain::{ActiveScoring, Lead, LeadId, OrganizationId, Scoring, Temperature};
use leadgate_store::{LeadFilter, ScoringRecord, Store};
use serde::Serialize;

use crate::error::ResourceKind;
use crate::{ItemLimit, OperationError};

/// The number of leads read at once.
const PAGE: usize = 500;

/// How leads would be scored with other rules.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ScoringPreview {
    pub leads: Vec<RescoredLead>,
    /// The number of leads by temperature, with the current scores.
    pub now: BTreeMap<&'static str, usize>,
    /// The number of leads by temperature, with the other rules.
    pub then: BTreeMap<&'static str, usize>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RescoredLead {
    pub id: LeadId,
    pub now: ScoreView,
    pub then: ScoreView,
    /// The difference in points by rule. Rules without a difference are left out.
    pub differs_by: BTreeMap<String, i32>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct ScoreView {
    pub score: u8,
    pub temperature: Temperature,
}

/// A version of an organization's scoring. 0 is the standard one.
pub async fn version(
    store: &Store,
    organization: OrganizationId,
    version: u32,
) -> Result<Arc<ActiveScoring>, OperationError> {
    if version == 0 {
        return Ok(ActiveScoring::standard());
    }
    let all = store.scorings(organization).await?;
    let found = all.into_iter().find(|record| record.version == version);
    let found = found.ok_or_else(|| OperationError::not_found(ResourceKind::ScoringVersion, version))?;
    Ok(Arc::new(ActiveScoring { version, scoring: found.scoring }))
}

/// All versions, the oldest first.
pub async fn history(
    store: &Store,
    organization: OrganizationId,
) -> Result<Vec<ScoringRecord>, OperationError> {
    Ok(store.scorings(organization).await?)
}

/// Stores a scoring as the next version and activates it.
pub async fn set(
    store: &Store,
    organization: OrganizationId,
    scoring: Scoring,
) -> Result<ActiveScoring, OperationError> {
    let version = store.add_scoring(organization, &scoring).await?;
    let version =
        version.ok_or_else(|| OperationError::not_found(ResourceKind::Organization, organization))?;
    Ok(ActiveScoring { version, scoring })
}

/// Activates the standard scoring.
pub async fn reset(store: &Store, organization: OrganizationId) -> Result<(), OperationError> {
    store.activate_scoring(organization, None).await?;
    Ok(())
}

/// Compares the scores of the newest leads (at most `last`) with the rules `now` and `then`. Changes nothing.
pub async fn preview(
    store: &Store,
    organization: OrganizationId,
    now: &Scoring,
    then: &Scoring,
    last: ItemLimit,
) -> Result<ScoringPreview, OperationError> {
    let most = usize::try_from(last.get()).unwrap_or(usize::MAX);
    let leads = newest(store, organization, most).await?;
    let zero =
        || [Temperature::Hot, Temperature::Warm, Temperature::Cold].map(|one| (one.as_str(), 0)).into();
    let mut preview = ScoringPreview { leads: Vec::with_capacity(leads.len()), now: zero(), then: zero() };
    for lead in &leads {
        let rescored = rescored(lead, now, then);
        *preview.now.entry(rescored.now.temperature.as_str()).or_default() += 1;
        *preview.then.entry(rescored.then.temperature.as_str()).or_default() += 1;
        preview.leads.push(rescored);
    }
    Ok(preview)
}

fn rescored(lead: &Lead, now: &Scoring, then: &Scoring) -> RescoredLead {
    let then = then.score(lead);
    let mut differs_by: BTreeMap<String, i32> = BTreeMap::new();
    for (rule, points) in &then.points {
        *differs_by.entry((*rule).to_owned()).or_default() += points;
    }
    for (rule, points) in &now.score(lead).points {
        *differs_by.entry((*rule).to_owned()).or_default() -= points;
    }
    differs_by.retain(|_, points| *points != 0);
    RescoredLead {
        id: lead.id,
        now: ScoreView { score: lead.score, temperature: lead.temperature },
        then: ScoreView { score: then.score, temperature: then.temperature },
        differs_by,
    }
}

async fn newest(
    store: &Store,
    organization: OrganizationId,
    most: usize,
) -> Result<Vec<Lead>, OperationError> {
    let (mut all, mut after) = (Vec::new(), None);
    while all.len() < most {
        let limit = u32::try_from((most - all.len()).min(PAGE)).unwrap_or(u32::MAX);
        let page = store.leads(organization, &LeadFilter::default(), after, limit).await?;
        all.extend(page.data);
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    Ok(all)
}
