//! Programs are killed, the database is restarted, and its clock is stepped.

use std::time::Duration;

use leadgate_store::ENDPOINT_LEASE;
use leadgate_testkit::logs::TestProcess;
use leadgate_testkit::servers::PostgresServer;

use crate::world::{Shape, TIMEOUT, World};

/// Programs at the same time, so that one works while another one is killed.
const DISPATCHERS: usize = 2;

/// Injects faults into the dispatchers, or into the whole program in the embedded shape.
pub(super) struct FaultInjector {
    /// Of the distributed shape.
    postgres: Option<PostgresServer>,
    dispatchers: Vec<TestProcess>,
    /// How far the database's clock is ahead, in seconds.
    ahead: i64,
    pub(super) kills: usize,
}

impl FaultInjector {
    /// Starts dispatchers. They see a clock of the database that can be stepped. The other programs do not, because
    /// gateways refuse leads if the database's clock differs from theirs.
    pub(super) async fn start(world: &mut World, postgres: Option<PostgresServer>) -> Self {
        let mut injector = Self { postgres, dispatchers: Vec::new(), ahead: 0, kills: 0 };
        if world.shape == Shape::Distributed {
            injector.sql(world, "CREATE SCHEMA stepped").await;
            injector.step_clock(world, 0).await;
            // Functions of the schema `stepped` are found before those of PostgreSQL.
            let options = "options=-csearch_path%3Dpublic%2Cstepped%2Cpg_catalog";
            let stepped = format!("{}?{options}", world.store_url());
            world.set("LEADGATE_STORE_URL", &stepped);
            injector.dispatchers = (0..DISPATCHERS).map(|_| world.start_dispatcher()).collect();
        }
        injector
    }

    /// Kills a dispatcher and starts another one. Leases end: the embedded program ends them when it starts, and for the
    /// others it is as if a minute had passed.
    pub(super) async fn kill(&mut self, world: &mut World) {
        match world.shape {
            Shape::Embedded => {
                world.server.kill9().unwrap();
                world.start_server().await;
            }
            Shape::Distributed => {
                let killed = self.kills % DISPATCHERS;
                self.dispatchers[killed].kill9().unwrap();
                self.dispatchers[killed] = world.start_dispatcher();
                let minute = ENDPOINT_LEASE + Duration::from_secs(1);
                self.step_clock(world, i64::try_from(minute.as_secs()).unwrap()).await;
            }
        }
        self.kills += 1;
    }

    /// Restarts the database, and sets its clock back. Leases that have ended seem to last until the clock has caught
    /// up. The embedded shape has no server.
    pub(super) async fn restart_database(&mut self, world: &World) {
        if let Some(postgres) = &self.postgres {
            postgres.restart().await.unwrap();
            self.step_clock(world, -5).await;
        }
    }

    /// Attempts in flight are finished first.
    pub(super) async fn stop_all(&self, world: &World) {
        let dispatchers = match world.shape {
            Shape::Embedded => std::slice::from_ref(&world.server),
            Shape::Distributed => &self.dispatchers,
        };
        for dispatcher in dispatchers {
            assert!(dispatcher.terminate(TIMEOUT).await.unwrap().success());
        }
    }

    async fn step_clock(&mut self, world: &World, seconds: i64) {
        self.ahead += seconds;
        let function = format!(
            "CREATE OR REPLACE FUNCTION stepped.clock_timestamp() RETURNS timestamptz LANGUAGE sql VOLATILE
             AS $$ SELECT pg_catalog.clock_timestamp() + interval '{} seconds' $$",
            self.ahead
        );
        self.sql(world, &function).await;
    }

    async fn sql(&self, world: &World, sql: &str) {
        self.postgres.as_ref().unwrap().sql(world.store_url(), sql).await.unwrap();
    }
}
