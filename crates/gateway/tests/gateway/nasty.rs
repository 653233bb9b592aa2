//! Accepted leads can be stored: the worker quarantines none of them.

use leadgate_domain::Outcome;
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use serde_json::{Value, json};

use crate::world::{World, send};

/// Phones, emails and texts as people, spreadsheets and attackers send them.
const VALUES: [&str; 44] = [
    "",
    "   ",
    "+",
    "+1",
    "0000000000",
    "+999999999999999",
    "12345678901234567",
    "(555) 123-4567 ext. 89",
    "tel:+1-555-123-4567;ext=1",
    "00441234567890",
    "٠١٢٣٤٥٦٧٨٩",
    "＋１５５５１２３４５６７",
    "1-800-FLOWERS",
    "5551234567 / 5559876543",
    "\u{202a}+15551234567\u{202c}",
    "555\u{a0}123\u{2011}4567",
    "5️⃣5️⃣5️⃣",
    "'+15551234567",
    "=+15551234567",
    "112",
    "a@b",
    "a@@b.com",
    "\"quoted local\"@x.com",
    "a@[127.0.0.1]",
    "ü@münchen.de",
    "аdmin@example.com",
    "a@b.com.",
    "a@b.com,c@d.com",
    "Name <a@b.com>",
    "a@b.com\r\nBcc:x",
    "mailto:a@b.com",
    "a@xn--",
    "null",
    "O'Brien",
    "Robert'); DROP TABLE leads;--",
    "<script>{{7*7}}${jndi:ldap://x}</script>",
    "محمد\u{202e}",
    "👩‍👩‍👧‍👦🇺🇳👍🏽",
    "\u{1b}[2J\u{7f}\u{85}\u{2028}",
    "a\u{feff}b",
    "\u{fffe}\u{10ffff}\u{e000}",
    "\u{200b}\u{200d}",
    "ﷺßİı﷽",
    "1.55512E+10",
];

const NAMES: [&str; 16] = [
    "phone",
    "email",
    "full_name",
    "first_name",
    "last_name",
    "company",
    "external_id",
    "line_id",
    "source",
    "state",
    "timezone",
    "locale",
    "currency",
    "page_url",
    "anything",
    "__proto__",
];

fn documents() -> impl Strategy<Value = Value> {
    let text = prop_oneof![prop::sample::select(&VALUES[..]).prop_map(str::to_owned), "[^\\x00]{0,60}"];
    let leaf = prop_oneof![
        text.clone().prop_map(Value::from),
        (-1e19..1e19_f64).prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        Just(Value::Null),
    ];
    let tree = leaf.prop_recursive(4, 20, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::vec(("[^\\x00]{0,6}", inner), 0..4)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    });
    let texts = prop::collection::vec((prop::sample::select(&NAMES[..]), text.clone()), 1..6);
    (texts, prop::collection::vec(text, 0..4), tree.clone(), tree).prop_map(|(texts, tags, custom, automations)| {
        let mut document = json!({"phone": "+14155550132", "tags": tags, "custom_fields": {"any": custom}, "automations": automations});
        for (name, value) in texts {
            document[name] = value.into();
        }
        document
    })
}

#[tokio::test]
async fn accepted_leads_can_be_stored() {
    let world = World::start().await;
    let mut runner = TestRunner::deterministic();
    let mut bodies: Vec<Value> =
        VALUES.iter().map(|value| json!({"phone": value, "email": value, "full_name": value})).collect();
    bodies.extend((0..250).map(|_| documents().new_tree(&mut runner).unwrap().current()));
    let mut accepted = Vec::new();
    for body in bodies {
        let answer = send(world.post().body(body.to_string())).await;
        match answer.status {
            202 => accepted.push(answer.body["id"].as_str().unwrap().to_owned()),
            _ => assert!((400..500).contains(&answer.status), "{body}: {answer:?}"),
        }
    }
    assert!(accepted.len() > 250, "only {} were accepted", accepted.len());
    world.work().await;
    for id in accepted {
        let record = world.store.submission(world.organization, id.parse().unwrap()).await.unwrap().unwrap();
        let outcome = record.outcome().map(|record| record.outcome);
        assert!(matches!(outcome, Some(Outcome::Created | Outcome::Duplicate)), "{record:?}");
        assert_eq!(send(world.get(&format!("/v1/leads/{id}"))).await.status, 200);
        assert_eq!(send(world.get(&format!("/v1/submissions/{id}"))).await.status, 200);
    }
    world.end().await;
}
