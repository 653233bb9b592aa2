use serde_json::{Value, json};

use super::*;
use crate::{LeadId, OrganizationId, QuarantineReason, Reason, Source, SubmissionId, Timestamp};

const LEAD: &str = "01a1fe64-43e4-76c2-8186-2ec7a023871c";
const SEEN: &str = "2026-11-01T08:00:00.000000Z";

#[test]
fn the_receipt_sentence_names_source_key_and_mapping() {
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
         with the key abcdefghij. Version 3 of the mapping of the source was applied."
    );
}

#[test]
fn the_headline_names_the_outcome_and_its_time() {
    let at = Timestamp::parse(SEEN).unwrap();
    let lead = Some(LeadId::from_uuid(LEAD.parse().unwrap()));
    for (outcome_code, lead, reason, expected) in [
        (Outcome::Created, lead, None, format!("it created the lead {LEAD}")),
        (Outcome::Updated, lead, None, format!("it updated the lead {LEAD}")),
        (Outcome::Quarantined, None, Some(QuarantineReason::NoMatch), {
            "it was quarantined: it must update an existing lead, and no lead matches".to_owned()
        }),
        (Outcome::Quarantined, None, None, "it was quarantined".to_owned()),
    ] {
        let expected = format!("On 1 November 2026 at 08:00:00 UTC {expected}.");
        let trace = Trace::default();
        let entry = HistoryEntry { outcome: outcome_code, lead, quarantine: reason, at, trace: &trace };
        assert_eq!(outcome(&entry), expected);
    }
}

/// The headline and the changes of a second entry after the first one.
fn explain_second(first: Value, second: Value) -> (String, Vec<String>) {
    let [first, second] = [first, second].map(|trace| serde_json::from_value(trace).unwrap());
    let at = Timestamp::parse(SEEN).unwrap();
    let entry = |trace| {
        let lead = Some(LeadId::from_uuid(LEAD.parse().unwrap()));
        HistoryEntry { outcome: Outcome::Created, lead, quarantine: None, at, trace }
    };
    let mut entries = history(&[entry(&first), entry(&second)]);
    assert_eq!(
        entries[0].stages.iter().filter(|stage| stage.stage == "changed").count(),
        0,
        "the first entry has no changes"
    );
    let second = entries.pop().unwrap();
    let changed = second.stages.into_iter().find(|stage| stage.stage == "changed");
    (second.headline, changed.map(|stage| stage.sentences).unwrap_or_default())
}

#[test]
fn a_new_evaluation_begins_with_its_changes() {
    let eligible = json!({
        "screen": [], "score": {"score": 25, "scoring_version": 0},
        "decide": {"eligibility": "eligible", "reasons": [], "eligible_until": SEEN},
    });
    let hit = json!({"reason": "suppressed_phone", "list": "dnc", "added_at": SEEN});
    let held = json!({
        "reassess": "suppression lists changed", "screen_lead": [hit],
        "decide": {"eligibility": "held", "reasons": ["suppressed_phone"]},
    });
    let (headline, changed) = explain_second(eligible.clone(), held.clone());
    assert_eq!(headline, format!("On 1 November 2026 at 08:00:00 UTC the lead {LEAD} was evaluated again."));
    let sentence = Reason::SuppressedPhone.sentence();
    let entry =
        "The phone of the lead is on the suppression list \"dnc\", since 1 November 2026 at 08:00:00 UTC.";
    assert_eq!(
        changed,
        [
            "The lead was eligible and is now held.".to_owned(),
            format!("New reason: suppressed_phone ({sentence})."),
            format!("New suppression match: {entry}"),
        ]
    );
    assert_eq!(
        explain_second(held.clone(), held.clone()).1,
        ["Eligibility, reasons and score did not change."]
    );
    let scored = json!({
        "reprocess": {}, "screen_lead": [], "score": {"score": 55, "scoring_version": 2},
        "decide": {"eligibility": "eligible", "reasons": []},
    });
    assert_eq!(
        explain_second(eligible.clone(), scored.clone()).1,
        [
            "The lead was eligible until 1 November 2026 at 08:00:00 UTC and is now eligible without an end \
             date.",
            "The score changed from 25 to 55. It was computed by version 2 of the rules (before: the standard \
             rules).",
        ]
    );
    let lifted = explain_second(held, scored).1;
    assert_eq!(lifted[0], "The lead was held and is now eligible.");
    assert_eq!(lifted[2], format!("Removed suppression match: {entry}"));
    // A worker's decision about a submission is not a new evaluation of a stored lead.
    let (headline, changed) = explain_second(eligible.clone(), eligible);
    assert!(headline.contains("it created the lead") && changed.is_empty(), "{headline} {changed:?}");
}
