//! Evidence of consent. The commit writes it, exports read it, and an erasure deletes its personal part.

use leadgate_domain::{ConsentEvidence, LeadId, OrganizationId, SubmissionId, Timestamp};

use crate::error::StoreError;
use crate::page::Page;
use crate::rows::{PageAfterConsent, ScopedId};
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
    at: Timestamp,
    id: SubmissionId,
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
        // Before the first of its time. Nothing was received before 1970, and PostgreSQL reads no negative
        // years.
        let epoch = Timestamp::from_microseconds(0);
        let start = ConsentCursor {
            at: from.unwrap_or(epoch).max(epoch),
            id: SubmissionId::from_uuid(uuid::Uuid::nil()),
        };
        let ConsentCursor { at, id } = after.unwrap_or(start);
        let wanted = PageAfterConsent {
            organization,
            lead: if let ConsentFilter::Lead(lead) = filter { Some(lead) } else { None },
            at,
            id: if let ConsentFilter::Submission(id) = filter { id } else { id },
            before: to.unwrap_or(Timestamp::from_microseconds(i64::MAX)).max(epoch),
            most: limit.saturating_add(1),
        };
        let found = self.read(move |session| {
            let consents = &session.sql.consents;
            let text = match filter {
                ConsentFilter::Lead(_) => consents.page_of_lead,
                ConsentFilter::Submission(_) => consents.of_submission,
                ConsentFilter::Received { .. } => consents.page,
            };
            session.load(text, &[wanted])
        });
        let (mut found, matching): (Vec<ConsentEvidence>, _) = (found.await?, self.match_key().await?);
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
            let chunk: Vec<_> = chunk.iter().map(|id| ScopedId { organization, id: *id }).collect();
            let gone = self.write(move |session| session.execute(session.sql.consents.forget_people, &chunk));
            forgotten += gone.await?;
        }
        Ok(forgotten)
    }
}
