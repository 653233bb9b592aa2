//! A worker with an unavailable database reports it and stops without delay.

use std::time::{Duration, Instant};

use leadgate_testkit::free_port;
use leadgate_testkit::proxy::{Proxy, ProxyMode};
use serde_json::{Value, json};

use crate::world::{Servers, World, http, until};

/// A worker waits up to 30 seconds for a connection before it commits a batch. This limit is shorter, but
/// long enough for a busy machine.
const STOP_TIMEOUT: Duration = Duration::from_secs(20);

/// An installation without workers. Workers that are started later connect to the database through the proxy.
async fn world(name: &str, listen: &str) -> (World, Proxy) {
    let servers = Servers::shared().await;
    let proxy = Proxy::start(servers.postgres.port().unwrap()).await.unwrap();
    let settings = [("LEADGATE_WORKER_LISTEN", listen)];
    let mut world = World::distributed_with(name, &servers, 0, &settings).await;
    world.use_database_proxy(&proxy);
    (world, proxy)
}

/// The status and body of the worker's `/readyz`, which must answer within the time limit of a probe.
async fn readiness(listen: &str) -> Option<(u16, Value)> {
    let started = Instant::now();
    let response = http().get(format!("http://{listen}/readyz")).send().await.ok()?;
    assert!(started.elapsed() < Duration::from_secs(2), "{:?}", started.elapsed());
    Some((response.status().as_u16(), response.json().await.unwrap()))
}

async fn wait_for_status(listen: &str, status: u16) -> Value {
    let response_with_status =
        until("the worker's readiness", async || readiness(listen).await.filter(|answer| answer.0 == status));
    response_with_status.await.1
}

#[tokio::test]
async fn a_worker_that_starts_without_its_database_reports_it_and_stops_at_once() {
    let listen = format!("127.0.0.1:{}", free_port().unwrap());
    let (mut world, proxy) = world("started-unavailable", &listen).await;
    for mode in [ProxyMode::Close, ProxyMode::Blackhole] {
        proxy.set(mode).await.unwrap();
        world.start_worker().await;
        let worker = world.workers.pop().unwrap();
        worker.await_line("waiting for the store", STOP_TIMEOUT).await.unwrap();
        let readiness_body = wait_for_status(&listen, 503).await;
        let is_about_store = |reason: &Value| reason["part"] == "store";
        assert!(readiness_body["reasons"].as_array().unwrap().iter().any(is_about_store), "{readiness_body}");
        assert!(worker.terminate(STOP_TIMEOUT).await.unwrap().success());
    }
}

#[tokio::test]
async fn a_worker_that_loses_its_database_reports_it_and_stops_at_once() {
    let listen = format!("127.0.0.1:{}", free_port().unwrap());
    let (mut world, proxy) = world("lost", &listen).await;
    world.start_worker().await;
    assert_eq!(wait_for_status(&listen, 200).await["status"], "ready");
    for mode in [ProxyMode::Close, ProxyMode::Blackhole] {
        proxy.set(mode).await.unwrap();
        let readiness_body = wait_for_status(&listen, 503).await;
        assert_eq!(
            readiness_body["reasons"],
            json!([{ "part": "store", "reason": "no answer" }]),
            "{readiness_body}"
        );
        proxy.set(ProxyMode::Pass).await.unwrap();
        wait_for_status(&listen, 200).await;
    }
    proxy.set(ProxyMode::Close).await.unwrap();
    // A batch that cannot be committed is returned to the broker.
    assert_eq!(world.post(r#"{"phone":"+14155580077"}"#).await.status(), 202);
    until("the worker to receive the lead", async || {
        let (_, readiness_body) = readiness(&listen).await?;
        (readiness_body["queue"]["in_flight"] == 1).then_some(())
    })
    .await;
    let worker = world.workers.pop().unwrap();
    worker.await_line("the store cannot be used", STOP_TIMEOUT).await.unwrap();
    assert!(worker.terminate(STOP_TIMEOUT).await.unwrap().success());
    until("the lead to be in the queue again", async || {
        let (_, ready) = world.get("/readyz").await;
        (ready["queue"]["ready"] == 1 && ready["queue"]["in_flight"] == 0).then_some(())
    })
    .await;
}

#[tokio::test]
async fn routes_of_a_worker_refuse_parameters() {
    let listen = format!("127.0.0.1:{}", free_port().unwrap());
    let (mut world, _proxy) = world("worker-parameters", &listen).await;
    world.start_worker().await;
    wait_for_status(&listen, 200).await;
    for path in ["healthz", "readyz", "metrics"] {
        let response = http().get(format!("http://{listen}/{path}?verbose=1")).send().await.unwrap();
        assert_eq!(response.status(), 400, "{path}");
        let problem: Value = response.json().await.unwrap();
        assert_eq!(problem["code"], "unknown_parameter", "{path}: {problem}");
        assert_eq!(problem["errors"][0]["parameter"], "verbose", "{path}: {problem}");
    }
}
