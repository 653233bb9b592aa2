use insta::assert_snapshot;
use leadgate_dialect::{DialectResponse, kickofflabs};
use leadgate_domain::{Dialect, Outcome};

use crate::world::{LEAD, lead, render_outcome, sparse_lead, text, texts};

fn with_lead(dialect: Dialect) -> [DialectResponse; 4] {
    let lead = lead();
    let outcomes = [Outcome::Created, Outcome::Updated, Outcome::Linked, Outcome::Duplicate];
    outcomes.map(|outcome| render_outcome(dialect, outcome, Some(&lead)))
}

/// A quarantined submission and its duplicate.
fn without_lead(dialect: Dialect) -> [DialectResponse; 2] {
    [Outcome::Quarantined, Outcome::Duplicate].map(|outcome| render_outcome(dialect, outcome, None))
}

fn all(dialect: Dialect) -> impl Iterator<Item = DialectResponse> {
    with_lead(dialect).into_iter().chain(without_lead(dialect))
}

#[test]
fn native() {
    assert_snapshot!(texts(all(Dialect::Native)), @r#"
    201 application/json Location
    {"id":"018f4e2a-7b1c-7000-8000-0000000000bb","outcome":"created","lead_id":"018f4e2a-7b1c-7000-8000-0000000000aa","status":"new","eligibility":"held","reasons":["consent_missing"]}

    200 application/json Location
    {"id":"018f4e2a-7b1c-7000-8000-0000000000bb","outcome":"updated","lead_id":"018f4e2a-7b1c-7000-8000-0000000000aa","status":"new","eligibility":"held","reasons":["consent_missing"]}

    200 application/json Location
    {"id":"018f4e2a-7b1c-7000-8000-0000000000bb","outcome":"linked","lead_id":"018f4e2a-7b1c-7000-8000-0000000000aa","status":"new","eligibility":"held","reasons":["consent_missing"]}

    200 application/json Location
    {"id":"018f4e2a-7b1c-7000-8000-0000000000bb","outcome":"duplicate","lead_id":"018f4e2a-7b1c-7000-8000-0000000000aa","status":"new","eligibility":"held","reasons":["consent_missing"]}

    202 application/json Location
    {"id":"018f4e2a-7b1c-7000-8000-0000000000bb","outcome":"quarantined","status":"quarantined","reason":"mapping_failed"}

    200 application/json Location
    {"id":"018f4e2a-7b1c-7000-8000-0000000000bb","outcome":"duplicate","status":"processed"}
    "#);
}

#[test]
fn abc_sales() {
    assert_snapshot!(texts(with_lead(Dialect::AbcSales)), @r#"
    201 application/json
    {"id":"018f4e2a-7b1c-7000-8000-0000000000aa","status":"created"}

    200 application/json
    {"id":"018f4e2a-7b1c-7000-8000-0000000000aa","status":"updated"}

    200 application/json
    {"id":"018f4e2a-7b1c-7000-8000-0000000000aa","status":"linked"}

    200 application/json
    {"id":"018f4e2a-7b1c-7000-8000-0000000000aa","status":"duplicate"}
    "#);
}

#[test]
fn lead2inbound() {
    assert_snapshot!(texts(all(Dialect::Lead2inbound)), @r#"
    201 application/json Location
    {"outcome":"created","lead_id":"018f4e2a-7b1c-7000-8000-0000000000aa","status":"new"}

    200 application/json Location
    {"outcome":"updated","lead_id":"018f4e2a-7b1c-7000-8000-0000000000aa","status":"new"}

    200 application/json Location
    {"outcome":"linked","lead_id":"018f4e2a-7b1c-7000-8000-0000000000aa","status":"new"}

    200 application/json Location
    {"outcome":"duplicate","lead_id":"018f4e2a-7b1c-7000-8000-0000000000aa","status":"new"}

    202 application/json Location
    {"outcome":"quarantined","id":"018f4e2a-7b1c-7000-8000-0000000000bb","status":"quarantined"}

    200 application/json Location
    {"outcome":"duplicate","id":"018f4e2a-7b1c-7000-8000-0000000000bb","status":"processed"}
    "#);
}

#[test]
fn five_hundred_leads() {
    let responses: Vec<_> = all(Dialect::FiveHundredLeads).map(|response| text(&response)).collect();
    assert!(responses.iter().all(|response| *response == responses[0]));
    assert_snapshot!(responses[0], @r#"
    200 application/json
    {"success":true}
    "#);
}

#[test]
fn askad() {
    assert_snapshot!(texts(with_lead(Dialect::AskAd)), @r#"
    201 application/json
    {"id":"018f4e2a-7b1c-7000-8000-0000000000aa","status":"created"}

    200 application/json
    {"id":"018f4e2a-7b1c-7000-8000-0000000000aa","status":"created","outcome":"updated"}

    200 application/json
    {"id":"018f4e2a-7b1c-7000-8000-0000000000aa","status":"created","outcome":"linked"}

    200 application/json
    {"id":"018f4e2a-7b1c-7000-8000-0000000000aa","status":"created","outcome":"duplicate"}
    "#);
}

#[test]
fn kickofflabs_returns_the_complete_lead() {
    let responses = with_lead(Dialect::KickoffLabs);
    assert_eq!(responses.each_ref().map(|response| response.status), [201, 200, 200, 200]);
    // A comma before a quote starts a new line, so that most members have their own line.
    assert_snapshot!(text(&responses[0]).replace(",\"", ",\n\""), @r#"
    201 application/json
    {"id":"018f4e2a-7b1c-7000-8000-0000000000aa",
    "social_id":null,
    "rank":null,
    "counter":null,
    "lead_count":null,
    "contest_score":null,
    "contest_score_rank":null,
    "contest_score_rank_relative_position":null,
    "rank_relative_position":null,
    "campaign_id":4711000815,
    "list_id":4711000815,
    "given_name":"Ann",
    "first_name":"Ann",
    "avatar":null,
    "when":"2025-06-01T12:00:00.000000Z",
    "enhanced":null,
    "anonymous":null,
    "verified":null,
    "verified_email":null,
    "verified_phone_number":null,
    "waitlisted":null,
    "display_name":"Ann Lee",
    "completed_actions":[],
    "social_url":null,
    "redirect_url":null,
    "thankyou_url":null,
    "status_url":null,
    "email":"Ann@example.com",
    "phone_number":"+14155550132",
    "family_name":"Lee",
    "custom_fields":{"shirt size":"XL"},
    "unsubscribe_url":{"default":null,
    "safe":null},
    "uid":"u1",
    "parent_id":null,
    "opted_out":false,
    "utm":{"utm_source":"fb"},
    "tags":["beta",
    "web"],
    "referrals":null,
    "unverified_leads":{"indirect":null,
    "direct":null},
    "verified_leads":{},
    "influence":{},
    "subscription_number":null,
    "ip":"192.0.2.7",
    "referrer":"https://fb.com",
    "fraudulent":null}
    "#);
    assert!(responses[1..].iter().all(|response| response.body == responses[0].body));
}

#[test]
fn three_dialects_answer_without_a_lead_in_the_same_format() {
    let expected = texts(without_lead(Dialect::AbcSales));
    assert_snapshot!(expected, @r#"
    202 application/json
    {"id":"018f4e2a-7b1c-7000-8000-0000000000bb","status":"quarantined"}

    200 application/json
    {"id":"018f4e2a-7b1c-7000-8000-0000000000bb","status":"processed"}
    "#);
    for dialect in [Dialect::AskAd, Dialect::KickoffLabs] {
        assert_eq!(texts(without_lead(dialect)), expected, "{dialect}");
    }
}

#[test]
fn kickofflabs_members_have_the_documented_order_and_no_invented_values() {
    const DOCUMENTED: &str = "id social_id rank counter lead_count contest_score contest_score_rank \
        contest_score_rank_relative_position rank_relative_position campaign_id list_id given_name first_name avatar \
        when enhanced anonymous verified verified_email verified_phone_number waitlisted display_name \
        completed_actions social_url redirect_url thankyou_url status_url email phone_number family_name \
        custom_fields unsubscribe_url uid parent_id opted_out utm tags referrals unverified_leads verified_leads \
        influence subscription_number ip referrer fraudulent";
    let sparse_lead = sparse_lead();
    let body = text(&render_outcome(Dialect::KickoffLabs, Outcome::Created, Some(&sparse_lead)));
    let positions: Vec<_> =
        DOCUMENTED.split(' ').map(|key| body.find(&format!("\"{key}\":")).unwrap()).collect();
    assert!(positions.is_sorted());
    let body: serde_json::Value = serde_json::from_str(body.lines().nth(1).unwrap()).unwrap();
    let members = body.as_object().unwrap();
    assert_eq!(members.len(), DOCUMENTED.split(' ').count());
    let mut with_value: Vec<_> =
        members.iter().filter(|(_, value)| !is_empty_value(value)).map(|(key, _)| key.as_str()).collect();
    with_value.sort_unstable();
    assert_eq!(with_value, ["campaign_id", "id", "list_id", "opted_out", "phone_number", "tags", "when"]);
    assert_eq!((&body["phone_number"], &body["opted_out"]), (&"call me".into(), &true.into()));
}

fn is_empty_value(value: &serde_json::Value) -> bool {
    match value {
        serde_json::Value::Object(members) => members.values().all(is_empty_value),
        serde_json::Value::Array(items) => items.is_empty(),
        other => other.is_null(),
    }
}

#[test]
fn a_kickofflabs_webhook_is_returned_as_its_url() {
    assert_snapshot!(text(&kickofflabs::render_webhook_created("https://leads.example.com/w/tok")), @r#"
    200 application/json
    {"message":"Inbound Webhook Created","url":"https://leads.example.com/w/tok"}
    "#);
}

#[test]
fn a_duplicate_returns_the_matched_lead() {
    for dialect in [Dialect::Native, Dialect::Lead2inbound, Dialect::KickoffLabs, Dialect::AskAd] {
        let lead = lead();
        let response = render_outcome(dialect, Outcome::Duplicate, Some(&lead));
        assert_eq!(response.status, 200);
        assert!(text(&response).contains(LEAD), "{dialect}");
    }
}
