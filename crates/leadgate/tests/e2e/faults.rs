//! The responses of a gateway while RabbitMQ, PostgreSQL or Redis fails, and after it recovers.

use std::sync::Arc;
use std::time::Duration;

use leadgate_testkit::oracle::{Oracle, RequestState};
use leadgate_testkit::servers::{PostgresServer, RabbitMqServer, RedisServer};
use serde_json::json;

use crate::world::{Servers, World, until};

/// Invariant 1: a gateway responds within this time, independent of the broker.
const MAX_RESPONSE_TIME: Duration = Duration::from_secs(5);

fn lead(number: usize) -> Vec<u8> {
    json!({ "phone": format!("+1415556{number:04}"), "full_name": "Fault Finder" }).to_string().into_bytes()
}

async fn private_servers() -> (PostgresServer, RabbitMqServer, RedisServer) {
    tokio::try_join!(PostgresServer::start(), RabbitMqServer::start(), RedisServer::start()).unwrap()
}

struct Trial {
    world: World,
    oracle: Arc<Oracle>,
    posted: usize,
}

impl Trial {
    fn new(world: World) -> Self {
        Self { world, oracle: Arc::new(Oracle::new()), posted: 0 }
    }

    async fn post(&mut self) -> leadgate_testkit::oracle::TimedResponse {
        self.posted += 1;
        self.world.client().post(&self.oracle, None, lead(self.posted)).await.unwrap()
    }

    async fn assert_accepted(&mut self) {
        let response = self.post().await;
        assert!(matches!(response.state, RequestState::Acked(_)), "{response:?}");
    }

    /// Asserts that leads are refused in time and with `Retry-After`.
    async fn assert_refused(&mut self, fault: &str) {
        for _ in 0..3 {
            let response = self.post().await;
            println!(
                "{fault}: {:?} after {:?}, retry after {:?}",
                response.state, response.took, response.retry_after
            );
            assert_eq!(response.state, RequestState::Refused(503), "{fault}");
            assert!(response.took < MAX_RESPONSE_TIME, "{fault}: {:?}", response.took);
            assert!(response.retry_after.is_some(), "{fault}");
        }
    }

    /// Waits until the gateway accepts leads again.
    async fn wait_until_accepted(&mut self, fault: &str) {
        let number = self.posted;
        self.posted += 10_000;
        let (world, oracle) = (&self.world, &self.oracle);
        let mut number_of_lead = number;
        until(&format!("the recovery from: {fault}"), || {
            number_of_lead += 1;
            let body = lead(number_of_lead);
            async move {
                let response = world.client().post(oracle, None, body).await.unwrap();
                matches!(response.state, RequestState::Acked(_)).then_some(())
            }
        })
        .await;
        self.posted = number_of_lead;
    }

    async fn check_conservation(&self) {
        let submissions = self.world.wait_until_processed(&self.oracle).await;
        let report = self.oracle.check(&submissions);
        println!("{report:?}");
        report.assert_conserved();
    }
}

#[tokio::test]
async fn a_broker_failure_causes_503_in_time_and_no_loss() {
    let (postgres, rabbitmq, redis) = private_servers().await;
    let servers = Servers { postgres: &postgres, rabbitmq: &rabbitmq, redis: &redis };
    // Shorter than in other tests, because refusals must come within `MAX_RESPONSE_TIME`.
    let settings = [("LEADGATE_QUEUE_CONFIRM_TIMEOUT", "3s")];
    let mut trial = Trial::new(World::distributed_with("broker-faults", &servers, 2, &settings).await);
    trial.assert_accepted().await;

    rabbitmq.memory_alarm(true).await.unwrap();
    trial.wait_until_refused("memory alarm").await;
    trial.assert_refused("memory alarm").await;
    rabbitmq.memory_alarm(false).await.unwrap();
    trial.wait_until_accepted("memory alarm").await;

    rabbitmq.freeze().unwrap();
    trial.assert_refused("frozen").await;
    rabbitmq.thaw().unwrap();
    trial.wait_until_accepted("frozen").await;

    rabbitmq.kill().unwrap();
    trial.assert_refused("killed").await;
    rabbitmq.start_again().await.unwrap();
    trial.wait_until_accepted("killed").await;

    rabbitmq.stop().await.unwrap();
    trial.assert_refused("stopped").await;
    rabbitmq.start_again().await.unwrap();
    trial.wait_until_accepted("stopped").await;

    trial.check_conservation().await;
}

impl Trial {
    /// Waits until leads are refused: the broker announces an alarm after a moment.
    async fn wait_until_refused(&mut self, fault: &str) {
        let (world, oracle) = (&self.world, &self.oracle);
        let mut number_of_lead = self.posted;
        until(fault, || {
            number_of_lead += 1;
            let body = lead(number_of_lead);
            async move {
                let response = world.client().post(oracle, None, body).await.unwrap();
                (response.state == RequestState::Refused(503)).then_some(())
            }
        })
        .await;
        self.posted = number_of_lead;
    }
}

#[tokio::test]
async fn intake_continues_without_database_or_limiter() {
    let (postgres, rabbitmq, redis) = private_servers().await;
    let servers = Servers { postgres: &postgres, rabbitmq: &rabbitmq, redis: &redis };
    let mut trial = Trial::new(World::distributed("store-faults", &servers, 2).await);
    trial.assert_accepted().await;

    postgres.stop().await.unwrap();
    for _ in 0..20 {
        trial.assert_accepted().await;
    }
    let (status, problem) = trial.world.get("/v1/leads").await;
    assert_eq!((status, &problem["code"]), (503, &json!("store_unavailable")));
    let (status, ready) = trial.world.get("/readyz").await;
    assert_eq!(status, 200, "{ready}");
    postgres.start_again().await.unwrap();

    redis.kill().unwrap();
    for _ in 0..20 {
        trial.assert_accepted().await;
    }
    trial.check_conservation().await;
}
