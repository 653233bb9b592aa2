//! Connection attempts to a broker that accepts connections but never answers must not leave threads.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]
#![cfg(target_os = "linux")]

mod support;

use std::time::Duration;

use leadgate_queue::{QueueConfig, Role};
use leadgate_testkit::proxy::{Proxy, ProxyMode};
use leadgate_testkit::servers::shared;
use support::{TEST_TIMEOUT, World, bounded_publish, open};
use tokio::time::{sleep, timeout};

/// Number of threads of lapin in this process. Each connection has one, which ends only when its socket is
/// closed.
fn lapin_threads() -> usize {
    let name =
        |task: std::fs::DirEntry| std::fs::read_to_string(task.path().join("comm")).unwrap_or_default();
    std::fs::read_dir("/proc/self/task")
        .unwrap()
        .flatten()
        .map(name)
        .filter(|name| name.starts_with("lapin"))
        .count()
}

async fn until(what: &str, reached: impl Fn() -> bool) {
    let waiting = async {
        while !reached() {
            sleep(Duration::from_millis(10)).await;
        }
    };
    timeout(TEST_TIMEOUT, waiting).await.unwrap_or_else(|_| panic!("{what}: {} threads", lapin_threads()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn unanswered_attempts_leave_no_threads() {
    let broker = shared().rabbitmq().await.unwrap();
    let world = World::amqp().await;
    let World::Amqp(vhost) = &world else { panic!("not a broker") };
    let proxy = Proxy::start(broker.port()).await.unwrap();
    let config = QueueConfig { url: vhost.amqp_url_via(proxy.port()).unwrap(), ..world.default_config() };
    let queue = open(config, Role::Gateway).await;
    until("one thread for the connection", || lapin_threads() == 1).await;

    proxy.set(ProxyMode::Blackhole).await.unwrap();
    assert!(bounded_publish(&queue, 1).await.is_err());
    let before = proxy.connections();
    until("three more attempts", || proxy.connections() >= before + 3).await;
    until("at most one thread for the running attempt", || lapin_threads() <= 1).await;

    proxy.set(ProxyMode::Pass).await.unwrap();
    timeout(TEST_TIMEOUT, queue.ready()).await.unwrap();
    assert_eq!(bounded_publish(&queue, 2).await, Ok(()));
    queue.shutdown().await;
    until("no thread is left", || lapin_threads() == 0).await;
}
