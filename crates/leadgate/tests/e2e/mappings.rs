//! A source with unknown field names, and the mapping that `leadgate mapping suggest` prints for it.

use serde_json::{Value, json};

use crate::world::{Shape, World, http, until};

/// A lead as an ad platform sends it: a list of fields in any order.
fn body(number: usize) -> Value {
    let field = |name: &str, value: &str| json!({ "name": name, "values": [value] });
    let mut fields = vec![
        field("full_name", &format!("Ann Lee{number}")),
        field("email_address", &format!("ann{number}@example.com")),
        field("phone_number", &format!("(415) 555-01{number:02}")),
    ];
    fields.rotate_left(number % 3);
    json!({ "id": number, "field_data": fields })
}

async fn leads_have_contacts_with_a_suggested_mapping(shape: Shape) {
    let world = World::start(shape, "mappings").await;
    let create = ["source", "create", "--organization", "acme", "--dialect", "500_leads", "--region", "US"];
    let source = world.cli(&create).await;
    let (id, url) = (source["id"].as_str().unwrap(), source["url"].as_str().unwrap());
    let token = url.rsplit('/').next().unwrap();
    let url = format!("{}/api/webhooks/{token}", world.base);
    let post = async |number| {
        let response = http().post(&url).json(&body(number)).send().await.unwrap();
        assert!(response.status().is_success(), "{}", response.status());
    };
    for number in 1..=4 {
        post(number).await;
    }
    let show = ["source", "show", id, "--organization", "acme"];
    let recent = |leads: u64, no_contact: u64| json!({ "leads": leads, "no_contact": no_contact });
    until("leads without a contact", || async {
        (world.cli(&show).await["recent_leads"] == recent(4, 4)).then_some(())
    })
    .await;

    let suggestion = world.cli(&["mapping", "suggest", "--source", id, "--organization", "acme"]).await;
    assert_eq!(suggestion["bodies"], 4);
    let file = suggestion["mapping"].as_str().unwrap();
    let line = r#""/field_data/[name=email_address]/values/0", # in 4 of 4 bodies: 4 emails"#;
    assert!(file.contains(line), "{file}");
    assert!(!file.contains("Ann") && !file.contains("555") && !file.contains('@'), "{file}");
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("mapping.toml");
    std::fs::write(&path, file).unwrap();
    world.cli(&["mapping", "set", "--source", id, "--organization", "acme", path.to_str().unwrap()]).await;

    world.cli(&["reprocess", "--organization", "acme", "--source", id]).await;
    assert_eq!(world.cli(&show).await["recent_leads"], recent(4, 0));
    let (_, page) = world.get("/v1/leads").await;
    let emails =
        page["data"].as_array().unwrap().iter().map(|lead| lead["email"]["address"].as_str().unwrap());
    let phones = page["data"].as_array().unwrap().iter().map(|lead| lead["phone"]["e164"].as_str().unwrap());
    let mut contacts: Vec<_> = emails.zip(phones).collect();
    contacts.sort_unstable();
    let expected: Vec<_> = (1..=4)
        .map(|number| (format!("ann{number}@example.com"), format!("+141555501{number:02}")))
        .collect();
    assert_eq!(
        contacts,
        expected.iter().map(|(email, phone)| (email.as_str(), phone.as_str())).collect::<Vec<_>>()
    );
}

#[tokio::test]
async fn leads_have_contacts_with_a_suggested_mapping_embedded() {
    leads_have_contacts_with_a_suggested_mapping(Shape::Embedded).await;
}

#[tokio::test]
async fn leads_have_contacts_with_a_suggested_mapping_distributed() {
    leads_have_contacts_with_a_suggested_mapping(Shape::Distributed).await;
}
