//! Which parts of a trace are kept: members of a newer build, and the parts after an erasure or for a
//! submission.

use super::*;

#[test]
fn stages_are_in_pipeline_order_and_unknown_stages_come_last() {
    let stages = ["audit", "decide", "deduplicate", "enrich", "normalize", "score", "screen", "zeal"];
    let trace = Trace::from(Map::from_iter(stages.map(|stage| (stage.to_owned(), json!({})))));
    let stages: Vec<_> = trace.stages().iter().map(Stage::name).collect();
    assert_eq!(stages, ["normalize", "screen", "deduplicate", "enrich", "score", "decide", "audit", "zeal"]);
}

#[test]
fn an_erased_trace_keeps_the_outcome_and_no_personal_data() {
    let key_match = json!({"by": "phone", "lead": LEAD, "last_seen": SEEN});
    let trace = read(json!({
        "normalize": {"phone": "valid", "email": "absent", "phone_reason": "Ann", "state": "unknown"},
        "screen": [{"reason": "suppressed_phone", "list": "default", "added_at": SEEN}],
        "deduplicate": {"rule": "any_of", "policy": "update", "matched": key_match},
        "enrich": {"inferred": {"first_name": {"value": "Ann"}}, "email_kind": "free"},
        "score": {"score": 40, "temperature": "warm", "points": [["Ann", 40]]},
        "decide": {"eligibility": "held", "reasons": ["suppressed_phone"], "note": "Ann"},
        "screen_lead": {"hits": "Ann"},
        "of a newer build": "Ann",
    }));
    let at = Timestamp::parse("2026-11-21T12:00:00Z").unwrap();
    let erased = trace.erased(at);
    let expected = json!({
        "erased": "2026-11-21T12:00:00.000000Z",
        "normalize": {"phone": "valid", "email": "absent"},
        "screen": [{"reason": "suppressed_phone", "list": "default", "added_at": SEEN}],
        "deduplicate": {"rule": "any_of", "policy": "update", "matched": key_match},
        "score": {"score": 40, "temperature": "warm"},
        "decide": {"eligibility": "held", "reasons": ["suppressed_phone"]},
    });
    assert_eq!(serde_json::to_value(&erased).unwrap(), expected);
    assert_eq!(erased.clone().erased(Timestamp::now()), erased, "a second erasure changes nothing");
}

#[test]
fn records_of_a_newer_build_are_written_back_unchanged() {
    let key_match = json!({"by": "phone", "lead": LEAD, "last_seen": SEEN, "again": 2});
    let trace = json!({
        "reprocess": {"identity_conflict": ["fax"], "why": "asked"},
        "reread": {"mapping_version": 3, "by": "ann"},
        "normalize": {
            "phone": "guessed", "phone_default_region": "Mars", "rewritten": ["nickname"], "repaired": ["typo"],
            "state": "misspelt", "mapping": {"to": "phone", "code": "newer"}, "language": "unknown",
        },
        "screen": [{"reason": "suppressed_fax", "list": "fax", "by": "ann"}, "suppressed"],
        "screen_lead": {"hits": []},
        "deduplicate": {
            "rule": "all_of", "policy": "clone", "matched": key_match, "identity_conflict": [{"by": "fax"}],
            "expired": ["fax"], "window": 5,
        },
        "merge": {"custom_fields": 1, "tags": 0, "notes": 2},
        "enrich": {
            "inferred": {"star": {"value": "leo", "basis": "horoscope", "since": SEEN}, "mood": "good"},
            "email_kind": "alias",
        },
        "score": {
            "score": 60, "temperature": "hotter", "scoring_version": 4, "model": "m",
            "points": [["vip", 25], {"rule": "late", "points": "half", "because": "tag"}, ["odd"]],
        },
        "decide": {"eligibility": "review", "reasons": ["on_the_moon"], "registry": "us", "note": null},
        "opt_out": [{"lead": LEAD, "reasons": [], "score": 5, "more": 1}, "newer"],
        "quarantine": "haunted",
        "audit": {"any": ["thing"]},
    });
    let read = read(trace.clone());
    assert_eq!(serde_json::to_value(&read).unwrap(), trace);
    assert!(read.stages().iter().all(|stage| stage.sentences().iter().all(|sentence| !sentence.is_empty())));
    let erased = serde_json::to_value(read.erased(Timestamp::now())).unwrap();
    assert_eq!(erased["screen"], json!([{"reason": "suppressed_fax", "list": "fax"}]));
    assert_eq!(erased["deduplicate"]["matched"].as_object().unwrap().len(), 3);
    for newer in ["ann", "clone", "guessed", "hotter", "review", "haunted", "audit", "horoscope", "hits"] {
        assert!(!erased.to_string().contains(newer), "{newer} in {erased}");
    }
}

#[test]
fn the_record_of_a_rejected_body_has_sentences_and_is_erased() {
    let fault = json!({"pointer": "/phone", "code": "not_text"});
    let refused = json!({"quarantined": "invalid", "faults": [fault, {"code": "empty"}]});
    let because = "it exceeds a limit that every gateway enforces";
    assert_eq!(
        sentences_of("reread", refused.clone()),
        [
            format!("Its body was decoded again and rejected: {because}."),
            "Faults: /phone (not_text) and empty.".to_owned(),
        ]
    );
    let newer = json!({
        "quarantined": "haunted", "faults": [{"code": "empty", "line": 3}, "somewhere"], "attempt": 2,
    });
    assert_eq!(
        sentences_of("reread", newer.clone()),
        [
            "Its body was decoded again and rejected: haunted.",
            "Faults: code: empty; line: 3 and somewhere.",
            "Also recorded: attempt: 2.",
        ]
    );
    let erased = |part: &Value| {
        let stage = read(json!({ "reread": part })).erased(Timestamp::now());
        serde_json::to_value(stage).unwrap().get("reread").cloned()
    };
    let unmapped = json!({"mapping_version": null});
    for (part, expected) in [
        (&refused, Some(json!({"quarantined": "invalid"}))),
        (&newer, None),
        (&unmapped, Some(unmapped.clone())),
        (&json!({"mapping_version": 3, "by": "ann"}), Some(json!({"mapping_version": 3}))),
    ] {
        assert_eq!(json!(read(json!({ "reread": part }))), json!({ "reread": part }));
        assert_eq!(erased(part), expected, "{part}");
    }
    assert_eq!(sentences_of("reread", unmapped), ["Its body was decoded again without a mapping."]);
}

#[test]
fn an_erasure_keeps_only_known_reasons_of_a_new_evaluation() {
    let erased = |why: &str| json!(read(json!({ "reassess": why })).erased(Timestamp::now()));
    assert_eq!(erased("suppression lists changed")["reassess"], "suppression lists changed");
    assert!(erased("Ann asked").get("reassess").is_none());
    assert_eq!(json!(read(json!({"reassess": "Ann asked"}))), json!({"reassess": "Ann asked"}));
}

#[test]
fn the_trace_of_a_submission_has_no_details_of_its_lead() {
    let all = json!({
        "normalize": {}, "screen": [], "deduplicate": {"rule": null, "policy": null}, "screen_lead": [], "enrich": 1,
        "score": {}, "decide": {"reasons": []}, "quarantine": "crashed", "newer": {},
    });
    let submission_only = json!({
        "normalize": {}, "screen": [], "deduplicate": {"rule": null, "policy": null}, "quarantine": "crashed",
    });
    assert_eq!(json!(read(all.clone()).without_lead_details()), submission_only);
    assert!(
        json!(read(all).without_inferred()).get("enrich").is_none(),
        "also if this build cannot read the record"
    );
}
