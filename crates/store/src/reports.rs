//! Intake reports: the outcomes of the submissions of a day.

use std::collections::BTreeMap;

use leadgate_domain::{Day, Eligibility, OrganizationId, Outcome, Reason, SourceId, SubmissionId, Timestamp};
use serde::{Deserialize, Serialize};

use crate::connection::{StoreConnection, query};
use crate::error::StoreError;
use crate::store::Store;
use crate::values::{Id, parse_code};

/// Counts of submissions by outcome, and of the leads that they created or updated by current eligibility.
///
/// `accepted` is the sum of the five outcomes. `quarantined` is the sum of its reasons. `leads` is the sum of
/// `eligible` and `held`. A lead with several reasons is counted under each of them.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct IntakeCounts {
    pub accepted: u64,
    pub created: u64,
    pub updated: u64,
    pub linked: u64,
    pub duplicate: u64,
    pub quarantined: u64,
    pub quarantined_by_reason: BTreeMap<String, u64>,
    /// The number of different leads that were created or updated.
    pub leads: u64,
    pub eligible: u64,
    pub held: u64,
    pub held_by_reason: BTreeMap<String, u64>,
}

/// The counts of one source. A lead to which several sources contributed is counted for each source, and once
/// in total.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SourceIntakeCounts {
    pub source: SourceId,
    #[serde(flatten)]
    pub intake: IntakeCounts,
}

/// A complete report, read in one statement.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct IntakeReport {
    pub day: Day,
    pub timezone: &'static str,
    /// The first moment of the day.
    pub from: Timestamp,
    /// The first moment of the next day.
    pub until: Timestamp,
    /// The requested source.
    pub source: Option<SourceId>,
    #[serde(flatten)]
    pub whole: IntakeCounts,
    /// The counts of every source with submissions. Empty if one source was requested.
    pub sources: Vec<SourceIntakeCounts>,
}

/// Submissions by the time in their ids.
pub(crate) struct ReceivedRange {
    pub(crate) organization: OrganizationId,
    pub(crate) source: Option<SourceId>,
    pub(crate) first: SubmissionId,
    /// After the last one.
    pub(crate) end: SubmissionId,
}

/// How many there are of one kind.
pub(crate) enum IntakeCountRow {
    Submissions {
        source: SourceId,
        code: Outcome,
        reason: Option<String>,
        count: u64,
    },
    /// Without a source: each lead once, whatever brought it.
    Leads {
        source: Option<SourceId>,
        code: Eligibility,
        count: u64,
    },
    Held {
        source: Option<SourceId>,
        code: String,
        count: u64,
    },
}

impl IntakeCountRow {
    /// From what is counted, its source, its code, its reason and how many there are.
    pub(crate) fn read(
        (of, source, code, reason, count): (String, Option<Id>, String, Option<String>, i64),
    ) -> Result<Self, StoreError> {
        let (source, count) = (source.map(SourceId::from), count.unsigned_abs());
        let unknown = || StoreError::Bug(format!("a report of {of} with the code {code}"));
        match (of.as_str(), source) {
            ("submissions", Some(source)) => {
                let code = parse_code(&code).ok_or_else(unknown)?;
                Ok(Self::Submissions { source, code, reason, count })
            }
            ("leads", source) => {
                let code = parse_code(&code).ok_or_else(unknown)?;
                Ok(Self::Leads { source, code, count })
            }
            ("held", source) => Ok(Self::Held { source, code, count }),
            _ => Err(unknown()),
        }
    }
}

/// Counts of the last leads of a source.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecentLeads {
    pub leads: u64,
    /// Leads without a phone and an email. The field names of the form or its mapping are probably wrong.
    pub no_contact: u64,
}

impl Store {
    /// Counts the last leads of a source, at most `most`, and those without a recognized contact. It reads
    /// this many leads.
    pub async fn recent_leads(
        &self,
        organization: OrganizationId,
        source: SourceId,
        most: u32,
    ) -> Result<RecentLeads, StoreError> {
        let leads = self
            .read(move |session| query!(session, reports::reasons_of_last_leads(organization, source, most)))
            .await?;
        let has_no_contact =
            |reasons: &&Vec<String>| reasons.iter().any(|one| one == Reason::NoContact.as_str());
        let no_contact = leads.iter().filter(has_no_contact).count();
        let count = |number: usize| u64::try_from(number).unwrap_or(u64::MAX);
        Ok(RecentLeads { leads: count(leads.len()), no_contact: count(no_contact) })
    }

