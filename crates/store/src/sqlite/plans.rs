//! How SQLite finds the rows of queries, for tests.

use std::sync::{Arc, Mutex};

use diesel::connection::{Instrumentation, InstrumentationEvent, SimpleConnection};
use diesel::prelude::*;
use diesel::sql_types::Text;

#[derive(QueryableByName)]
struct PlanStep {
    #[diesel(sql_type = Text)]
    detail: String,
}

#[derive(Clone, Default)]
struct Queries(Arc<Mutex<Vec<String>>>);

impl Instrumentation for Queries {
    fn on_connection_event(&mut self, event: InstrumentationEvent<'_>) {
        if let InstrumentationEvent::StartQuery { query, .. } = event {
            self.0.lock().unwrap().push(query.to_string());
        }
    }
}

/// The steps of the queries that `run` runs in an empty database.
pub(super) fn plan_of<T, E: std::fmt::Debug>(
    run: impl FnOnce(&mut SqliteConnection) -> Result<T, E>,
) -> Vec<String> {
    let mut connection = SqliteConnection::establish(":memory:").unwrap();
    connection.batch_execute(include_str!("../../../../migrations/sqlite/0001_tables/up.sql")).unwrap();
    let queries = Queries::default();
    connection.set_instrumentation(queries.clone());
    run(&mut connection).unwrap();
    let queries = std::mem::take(&mut *queries.0.lock().unwrap());
    let plan = queries.iter().flat_map(|query| {
        let text = query.split(" -- binds").next().unwrap_or_default();
        let steps = diesel::sql_query(format!("EXPLAIN QUERY PLAN {text}")).load(&mut connection).unwrap();
        steps.into_iter().map(|step: PlanStep| step.detail)
    });
    plan.collect()
}
