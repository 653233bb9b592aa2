//! `docs/compliance.md`, the page for compliance officers. It is generated from the cases that the test runs.

use std::fmt::Write as _;
use std::path::Path;

use leadgate_domain::Reason;

use crate::oracle;
use crate::story::Case;

const PAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/compliance.md");

/// If this environment variable is set, the page is written instead of compared.
const WRITE: &str = "LEADGATE_WRITE_COMPLIANCE";

pub(crate) fn compare(cases: &[Case]) {
    let page = page(cases);
    if std::env::var_os(WRITE).is_some() {
        std::fs::write(Path::new(PAGE), page).unwrap();
        return;
    }
    let stored_page = std::fs::read_to_string(PAGE).unwrap_or_default();
    let difference = page.lines().zip(stored_page.lines()).find(|(generated, stored)| generated != stored);
    assert!(
        page == stored_page,
        "docs/compliance.md does not match the cases (run `just compliance`): {difference:?}"
    );
}

fn page(cases: &[Case]) -> String {
    let judged: Vec<_> = cases.iter().map(|case| (case, Expected::of(case))).collect();
    let count = |word: &str| judged.iter().filter(|(_, expected)| expected.word() == word).count();
    let [eligible, held, erased] = ["eligible", "held", "erased"].map(|word| count(word).to_string());
    let mut page = include_str!("page.md")
        .replace("{cases}", &cases.len().to_string())
        .replace("{eligible}", &eligible)
        .replace("{held}", &held)
        .replace("{erased}", &erased)
        .replace("{reasons}", &reason_rows(&judged));
    let mut chapter = "";
    for (case, expected) in &judged {
        if case.chapter != chapter {
            chapter = case.chapter;
            write!(page, "\n### {chapter}\n\n| | what happens | expected | reasons |\n|--:|---|---|---|\n")
                .unwrap();
        }
        writeln!(page, "{}", row(case, expected)).unwrap();
    }
    page
}

/// The expected result of the last submission of a case.
enum Expected {
    /// Its lead has these reasons. Without reasons it is eligible.
    Lead(Vec<Reason>),
    Erased,
}

impl Expected {
    fn of(case: &Case) -> Self {
        if oracle::is_erased(&case.events) { Self::Erased } else { Self::Lead(oracle::reasons(&case.events)) }
    }

    fn reasons(&self) -> &[Reason] {
        match self {
            Self::Lead(reasons) => reasons,
            Self::Erased => &[],
        }
    }

    fn word(&self) -> &'static str {
        match self {
            Self::Lead(reasons) if reasons.is_empty() => "eligible",
            Self::Lead(_) => "held",
            Self::Erased => "erased",
        }
    }
}

fn row(case: &Case, expected: &Expected) -> String {
    let reasons: Vec<_> = expected.reasons().iter().map(|reason| format!("`{reason}`")).collect();
    let words = case.words().replace('|', "\\|");
    format!("| {} | {words} | {} | {} |", case.number, expected.word(), reasons.join(", "))
}

/// The number of cases with each reason, as table rows.
fn reason_rows(judged: &[(&Case, Expected)]) -> String {
    let row = |reason: Reason| {
        let count = judged.iter().filter(|(_, expected)| expected.reasons().contains(&reason)).count();
        format!("| `{reason}` | {} | {count} |", reason.sentence())
    };
    Reason::ALL.map(row).join("\n")
}
