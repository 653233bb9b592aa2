//! Which leads may be called. Generated cases with leads, suppression lists and consents run on both stores.
//! The stored leads are compared with an oracle that calls no product code. `docs/compliance.md` is the table
//! of the cases.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]
#![allow(clippy::print_stdout, reason = "prints the duration of the run, with --nocapture")]

mod cases;
mod oracle;
mod page;
mod play;
mod story;
mod values;

#[path = "../contract/explain.rs"]
mod explain;
#[path = "../contract/hooked_judge.rs"]
#[allow(dead_code, reason = "the contract suite uses all of it")]
mod hooked_judge;
#[path = "../contract/world.rs"]
#[allow(dead_code, reason = "the contract suite uses all of it")]
mod world;

use std::collections::BTreeSet;
use std::time::Instant;

use leadgate_domain::{Eligibility, Lead, Reason};
use play::CaseResult;
use serde_json::json;
use world::{World, over_both};

over_both!(every_stored_lead_is_as_expected);

async fn every_stored_lead_is_as_expected(world: World) {
    let (cases, started_at) = (cases::all(), Instant::now());
    let results = play::play(&world, &cases).await;
    let (mut wrongly_eligible, mut wrongly_held, mut other_reasons) = (Vec::new(), Vec::new(), Vec::new());
    for (case, CaseResult { lead, last_decision }) in cases.iter().zip(&results) {
        let is_erased = oracle::is_erased(&case.events);
        assert_eq!(lead.is_none(), is_erased, "{}. {}", case.number, case.words());
        let Some(lead) = lead else { continue };
        let expected = oracle::reasons(&case.events);
        let message =
            format!("{}. {}: expected {expected:?}, found {:?}", case.number, case.words(), lead.reasons);
        match (expected.is_empty(), lead.eligibility) {
            (false, Eligibility::Eligible) => wrongly_eligible.push(message),
            (true, Eligibility::Held) => wrongly_held.push(message),
            _ if expected != lead.reasons || eligible_until(lead) != oracle::eligible_until(&case.events) => {
                other_reasons.push(message)
            }
            _ => {}
        }
        let stored = json!([lead.eligibility, lead.reasons]);
        let traced = json!([last_decision["eligibility"], last_decision["reasons"]]);
        assert_eq!(traced, stored, "{}", case.words());
    }
    println!("{} cases in {:.1} s", cases.len(), started_at.elapsed().as_secs_f32());
    let all = [wrongly_eligible, wrongly_held, other_reasons];
    let [eligible, held, other] = all.each_ref().map(Vec::len);
    assert_eq!(
        (eligible, held, other),
        (0, 0, 0),
        "wrongly eligible, wrongly held, other reasons:\n{}",
        all.concat().join("\n")
    );
}

/// When the eligibility of a lead ends, in microseconds after its first submission.
fn eligible_until(lead: &Lead) -> Option<i64> {
    Some(lead.eligible_until?.as_microseconds() - play::FIRST_RECEIVED)
}

#[test]
fn there_are_at_least_300_different_cases() {
    let cases = cases::all();
    assert!(cases.len() >= 300, "{}", cases.len());
    let mut seen = BTreeSet::new();
    for case in &cases {
        assert!(seen.insert(case.words()), "{}. {}", case.number, case.words());
    }
}

#[test]
fn every_reason_is_expected_by_some_case() {
    let cases = cases::all();
    let with_lead = cases.iter().filter(|case| !oracle::is_erased(&case.events));
    let found: BTreeSet<_> = with_lead.flat_map(|case| oracle::reasons(&case.events)).collect();
    assert_eq!(found, BTreeSet::from(Reason::ALL));
}

#[test]
fn the_page_matches_the_cases() {
    page::compare(&cases::all());
}
