//! What a check found.

use std::fmt;

/// Findings beyond this many are counted and not described.
const DESCRIBED: usize = 20;

/// The numbers of a run. Submissions are counted once, however many requests were answered with their id.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct OracleReport {
    /// Submissions that a 202 promised.
    pub acked: usize,
    /// Requests that were answered with a refusal.
    pub refused: usize,
    /// Requests whose end nobody knows.
    pub unknown: usize,
    /// Submissions held as created, updated or linked.
    pub stored: usize,
    /// Submissions held as duplicates.
    pub duplicate: usize,
    /// Submissions held in quarantine.
    pub quarantined: usize,
    /// Submissions parked in the broker.
    pub parked: usize,
    /// Submissions held though their request was answered by 503 or not at all; that is allowed.
    pub recovered: usize,
    /// Acked and not held: must be none.
    pub lost: usize,
    /// Held twice, or a second effect of one idempotency key: must be none.
    pub doubled: usize,
    /// Held though nobody sent it so: must be none.
    pub invented: usize,
    /// The first findings of the last three kinds, in words, without any personal data.
    pub findings: Vec<String>,
}

impl OracleReport {
    /// Whether nothing was lost, doubled or invented, and the sums agree.
    pub fn is_conserved(&self) -> bool {
        let held = self.stored + self.duplicate + self.quarantined + self.parked;
        (self.lost, self.doubled, self.invented) == (0, 0, 0) && self.acked + self.recovered == held
    }

    /// Ends the test when something was lost, doubled or invented.
    ///
    /// # Panics
    /// With the whole report.
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

    pub(super) fn add_doubled(&mut self, finding: String) {
        self.doubled += 1;
        self.describe(finding);
    }

    pub(super) fn add_invented(&mut self, finding: String) {
        self.invented += 1;
        self.describe(finding);
    }

    fn describe(&mut self, finding: String) {
        if self.findings.len() < DESCRIBED {
            self.findings.push(finding);
        }
    }
}

impl fmt::Display for OracleReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { acked, refused, unknown, stored, duplicate, quarantined, parked, recovered, .. } = self;
        let Self { lost, doubled, invented, findings, .. } = self;
        write!(f, "{acked} acked, {refused} refused, {unknown} unknown; held: {stored} stored, ")?;
        write!(
            f,
            "{duplicate} duplicate, {quarantined} quarantined, {parked} parked, of which {recovered} "
        )?;
        write!(f, "recovered; {lost} lost, {doubled} doubled, {invented} invented")?;
        findings.iter().try_for_each(|finding| write!(f, "\n  {finding}"))
    }
}
