use serde_json::{Value, json};

use super::*;
use crate::{LeadId, OrganizationId, QuarantineReason, Reason, Source, SubmissionId, Timestamp};

const LEAD: &str = "01a1fe64-43e4-76c2-8186-2ec7a023871c";
const SEEN: &str = "2026-11-01T08:00:00.000000Z";

#[test]
fn a_submission_says_how_it_came_in() {
    let at = Timestamp::parse("2026-11-21T13:55:44.5Z").unwrap();
    let source =
        Source::new(OrganizationId::generate(), &crate::SourceDefaults::for_tests(Dialect::AskAd), None, at);
    let id = SubmissionId::from_uuid(LEAD.parse().unwrap());
    let mut submission = Submission::new(id, &source, at, crate::Fields::default(), b"{}");
    assert_eq!(
        receipt_sentence(&submission, None),
        "It was received on 21 November 2026 at 13:55:44 UTC by the default source of the dialect askad."
    );
    submission.client.key = crate::KeyId::parse("abcdefghij");
    submission.mapping_version = Some(3);
    assert_eq!(
        receipt_sentence(&submission, Some("landing page")),
        "It was received on 21 November 2026 at 13:55:44 UTC by the source \"landing page\" in the dialect askad, \
         with the key abcdefghij. Its names were read by version 3 of the source's mapping."
    );
}

#[test]
fn an_outcome_says_what_became_of_it() {
    let at = Timestamp::parse(SEEN).unwrap();
    let lead = Some(LeadId::from_uuid(LEAD.parse().unwrap()));
    for (ended, lead, reason, expected) in [
        (Outcome::Created, lead, None, format!("it made the lead {LEAD}")),
        (Outcome::Updated, lead, None, format!("it updated the lead {LEAD}")),
        (Outcome::Quarantined, None, Some(QuarantineReason::NoMatch), {
            "it was put aside: it was to change a lead that is there, and there is none".to_owned()
        }),
        (Outcome::Quarantined, None, None, "it was put aside".to_owned()),
    ] {
        let expected = format!("On 1 November 2026 at 08:00:00 UTC {expected}.");
        let trace = Trace::default();
        let entry = HistoryEntry { outcome: ended, lead, quarantine: reason, at, trace: &trace };
        assert_eq!(outcome(&entry), expected);
    }
}

/// What `history` says about a second entry after the first one.
fn told_again(first: Value, second: Value) -> (String, Vec<String>) {
    let [first, second] = [first, second].map(|trace| serde_json::from_value(trace).unwrap());
    let at = Timestamp::parse(SEEN).unwrap();
    let entry = |trace| {
        let lead = Some(LeadId::from_uuid(LEAD.parse().unwrap()));
        HistoryEntry { outcome: Outcome::Created, lead, quarantine: None, at, trace }
    };
    let mut told = history(&[entry(&first), entry(&second)]);
    assert_eq!(
        told[0].stages.iter().filter(|told| told.stage == "changed").count(),
        0,
        "nothing was before it"
    );
    let again = told.pop().unwrap();
    let changed = again.stages.into_iter().find(|told| told.stage == "changed");
    (again.headline, changed.map(|told| told.sentences).unwrap_or_default())
}

#[test]
fn a_check_says_what_it_changed_and_why() {
    let eligible = json!({
        "screen": [], "score": {"score": 25, "scoring_version": 0},
        "decide": {"eligibility": "eligible", "reasons": [], "eligible_until": SEEN},
    });
    let hit = json!({"reason": "suppressed_phone", "list": "dnc", "added_at": SEEN});
    let held = json!({
        "reassess": "suppression lists changed", "screen_lead": [hit],
        "decide": {"eligibility": "held", "reasons": ["suppressed_phone"]},
    });
    let (headline, changed) = told_again(eligible.clone(), held.clone());
    assert_eq!(headline, format!("On 1 November 2026 at 08:00:00 UTC the lead {LEAD} was checked again."));
    let sentence = Reason::SuppressedPhone.sentence();
    let entry =
        "The phone of the lead is on the suppression list \"dnc\", since 1 November 2026 at 08:00:00 UTC.";
    assert_eq!(
        changed,
        [
            "The lead was eligible and is held now.".to_owned(),
            format!("New reason that holds it: suppressed_phone ({sentence})."),
            format!("New on a suppression list: {entry}"),
        ]
    );
    assert_eq!(
        told_again(held.clone(), held.clone()).1,
        ["Eligibility, reasons and score stayed as they were."]
    );
    let scored = json!({
        "reprocess": {}, "screen_lead": [], "score": {"score": 55, "scoring_version": 2},
        "decide": {"eligibility": "eligible", "reasons": []},
    });
    assert_eq!(
        told_again(eligible.clone(), scored.clone()).1,
        [
            "The lead was eligible until 1 November 2026 at 08:00:00 UTC and is without an end now.",
            "The score was 25 and is 55 now, by version 2 of the rules in place of the standard rules.",
        ]
    );
    let lifted = told_again(held, scored).1;
    assert_eq!(lifted[0], "The lead was held and is eligible now.");
    assert_eq!(lifted[2], format!("No longer on a suppression list: {entry}"));
    // What a worker decides about a submission is no check of a stored lead.
    let (headline, changed) = told_again(eligible.clone(), eligible);
    assert!(headline.contains("it made the lead") && changed.is_empty(), "{headline} {changed:?}");
}
