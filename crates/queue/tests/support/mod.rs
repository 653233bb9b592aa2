//! Helpers of the tests of this crate.
#![allow(dead_code, unreachable_pub, clippy::print_stdout, reason = "each test binary uses some of it")]

pub mod load;

use std::collections::BTreeMap;
use std::time::Duration;

use bytes::Bytes;
use leadgate_domain::OrganizationId;
use leadgate_queue::{
    Consumer, Delivery, PublishError, Queue, QueueConfig, QueueStatus, ReceiveResult, Role, declare_topology,
};
use leadgate_testkit::servers::{Vhost, shared};
use tempfile::TempDir;
use tokio::time::timeout;

/// Only a failing test reaches this time limit.
pub const TEST_TIMEOUT: Duration = Duration::from_secs(120);
/// On a busy machine a confirm can take longer than the default of three seconds.
const CONFIRM_TIMEOUT: Duration = Duration::from_secs(20);
/// Time limit of the result of a publish, for every state of the broker and of the machine.
pub const PUBLISH_LIMIT: Duration = Duration::from_secs(30);

/// The queue file or virtual host of one test.
pub enum World {
    Embedded(TempDir),
    Amqp(Vhost),
}

impl World {
    pub fn embedded() -> Self {
        Self::Embedded(tempfile::tempdir().unwrap())
    }

    pub async fn amqp() -> Self {
        let vhost = shared().rabbitmq().await.unwrap().vhost().await.unwrap();
        declare_topology(&QueueConfig::new(&vhost.amqp_url).with_shards(SHARDS)).await.unwrap();
        Self::Amqp(vhost)
    }

    pub fn config(&self) -> QueueConfig {
        QueueConfig { confirm_timeout: CONFIRM_TIMEOUT, ..self.default_config() }
    }

    /// The configuration for faults, with the default time limit of a confirm.
    pub fn default_config(&self) -> QueueConfig {
        match self {
            Self::Embedded(folder) => {
                QueueConfig::new(format!("sqlite:{}", folder.path().join("queue.db").display()))
            }
            Self::Amqp(vhost) => QueueConfig::new(&vhost.amqp_url).with_shards(SHARDS),
        }
    }

    pub async fn open(&self) -> Queue {
        open(self.config(), Role::AllInOne).await
    }

    /// Opens the queue as a build that reads `version`, after its `leadgate migrate`.
    pub async fn open_with_version(&self, version: u64) -> Queue {
        let config = QueueConfig { message_version: version, ..self.config() };
        if let Self::Amqp(_) = self {
            declare_topology(&config).await.unwrap();
        }
        open(config, Role::AllInOne).await
    }
}

const SHARDS: u16 = 2;

/// Changes which queues the user of the virtual host may read. Open channels keep their permissions.
pub async fn allow_reading(vhost: &Vhost, queues: &str) {
    let url = format!("{}api/permissions/{}/{}", vhost.management_url(), vhost.name, vhost.name);
    let permissions = serde_json::json!({ "configure": ".*", "write": ".*", "read": queues });
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let response = client.put(url).json(&permissions).send().await.unwrap();
    response.error_for_status().unwrap();
}

/// Opens a queue. Waits until a publishing queue is ready; consuming is ready only after its first consumer.
pub async fn open(config: QueueConfig, role: Role) -> Queue {
    let queue = Queue::open(config, role).await.unwrap();
    if matches!(role, Role::Gateway) {
        timeout(TEST_TIMEOUT, queue.ready()).await.expect("the queue becomes ready");
    }
    queue
}

/// Publishes, and retries until the queue accepts it.
pub async fn publish(queue: &Queue, submission: &str) {
    publish_for(queue, organization(0), submission).await;
}

pub async fn publish_for(queue: &Queue, organization: OrganizationId, submission: &str) {
    let publisher = queue.publisher();
    let published = async {
        while publisher.publish(organization, Bytes::from(submission.to_owned())).await.is_err() {
            tokio::task::yield_now().await;
        }
    };
    timeout(TEST_TIMEOUT, published).await.expect("the queue accepts the submission");
}

/// A different organization for each number, so that all shards are used.
pub fn organization(number: usize) -> OrganizationId {
    format!("00000000-0000-4000-8000-{number:012x}").parse().unwrap()
}

/// The JSON of a submission.
pub fn submission(number: usize) -> String {
    format!(r#"{{"number":{number}}}"#)
}

/// The numbers of the submissions in a message.
pub fn numbers(payload: &[u8]) -> Vec<usize> {
    let message: serde_json::Value = serde_json::from_slice(payload).unwrap();
    assert_eq!(message["v"], 1);
    let number = |item: &serde_json::Value| usize::try_from(item["number"].as_u64().unwrap()).unwrap();
    message["submissions"].as_array().unwrap().iter().map(number).collect()
}

pub async fn receive(consumer: &mut Consumer, max: usize) -> Vec<Delivery> {
    match timeout(TEST_TIMEOUT, consumer.receive(max)).await.expect("a delivery") {
        ReceiveResult::Deliveries(deliveries) => deliveries,
        ReceiveResult::Stopped => panic!("the queue stopped"),
    }
}

pub async fn receive_one(consumer: &mut Consumer) -> Delivery {
    receive(consumer, 1).await.pop().unwrap()
}

/// Acknowledges deliveries until `count` submissions were received. Returns how often each one was received.
pub async fn drain(consumer: &mut Consumer, count: usize) -> BTreeMap<usize, usize> {
    let mut seen = BTreeMap::new();
    while seen.len() < count {
        for delivery in receive(consumer, 16).await {
            for number in numbers(delivery.payload()) {
                *seen.entry(number).or_default() += 1;
            }
            // A lost delivery comes again and is counted again.
            _ = delivery.ack().await;
        }
    }
    seen
}

/// Waits until the queue is empty, because acknowledgements are processed later.
pub async fn settled_empty(queue: &Queue) {
    let emptied = async {
        loop {
            let depth = queue.depth().await.unwrap();
            if depth.ready == 0 && depth.in_flight == 0 {
                return;
            }
        }
    };
    timeout(TEST_TIMEOUT, emptied).await.expect("the queue becomes empty");
}

/// Waits until the queue has this depth, because brokers update it later.
pub async fn await_ready(queue: &Queue, ready: u64) {
    let reached = async { while queue.depth().await.unwrap().ready != ready {} };
    timeout(TEST_TIMEOUT, reached).await.unwrap_or_else(|_| panic!("the queue never had {ready} messages"));
}

/// Waits until the queue is not ready and its reason contains `part`. A wrong topology is verified again
/// every five seconds.
pub async fn reason(queue: &Queue, part: &str) -> String {
    let reason = async {
        loop {
            if let QueueStatus::NotReady { reason } = queue.status()
                && reason.contains(part)
            {
                return reason.to_string();
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    timeout(TEST_TIMEOUT, reason)
        .await
        .unwrap_or_else(|_| panic!("{:?} does not contain {part}", queue.status()))
}

/// Publishes once, and checks that the result comes within [`PUBLISH_LIMIT`].
pub async fn bounded_publish(queue: &Queue, number: usize) -> Result<(), PublishError> {
    let publisher = queue.publisher();
    let publishing = publisher.publish(organization(number), Bytes::from(submission(number)));
    timeout(PUBLISH_LIMIT, publishing).await.expect("every publish is answered in time")
}
