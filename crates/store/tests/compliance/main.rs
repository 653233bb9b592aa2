//! Who may be called: stories of leads, suppression lists and consents, played over both stores and compared with an
//! oracle that knows nothing of the product. `docs/compliance.md` is the table of them.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]
#![allow(clippy::print_stdout, reason = "the numbers of the run, with --nocapture")]

mod cases;
mod oracle;
mod page;
mod play;
mod story;
mod values;

#[path = "../contract/hooked.rs"]
#[allow(dead_code, reason = "the hooks are the contract suite's")]
mod hooked;
#[path = "../contract/world.rs"]
#[allow(dead_code, reason = "the world is the contract suite's")]
mod world;

use std::collections::BTreeSet;
use std::time::Instant;

use leadgate_domain::{Eligibility, Lead, Reason};
use play::Ending;
use serde_json::json;
use world::{World, over_both};

over_both!(every_stored_lead_is_as_expected);

async fn every_stored_lead_is_as_expected(world: World) {
    let (cases, begun) = (cases::all(), Instant::now());
    let endings = play::play(&world, &cases).await;
    let (mut wrongly_eligible, mut wrongly_held, mut otherwise) = (Vec::new(), Vec::new(), Vec::new());
    for (case, Ending { lead, traced }) in cases.iter().zip(&endings) {
        let is_erased = oracle::is_erased(&case.events);
        assert_eq!(lead.is_none(), is_erased, "{}. {}", case.number, case.words());
        let Some(lead) = lead else { continue };
        let expected = oracle::reasons(&case.events);
        let told =
            format!("{}. {}: expected {expected:?}, found {:?}", case.number, case.words(), lead.reasons);
        match (expected.is_empty(), lead.eligibility) {
            (false, Eligibility::Eligible) => wrongly_eligible.push(told),
            (true, Eligibility::Held) => wrongly_held.push(told),
            _ if expected != lead.reasons || until(lead) != oracle::until(&case.events) => {
                otherwise.push(told)
            }
            _ => {}
        }
        let decided = json!([lead.eligibility, lead.reasons]);
        assert_eq!(json!([traced["eligibility"], traced["reasons"]]), decided, "{}", case.words());
    }
    println!("{} cases in {:.1} s", cases.len(), begun.elapsed().as_secs_f32());
    let all = [wrongly_eligible, wrongly_held, otherwise];
    let [eligible, held, other] = all.each_ref().map(Vec::len);
    assert_eq!(
        (eligible, held, other),
        (0, 0, 0),
        "wrongly eligible, wrongly held, other reasons:\n{}",
        all.concat().join("\n")
    );
}

/// For how long a lead is eligible, in microseconds from when it was first heard of.
fn until(lead: &Lead) -> Option<i64> {
    Some(lead.eligible_until?.as_microseconds() - play::FIRST_RECEIVED)
}

#[test]
fn the_table_is_large_and_says_nothing_twice() {
    let cases = cases::all();
    assert!(cases.len() >= 300, "{}", cases.len());
    let mut seen = BTreeSet::new();
    for case in &cases {
        assert!(seen.insert(case.words()), "{}. {}", case.number, case.words());
    }
}

#[test]
fn every_reason_is_in_the_table() {
    let cases = cases::all();
    let made = cases.iter().filter(|case| !oracle::is_erased(&case.events));
    let found: BTreeSet<_> = made.flat_map(|case| oracle::reasons(&case.events)).collect();
    assert_eq!(found, BTreeSet::from(Reason::ALL));
}

#[test]
fn the_page_is_that_of_the_cases() {
    page::compare(&cases::all());
}
