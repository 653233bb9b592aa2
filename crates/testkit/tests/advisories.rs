//! No dependency has a known vulnerability, as far as a copy of RustSec's advisories tells. `deploy/test` says where the
//! copy is; without one there is nothing to check, and `deploy/audit` fetches the advisories.
#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stdout)]

use std::path::Path;

use rustsec::advisory::Id;
use rustsec::report::{Report, Settings};
use rustsec::{Database, Lockfile};

/// RUSTSEC-2023-0089: atomic-polyfill is unmaintained, not vulnerable. It only stands in Cargo.lock: phonenumber's build
/// script reaches it through heapless, which uses it on processors without atomic instructions.
const IGNORED: [&str; 1] = ["RUSTSEC-2023-0089"];

fn advisories() -> Option<Database> {
    let folder = std::env::var_os("LEADGATE_ADVISORY_DB")?;
    Some(Database::open(Path::new(&folder)).unwrap())
}

fn complaints(database: &Database, lockfile: &Lockfile) -> Vec<String> {
    let ignore = IGNORED.iter().map(|id| id.parse::<Id>().unwrap()).collect();
    let report = Report::generate(database, lockfile, &Settings { ignore, ..Settings::default() });
    let vulnerabilities = report.vulnerabilities.list.iter().map(|found| (&found.package, &found.advisory));
    let warnings = report.warnings.values().flatten();
    let warnings = warnings.filter_map(|found| Some((&found.package, found.advisory.as_ref()?)));
    let one = |(package, advisory): (&rustsec::package::Package, &rustsec::advisory::Metadata)| {
        format!("{} {}: {} ({})", package.name, package.version, advisory.title, advisory.id)
    };
    vulnerabilities.chain(warnings).map(one).collect()
}

#[test]
fn no_dependency_has_a_known_vulnerability() {
    let Some(database) = advisories() else {
        println!("skipped: LEADGATE_ADVISORY_DB names no copy of the advisories");
        return;
    };
    let lockfile = Lockfile::load(concat!(env!("CARGO_MANIFEST_DIR"), "/../../Cargo.lock")).unwrap();
    assert!(lockfile.packages.len() > 100 && database.iter().count() > 100);
    let complaints = complaints(&database, &lockfile);
    assert!(complaints.is_empty(), "{}", complaints.join("\n"));
}

#[test]
fn an_old_release_with_a_vulnerability_is_found() {
    let Some(database) = advisories() else { return };
    let package = |name: &str, version: &str| {
        format!(
            "[[package]]\nname = \"{name}\"\nversion = \"{version}\"\n\
             source = \"registry+https://github.com/rust-lang/crates.io-index\"\n"
        )
    };
    let text = format!("version = 4\n{}{}", package("time", "0.1.40"), package("smallvec", "1.6.0"));
    let complaints = complaints(&database, &text.parse().unwrap());
    for id in ["RUSTSEC-2020-0071", "RUSTSEC-2021-0003"] {
        assert!(complaints.iter().any(|complaint| complaint.contains(id)), "{id}: {complaints:?}");
    }
}
