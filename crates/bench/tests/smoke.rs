//! Every scenario runs for a moment with the programs of this build. Figures must exist and no lead may be lost; their
//! size depends on the machine.

use std::path::{Path, PathBuf};
use std::process::Command;

const BENCH: &str = env!("CARGO_BIN_EXE_leadgate-bench");

/// The beginnings of the lines of the page.
const ROWS: &[&str] = &[
    "| baseline `echo`, 64 connections | ",
    "| baseline `one-message`, 256 connections | ",
    "| acks, no workers, 64 connections | ",
    "| acks through a mapping, 256 connections | ",
    "| acks of 1 kB, 256 connections | ",
    "| baseline `copy` | ",
    "| 2 workers, new leads | ",
    "| 1 worker, new leads | ",
    "| 2 workers, updates | ",
    "| 2 workers, duplicates | ",
    "| sustained for 1.5s, ",
    "| embedded, acks, 64 connections | ",
    "| embedded, sustained for 1.5s | ",
    "| disk of each of 300 leads | ",
    "- leads_pkey: ",
    "| 2 workers, 300 leads stored | ",
    "| memory of a gateway, 256 connections | ",
    "| memory of a worker with a full queue | ",
    "| cold start to the first ack, embedded | ",
    "| cold start of a gateway until it is ready | ",
    "| 3 tenants at 50/s, post to visible lead, p99 | ",
    "| 2 workers, no endpoint | ",
    "| 2 workers, an endpoint for all | ",
    "| deliveries to one endpoint | ",
    "| event to receiver at 100/s, p99 | ",
    "- webhooks, this build: ",
    "- acks, this build: ",
    "- ack-latency, this build: ",
    "- worker, this build: ",
    "- end-to-end, this build: ",
    "- sustained, this build: ",
    "- embedded, this build: ",
    "- many-stored, this build: ",
    "- memory, this build: ",
    "- tenants, this build: ",
];

/// The folder of `LEADGATE_TEST_PROGRAMS`, or of this build: `cargo test --workspace` builds the programs into it.
fn programs() -> PathBuf {
    let folder = std::env::var_os("LEADGATE_TEST_PROGRAMS").map(PathBuf::from);
    folder.unwrap_or_else(|| Path::new(BENCH).with_file_name(""))
}

#[test]
fn every_scenario_yields_figures_and_loses_no_lead() {
    let mut bench = Command::new(BENCH);
    bench.arg("--programs").arg(programs()).args(["--commit", "this build", "--rounds", "1"]);
    bench.args(["--seconds", "0.4", "--leads", "200", "--minutes", "0.025", "--rate", "50"]);
    bench.args(["--stored", "300", "--tenants", "3"]);
    let output = bench.output().unwrap();
    let page = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{page}\n{}", String::from_utf8_lossy(&output.stderr));
    for row in ROWS {
        assert!(page.lines().any(|line| line.starts_with(row)), "no line with {row}:\n{page}");
    }
    assert!(!page.contains("NaN") && !page.contains(": 0 acked") && !page.contains("## Failures"), "{page}");
}

#[test]
fn missing_programs_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let output = Command::new(BENCH).arg("--programs").arg(folder.path()).arg("memory").output().unwrap();
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert!(!output.status.success() && stderr.contains("leadgate is missing: build it"), "{stderr}");
}
