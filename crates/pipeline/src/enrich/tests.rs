use leadgate_domain::{
    Dialect, EmailView, Fields, NormalizedValues, OrganizationId, PhoneView, Source, Submission, Timestamp,
};
use serde_json::{Value, json};

use super::*;

fn blank() -> Lead {
    let at = Timestamp::from_microseconds(1);
    let source = Source::new(
        OrganizationId::generate(),
        &leadgate_dialect::protocol(Dialect::Native).source_defaults,
        None,
        at,
    );
    let submission = Submission::new(
        leadgate_domain::SubmissionId::from_uuid(uuid::Uuid::from_u128(1)),
        &source,
        at,
        Fields::default(),
        b"{}",
    );
    crate::merge::create(submission.id.into(), &submission, &source, &NormalizedValues::default())
}

fn enriched(change: impl FnOnce(&mut Lead)) -> (Lead, Value) {
    let mut lead = blank();
    change(&mut lead);
    super::lead(&mut lead);
    let inferred = serde_json::to_value(record(&lead)).unwrap()["inferred"].clone();
    (lead, inferred)
}

fn phone(e164: &str) -> Option<PhoneView> {
    let e164 = Some(e164.to_owned());
    Some(PhoneView {
        raw: String::new(),
        e164,
        valid: true,
        region: None,
        kind: None,
        extension: None,
        note: None,
        reason: None,
    })
}

fn email(address: &str) -> Option<EmailView> {
    let address = Some(address.to_owned());
    Some(EmailView { raw: String::new(), address, valid: true, kind: None, reason: None })
}

#[test]
fn every_inferred_value_names_its_basis() {
    let (lead, inferred) = enriched(|lead| {
        lead.phone = phone("+14155550132");
        lead.email = email("ann@acme.example");
        lead.texts.insert(TextField::FullName, "Ann van der Berg".to_owned());
        lead.texts.insert(TextField::PageUrl, "https://x.example/?utm_source=a&gclid=b".to_owned());
        lead.attribution = json!({ "referrer": "https://news.example/1" }).as_object().cloned();
    });
    assert_eq!(
        inferred,
        json!({
            "company": { "value": "Acme", "basis": "email_domain" },
            "first_name": { "value": "Ann", "basis": "full_name" },
            "gclid": { "value": "b", "basis": "page_url" },
            "last_name": { "value": "van der Berg", "basis": "full_name" },
            "referrer_host": { "value": "news.example", "basis": "referrer" },
            "state": { "value": "CA", "basis": "phone_prefix" },
            "timezone": { "value": "America/Los_Angeles", "basis": "phone_prefix" },
            "utm_source": { "value": "a", "basis": "page_url" },
        })
    );
    assert_eq!((lead.text(TextField::State), lead.text_or_inferred(TextField::State)), (None, Some("CA")));
    assert_eq!(lead.attribution, json!({ "referrer": "https://news.example/1" }).as_object().cloned());
    assert!(!lead.texts.contains_key(&TextField::Company), "an inferred value is not a submitted one");
}

#[test]
fn an_empty_value_does_not_prevent_an_inferred_one() {
    let (_, inferred) = enriched(|lead| {
        lead.texts.insert(TextField::PageUrl, "https://x.example/?utm_medium=cpc&gclid=b".to_owned());
        let attribution =
            json!({ "gclid": "", "utm_medium": null, "referrer": " ", "_referrer": "https://n.example" });
        lead.attribution = attribution.as_object().cloned();
    });
    let values: Vec<_> =
        ["gclid", "utm_medium", "referrer_host"].map(|name| inferred[name]["value"].clone()).into();
    assert_eq!(values, ["b", "cpc", "n.example"]);
}

#[test]
fn a_submitted_value_is_not_replaced() {
    let submitted = [
        (TextField::Company, "Zenith"),
        (TextField::State, "NV"),
        (TextField::Timezone, "America/Denver"),
        (TextField::FullName, "Ann Lee"),
        (TextField::FirstName, "Annie"),
        (TextField::PageUrl, "https://x.example/?utm_source=a"),
    ];
    let (lead, inferred) = enriched(|lead| {
        lead.phone = phone("+14155550132");
        lead.email = email("ann@acme.example");
        lead.texts = submitted.map(|(field, text)| (field, text.to_owned())).into();
        lead.attribution = json!({ "utm_source": "submitted" }).as_object().cloned();
    });
    assert_eq!(inferred, Value::Null);
    for (field, text) in submitted {
        assert_eq!(lead.text_or_inferred(field), Some(text));
    }
}

#[test]
fn an_outdated_inferred_value_is_removed_and_enrichment_is_idempotent() {
    let (mut lead, _) = enriched(|lead| {
        lead.phone = phone("+12083205550");
        lead.email = email("ann@acme.example");
        lead.texts.insert(TextField::FirstName, "Ann".to_owned());
    });
    assert_eq!(lead.inferred["timezones"].value, json!(["America/Boise", "America/Los_Angeles"]));
    assert_eq!(lead.text_or_inferred(TextField::Timezone), None, "two time zones are ambiguous");
    let once = lead.clone();
    super::lead(&mut lead);
    assert_eq!(lead, once);
    (lead.phone, lead.email) = (phone("+442079460958"), email("ann@gmail.com"));
    super::lead(&mut lead);
    assert!(lead.inferred.is_empty());
    assert_eq!(lead.text(TextField::FullName), Some("Ann"));
}

#[test]
fn a_lead_of_an_older_build_is_read() {
    let lead = blank();
    let mut stored = serde_json::to_value(&lead).unwrap();
    for (member, empty) in
        [("tags", json!([])), ("inferred", json!({})), ("observed", json!(null)), ("opt_out", json!(false))]
    {
        assert_eq!(stored.get(member), None, "today it is left out");
        stored[member] = empty;
    }
    assert_eq!(serde_json::from_value::<Lead>(stored).unwrap(), lead);
}
