//! Messages that are returned to the broker many times, because workers die or the database is unavailable.
//! By default RabbitMQ 4 drops a message that was returned 20 times; the queues have a higher limit.

use std::sync::Arc;
use std::time::Duration;

use leadgate_queue::{Queue, QueueConfig, Role};
use leadgate_testkit::free_port;
use leadgate_testkit::oracle::Oracle;
use leadgate_testkit::servers::shared;
use serde_json::json;

use crate::metrics::metric;
use crate::world::{Servers, World, http, until};

/// How often messages are returned. CI runs the short form, `just newer-servers` one above RabbitMQ's limit.
fn returns() -> u64 {
    std::env::var("LEADGATE_TEST_RETURNS").ok().map_or(3, |text| text.parse().unwrap())
}

struct Trial {
    world: World,
    oracle: Arc<Oracle>,
    admin: Queue,
}

impl Trial {
    /// Posts leads while no worker runs, at most as many as one consumer task receives.
    async fn start(name: &str, leads: usize, settings: &[(&str, &str)]) -> Self {
        let world = World::distributed_with(name, &Servers::shared().await, 0, settings).await;
        let oracle = Arc::new(Oracle::new());
        let lead = |number| json!({ "phone": format!("+1415557{number:04}"), "full_name": "Often Returned" });
        let bodies: Vec<_> = (0..leads).map(|number| lead(number).to_string().into_bytes()).collect();
        world.client().closed_loop(&oracle, bodies).await.unwrap();
        assert_eq!(oracle.acked(), leads);
        let config = QueueConfig::new(&world.vhost.as_ref().unwrap().amqp_url);
        let admin = Queue::open(config, Role::Admin).await.unwrap();
        Self { world, oracle, admin }
    }

    /// Runs SQL on the server of the installation's database, with the name of the database for `{database}`.
    /// Then it ends all sessions, so that workers open new ones.
    async fn sql(&self, sql: &str) {
        let postgres = shared().postgres().await.unwrap();
        let environment = self.world.environment();
        let url = &environment.iter().find(|(name, _)| name == "LEADGATE_STORE_URL").unwrap().1;
        let database = url.rsplit('/').next().unwrap();
        postgres.sql(postgres.url(), &sql.replace("{database}", database)).await.unwrap();
        postgres.terminate_backends(url).await.unwrap();
    }

    /// Makes all writes fail; reads succeed.
    async fn make_database_read_only(&self) {
        self.sql("alter database {database} set default_transaction_read_only = on").await;
    }

    async fn make_database_writable(&self) {
        self.sql("alter database {database} reset default_transaction_read_only").await;
    }

    async fn wait_until_a_worker_has_all_messages(&self) {
        until("a worker to receive all messages", || async {
            (self.admin.depth().await.unwrap().ready == 0).then_some(())
        })
        .await;
    }

    async fn wait_until_all_messages_are_returned(&self) {
        until("all messages to be returned", || async {
            (self.admin.depth().await.unwrap().ready > 0).then_some(())
        })
        .await;
    }

    async fn check_conservation(&self) {
        let report = self.oracle.check(&self.world.wait_until_processed(&self.oracle).await);
        println!("{report:?}");
        report.assert_conserved();
    }
}

#[tokio::test]
async fn no_lead_is_lost_when_workers_are_killed_with_messages() {
    let mut trial = Trial::start("killed-holding", 30, &[]).await;
    trial.make_database_read_only().await;
    for _ in 0..returns() {
        trial.world.start_worker().await;
        trial.wait_until_a_worker_has_all_messages().await;
        trial.world.workers.pop().unwrap().kill9().unwrap();
        trial.wait_until_all_messages_are_returned().await;
    }
    trial.make_database_writable().await;
    trial.world.start_worker().await;
    trial.check_conservation().await;
}

#[tokio::test]
async fn no_lead_is_lost_when_a_worker_returns_messages() {
    let listen = format!("127.0.0.1:{}", free_port().unwrap());
    let settings = [
        ("LEADGATE_WORKER_LISTEN", listen.as_str()),
        ("LEADGATE_WORKER_UNAVAILABLE_TIMEOUT", "500ms"),
        ("LEADGATE_WORKER_CONCURRENCY", "1"),
    ];
    let mut trial = Trial::start("releasing", 4, &settings).await;
    trial.make_database_read_only().await;
    trial.world.start_worker().await;
    let base = format!("http://{listen}");
    until("the worker", || async { http().get(format!("{base}/healthz")).send().await.ok() }).await;
    for release in 1..=returns() {
        // A worker pauses for up to 30 s after it returned messages.
        tokio::time::timeout(Duration::from_secs(60), async {
            while metric(&base, "leadgate_worker_requeues_total").await < release {
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        })
        .await
        .unwrap_or_else(|_| panic!("the worker did not return its messages for the {release}th time"));
    }
    trial.make_database_writable().await;
    trial.check_conservation().await;
}
