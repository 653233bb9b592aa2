//! A broker that accepts connections and never answers must not cost a thread per attempt.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]
#![cfg(target_os = "linux")]

mod support;

use std::time::Duration;

use leadgate_queue::{QueueConfig, Role};
use leadgate_testkit::proxy::{Proxy, ProxyMode};
use leadgate_testkit::servers::shared;
use support::{LONG, World, bounded_publish, open};
use tokio::time::{sleep, timeout};

/// Threads of lapin in this process. Each connection has one, and lapin ends it only with its socket.
fn io_loops() -> usize {
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
    timeout(LONG, waiting).await.unwrap_or_else(|_| panic!("{what}: {} threads", io_loops()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn attempts_that_nobody_answers_leave_nothing_behind() {
    let broker = shared().rabbitmq().await.unwrap();
    let world = World::amqp().await;
    let World::Amqp(vhost) = &world else { panic!("not a broker") };
    let proxy = Proxy::start(broker.port()).await.unwrap();
    let config = QueueConfig { url: vhost.amqp_url_via(proxy.port()).unwrap(), ..world.config() };
    let queue = open(config, Role::Gateway).await;
    until("only the queue's own", || io_loops() == 1).await;

    proxy.set(ProxyMode::Blackhole).await.unwrap();
    assert!(bounded_publish(&queue, 1).await.is_err());
    let before = proxy.connections();
    until("it tries again and again", || proxy.connections() >= before + 3).await;
    until("only the attempt that goes on", || io_loops() <= 1).await;

    proxy.set(ProxyMode::Pass).await.unwrap();
    timeout(LONG, queue.ready()).await.unwrap();
    assert_eq!(bounded_publish(&queue, 2).await, Ok(()));
    queue.shutdown().await;
    until("none is left", || io_loops() == 0).await;
}
