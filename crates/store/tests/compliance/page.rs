//! `docs/compliance.md`: what compliance officers read, written from the very cases that are played.

use std::fmt::Write as _;
use std::path::Path;

use leadgate_domain::Reason;

use crate::oracle;
use crate::story::Case;

const PAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/compliance.md");

/// Set to anything, it has the page written instead of compared.
const WRITE: &str = "LEADGATE_WRITE_COMPLIANCE";

pub(crate) fn compare(cases: &[Case]) {
    let page = page(cases);
    if std::env::var_os(WRITE).is_some() {
        std::fs::write(Path::new(PAGE), page).unwrap();
        return;
    }
    let written = std::fs::read_to_string(PAGE).unwrap_or_default();
    let differs = page.lines().zip(written.lines()).find(|(one, other)| one != other);
    assert!(
        page == written,
        "docs/compliance.md is of other cases; `just compliance` writes it: {differs:?}"
    );
}

fn page(cases: &[Case]) -> String {
    let judged: Vec<_> = cases.iter().map(|case| (case, oracle::reasons(&case.events))).collect();
    let eligible = judged.iter().filter(|(_, reasons)| reasons.is_empty()).count();
    let mut page = include_str!("page.md")
        .replace("{cases}", &cases.len().to_string())
        .replace("{eligible}", &eligible.to_string())
        .replace("{held}", &(cases.len() - eligible).to_string())
        .replace("{reasons}", &per_reason(&judged));
    let mut chapter = "";
    for (case, reasons) in &judged {
        if case.chapter != chapter {
            chapter = case.chapter;
            write!(page, "\n### {chapter}\n\n| | what happens | expected | reasons |\n|--:|---|---|---|\n")
                .unwrap();
        }
        writeln!(page, "{}", row(case, reasons)).unwrap();
    }
    page
}

fn row(case: &Case, reasons: &[Reason]) -> String {
    let expected = if reasons.is_empty() { "eligible" } else { "held" };
    let reasons: Vec<_> = reasons.iter().map(|reason| format!("`{reason}`")).collect();
    let words = case.words().replace('|', "\\|");
    format!("| {} | {words} | {expected} | {} |", case.number, reasons.join(", "))
}

/// In how many cases each reason holds.
fn per_reason(judged: &[(&Case, Vec<Reason>)]) -> String {
    let row = |reason: Reason| {
        let count = judged.iter().filter(|(_, reasons)| reasons.contains(&reason)).count();
        format!("| `{reason}` | {} | {count} |", reason.sentence())
    };
    Reason::ALL.map(row).join("\n")
}
