use insta::assert_snapshot;
use leadgate_dialect::{Disclosure, protocol};
use leadgate_domain::{Dialect, Outcome, Trust};

use crate::world::{fields, lead, posted, render_outcome_for, source, text};

#[test]
fn every_dialect_acknowledges_a_durable_lead() {
    let fields = fields();
    let responses = |dialect: Dialect| {
        format!("{dialect}: {}", text(&protocol(dialect).render_accepted(&posted(&fields, &source(dialect)))))
    };
    assert_snapshot!(Dialect::ALL.iter().copied().map(responses).collect::<Vec<_>>().join("\n"), @r#"
    native: 202 application/json Location
    {"id":"018f4e2a-7b1c-7000-8000-0000000000bb","status":"queued"}
    abc_sales: 202 application/json
    {"id":"018f4e2a-7b1c-7000-8000-0000000000bb","status":"queued","external_id":"crm-7"}
    lead2inbound: 202 application/json Location
    {"id":"018f4e2a-7b1c-7000-8000-0000000000bb","status":"queued"}
    500_leads: 200 application/json
    {"success":true}
    kickofflabs: 202 application/json
    {"id":"018f4e2a-7b1c-7000-8000-0000000000bb","status":"queued"}
    askad: 202 application/json
    {"id":"018f4e2a-7b1c-7000-8000-0000000000bb","status":"queued"}
    "#);
}

#[test]
fn three_dialects_wait_for_the_outcome() {
    let waiting: Vec<_> =
        Dialect::ALL.iter().copied().filter(|dialect| protocol(*dialect).waits_for_outcome).collect();
    assert_eq!(waiting, [Dialect::Lead2inbound, Dialect::KickoffLabs, Dialect::AskAd]);
}

#[test]
fn a_public_credential_gets_only_the_submitted_values() {
    let mut fields = fields();
    Trust::Public.remove_untrusted_fields(&mut fields);
    let responses = |dialect: Dialect| {
        format!(
            "{dialect}: {}",
            text(&protocol(dialect).render_accepted_for_public(&posted(&fields, &source(dialect))))
        )
    };
    assert_snapshot!(Dialect::ALL.iter().copied().map(responses).collect::<Vec<_>>().join("\n"), @r#"
    native: 202 application/json Location
    {"id":"018f4e2a-7b1c-7000-8000-0000000000bb","status":"queued"}
    abc_sales: 202 application/json
    {"id":"018f4e2a-7b1c-7000-8000-0000000000bb","status":"queued","external_id":"crm-7"}
    lead2inbound: 202 application/json Location
    {"id":"018f4e2a-7b1c-7000-8000-0000000000bb","status":"queued"}
    500_leads: 200 application/json
    {"success":true}
    kickofflabs: 201 application/json
    {"id":"018f4e2a-7b1c-7000-8000-0000000000bb","social_id":null,"rank":null,"counter":null,"lead_count":null,"contest_score":null,"contest_score_rank":null,"contest_score_rank_relative_position":null,"rank_relative_position":null,"campaign_id":4711000815,"list_id":4711000815,"given_name":null,"first_name":null,"avatar":null,"when":"2025-06-01T12:00:00.000000Z","enhanced":null,"anonymous":null,"verified":null,"verified_email":null,"verified_phone_number":null,"waitlisted":null,"display_name":"Bo Li","completed_actions":[],"social_url":null,"redirect_url":null,"thankyou_url":null,"status_url":null,"email":"bo@example.com","phone_number":"+14155550199","family_name":null,"custom_fields":{"color":"red"},"unsubscribe_url":{"default":null,"safe":null},"uid":"u2","parent_id":null,"opted_out":false,"utm":{"utm_source":"x"},"tags":["fair"],"referrals":null,"unverified_leads":{"indirect":null,"direct":null},"verified_leads":{},"influence":{},"subscription_number":null,"ip":"192.0.2.9","referrer":null,"fraudulent":null}
    askad: 201 application/json
    {"id":"018f4e2a-7b1c-7000-8000-0000000000bb","status":"created"}
    "#);
}

#[test]
fn a_key_without_the_scope_read_gets_the_outcome_and_the_ids() {
    let lead = lead();
    let responses = |dialect: Dialect| {
        let response = render_outcome_for(Disclosure::Outcome, dialect, Outcome::Duplicate, Some(&lead));
        format!("{dialect}: {}", text(&response))
    };
    let responses = Dialect::ALL.iter().copied().map(responses).collect::<Vec<_>>().join("\n");
    for stored in ["Ann", "4155550132", "beta", "held", "consent_missing", "shirt", "192.0.2.7"] {
        assert!(!responses.contains(stored), "{stored} in {responses}");
    }
    assert_snapshot!(responses, @r#"
    native: 200 application/json Location
    {"id":"018f4e2a-7b1c-7000-8000-0000000000bb","outcome":"duplicate","lead_id":"018f4e2a-7b1c-7000-8000-0000000000aa","status":"new"}
    abc_sales: 200 application/json
    {"id":"018f4e2a-7b1c-7000-8000-0000000000aa","status":"duplicate"}
    lead2inbound: 200 application/json Location
    {"outcome":"duplicate","lead_id":"018f4e2a-7b1c-7000-8000-0000000000aa","status":"new"}
    500_leads: 200 application/json
    {"success":true}
    kickofflabs: 200 application/json
    {"id":"018f4e2a-7b1c-7000-8000-0000000000aa","social_id":null,"rank":null,"counter":null,"lead_count":null,"contest_score":null,"contest_score_rank":null,"contest_score_rank_relative_position":null,"rank_relative_position":null,"campaign_id":4711000815,"list_id":4711000815,"given_name":null,"first_name":null,"avatar":null,"when":"2025-06-01T12:00:00.000000Z","enhanced":null,"anonymous":null,"verified":null,"verified_email":null,"verified_phone_number":null,"waitlisted":null,"display_name":"Bo Li","completed_actions":[],"social_url":null,"redirect_url":null,"thankyou_url":null,"status_url":null,"email":"bo@example.com","phone_number":"+14155550199","family_name":null,"custom_fields":{"color":"red"},"unsubscribe_url":{"default":null,"safe":null},"uid":"u2","parent_id":null,"opted_out":false,"utm":{"utm_source":"x"},"tags":["fair"],"referrals":null,"unverified_leads":{"indirect":null,"direct":null},"verified_leads":{},"influence":{},"subscription_number":null,"ip":"192.0.2.9","referrer":null,"fraudulent":null}
    askad: 200 application/json
    {"id":"018f4e2a-7b1c-7000-8000-0000000000aa","status":"created","outcome":"duplicate"}
    "#);
}
