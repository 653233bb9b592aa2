//! A worker whose database is away: it says so at once, and stops at once.

use std::time::{Duration, Instant};

use leadgate_testkit::free_port;
use leadgate_testkit::proxy::{Proxy, ProxyMode};
use serde_json::{Value, json};

use crate::world::{Servers, World, http, until};

/// A worker waits for 30 seconds for a connection on which to commit a batch. This is less, with room for a busy
/// machine.
const AT_ONCE: Duration = Duration::from_secs(20);

/// A world without workers, whose workers reach the database through the proxy.
async fn world(name: &str, listen: &str) -> (World, Proxy) {
    let servers = Servers::shared().await;
    let proxy = Proxy::start(servers.postgres.port().unwrap()).await.unwrap();
    let settings = [("LEADGATE_WORKER_LISTEN", listen)];
    let mut world = World::production_with(name, &servers, 0, &settings).await;
    world.through(&proxy);
    (world, proxy)
}

/// The status of the worker's readiness and what it says, within the moment that a probe waits.
async fn readiness(listen: &str) -> Option<(u16, Value)> {
    let asked = Instant::now();
    let answer = http().get(format!("http://{listen}/readyz")).send().await.ok()?;
    assert!(asked.elapsed() < Duration::from_secs(2), "{:?}", asked.elapsed());
    Some((answer.status().as_u16(), answer.json().await.unwrap()))
}

async fn is(listen: &str, status: u16) -> Value {
    let answered =
        until("the worker's readiness", async || readiness(listen).await.filter(|told| told.0 == status));
    answered.await.1
}

#[tokio::test]
async fn a_worker_that_starts_without_its_database_says_so_and_stops_at_once() {
    let listen = format!("127.0.0.1:{}", free_port().unwrap());
    let (mut world, proxy) = world("started-away", &listen).await;
    for mode in [ProxyMode::Close, ProxyMode::Blackhole] {
        proxy.set(mode).await.unwrap();
        world.start_worker().await;
        let worker = world.workers.pop().unwrap();
        worker.await_line("waiting for the store", AT_ONCE).await.unwrap();
        let told = is(&listen, 503).await;
        let of_store = |reason: &Value| reason["part"] == "store";
        assert!(told["reasons"].as_array().unwrap().iter().any(of_store), "{told}");
        assert!(worker.terminate(AT_ONCE).await.unwrap().success());
    }
}

#[tokio::test]
async fn a_worker_that_loses_its_database_says_so_and_stops_at_once() {
    let listen = format!("127.0.0.1:{}", free_port().unwrap());
    let (mut world, proxy) = world("lost", &listen).await;
    world.start_worker().await;
    assert_eq!(is(&listen, 200).await["status"], "ready");
    for mode in [ProxyMode::Close, ProxyMode::Blackhole] {
        proxy.set(mode).await.unwrap();
        let told = is(&listen, 503).await;
        assert_eq!(told["reasons"], json!([{ "part": "store", "reason": "no answer" }]), "{told}");
        proxy.set(ProxyMode::Pass).await.unwrap();
        is(&listen, 200).await;
    }
    proxy.set(ProxyMode::Close).await.unwrap();
    // A batch that cannot be committed is given back to the broker.
    assert_eq!(world.post(r#"{"phone":"+14155580077"}"#).await.status(), 202);
    until("the lead in the worker's hands", async || {
        let (_, told) = readiness(&listen).await?;
        (told["queue"]["in_flight"] == 1).then_some(())
    })
    .await;
    let worker = world.workers.pop().unwrap();
    worker.await_line("the store cannot be used", AT_ONCE).await.unwrap();
    assert!(worker.terminate(AT_ONCE).await.unwrap().success());
    until("the lead in the queue again", async || {
        let (_, ready) = world.get("/readyz").await;
        (ready["queue"]["ready"] == 1 && ready["queue"]["in_flight"] == 0).then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_workers_routes_take_no_parameters() {
    let listen = format!("127.0.0.1:{}", free_port().unwrap());
    let (mut world, _proxy) = world("worker-parameters", &listen).await;
    world.start_worker().await;
    is(&listen, 200).await;
    for path in ["healthz", "readyz", "metrics"] {
        let answer = http().get(format!("http://{listen}/{path}?verbose=1")).send().await.unwrap();
        assert_eq!(answer.status(), 400, "{path}");
        let problem: Value = answer.json().await.unwrap();
        assert_eq!(problem["code"], "unknown_parameter", "{path}: {problem}");
        assert_eq!(problem["errors"][0]["parameter"], "verbose", "{path}: {problem}");
    }
}
