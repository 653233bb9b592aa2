//! The result of a check.

use std::fmt;

/// The limit of described findings. Further ones are only counted.
const MAX_FINDINGS: usize = 20;

/// The counts of a run. A submission is counted once, also if several responses had its id.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct OracleReport {
    /// Submissions that a 202 acknowledged.
    pub acked: usize,
    /// Refused requests.
    pub refused: usize,
    /// Requests with an unknown result.
    pub unknown: usize,
    /// Submissions with the outcome created, updated or linked.
    pub stored: usize,
    /// Submissions with the outcome duplicate.
    pub duplicate: usize,
    /// Quarantined submissions.
    pub quarantined: usize,
    /// Submissions parked in the broker.
    pub parked: usize,
    /// Stored submissions whose request had the response 503 or none. This is allowed.
    pub recovered: usize,
    /// Submissions that were acked and are not stored. Must be 0.
    pub lost: usize,
    /// Submissions that are stored twice, and further effects of one idempotency key. Must be 0.
    pub duplicated: usize,
    /// Stored submissions that were not sent, or not with this body. Must be 0.
    pub unexpected: usize,
    /// Descriptions of the first lost, duplicated and unexpected submissions, without personal data.
    pub findings: Vec<String>,
}

impl OracleReport {
    /// Whether nothing was lost, duplicated or unexpected, and the sums agree.
    pub fn is_conserved(&self) -> bool {
        let observed = self.stored + self.duplicate + self.quarantined + self.parked;
        (self.lost, self.duplicated, self.unexpected) == (0, 0, 0) && self.acked + self.recovered == observed
    }

    /// Fails the test if something was lost, duplicated or unexpected.
    ///
    /// # Panics
    /// With the complete report.
    #[expect(clippy::panic, reason = "an assertion")]
    pub fn assert_conserved(&self) {
        if !self.is_conserved() {
            panic!("not conserved: {self}");
        }
    }

    pub(super) fn add_lost(&mut self, finding: String) {
        self.lost += 1;
        self.describe(finding);
    }

    pub(super) fn add_duplicated(&mut self, finding: String) {
        self.duplicated += 1;
        self.describe(finding);
    }

    pub(super) fn add_unexpected(&mut self, finding: String) {
        self.unexpected += 1;
        self.describe(finding);
    }

    fn describe(&mut self, finding: String) {
        if self.findings.len() < MAX_FINDINGS {
            self.findings.push(finding);
        }
    }
}

impl fmt::Display for OracleReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { acked, refused, unknown, stored, duplicate, quarantined, parked, recovered, .. } = self;
        let Self { lost, duplicated, unexpected, findings, .. } = self;
        write!(f, "{acked} acked, {refused} refused, {unknown} unknown; observed: {stored} stored, ")?;
        write!(
            f,
            "{duplicate} duplicate, {quarantined} quarantined, {parked} parked, of which {recovered} "
        )?;
        write!(f, "recovered; {lost} lost, {duplicated} duplicated, {unexpected} unexpected")?;
        findings.iter().try_for_each(|finding| write!(f, "\n  {finding}"))
    }
}
