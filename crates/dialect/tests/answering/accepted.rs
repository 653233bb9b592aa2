use insta::assert_snapshot;
use leadgate_dialect::{accepted, waits};
use leadgate_domain::Dialect;

use crate::world::{submission, text};

#[test]
fn each_system_says_in_its_own_way_that_a_lead_will_not_be_lost() {
    let told =
        |dialect: Dialect| format!("{dialect}: {}", text(&accepted(dialect, submission(), Some("crm-7"))));
    assert_snapshot!(Dialect::ALL.map(told).join("\n"), @r#"
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
fn three_of_them_answer_with_what_became_of_the_lead() {
    let waiting: Vec<_> = Dialect::ALL.into_iter().filter(|dialect| waits(*dialect)).collect();
    assert_eq!(waiting, [Dialect::Lead2inbound, Dialect::KickoffLabs, Dialect::AskAd]);
}
