//! Submissions that opt out.

use leadgate_domain::suppression::OPTED_OUT_LIST;
use leadgate_domain::{DuplicatePolicy, Judge as _, Lead, Patch, Reason, Temperature, forbids_calls};
use serde_json::json;

use crate::{ANN, BEN, World};

#[test]
fn an_opt_out_applies_to_every_lead_with_its_keys_under_every_policy() {
    for policy in [
        DuplicatePolicy::ReturnExisting,
        DuplicatePolicy::Link,
        DuplicatePolicy::Create,
        DuplicatePolicy::Update,
    ] {
        let mut world = World::new(policy);
        world.post(1, ANN, "x1");
        world.post(2, BEN, "x2");
        let mut opt_out = world.submission(3, BEN, "x1");
        opt_out.fields.opt_out = true;
        let result = world.commit(vec![opt_out]);
        let opted_out = |id: u128| {
            let lead = world.leads.iter().find(|lead| lead.id.as_uuid().as_u128() == id).unwrap();
            let held = lead.opt_out && lead.reasons.contains(&Reason::OptedOut);
            held && lead.updated_at.as_microseconds() == 3 && lead.temperature == Temperature::Cold
        };
        assert!(opted_out(1) && opted_out(2), "{policy}");
        let opted_out_leads = json!(result.outcomes[0].1)["opt_out"].clone();
        let (count, points) = (opted_out_leads.as_array().unwrap().len(), &opted_out_leads[0]["points"]);
        assert!(points.to_string().contains(r#"["opted_out",-100]"#), "{points}");
        let expected = if policy == DuplicatePolicy::Update { 1 } else { 2 };
        assert_eq!(count, expected, "{policy}: without the lead of the submission");
        let first = world.leads.iter().find(|lead| lead.id.as_uuid().as_u128() == 1).unwrap();
        let is_merged = first.e164() == Some(BEN);
        assert_eq!(is_merged, policy == DuplicatePolicy::Update, "only the opt-out is merged");
    }
}

/// Posts a phone that may contain words that forbid calls. Returns the lead and the values of the suppression
/// entries.
fn posted(phone: &str, region: &str) -> (Lead, Vec<String>) {
    let mut world = World::new(DuplicatePolicy::ReturnExisting);
    let mut submission = world.submission(1, phone, "");
    submission.fields.email = Patch::Value("ann@example.com".to_owned());
    submission.fields.phone_country = region.parse().ok();
    submission.fields.opt_out = forbids_calls(phone);
    let normalized = world.normalize(submission.clone());
    let lead = world.commit(vec![submission]).created.remove(0);
    let entries = world.pipeline.opt_out_entries(&normalized, &[&lead]);
    assert!(entries.iter().all(|entry| entry.list == OPTED_OUT_LIST));
    (lead, entries.into_iter().filter_map(|entry| entry.value).collect())
}

#[test]
fn words_that_forbid_calls_hold_the_lead_and_suppress_the_number() {
    let (lead, listed) = posted("415-555-0132 (do not call)", "US");
    assert!(lead.opt_out && lead.reasons.contains(&Reason::OptedOut));
    assert_eq!((lead.e164(), listed), (Some(ANN), vec![ANN.to_owned(), "ann@example.com".to_owned()]));
    assert_eq!(lead.phone.unwrap().note.as_deref(), Some("do not call"));
}

#[test]
fn an_ambiguous_number_with_such_words_holds_the_lead_and_is_not_suppressed() {
    let (lead, listed) = posted("030 12345/67 nicht anrufen", "DE");
    assert!(lead.opt_out && lead.reasons.contains(&Reason::OptedOut));
    assert_eq!((lead.e164(), listed), (None, vec!["ann@example.com".to_owned()]));
}
