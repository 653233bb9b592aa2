use insta::assert_snapshot;
use leadgate_dialect::askad::{Paging, render_contacts_page, render_deals_page};
use leadgate_dialect::protocol;
use leadgate_domain::Dialect;

use crate::world::{lead, sparse_lead, text};

#[test]
fn contacts_of_askad_are_paginated() {
    let paging = Paging { page: 2, limit: 50, total: 52 };
    assert_snapshot!(text(&render_contacts_page(&[lead(), sparse_lead()], paging)).replace("},{", "},\n{"), @r#"
    200 application/json
    {"data":[{"id":"018f4e2a-7b1c-7000-8000-0000000000aa","name":"Ann Lee","first_name":"Ann","last_name":"Lee","email":"Ann@example.com","phone":"+14155550132","company":null,"source":"API","page_url":"https://example.com/join","tags":["beta","web"],"metadata":{"__skip_urls":"1","redirect_url":"x","shirt size":"XL"},"status":"new","created_at":"2025-06-01T12:00:00.000000Z","updated_at":"2025-06-01T12:00:00.000000Z"},
    {"id":"018f4e2a-7b1c-7000-8000-0000000000aa","name":null,"first_name":null,"last_name":null,"email":null,"phone":"call me","company":null,"source":null,"page_url":null,"tags":["beta","web"],"metadata":{},"status":"new","created_at":"2025-06-01T12:00:00.000000Z","updated_at":"2025-06-01T12:00:00.000000Z"}],"page":2,"limit":50,"total":52}
    "#);
}

#[test]
fn the_list_of_deals_is_empty() {
    assert_snapshot!(text(&render_deals_page(1, 50)), @r#"
    200 application/json
    {"data":[],"page":1,"limit":50,"total":0}
    "#);
}

#[test]
fn leads_of_lead2inbound_have_their_id_in_two_members() {
    assert_snapshot!(text(&protocol(Dialect::Lead2inbound).render_leads_page(&[lead()], Some("cursor"), &|_| Some("partner".to_owned()))), @r#"
    200 application/json
    {"data":[{"lead_id":"018f4e2a-7b1c-7000-8000-0000000000aa","id":"018f4e2a-7b1c-7000-8000-0000000000aa","status":"new","eligibility":"held","reasons":["consent_missing"],"eligible_until":null,"score":61,"temperature":"warm","full_name":"Ann Lee","first_name":"Ann","last_name":"Lee","company":null,"external_id":null,"line_id":null,"source":"API","source_id":"018f4e2a-7b1c-7000-8000-0000000000cc","source_name":"partner","tags":["beta","web"],"state":null,"timezone":null,"locale":null,"currency":null,"page_url":"https://example.com/join","automations":null,"user_assignments":null,"phone":{"raw":"(415) 555-0132","e164":"+14155550132","valid":true,"region":"US","kind":"fixed_line_or_mobile","reason":null},"email":{"raw":"Ann@Example.com","address":"Ann@example.com","valid":true,"kind":null,"reason":null},"consent":null,"attribution":{"__uid":"u1","gclid":"g","ip":"192.0.2.7","referrer":"https://fb.com","utm_source":"fb"},"custom_fields":{"__skip_urls":"1","redirect_url":"x","shirt size":"XL"},"inferred":{},"received_at":"2025-06-01T12:00:00.000000Z","updated_at":"2025-06-01T12:00:00.000000Z"}],"next":"cursor"}
    "#);
}

#[test]
fn the_other_dialects_list_leads_like_the_native_dialect() {
    let page = |dialect| text(&protocol(dialect).render_leads_page(&[lead()], None, &|_| None));
    let native = page(Dialect::Native);
    assert!(native.contains(r#""next":null"#) && !native.contains("lead_id"));
    for dialect in Dialect::ALL.iter().copied().filter(|dialect| *dialect != Dialect::Lead2inbound) {
        assert_eq!(page(dialect), native);
    }
}
