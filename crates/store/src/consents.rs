//! Evidence of consent. The commit writes it, exports read it, and an erasure deletes its personal part.

use leadgate_domain::{ConsentEvidence, LeadId, OrganizationId, SubmissionId, Timestamp};

use crate::connection::query;
use crate::error::StoreError;
use crate::page::Page;
use crate::store::Store;

/// Persons forgotten per transaction.
const CHUNK: usize = 1_000;

/// Selects evidence of consent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ConsentFilter {
    /// The evidence of submissions that created or matched the lead.
    Lead(LeadId),
    Submission(SubmissionId),
    /// The evidence that was received from `from` on and before `to`. Without both: all evidence.
    Received {
        from: Option<Timestamp>,
        to: Option<Timestamp>,
    },
}

/// A position in the list of evidence, which is ordered by time of receipt and submission.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ConsentCursor {
    pub(crate) at: Timestamp,
    pub(crate) id: SubmissionId,
}

impl Store {
    /// At most `limit` rows of evidence, the oldest first, starting after the cursor. Each row has its
    /// person, unless the person was erased.
    pub async fn consents(
        &self,
        organization: OrganizationId,
        filter: ConsentFilter,
        after: Option<ConsentCursor>,
        limit: u32,
    ) -> Result<Page<ConsentEvidence, ConsentCursor>, StoreError> {
        let (from, to) = match filter {
            ConsentFilter::Received { from, to } => (from, to),
            ConsentFilter::Lead(_) | ConsentFilter::Submission(_) => (None, None),
        };
        // Before the first of its time. Nothing was received before 1970, and PostgreSQL has no times before
        // 4714 BC.
        let epoch = Timestamp::from_microseconds(0);
        let start = ConsentCursor {
            at: from.unwrap_or(epoch).max(epoch),
            id: SubmissionId::from_uuid(uuid::Uuid::nil()),
        };
        let after = after.unwrap_or(start);
        let before = to.unwrap_or(Timestamp::from_microseconds(i64::MAX)).max(epoch);
        let most = limit.saturating_add(1);
        let found = self.read(move |session| match filter {
            ConsentFilter::Lead(lead) => {
                query!(session, consents::page_of_evidence_of_lead(organization, lead, after, most))
            }
            ConsentFilter::Submission(id) => {
                query!(session, consents::evidence_of_submission(organization, id))
            }
            ConsentFilter::Received { .. } => {
                query!(session, consents::page_of_evidence(organization, after, before, most))
            }
        });
        let (mut found, matching) = (found.await?, self.match_key().await?);
        for one in &mut found {
            one.salt = Some(matching.consent_salt(one.organization, one.submission));
        }
        let place = |one: &ConsentEvidence| ConsentCursor { at: one.received_at, id: one.submission };
        Ok(Page::cut(found, limit, place))
    }

    /// Deletes the personal part of the consents of these submissions. The evidence stays. Returns the number
    /// of deleted persons.
    pub async fn forget_people(
        &self,
        organization: OrganizationId,
        submissions: &[SubmissionId],
    ) -> Result<usize, StoreError> {
        let mut forgotten = 0;
        for chunk in submissions.chunks(CHUNK) {
            let chunk = chunk.to_vec();
            let gone =
                self.write(move |session| query!(session, consents::forget_people(organization, &chunk)));
            forgotten += gone.await?;
        }
        Ok(forgotten)
    }
}
