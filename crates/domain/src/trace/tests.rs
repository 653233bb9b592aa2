use serde_json::{Map, Value, json};

use super::*;

mod unknown_members;

fn read(trace: Value) -> Trace {
    serde_json::from_value(trace).unwrap()
}

fn sentences_of(stage: &str, part: Value) -> Vec<String> {
    read(json!({ stage: part })).stages()[0].sentences()
}

const LEAD: &str = "01a1fe64-43e4-76c2-8186-2ec7a023871c";
const SEEN: &str = "2026-11-01T08:00:00.000000Z";

#[test]
fn normalized_values_have_sentences() {
    assert_eq!(
        sentences_of(
            "normalize",
            json!({
                "phone": "valid", "phone_default_region": "US", "email": "absent", "rewritten": ["full_name", "state"],
                "placeholders": ["company"], "currency": "unknown", "consent_time": "no_zone", "source": "crm",
                "consent_timezone": "Europe/Berlin",
            })
        ),
        [
            "The phone was converted to E.164. The region US was applied if the number had no country code.",
            "No email was sent.",
            "Converted to canonical form: full_name and state.",
            "Ignored, because the value is a placeholder: company.",
            "The currency is not a known value and was kept as it was sent.",
            "The time of consent was sent without a zone and was read in the zone Europe/Berlin of the source.",
            "The time of consent cannot be read: the time has no zone (expected an offset or `Z`).",
        ]
    );
    assert_eq!(
        sentences_of(
            "normalize",
            json!({"phone": "invalid", "phone_reason": "the phone is not a number", "email": "valid"})
        ),
        [
            "The phone is not valid and was kept as it was sent: the phone is not a number.",
            "The email is a valid address."
        ]
    );
    assert_eq!(
        sentences_of("normalize", json!({"phone": "valid", "email": "absent"}))[0],
        "The phone was converted to E.164. The number has a country code."
    );
    assert_eq!(
        sentences_of(
            "normalize",
            json!({"quarantined": "mapping_failed", "mapping": {"to": "phone", "code": "missing"}})
        ),
        [
            "It was quarantined: the mapping of its source could not be applied.",
            "The mapping failed for the field phone: missing.",
        ]
    );
    assert_eq!(
        sentences_of("quarantine", json!("crashed")),
        ["It was quarantined: it crashed a worker three times."]
    );
}

#[test]
fn suppression_sentences_name_lists_and_times() {
    assert_eq!(
        sentences_of("screen", json!([])),
        ["No entry of a suppression list matches the phone or the email of the submission."]
    );
    assert_eq!(
        sentences_of(
            "screen",
            json!([
                {"reason": "suppressed_phone", "added_at": SEEN},
                {"reason": "suppressed_email", "list": "partners", "added_at": SEEN, "expires_at": SEEN, "by": "ann"},
                {"reason": "suppressed_fax"},
                "suppressed",
            ])
        ),
        [
            "The phone of the submission is on the suppression list, since 1 November 2026 at 08:00:00 UTC.",
            "The email of the submission is on the suppression list \"partners\", since 1 November 2026 at 08:00:00 UTC, \
             until 1 November 2026 at 08:00:00 UTC (by: ann).",
            "The contact of the submission (suppressed_fax) is on the suppression list.",
            "suppressed",
        ]
    );
    assert_eq!(
        sentences_of("screen_lead", json!([{"reason": "opted_out", "list": "opted_out", "added_at": SEEN}])),
        [
            "The phone or the email of the lead is on the suppression list \"opted_out\", since 1 November 2026 at \
             08:00:00 UTC."
        ]
    );
    assert_eq!(sentences_of("screen", json!({"hits": []})), ["hits: none"], "an unknown JSON structure");
}

#[test]
fn match_sentences_name_the_key_and_the_effect_of_the_policy() {
    let key_match = |by: &str| json!({"by": by, "lead": LEAD, "last_seen": SEEN});
    let by = |policy: &str| {
        let part = json!({"rule": "any_of", "policy": policy, "matched": key_match("external_id")});
        sentences_of("deduplicate", part).remove(0)
    };
    let begin = format!(
        "It matches the lead {LEAD} by its external id (last seen on 1 November 2026 at 08:00:00 UTC)"
    );
    assert_eq!(
        by("update"),
        format!("{begin}. Policy update: the lead was updated with the submitted values.")
    );
    assert_eq!(by("create"), format!("{begin}. Policy create: it created a separate lead."));
    assert_eq!(by("clone"), format!("{begin}. Policy clone."));
    let conflict = json!({
        "rule": "any_of", "policy": "update", "matched": key_match("phone"), "identity_conflict": [key_match("email")],
        "expired": ["line_id"], "matched_by_mailbox_only": true,
    });
    assert_eq!(
        sentences_of("deduplicate", conflict)[1..],
        [
            "Only the Gmail mailbox matches, so the lead keeps its phone, email and consent.".to_owned(),
            format!(
                "Its email belongs to another lead, {LEAD} (last seen on 1 November 2026 at 08:00:00 UTC). The keys \
                conflict, and the first matching key decided."
            ),
            "Its line id was used before, but longer ago than the window of the source.".to_owned(),
        ]
    );
    let no_match =
        |rule: &str| sentences_of("deduplicate", json!({"rule": rule, "policy": "update"})).remove(0);
    assert_eq!(no_match("any_of"), "No lead matches by any identity key of its source.");
    assert_eq!(
        no_match("first_of"),
        "No lead matches by the first identity key of its source that was sent."
    );
    let repeated = json!({"rule": null, "policy": null, "matched": key_match("idempotency")});
    assert!(sentences_of("deduplicate", repeated)[0].contains("by its idempotency key"));
    assert_eq!(
        sentences_of("deduplicate", json!({"rule": null, "policy": null})),
        ["Its idempotency key was used before with a different body."]
    );
}

