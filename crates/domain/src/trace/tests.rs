use serde_json::{Map, Value, json};

use super::*;

mod unknown_members;

fn read(trace: Value) -> Trace {
    serde_json::from_value(trace).unwrap()
}

fn told(stage: &str, part: Value) -> Vec<String> {
    read(json!({ stage: part })).stages()[0].sentences()
}

const LEAD: &str = "01a1fe64-43e4-76c2-8186-2ec7a023871c";
const SEEN: &str = "2026-11-01T08:00:00.000000Z";

#[test]
fn what_was_read_is_told() {
    assert_eq!(
        told(
            "normalize",
            json!({
                "phone": "valid", "phone_read_in": "US", "email": "absent", "rewritten": ["full_name", "state"],
                "not_said": ["company"], "currency": "unknown", "consent_time": "no_zone", "source": "crm",
                "consent_time_read_in": "Europe/Berlin",
            })
        ),
        [
            "The phone was read in E.164, as a number of US unless it has a country code of its own.",
            "No email was sent.",
            "Written in the one spelling of their kind: full_name and state.",
            "Taken for nothing, which is all that programs mean by it: company.",
            "The currency is on no list of such values and was kept as it came.",
            "When consent was given was read as a time of Europe/Berlin: it was sent without a zone.",
            "When consent was given cannot be read: the time has no zone: it could be off by a day.",
        ]
    );
    assert_eq!(
        told(
            "normalize",
            json!({"phone": "invalid", "phone_reason": "the phone is not a number", "email": "valid"})
        ),
        ["The phone was kept as it came: the phone is not a number.", "The email was read as an address."]
    );
    assert_eq!(
        told("normalize", json!({"phone": "valid", "email": "absent"}))[0],
        "The phone was read in E.164, by its own country code."
    );
    assert_eq!(
        told(
            "normalize",
            json!({"quarantined": "mapping_failed", "mapping": {"to": "phone", "code": "missing"}})
        ),
        [
            "It was put aside: its source's mapping could not be applied to it.",
            "The mapping could not fill phone: missing.",
        ]
    );
    assert_eq!(told("quarantine", json!("crashed")), ["It was put aside: it crashed a worker three times."]);
}

#[test]
fn suppressions_are_told_with_their_lists_and_times() {
    assert_eq!(
        told("screen", json!([])),
        ["No entry of a suppression list names the phone or the email that was sent."]
    );
    assert_eq!(
        told(
            "screen",
            json!([
                {"reason": "suppressed_phone", "added_at": SEEN},
                {"reason": "suppressed_email", "list": "partners", "added_at": SEEN, "expires_at": SEEN, "by": "ann"},
                {"reason": "suppressed_fax"},
                "suppressed",
            ])
        ),
        [
            "The phone that was sent is on the suppression list, since 1 November 2026 at 08:00:00 UTC.",
            "The email that was sent is on the suppression list \"partners\", since 1 November 2026 at 08:00:00 UTC, \
             until 1 November 2026 at 08:00:00 UTC (by: ann).",
            "The contact that was sent (suppressed_fax) is on the suppression list.",
            "suppressed",
        ]
    );
    assert_eq!(
        told("screen_lead", json!([{"reason": "opted_out", "list": "opted_out", "added_at": SEEN}])),
        [
            "The phone or the email of the lead is on the suppression list \"opted_out\", since 1 November 2026 at \
             08:00:00 UTC."
        ]
    );
    assert_eq!(told("screen", json!({"hits": []})), ["hits: nothing found"], "a shape that nobody knows yet");
}

#[test]
fn how_a_lead_was_met_is_told_with_what_the_policy_did() {
    let met = |by: &str| json!({"by": by, "lead": LEAD, "last_seen": SEEN});
    let by = |policy: &str| {
        let part = json!({"rule": "any_of", "policy": policy, "matched": met("external_id")});
        told("deduplicate", part).remove(0)
    };
    let begin =
        format!("It met the lead {LEAD} by its external id (last seen on 1 November 2026 at 08:00:00 UTC)");
    assert_eq!(by("update"), format!("{begin}. By the policy update the lead took over what was said anew."));
    assert_eq!(
        by("create"),
        format!("{begin}. By the policy create it made a lead of its own all the same.")
    );
    assert_eq!(by("clone"), format!("{begin}; policy clone."));
    let conflict = json!({
        "rule": "any_of", "policy": "update", "matched": met("phone"), "identity_conflict": [met("email")],
        "expired": ["line_id"], "by_mailbox_alone": true,
    });
    assert_eq!(
        told("deduplicate", conflict)[1..],
        [
            "Only the mailbox at Gmail is the same, so the lead kept its phone, email and consent."
                .to_owned(),
            format!(
                "Its email points at another lead, {LEAD} (last seen on 1 November 2026 at 08:00:00 UTC): the keys \
                 disagree, and the first of them decided."
            ),
            "Its line id was known, but not seen for longer than the source's window.".to_owned(),
        ]
    );
    let nobody = |rule: &str| told("deduplicate", json!({"rule": rule, "policy": "update"})).remove(0);
    assert_eq!(nobody("any_of"), "It met no lead by any key of its source.");
    assert_eq!(nobody("first_of"), "It met no lead by the first key of its source that was sent.");
    let repeated = json!({"rule": null, "policy": null, "matched": met("idempotency")});
    assert!(told("deduplicate", repeated)[0].contains("by its idempotency key"));
    assert_eq!(
        told("deduplicate", json!({"rule": null, "policy": null})),
        ["Its idempotency key was used before, with another body."]
    );
}

