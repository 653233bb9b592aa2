//! What was on its way while a person was erased, and was stored afterwards.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use leadgate_domain::id::QUEUED_FOR_AT_MOST;
use leadgate_domain::{OrganizationId, SuppressionKey, Timestamp};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::find::{Between, Finding, Whom};
use super::{CHUNK, Erased};
use crate::error::StoreError;
use crate::retention::first_id_at;
use crate::store::Store;
use crate::sweep::go_on;

/// How often it is looked for, for as long as something may be on its way.
const EVERY: Duration = Duration::from_secs(24 * 60 * 60);

#[derive(Serialize)]
struct Young {
    since: Timestamp,
    swept_before: Timestamp,
}

#[derive(Deserialize)]
struct Begun {
    organization: OrganizationId,
    id: Uuid,
    begun_at: Timestamp,
    keys: Vec<SuppressionKey>,
}

#[derive(Serialize)]
struct Swept {
    organization: OrganizationId,
    id: Uuid,
    swept_at: Timestamp,
}

impl Store {
    /// Erases what was received before somebody was erased whom it names, and stored after; how much of each
    /// organization that erased somebody lately.
    pub async fn sweep_in_flight(&self) -> Result<BTreeMap<OrganizationId, Erased>, StoreError> {
        let now = Timestamp::now();
        // Once more after the last moment at which something could have been stored.
        let young = Young { since: now.minus(QUEUED_FOR_AT_MOST + EVERY), swept_before: now.minus(EVERY) };
        let young = self.read(move |session| session.load(session.sql.erasure.young, &[young]));
        let mut of: BTreeMap<OrganizationId, Vec<Begun>> = BTreeMap::new();
        for begun in young.await? {
            let begun: Begun = begun;
            of.entry(begun.organization).or_default().push(begun);
        }
        let mut erased = BTreeMap::new();
        for (organization, begun) in of {
            let swept = self.sweep_in_flight_of(organization, begun, now).await;
            erased.insert(organization, go_on(organization, "in_flight", swept)?);
        }
        Ok(erased)
    }

    async fn sweep_in_flight_of(
        &self,
        organization: OrganizationId,
        begun: Vec<Begun>,
        swept_at: Timestamp,
    ) -> Result<Erased, StoreError> {
        let mut keys = BTreeMap::new();
        for one in &begun {
            for key in &one.keys {
                let last = keys.entry(*key).or_insert(one.begun_at);
                *last = one.begun_at.max(*last);
            }
        }
        let times = || begun.iter().map(|one| one.begun_at);
        let (Some(first), Some(last)) = (times().min(), times().max()) else { return Ok(Erased::default()) };
        let whom = Whom::Keys(Arc::new((self.match_key().await?, keys)));
        let range = Between {
            id: first_id_at(first.minus(QUEUED_FOR_AT_MOST)),
            before: first_id_at(last),
            ..Between::all(organization)
        };
        let mut finding = Finding::default();
        self.look_through(range, whom.clone(), &mut finding, |_| {}).await?;
        self.look_aside(organization, whom, &mut finding).await?;
        let mut erased = self.erase_found(organization, &finding).await?;
        let nothing_left = self.rebuilding(organization, false).await?;
        for chunk in nothing_left.chunks(CHUNK) {
            erased.add(&self.delete_leads(organization, chunk.to_vec()).await?);
        }
        let swept: Vec<_> = begun.iter().map(|one| Swept { organization, id: one.id, swept_at }).collect();
        self.write(move |session| session.execute(session.sql.erasure.swept, &swept)).await?;
        erased.to_rebuild = self.retell_leads(organization).await?;
        Ok(erased)
    }
}
