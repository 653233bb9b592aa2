//! The page with all results, in Markdown.

use crate::figures::{Unit, written};

/// One line of the table, with the demands on it.
#[derive(Debug)]
pub(crate) struct ResultRow {
    what: String,
    figure: String,
    compared: Vec<String>,
    demanded: Vec<String>,
    holds: Vec<&'static str>,
}

impl ResultRow {
    pub(crate) fn new(what: impl Into<String>, figure: f64, unit: Unit) -> Self {
        let figure = written(figure, unit);
        Self { what: what.into(), figure, compared: Vec::new(), demanded: Vec::new(), holds: Vec::new() }
    }

    #[must_use]
    pub(crate) fn at_least(self, limit: f64, measured: f64, unit: Unit) -> Self {
        self.demand(measured >= limit, measured, format!("≥ {}", written(limit, unit)), unit)
    }

    #[must_use]
    pub(crate) fn at_most(self, limit: f64, measured: f64, unit: Unit) -> Self {
        self.demand(measured <= limit, measured, format!("≤ {}", written(limit, unit)), unit)
    }

    fn demand(mut self, holds: bool, measured: f64, demanded: String, unit: Unit) -> Self {
        self.compared.push(written(measured, unit));
        self.demanded.push(demanded);
        self.holds.push(if holds { "yes" } else { "**no**" });
        self
    }

    fn markdown(&self) -> String {
        let Self { what, figure, compared, demanded, holds } = self;
        let [compared, demanded] = [compared, demanded].map(|texts| texts.join("<br>"));
        format!("| {what} | {figure} | {compared} | {demanded} | {} |", holds.join("<br>"))
    }
}

/// All results of a run.
#[derive(Debug, Default)]
pub(crate) struct ResultPage {
    rows: Vec<ResultRow>,
    sizes: Vec<String>,
    conservation: Vec<String>,
    failures: Vec<String>,
}

impl ResultPage {
    pub(crate) fn add(&mut self, row: ResultRow) {
        self.rows.push(row);
    }

    /// Adds the size of one table or index, in bytes for each lead.
    pub(crate) fn add_size(&mut self, relation: &str, bytes: f64) {
        self.sizes.push(format!("{relation}: {}", written(bytes, Unit::Bytes)));
    }

    /// Adds the result of a conservation check.
    pub(crate) fn add_conservation(&mut self, conserved: bool, counts: String) {
        if !conserved {
            self.failures.push(format!("not conserved: {counts}"));
        }
        self.conservation.push(counts);
    }

    /// Adds a scenario that ended with an error.
    pub(crate) fn add_failure(&mut self, failure: String) {
        self.failures.push(failure);
    }

    pub(crate) fn failed(&self) -> bool {
        !self.failures.is_empty()
    }

    /// The whole page. `run` describes the machine and the run.
    pub(crate) fn markdown(&self, run: &[(&str, String)]) -> String {
        let mut page =
            "# Benchmarks\n\nWritten by `just bench` ([how it measures](../crates/bench/README.md)). \
                        Only ratios of one run are comparable between machines.\n\n"
                .to_owned();
        page.extend(run.iter().map(|(name, value)| format!("- {name}: {value}\n")));
        page.push_str("\n| what | figure | compared | demanded | holds |\n|---|---|---|---|---|\n");
        page.extend(self.rows.iter().map(|row| row.markdown() + "\n"));
        let sections = [
            ("Disk of a stored lead", &self.sizes),
            ("Conservation", &self.conservation),
            ("Failures", &self.failures),
        ];
        for (title, lines) in sections {
            if !lines.is_empty() {
                page.push_str(&format!("\n## {title}\n\n"));
                page.extend(lines.iter().map(|line| format!("- {line}\n")));
            }
        }
        page
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_shows_what_is_demanded_and_whether_it_holds() {
        let row = ResultRow::new("acks", 28_300.0, Unit::PerSecond)
            .at_least(1.3, 1.31, Unit::Times("one-message"))
            .at_most(10.0, 10.4, Unit::Milliseconds);
        let expected = "| acks | 28,300/s | 1.31 × one-message<br>10.4 ms | ≥ 1.30 × one-message<br>≤ 10.0 ms | \
                        yes<br>**no** |";
        assert_eq!(row.markdown(), expected);
    }

    #[test]
    fn sizes_are_a_section_of_their_own() {
        let mut page = ResultPage::default();
        assert!(!page.markdown(&[]).contains("## Disk"));
        page.add_size("leads", 1_638.4);
        assert!(page.markdown(&[]).contains("\n## Disk of a stored lead\n\n- leads: 1,638 bytes\n"));
    }

    #[test]
    fn a_run_fails_if_leads_are_not_conserved() {
        let mut page = ResultPage::default();
        page.add_conservation(true, "acks: 0 lost".to_owned());
        assert!(!page.failed() && page.markdown(&[]).contains("## Conservation\n\n- acks: 0 lost\n"));
        page.add_conservation(false, "acks: 1 lost".to_owned());
        assert!(page.failed() && page.markdown(&[]).contains("not conserved: acks: 1 lost"));
    }
}
