//! Checks that no dependency has a vulnerability in a local copy of the RustSec advisories. `deploy/test`
//! sets the path of the copy, and `deploy/audit` downloads it. Without a copy the tests are skipped.
#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stdout)]

use std::path::Path;

use rustsec::advisory::Id;
use rustsec::report::{Report, Settings};
use rustsec::{Database, Lockfile};

/// RUSTSEC-2023-0089: atomic-polyfill is unmaintained, not vulnerable. It is in Cargo.lock only: the build
/// script of phonenumber depends on it through heapless, which uses it on processors without atomic
/// instructions.
const IGNORED: [&str; 1] = ["RUSTSEC-2023-0089"];

fn advisories() -> Option<Database> {
    let folder = std::env::var_os("LEADGATE_ADVISORY_DB")?;
    Some(Database::open(Path::new(&folder)).unwrap())
}

fn affected_packages(database: &Database, lockfile: &Lockfile) -> Vec<String> {
    let ignore = IGNORED.iter().map(|id| id.parse::<Id>().unwrap()).collect();
    let report = Report::generate(database, lockfile, &Settings { ignore, ..Settings::default() });
    let vulnerabilities = report.vulnerabilities.list.iter().map(|entry| (&entry.package, &entry.advisory));
    let warnings = report.warnings.values().flatten();
    let warnings = warnings.filter_map(|entry| Some((&entry.package, entry.advisory.as_ref()?)));
    let describe = |(package, advisory): (&rustsec::package::Package, &rustsec::advisory::Metadata)| {
        format!("{} {}: {} ({})", package.name, package.version, advisory.title, advisory.id)
    };
    vulnerabilities.chain(warnings).map(describe).collect()
}

#[test]
fn no_dependency_has_a_known_vulnerability() {
    let Some(database) = advisories() else {
        println!("skipped: LEADGATE_ADVISORY_DB is not set");
        return;
    };
    let lockfile = Lockfile::load(concat!(env!("CARGO_MANIFEST_DIR"), "/../../Cargo.lock")).unwrap();
    assert!(lockfile.packages.len() > 100 && database.iter().count() > 100);
    let affected = affected_packages(&database, &lockfile);
    assert!(affected.is_empty(), "{}", affected.join("\n"));
}

#[test]
fn a_vulnerable_release_is_reported() {
    let Some(database) = advisories() else { return };
    let package = |name: &str, version: &str| {
        format!(
            "[[package]]\nname = \"{name}\"\nversion = \"{version}\"\n\
             source = \"registry+https://github.com/rust-lang/crates.io-index\"\n"
        )
    };
    let text = format!("version = 4\n{}{}", package("time", "0.1.40"), package("smallvec", "1.6.0"));
    let affected = affected_packages(&database, &text.parse().unwrap());
    for id in ["RUSTSEC-2020-0071", "RUSTSEC-2021-0003"] {
        assert!(affected.iter().any(|package| package.contains(id)), "{id}: {affected:?}");
    }
}