#[test]
fn what_follows_is_told_with_what_it_follows_from() {
    let inferred = json!({
        "state": {"value": "NV", "basis": "phone_prefix"},
        "star": {"value": ["a", "b"], "basis": "horoscope"},
        "mood": "good",
    });
    assert_eq!(
        told("enrich", json!({"inferred": inferred, "email_kind": "business", "phone_region": "US"})),
        [
            "The email is of the kind business.",
            "The phone is one of US.",
            "mood was inferred: good.",
            "star was inferred from horoscope: a, b.",
            "state was inferred from the first digits of the phone: NV.",
        ]
    );
    assert_eq!(told("enrich", json!({})), ["Nothing was inferred."]);
}

#[test]
fn every_point_is_told_with_its_rule() {
    let points = json!([
        ["phone_valid", 25],
        ["email_role", -5],
        {"rule": "vip", "points": 40, "because": "tag"},
        {"name": "late", "points": "half"},
        ["odd"],
    ]);
    assert_eq!(
        told(
            "score",
            json!({"score": 60, "temperature": "warm", "points": points, "scoring_version": 4, "version": 2})
        ),
        [
            "The score is 60, so the lead is warm, by version 4 of the rules.",
            "phone_valid gives 25 points.",
            "email_role takes 5 points.",
            "because: tag; points: 40; rule: vip.",
            "name: late; points: half.",
            "odd.",
            "Recorded besides: version: 2.",
        ]
    );
}

#[test]
fn what_did_not_fit_is_told() {
    let sentence = "The lead has as much as a lead can have; custom fields left out: 3, tags left out: 0.";
    assert_eq!(told("merge", json!({"custom_fields": 3, "tags": 0})), [sentence]);
}

#[test]
fn the_standard_rules_are_told_apart() {
    assert_eq!(
        told("score", json!({"score": 60, "scoring_version": 0})),
        ["The score is 60, by the standard rules."]
    );
}

#[test]
fn an_erasure_is_told_with_its_time() {
    let sentence = "What it said was erased on 1 November 2026 at 08:00:00 UTC, and with it what was read and \
                    inferred from that.";
    assert_eq!(told("erased", json!(SEEN)), [sentence]);
}

#[test]
fn the_decision_is_told_with_every_reason() {
    assert_eq!(
        told(
            "decide",
            json!({"eligibility": "eligible", "reasons": [], "eligible_until": SEEN, "registry": "off"})
        ),
        [
            "The lead is eligible until 1 November 2026 at 08:00:00 UTC.",
            "No national do-not-call registry was consulted.",
        ]
    );
    assert_eq!(
        told("decide", json!({"eligibility": "eligible", "reasons": [], "consent_not_required": true})),
        ["The lead is eligible; no evidence that it needed expires.", "Its sources do not require consent."]
    );
    assert_eq!(
        told(
            "decide",
            json!({"eligibility": "held", "reasons": ["opted_out", "on_the_moon"], "registry": "us: fresh"})
        ),
        [
            "The lead is held because the person asked not to be contacted.",
            "The lead is held because on_the_moon.",
            "National do-not-call registry: us: fresh.",
        ]
    );
}

#[test]
fn every_reason_has_its_sentence_in_the_decision() {
    for reason in crate::Reason::ALL {
        let held = told("decide", json!({"eligibility": "held", "reasons": [reason]}));
        assert_eq!(held, [format!("The lead is held because {}.", reason.sentence())]);
    }
}

proptest::proptest! {
    #[test]
    fn whatever_was_recorded_is_told(stage in "normalize|screen|deduplicate|enrich|score|decide|quarantine|x",
                                     seed in 0_usize..8, name in "[a-z_]{1,12}") {
        let values = [
            json!(null), json!(1), json!("text"), json!([]), json!([[1, 2], {}, null, "x"]), json!({}),
            json!({name.clone(): {"by": 1, "points": [null]}}),
            json!({"matched": [], "policy": 5, "rule": {}, "inferred": [1], "points": 3, "reasons": {}, "mapping": "x",
                   "identity_conflict": 7, "score": null, "eligibility": [], name: "unknown"}),
        ];
        let sentences = told(&stage, values[seed].clone());
        proptest::prop_assert!(sentences.iter().all(|sentence| !sentence.is_empty()), "{:?}", sentences);
    }
}

#[test]
fn what_was_decided_once_more_says_why() {
    let again = "No new submission: the lead was decided again because suppression lists changed.";
    assert_eq!(told("reassess", json!("suppression lists changed")), [again]);
    assert_eq!(
        told("reprocess", json!({"identity_conflict": ["phone"]}))[1..],
        ["Other leads hold what it is known by now: phone."]
    );
    assert_eq!(told("reprocess", json!({})).len(), 1);
    assert_eq!(
        told("remap", json!({"mapping_version": 3})),
        ["Its body was read once more, by version 3 of the mapping."]
    );
    let reached = json!([{"lead": LEAD, "eligibility": "held", "reasons": ["opted_out"]}, "somebody"]);
    assert_eq!(
        told("opt_out", reached),
        [
            format!("The person asked not to be contacted: the lead {LEAD} is held since."),
            "somebody".to_owned()
        ]
    );
}
