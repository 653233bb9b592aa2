//! Events are sent to endpoints, from the post of a lead to the receiver.

use std::collections::BTreeSet;

use leadgate_testkit::receiver::{Answer, ReceivedRequest, Receiver};
use serde_json::{Value, json};

use crate::world::{Servers, Shape, TIMEOUT, World, until};

/// Receivers of tests are on this machine.
pub const ALLOW_THIS_MACHINE: (&str, &str) = ("LEADGATE_DISPATCHER_ALLOWED_NETWORKS", r#"["127.0.0.0/8"]"#);

async fn create(world: &World, url: &str, events: &str) -> Value {
    let create = ["endpoint", "create", "--organization", "acme", "--url", url, "--events", events];
    world.cli(&create).await
}

fn lead(phone: u32) -> String {
    json!({
        "phone": format!("+1415555{phone:04}"),
        "full_name": "Ann Lee",
        "consent": {
            "consent_timestamp": "2026-01-31T12:00:00Z",
            "consent_text_version": "v1",
            "source_url": "https://acme.example/quote",
        },
    })
    .to_string()
}

fn body(request: &ReceivedRequest) -> Value {
    serde_json::from_slice(&request.body).unwrap()
}

async fn a_lead_reaches_its_receiver(shape: Shape) {
    let world = World::start_with(shape, "webhook", &[ALLOW_THIS_MACHINE]).await;
    let dispatcher = (shape == Shape::Distributed).then(|| world.start_dispatcher());
    let receiver = Receiver::start().await.unwrap();
    let endpoint = create(&world, &receiver.url(), "lead.created,lead.status_changed,lead.erased").await;
    assert!(endpoint["secret"].as_str().unwrap().starts_with("whsec_"));
    let response = world.post(lead(100)).await;
    let accepted: Value = response.json().await.unwrap();
    let created = body(&receiver.await_requests(1, TIMEOUT).await.unwrap()[0]);
    assert_eq!((&created["type"], &created["data"]["lead_id"]), (&json!("lead.created"), &accepted["id"]));
    let (_, shown) = world.get(&format!("/v1/leads/{}", accepted["id"].as_str().unwrap())).await;
    assert_eq!(created["data"]["lead"]["phone"], shown["phone"]);
    assert_eq!(created["data"]["lead"]["eligibility"], "eligible");

    let id = accepted["id"].as_str().unwrap();
    world.cli(&["lead", "status", id, "contacted", "--organization", "acme"]).await;
    let changed = body(&receiver.await_requests(2, TIMEOUT).await.unwrap()[1]);
    assert_eq!(
        (&changed["data"]["previous_status"], &changed["data"]["lead"]["status"]),
        (&json!("new"), &json!("contacted"))
    );
    world.cli(&["erase", "--phone", "+14155550100", "--organization", "acme", "--yes"]).await;
    let erased = body(&receiver.await_requests(3, TIMEOUT).await.unwrap()[2]);
    assert_eq!(erased["data"], json!({ "lead_id": id }));

    let shown = until("the record of the attempts", || async {
        let shown = world
            .cli(&["endpoint", "show", endpoint["id"].as_str().unwrap(), "--organization", "acme"])
            .await;
        (shown["deliveries"]["pending"] == 0).then_some(shown)
    });
    assert_eq!(shown.await["state"], "healthy");
    let attempts = world.cli(&["delivery", "attempts", "--organization", "acme"]).await;
    let results: Vec<_> = attempts["data"].as_array().unwrap().iter().map(|one| &one["result"]).collect();
    assert_eq!(results, [&json!("delivered"); 3]);
    if let Some(dispatcher) = dispatcher {
        assert!(dispatcher.terminate(TIMEOUT).await.unwrap().success());
    }
}

#[tokio::test]
async fn a_lead_reaches_its_receiver_embedded() {
    a_lead_reaches_its_receiver(Shape::Embedded).await;
}

#[tokio::test]
async fn a_lead_reaches_its_receiver_distributed() {
    a_lead_reaches_its_receiver(Shape::Distributed).await;
}

/// No event is lost when dispatchers are killed, and only requests in flight are repeated.
#[tokio::test]
async fn killed_dispatchers_lose_no_event() {
    const LEADS: u32 = 300;
    const KILLS: usize = 3;
    let world = World::start_with(Shape::Distributed, "webhook-kills", &[ALLOW_THIS_MACHINE]).await;
    let receiver = Receiver::start().await.unwrap();
    let endpoint = create(&world, &receiver.url(), "lead.created").await;
    let concurrency = usize::try_from(endpoint["concurrency"].as_u64().unwrap()).unwrap();
    let posted: BTreeSet<String> = {
        let mut ids = BTreeSet::new();
        for number in 0..LEADS {
            let accepted: Value = world.post(lead(number)).await.json().await.unwrap();
            ids.insert(accepted["id"].as_str().unwrap().to_owned());
        }
        ids
    };
    let mut received = 0;
    for kill in 0..KILLS {
        let dispatcher = world.start_dispatcher();
        received = receiver.await_requests(received + 20, TIMEOUT).await.unwrap().len();
        // While it has the lease of the endpoint: the next one waits until the lease has ended.
        if kill % 2 == 0 {
            receiver.answer(Answer::Hang);
            receiver.await_requests(received + 1, TIMEOUT).await.unwrap();
        }
        dispatcher.kill9().unwrap();
        receiver.answer(Answer::status(204));
        received = receiver.received().len();
        end_leases(&world).await;
    }
    let dispatcher = world.start_dispatcher();
    until("all events", || async {
        let all: BTreeSet<String> = receiver.received().iter().map(lead_id).collect();
        (all.len() == posted.len()).then_some(())
    })
    .await;
    let requests = receiver.received();
    assert_eq!(requests.iter().map(lead_id).collect::<BTreeSet<_>>(), posted);
    let repeated = requests.len() - posted.len();
    assert!(repeated <= KILLS * concurrency, "{repeated} requests were repeated");
    assert!(dispatcher.terminate(TIMEOUT).await.unwrap().success());
}

fn lead_id(request: &ReceivedRequest) -> String {
    body(request)["data"]["lead_id"].as_str().unwrap().to_owned()
}

/// As if a minute had passed: leases of killed dispatchers end.
async fn end_leases(world: &World) {
    let past = "UPDATE endpoints SET lease_until = now() - interval '1 second'";
    let servers = Servers::shared().await;
    servers.postgres.sql(world.store_url(), past).await.unwrap();
}