    /// The current outcomes of the submissions that were received on a day: of the organization with the
    /// counts of each source, or of one source. It is one statement, so the sums match during concurrent
    /// commits.
    ///
    /// The time in the ids decides, to the millisecond. A submission whose id was already used has a new id
    /// from the time of its quarantine, and is counted for the source of the submission with the original id.
    pub async fn intake_report(
        &self,
        organization: OrganizationId,
        source: Option<SourceId>,
        day: &Day,
    ) -> Result<IntakeReport, StoreError> {
        let received = ReceivedRange::for_day(organization, source, day);
        let counted = self.read(move |session| query!(session, reports::count_intake(&received))).await?;
        Ok(IntakeReport::new(source, day, counted))
    }

    /// The same report for a large day. It may take up to a minute and has its own connection. `permit` is
    /// dropped when the statement has ended, also if the caller was cancelled before.
    pub async fn intake_report_without_timeout(
        &self,
        organization: OrganizationId,
        source: Option<SourceId>,
        day: &Day,
        permit: impl Send + 'static,
    ) -> Result<IntakeReport, StoreError> {
        let received = ReceivedRange::for_day(organization, source, day);
        let count = move |session: &mut StoreConnection| query!(session, reports::count_intake(&received));
        let counted = self.read_without_timeout(permit, count).await?;
        Ok(IntakeReport::new(source, day, counted))
    }
}

impl ReceivedRange {
    fn for_day(organization: OrganizationId, source: Option<SourceId>, day: &Day) -> Self {
        let (first, end) = (SubmissionId::min_at(day.start()), SubmissionId::min_at(day.end()));
        Self { organization, source, first, end }
    }
}

impl IntakeReport {
    fn new(source: Option<SourceId>, day: &Day, counted: Vec<IntakeCountRow>) -> Self {
        let (whole, parts) = IntakeCounts::total_and_by_source(counted);
        let parts = parts.into_iter().map(|(source, intake)| SourceIntakeCounts { source, intake });
        Self {
            day: day.clone(),
            timezone: day.zone().name(),
            from: day.start(),
            until: day.end(),
            source,
            whole,
            sources: if source.is_some() { Vec::new() } else { parts.collect() },
        }
    }
}

impl IntakeCounts {
    /// The whole, and each source's part.
    fn total_and_by_source(counted: Vec<IntakeCountRow>) -> (Self, BTreeMap<SourceId, Self>) {
        let mut whole = Self::default();
        let mut parts: BTreeMap<SourceId, Self> = BTreeMap::new();
        for one in counted {
            match one {
                IntakeCountRow::Submissions { source, code, reason, count } => {
                    whole.add_outcome(code, reason.as_deref(), count);
                    parts.entry(source).or_default().add_outcome(code, reason.as_deref(), count);
                }
                IntakeCountRow::Leads { source, code, count } => match source {
                    Some(source) => parts.entry(source).or_default().add_eligibility(code, count),
                    None => whole.add_eligibility(code, count),
                },
                IntakeCountRow::Held { source, code, count } => {
                    let part = source.map_or(&mut whole, |source| parts.entry(source).or_default());
                    part.held_by_reason.insert(code, count);
                }
            }
        }
        (whole, parts)
    }

    fn add_outcome(&mut self, outcome: Outcome, reason: Option<&str>, count: u64) {
        self.accepted += count;
        match outcome {
            Outcome::Created => self.created += count,
            Outcome::Updated => self.updated += count,
            Outcome::Linked => self.linked += count,
            Outcome::Duplicate => self.duplicate += count,
            Outcome::Quarantined => {
                self.quarantined += count;
                let reason = reason.unwrap_or("unknown").to_owned();
                *self.quarantined_by_reason.entry(reason).or_default() += count;
            }
        }
    }

    fn add_eligibility(&mut self, eligibility: Eligibility, count: u64) {
        self.leads += count;
        match eligibility {
            Eligibility::Eligible => self.eligible += count,
            Eligibility::Held => self.held += count,
        }
    }
}
