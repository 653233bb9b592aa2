//! Checks generated leads. Phones are checked with the library that the product uses.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

use std::collections::{BTreeMap, BTreeSet};

use leadgate_testkit::leads::{LeadGenerator, SampleLead, SamplePhone, personal_data_of};
use phonenumber::Mode;
use serde_json::json;

fn text<'a>(lead: &'a SampleLead, field: &str) -> Option<&'a str> {
    lead.body.get(field)?.as_str()
}

#[test]
fn the_same_seed_gives_the_same_leads() {
    let bodies = |seed| LeadGenerator::new(seed).take(200).map(|lead| lead.bytes()).collect::<Vec<_>>();
    assert_eq!(bodies(7), bodies(7));
    assert_ne!(bodies(7), bodies(8));
}

#[test]
fn every_lead_has_a_phone_or_an_email() {
    for lead in LeadGenerator::new(1).take(2_000) {
        assert!(text(&lead, "phone").or(text(&lead, "email")).is_some_and(|contact| !contact.is_empty()));
        assert_eq!(lead.phone == SamplePhone::Absent, text(&lead, "phone").is_none());
    }
}

#[test]
fn a_standard_number_is_valid_and_has_the_expected_e164() {
    let leads: Vec<SampleLead> = LeadGenerator::new(2).repeats(0).take(600).collect();
    let mut regions = BTreeSet::new();
    for lead in &leads {
        let (Some(phone), SamplePhone::Standard(e164)) = (text(lead, "phone"), &lead.phone) else { continue };
        let region = text(lead, "phone_country").map(|region| region.parse().unwrap());
        regions.extend(text(lead, "phone_country"));
        let number =
            phonenumber::parse(region, phone).unwrap_or_else(|error| panic!("{phone} {region:?}: {error}"));
        assert!(number.is_valid(), "{phone} {region:?}");
        let formatted = number.format().mode(Mode::E164).to_string();
        assert_eq!(formatted.split(';').next(), Some(e164.as_str()), "{phone} {region:?}");
    }
    assert!(regions.len() > 35, "only {} regions", regions.len());
}

#[test]
fn every_kind_of_value_occurs() {
    let leads: Vec<SampleLead> = LeadGenerator::new(3).take(2_000).collect();
    let share = |property: &dyn Fn(&SampleLead) -> bool| leads.iter().filter(|lead| property(lead)).count();
    assert!(share(&|lead| lead.phone == SamplePhone::Invalid) > 20);
    assert!(share(&|lead| matches!(lead.phone, SamplePhone::Irregular(_))) > 20);
    assert!(share(&|lead| lead.phone == SamplePhone::Absent) > 100);
    assert!(share(&|lead| text(lead, "email").is_none()) > 100);
    for field in
        ["external_id", "tags", "custom_fields", "attribution", "consent", "line_id", "phone_country"]
    {
        let with = share(&|lead| lead.body.get(field).is_some());
        assert!((20..1_900).contains(&with), "{with} have {field}");
    }
    let partial =
        |lead: &SampleLead| lead.body["consent"].as_object().is_some_and(|consent| consent.len() < 3);
    assert!(share(&partial) > 50);
    assert!(share(&|lead| text(lead, "full_name").is_some_and(|name| !name.is_ascii())) > 300);
}

#[test]
fn repeated_leads_have_the_same_person() {
    let leads: Vec<SampleLead> = LeadGenerator::new(4).repeats(30).take(1_000).collect();
    let people: BTreeSet<usize> = leads.iter().map(|lead| lead.person).collect();
    assert!((620..780).contains(&people.len()), "{} people", people.len());
    let mut numbers = BTreeMap::new();
    for lead in leads {
        if let SamplePhone::Standard(e164) | SamplePhone::Irregular(e164) = lead.phone {
            assert_eq!(*numbers.entry(lead.person).or_insert(e164.clone()), e164);
        }
    }
}

#[test]
fn personal_data_are_the_contact_values_and_long_names() {
    let body = json!({
        "phone": "+44 (740) 0123456 ext. 412", "email": "A.B@Example.com", "full_name": "太郎 山田",
        "first_name": "Al", "company": "Acme", "state": "Bayern"
    });
    assert_eq!(
        personal_data_of(&body),
        ["+44 (740) 0123456 ext. 412", "447400123456", "A.B@Example.com", "a.b@example.com", "太郎 山田"]
    );
    assert_eq!(personal_data_of(&json!({ "phone": "0000000000", "full_name": "Bob" })), [""; 0]);
}