#[test]
fn inferred_values_have_sentences_with_their_basis() {
    let inferred = json!({
        "state": {"value": "NV", "basis": "phone_prefix"},
        "star": {"value": ["a", "b"], "basis": "horoscope"},
        "mood": "good",
    });
    assert_eq!(
        sentences_of("enrich", json!({"inferred": inferred, "email_kind": "business", "phone_region": "US"})),
        [
            "Kind of email: business.",
            "Region of the phone: US.",
            "mood was inferred: good.",
            "star was inferred from horoscope: a, b.",
            "state was inferred from the phone prefix: NV.",
        ]
    );
    assert_eq!(sentences_of("enrich", json!({})), ["Nothing was inferred."]);
}

#[test]
fn points_have_sentences_with_their_rules() {
    let points = json!([
        ["phone_valid", 25],
        ["email_role", -5],
        {"rule": "vip", "points": 40, "because": "tag"},
        {"name": "late", "points": "half"},
        ["odd"],
    ]);
    assert_eq!(
        sentences_of(
            "score",
            json!({"score": 60, "temperature": "warm", "points": points, "scoring_version": 4, "version": 2})
        ),
        [
            "The score is 60 (warm), by version 4 of the rules.",
            "phone_valid adds 25 points.",
            "email_role subtracts 5 points.",
            "because: tag; points: 40; rule: vip.",
            "name: late; points: half.",
            "odd.",
            "Also recorded: version: 2.",
        ]
    );
}

#[test]
fn dropped_values_are_counted() {
    let sentence = "The lead has reached its maximum size. Dropped custom fields: 3. Dropped tags: 0.";
    assert_eq!(sentences_of("merge", json!({"custom_fields": 3, "tags": 0})), [sentence]);
}

#[test]
fn the_standard_rules_are_named() {
    assert_eq!(
        sentences_of("score", json!({"score": 60, "scoring_version": 0})),
        ["The score is 60, by the standard rules."]
    );
}

#[test]
fn an_erasure_has_a_sentence_with_its_time() {
    let sentence = "The submitted values, and all values derived from them, were erased on 1 November 2026 at \
    08:00:00 UTC.";
    assert_eq!(sentences_of("erased", json!(SEEN)), [sentence]);
}

#[test]
fn the_decision_has_a_sentence_for_every_reason() {
    assert_eq!(
        sentences_of(
            "decide",
            json!({"eligibility": "eligible", "reasons": [], "eligible_until": SEEN, "registry": "off"})
        ),
        [
            "The lead is eligible until 1 November 2026 at 08:00:00 UTC.",
            "No national do-not-call registry was consulted.",
        ]
    );
    assert_eq!(
        sentences_of(
            "decide",
            json!({"eligibility": "eligible", "reasons": [], "consent_not_required": true})
        ),
        [
            "The lead is eligible. None of the evidence that it needs expires.",
            "Its sources do not require consent."
        ]
    );
    assert_eq!(
        sentences_of(
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
fn every_known_reason_has_a_sentence_in_the_decision() {
    for reason in crate::Reason::ALL {
        let held = sentences_of("decide", json!({"eligibility": "held", "reasons": [reason]}));
        assert_eq!(held, [format!("The lead is held because {}.", reason.sentence())]);
    }
}

proptest::proptest! {
    #[test]
    fn every_record_has_sentences(stage in "normalize|screen|deduplicate|enrich|score|decide|quarantine|x",
                                     seed in 0_usize..8, name in "[a-z_]{1,12}") {
        let values = [
            json!(null), json!(1), json!("text"), json!([]), json!([[1, 2], {}, null, "x"]), json!({}),
            json!({name.clone(): {"by": 1, "points": [null]}}),
            json!({"matched": [], "policy": 5, "rule": {}, "inferred": [1], "points": 3, "reasons": {}, "mapping": "x",
                   "identity_conflict": 7, "score": null, "eligibility": [], name: "unknown"}),
        ];
        let sentences = sentences_of(&stage, values[seed].clone());
        proptest::prop_assert!(sentences.iter().all(|sentence| !sentence.is_empty()), "{:?}", sentences);
    }
}

#[test]
fn new_evaluations_have_sentences_with_their_cause() {
    let again = "The lead was evaluated again without a new submission, because suppression lists changed.";
    assert_eq!(sentences_of("reassess", json!("suppression lists changed")), [again]);
    assert_eq!(
        sentences_of("reprocess", json!({"identity_conflict": ["phone"]}))[1..],
        ["Identity keys that now belong to other leads: phone."]
    );
    assert_eq!(sentences_of("reprocess", json!({})).len(), 1);
    assert_eq!(
        sentences_of("reread", json!({"mapping_version": 3})),
        ["Its body was decoded again with version 3 of the mapping."]
    );
    let reached = json!([{"lead": LEAD, "eligibility": "held", "reasons": ["opted_out"]}, "newer"]);
    assert_eq!(
        sentences_of("opt_out", reached),
        [format!("The person asked not to be contacted, so the lead {LEAD} is held."), "newer".to_owned()]
    );
}
