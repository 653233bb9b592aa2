//! The state of the queue in `/readyz` and metrics, and `leadgate queue`, while programs run.

use serde_json::{Value, json};

use crate::metrics::metric;
use crate::world::{Servers, Shape, World, http, run, try_run, until};

async fn start_without_workers(name: &str, settings: &[(&str, &str)]) -> World {
    World::distributed_with(name, &Servers::shared().await, 0, settings).await
}

/// Waits until the readiness of the gateway matches, and returns it.
async fn wait_until_ready(world: &World, what: &str, matches: impl Fn(&Value) -> bool) -> Value {
    until(what, || async {
        let (status, body) = world.get("/readyz").await;
        (status == 200 && matches(&body)).then_some(body)
    })
    .await
}

#[tokio::test]
async fn a_gateway_reports_missing_workers_and_queued_messages() {
    let mut world = start_without_workers("unconsumed", &[]).await;
    for number in 0..3 {
        let accepted = world.post(json!({ "phone": format!("+1415558000{number}") }).to_string()).await;
        assert_eq!(accepted.status(), 202);
    }
    let unconsumed = json!([{ "part": "queue", "reason": "no worker is consuming leads.0, unrouted" }]);
    let readiness =
        wait_until_ready(&world, "three queued messages", |ready| ready["queue"]["ready"] == 3).await;
    assert_eq!(readiness["degraded"], unconsumed, "{readiness}");
    assert_eq!(readiness["queue"]["parked"], 0, "{readiness}");
    assert_eq!(metric(&world.base, "leadgate_queue_messages{state=\"ready\"}").await, 3);
    assert_eq!(metric(&world.base, "leadgate_queue_unconsumed").await, 2);

    world.start_worker().await;
    let readiness = wait_until_ready(&world, "an empty queue", |ready| {
        ready["queue"]["ready"] == 0 && ready["queue"]["unconsumed"] == json!([])
    })
    .await;
    assert_eq!(readiness["degraded"], json!([]), "{readiness}");
    assert_eq!(metric(&world.base, "leadgate_queue_unconsumed").await, 0);
}

#[tokio::test]
async fn the_embedded_shape_reports_its_queue() {
    let world = World::embedded("depth").await;
    let readiness =
        wait_until_ready(&world, "a worker", |ready| ready["queue"]["unconsumed"] == json!([])).await;
    assert_eq!(
        (&readiness["degraded"], &readiness["queue"]["parked"]),
        (&json!([]), &json!(0)),
        "{readiness}"
    );
}

/// The number of shards is stored with the installation, and running programs follow it.
#[tokio::test]
async fn shards_are_added_while_programs_run() {
    let mut world = start_without_workers("shards", &[]).await;
    world.start_worker().await;
    assert_eq!(world.cli(&["queue", "shards"]).await, json!({ "shards": 1 }));
    assert_eq!(world.cli(&["queue", "shards", "4"]).await, json!({ "shards": 4 }));
    wait_until_ready(&world, "a worker at every shard", |ready| ready["queue"]["unconsumed"] == json!([]))
        .await;

    let mut posted = Vec::new();
    for number in 0..8 {
        let organization = format!("shard-{number}");
        let key =
            world.cli(&["key", "create", "--organization", &organization, "--create-organization"]).await;
        let key = key["key"].as_str().unwrap().to_owned();
        let request = http().post(format!("{}/v1/leads", world.base)).bearer_auth(&key);
        let accepted = request.json(&json!({ "phone": "+14155580042" })).send().await.unwrap();
        assert_eq!(accepted.status(), 202);
        posted.push((key, accepted.headers()["location"].to_str().unwrap().to_owned()));
    }
    for (key, location) in posted {
        until("a lead of each organization", || async {
            let shown =
                http().get(format!("{}{location}", world.base)).bearer_auth(&key).send().await.unwrap();
            let shown: Value = shown.json().await.unwrap();
            (shown["status"] != "queued").then_some(())
        })
        .await;
    }

    let (ok, problem) = try_run(world.environment(), &["queue", "shards", "3"]).await;
    assert!(!ok && problem["error"].as_str().unwrap().contains("4 shards already"), "{problem}");
    // A worker that starts later reads the number from the store.
    world.workers.pop().unwrap().kill9().unwrap();
    wait_until_ready(&world, "no worker", |ready| {
        ready["queue"]["unconsumed"].as_array().unwrap().len() == 5
    })
    .await;
    world.start_worker().await;
    wait_until_ready(&world, "a worker at every shard", |ready| ready["queue"]["unconsumed"] == json!([]))
        .await;
}

#[tokio::test]
async fn an_embedded_queue_has_no_shards() {
    let world = World::start(Shape::Embedded, "no-shards").await;
    let (ok, problem) = try_run(world.environment(), &["queue", "shards", "2"]).await;
    assert!(!ok && problem["error"].as_str().unwrap().contains("only RabbitMQ has shards"), "{problem}");
}

#[tokio::test]
async fn migrate_uploads_the_policies_or_prints_the_commands_that_set_them() {
    let world = start_without_workers("policies", &[]).await;
    let vhost = world.vhost.as_ref().unwrap();
    let output = world.cli(&["migrate"]).await;
    assert_eq!(output["policies"], "to_be_set");
    let command = output["to_be_run"][0].as_str().unwrap();
    assert!(command.starts_with(&format!("rabbitmqctl set_policy --vhost '{}'", vhost.name)), "{command}");
    assert!(vhost.policy("leadgate-leads").await.is_err());

    let mut environment = world.environment().to_vec();
    environment.push(("LEADGATE_QUEUE_MANAGEMENT_URL".to_owned(), vhost.management_url()));
    assert_eq!(run(&environment, &["migrate"]).await["policies"], "uploaded");
    let policy = vhost.policy("leadgate-leads").await.unwrap();
    assert_eq!(policy["definition"]["overflow"], "reject-publish", "{policy}");
    assert_eq!(policy["definition"]["dead-letter-routing-key"], "parked", "{policy}");

    environment.last_mut().unwrap().1 = vhost.management_url().replace("guest:guest", "guest:wrong");
    let (ok, problem) = try_run(&environment, &["migrate"]).await;
    let error = problem["error"].as_str().unwrap();
    assert!(!ok && error.contains("401") && !error.contains("wrong"), "{error}");
}
