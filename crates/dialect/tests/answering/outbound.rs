//! Requests that endpoints get, in each form.

use std::collections::BTreeMap;

use leadgate_dialect::{OutboundContent, OutboundError, outbound_request};
use leadgate_domain::{
    EndpointSecrets, Event, EventDetail, EventId, EventSource, EventType, Lead, PayloadForm, TextField,
    Timestamp,
};
use serde_json::{Value, json};

use crate::world::{LEAD, lead, submission};

fn event(kind: EventType, document: Option<Lead>) -> Event {
    Event {
        organization: lead().organization,
        id: EventId::generate(),
        kind,
        lead: Some(lead().id),
        submission: Some(submission()),
        at: lead().updated_at,
        document,
        detail: EventDetail::default(),
    }
}

fn render(event: &Event, form: Value) -> Result<OutboundContent, OutboundError> {
    let form: PayloadForm = serde_json::from_value(form).unwrap();
    let secrets = EndpointSecrets::new(BTreeMap::new()).unwrap();
    let source = EventSource { name: "Landing page".to_owned(), campaign: Some("4711000815".to_owned()) };
    let request = outbound_request(event, Some(&source), &form, &secrets, Timestamp::now())?;
    let signed = request.headers.iter().find(|(name, _)| *name == "webhook-signature");
    if form != PayloadForm::AbcSales {
        let (id, now) = (event.id.to_string(), timestamp(&request.headers));
        let expected = secrets.signatures(&id, now, request.content.body());
        assert_eq!(signed.map(|(_, value)| value), Some(&expected));
    }
    Ok(request.content)
}

fn timestamp(headers: &[(&'static str, String)]) -> Timestamp {
    let (_, seconds) = headers.iter().find(|(name, _)| *name == "webhook-timestamp").unwrap();
    Timestamp::from_microseconds(seconds.parse::<i64>().unwrap() * 1_000_000)
}

fn body(content: &OutboundContent) -> Value {
    serde_json::from_slice(content.body()).unwrap()
}

#[test]
fn the_standard_form_names_the_source() {
    let created = event(EventType::LeadCreated, Some(lead()));
    let standard = body(&render(&created, json!("standard")).unwrap());
    assert_eq!(standard["data"]["lead"]["source_name"], "Landing page");
    let flat = body(&render(&created, json!("flat")).unwrap());
    assert_eq!((&flat["lead_source_name"], &flat["lead_tags"]), (&json!("Landing page"), &json!("beta,web")));
}

#[test]
fn kickofflabs_gets_its_lead_with_the_name_of_the_event() {
    let render = |kind, document| body(&render(&event(kind, document), json!("kickofflabs")).unwrap());
    let created = render(EventType::LeadCreated, Some(lead()));
    assert_eq!(
        (&created["event"], &created["campaign_id"], &created["email"], &created["phone_number"]),
        (&json!("new_signup"), &json!(4_711_000_815_u64), &json!("Ann@example.com"), &json!("+14155550132"))
    );
    assert_eq!(created["custom_fields"], json!({ "shirt size": "XL" }));
    assert_eq!(render(EventType::LeadUpdated, Some(lead()))["event"], "repeat_signup");
    assert_eq!(render(EventType::LeadDuplicate, Some(lead()))["event"], "repeat_signup");
    assert_eq!(render(EventType::LeadErased, None), json!({ "id": LEAD, "event": "lead_erased" }));
    let corrected = EventDetail { corrected: true, ..EventDetail::default() };
    let corrected = Event { detail: corrected, ..event(EventType::LeadUpdated, Some(lead())) };
    let corrected = self::render(&corrected, json!("kickofflabs")).unwrap();
    assert_eq!(body(&corrected)["event"], "lead_updated");
}

#[test]
fn abc_sales_ai_gets_the_clients_id() {
    let render =
        |document| body(&render(&event(EventType::LeadCreated, document), json!("abc_sales")).unwrap());
    let lead_of = |document: Lead| render(Some(document))["lead"].clone();
    assert_eq!((&lead_of(lead())["id"], &lead_of(lead())["leadgate_id"]), (&json!(LEAD), &json!(LEAD)));
    let mut with_id = lead();
    with_id.texts.insert(TextField::ExternalId, "crm-7".to_owned());
    let sent = lead_of(with_id);
    assert_eq!((&sent["id"], &sent["leadgate_id"]), (&json!("crm-7"), &json!(LEAD)));
    assert_eq!(render(None)["lead"], json!({ "id": LEAD, "leadgate_id": LEAD }));
}

#[test]
fn a_template_is_sent_as_json_as_a_form_or_in_the_query() {
    let created = event(EventType::LeadCreated, Some(lead()));
    let template = |encoding: &str, nested: &str| {
        json!({ "template": { "encoding": encoding, "rules": [
            { "to": "first", "from": ["first_name"] },
            { "to": nested, "from": ["/phone/e164"], "split": { "by": "+1", "part": 1 } },
            { "to": "tags", "from": ["tags"] },
            { "to": "company", "from": ["company"] },
            { "to": "score", "from": ["score"] },
            { "to": "list", "constant": "a&b" },
            { "to": "type", "from": ["/event/type"], "values": { "lead.created": "new" }, "otherwise": "other" },
        ]}})
    };
    let json = render(&created, template("json", "/contact/phone")).unwrap();
    assert_eq!(
        body(&json),
        json!({ "first": "Ann", "contact": { "phone": "4155550132" }, "tags": ["beta", "web"], "score": 61,
                "list": "a&b", "type": "new" })
    );
    assert_eq!((json.method(), json.media_type()), ("POST", Some("application/json")));
    let expected = "first=Ann&phone=4155550132&tags=beta%2Cweb&score=61&list=a%26b&type=new";
    let form = render(&created, template("form", "phone")).unwrap();
    assert_eq!(form, OutboundContent::Form(expected.to_owned()));
    assert_eq!(form.media_type(), Some("application/x-www-form-urlencoded"));
    let query = render(&created, template("query", "phone")).unwrap();
    let url = |text: &str| query.url(&text.parse().unwrap()).to_string();
    assert_eq!(url("https://x.example/in"), format!("https://x.example/in?{expected}"));
    assert_eq!(url("https://x.example/in?key=1"), format!("https://x.example/in?key=1&{expected}"));
    assert_eq!((query.method(), query.body()), ("GET", &b""[..]));
}

#[test]
fn a_request_that_is_too_long_is_not_made() {
    let mut long = lead();
    long.texts.insert(TextField::FullName, "x".repeat(10_000));
    let created = event(EventType::LeadCreated, Some(long));
    let rules: Vec<_> = (0..110).map(|n| json!({ "to": n.to_string(), "from": ["full_name"] })).collect();
    let template = |encoding: &str, rules: &[Value]| {
        render(&created, json!({ "template": { "encoding": encoding, "rules": rules } }))
    };
    assert!(template("form", &rules[..90]).is_ok());
    for refused in [template("query", &rules[..1]), template("form", &rules), template("json", &rules)] {
        assert!(matches!(refused, Err(OutboundError::TooLong { .. })), "{refused:?}");
    }
}

#[test]
fn a_template_that_needs_a_missing_value_says_which() {
    let erased = event(EventType::LeadErased, None);
    let template =
        |from: &str| json!({ "template": { "rules": [{ "to": "who", "from": [from], "required": true }] } });
    assert_eq!(body(&render(&erased, template("/event/data/lead_id")).unwrap()), json!({ "who": LEAD }));
    let fault = render(&erased, template("first_name")).unwrap_err();
    assert_eq!(fault.to_string(), "the template failed for `who`: missing");
}
