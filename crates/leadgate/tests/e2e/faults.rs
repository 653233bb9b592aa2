//! What a client sees while a server behind Leadgate is in trouble, and after.

use std::sync::Arc;
use std::time::Duration;

use leadgate_testkit::oracle::{Oracle, RequestState};
use leadgate_testkit::servers::{PostgresServer, RabbitMqServer, RedisServer};
use serde_json::json;

use crate::world::{Servers, World, until};

/// Invariant 1: whatever the broker does, an answer within this time.
const BOUND: Duration = Duration::from_secs(5);

fn lead(number: usize) -> Vec<u8> {
    json!({ "phone": format!("+1415556{number:04}"), "full_name": "Fault Finder" }).to_string().into_bytes()
}

async fn own_servers() -> (PostgresServer, RabbitMqServer, RedisServer) {
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

    async fn is_accepted(&mut self) {
        let answer = self.post().await;
        assert!(matches!(answer.state, RequestState::Acked(_)), "{answer:?}");
    }

    /// From now on leads are refused, in time and with the word when to come again.
    async fn is_refused(&mut self, fault: &str) {
        for _ in 0..3 {
            let answer = self.post().await;
            println!(
                "{fault}: {:?} after {:?}, retry after {:?}",
                answer.state, answer.took, answer.retry_after
            );
            assert_eq!(answer.state, RequestState::Refused(503), "{fault}");
            assert!(answer.took < BOUND, "{fault}: {:?}", answer.took);
            assert!(answer.retry_after.is_some(), "{fault}");
        }
    }

    /// The gateway accepts again, by itself.
    async fn comes_back(&mut self, fault: &str) {
        let number = self.posted;
        self.posted += 10_000;
        let (world, oracle) = (&self.world, &self.oracle);
        let mut tried = number;
        until(&format!("the end of: {fault}"), || {
            tried += 1;
            let body = lead(tried);
            async move {
                let answer = world.client().post(oracle, None, body).await.unwrap();
                matches!(answer.state, RequestState::Acked(_)).then_some(())
            }
        })
        .await;
        self.posted = tried;
    }

    async fn is_conserved(&self) {
        let held = self.world.drained(&self.oracle).await;
        let report = self.oracle.check(&held);
        println!("{report:?}");
        report.assert_conserved();
    }
}

#[tokio::test]
async fn a_broker_in_trouble_means_503_in_time_and_nothing_lost() {
    let (postgres, rabbitmq, redis) = own_servers().await;
    let servers = Servers { postgres: &postgres, rabbitmq: &rabbitmq, redis: &redis };
    let mut trial = Trial::new(World::production("broker-faults", &servers, 2).await);
    trial.is_accepted().await;

    rabbitmq.memory_alarm(true).await.unwrap();
    trial.comes_to_refuse("memory alarm").await;
    trial.is_refused("memory alarm").await;
    rabbitmq.memory_alarm(false).await.unwrap();
    trial.comes_back("memory alarm").await;

    rabbitmq.freeze().unwrap();
    trial.is_refused("frozen").await;
    rabbitmq.thaw().unwrap();
    trial.comes_back("frozen").await;

    rabbitmq.kill().unwrap();
    trial.is_refused("killed").await;
    rabbitmq.start_again().await.unwrap();
    trial.comes_back("killed").await;

    rabbitmq.stop().await.unwrap();
    trial.is_refused("stopped").await;
    rabbitmq.start_again().await.unwrap();
    trial.comes_back("stopped").await;

    trial.is_conserved().await;
}

impl Trial {
    /// An alarm takes the broker a moment to announce.
    async fn comes_to_refuse(&mut self, fault: &str) {
        let (world, oracle) = (&self.world, &self.oracle);
        let mut tried = self.posted;
        until(fault, || {
            tried += 1;
            let body = lead(tried);
            async move {
                let answer = world.client().post(oracle, None, body).await.unwrap();
                (answer.state == RequestState::Refused(503)).then_some(())
            }
        })
        .await;
        self.posted = tried;
    }
}

#[tokio::test]
async fn a_database_or_a_limiter_in_trouble_does_not_stop_intake() {
    let (postgres, rabbitmq, redis) = own_servers().await;
    let servers = Servers { postgres: &postgres, rabbitmq: &rabbitmq, redis: &redis };
    let mut trial = Trial::new(World::production("store-faults", &servers, 2).await);
    trial.is_accepted().await;

    postgres.stop().await.unwrap();
    for _ in 0..20 {
        trial.is_accepted().await;
    }
    let (status, problem) = trial.world.get("/v1/leads").await;
    assert_eq!((status, &problem["code"]), (503, &json!("store_unavailable")));
    let (status, ready) = trial.world.get("/readyz").await;
    assert_eq!(status, 200, "{ready}");
    postgres.start_again().await.unwrap();

    redis.kill().unwrap();
    for _ in 0..20 {
        trial.is_accepted().await;
    }
    trial.is_conserved().await;
}
