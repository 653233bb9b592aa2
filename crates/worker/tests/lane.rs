//! A worker stepped by hand, over an embedded queue and a real PostgreSQL that can be broken.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test that cannot go on has failed"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use leadgate_domain::id::SubmissionIds;
use leadgate_domain::secret::Secret;
use leadgate_domain::{
    Claim, ClaimKey, Dialect, Effects, Fields, Judge, Lead, Normalized, Outcome, QuarantineReason,
    Resolution, Said, Source, Submission, SuppressionKey, Suppressions, TextField, Timestamp,
};
use leadgate_pipeline::Pipeline;
use leadgate_queue::{Queue, QueueConfig, Role};
use leadgate_store::{Directory, Store, StoreConfig};
use leadgate_testkit::servers::{Postgres, shared};
use leadgate_worker::{Lane, Parts, Worker, WorkerConfig};
use tokio_util::sync::CancellationToken;

/// What the database refuses, or what panics the judge, in these tests.
const POISON: &str = "poison";

struct World {
    queue: Queue,
    store: Store,
    url: String,
    source: Source,
    ids: SubmissionIds,
    lane: Lane,
    _folder: tempfile::TempDir,
}

impl World {
    async fn new() -> Self {
        Self::over(shared().postgres().await.unwrap(), Duration::from_secs(60)).await
    }

    async fn over(postgres: &Postgres, hold_max: Duration) -> Self {
        let url = postgres.database().await.unwrap();
        let store = Store::open(&StoreConfig::worker(&url)).unwrap();
        store.migrate().await.unwrap();
        let organization = store.ensure_organization("acme").await.unwrap();
        let source = store.ensure_default_source(organization.id, Dialect::Native).await.unwrap();
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("queue.db");
        let queue = Queue::open(QueueConfig::new(format!("sqlite:{}", path.display())), Role::AllInOne)
            .await
            .unwrap();
        let pipeline = Arc::new(Pipeline::new(store.match_key().await.unwrap()));
        let parts = Parts {
            queue: queue.clone(),
            store: store.clone(),
            directory: Arc::new(Directory::new(store.clone())),
            judge: Arc::new(Touchy(Arc::clone(&pipeline))),
            pipeline,
        };
        let config = WorkerConfig { hold_max, ..WorkerConfig::default() };
        let worker = Worker::new(parts, config, CancellationToken::new());
        let ids = SubmissionIds::new(Secret::new(&"s".repeat(32), None).unwrap().ids());
        Self { queue, store, url, source, ids, lane: worker.lane(), _folder: folder }
    }

    fn submission(&self, external_id: &str) -> Submission {
        let now = Timestamp::now();
        let texts = [(TextField::ExternalId, Some(external_id.to_owned()))];
        let fields =
            Fields { email: Said::Value("a@b.com".into()), texts: texts.into(), ..Fields::default() };
        let id = self.ids.make(self.source.organization, now);
        Submission::new(id, &self.source, now, fields, external_id.as_bytes())
    }

    async fn publish(&self, submission: &Submission) {
        let bytes = serde_json::to_vec(submission).unwrap();
        self.queue.publisher().publish(bytes.into()).await.unwrap();
    }

    /// Publishes a lead for each external id, each a message of its own.
    async fn publish_all(&self, external_ids: &[&str]) -> Vec<Submission> {
        let all: Vec<_> = external_ids.iter().map(|id| self.submission(id)).collect();
        for submission in &all {
            self.publish(submission).await;
        }
        all
    }

    async fn outcome(&self, submission: &Submission) -> Option<(Outcome, Option<QuarantineReason>)> {
        let found = self.store.find(submission.organization, submission.id.as_uuid()).await.unwrap()?;
        Some((found.outcome.unwrap(), found.quarantine))
    }

    /// Works until the queue is empty; every test ends with this.
    async fn drain(&mut self) {
        while self.queue.depth().await.unwrap().ready > 0 {
            self.lane.run_once().await;
        }
        let depth = self.queue.depth().await.unwrap();
        assert_eq!((depth.ready, depth.in_flight), (0, 0), "everything is settled");
    }

    async fn all_but_poison_are_created(&self, submissions: &[Submission], poison: QuarantineReason) {
        for submission in submissions {
            let outcome = self.outcome(submission).await.unwrap();
            let expected = match submission.fields.text(TextField::ExternalId) {
                Some(POISON) => (Outcome::Quarantined, Some(poison)),
                _ => (Outcome::Created, None),
            };
            assert_eq!(outcome, expected);
        }
    }
}

/// The pipeline, but for a batch with poison in it: that panics.
struct Touchy(Arc<Pipeline>);

impl Judge for Touchy {
    fn resolve<'b>(&self, fresh: Vec<&'b Normalized>, claims: BTreeMap<ClaimKey, Claim>) -> Resolution<'b> {
        self.0.resolve(fresh, claims)
    }

    fn watched(&self, resolution: &Resolution<'_>, leads: &[Lead]) -> BTreeSet<SuppressionKey> {
        self.0.watched(resolution, leads)
    }

    fn judge<'b>(
        &self,
        resolution: Resolution<'b>,
        leads: Vec<Lead>,
        suppressions: &Suppressions,
    ) -> Effects<'b> {
        let touchy = resolution.cases.iter().any(|case| {
            let fields = &case.normalized.submission.fields;
            fields.text(TextField::ExternalId) == Some(POISON) && fields.is_test
        });
        assert!(!touchy, "this is the panic that the test is about");
        self.0.judge(resolution, leads, suppressions)
    }

    fn reassess(&self, leads: Vec<Lead>, suppressions: &Suppressions) -> Vec<Lead> {
        self.0.reassess(leads, suppressions)
    }

    fn watched_by(&self, leads: &[Lead]) -> BTreeSet<SuppressionKey> {
        self.0.watched_by(leads)
    }
}

#[tokio::test]
async fn what_is_published_is_settled_and_a_redelivery_changes_nothing() {
    let mut world = World::new().await;
    let all = world.publish_all(&["a", "b", "a"]).await;
    world.drain().await;
    let outcomes = [world.outcome(&all[0]).await, world.outcome(&all[1]).await, world.outcome(&all[2]).await];
    let expected =
        [Outcome::Created, Outcome::Created, Outcome::Duplicate].map(|outcome| Some((outcome, None)));
    assert_eq!(outcomes, expected);
    let before = world.store.submission(all[0].organization, all[0].id).await.unwrap();
    world.publish(&all[0]).await;
    world.drain().await;
    assert_eq!(world.store.submission(all[0].organization, all[0].id).await.unwrap(), before);
}

#[tokio::test]
async fn a_row_that_the_database_refuses_hurts_only_itself() {
    let mut world = World::new().await;
    let check = format!("alter table leads add constraint poisoned check (external_id <> '{POISON}')");
    shared().postgres().await.unwrap().sql(&world.url, &check).await.unwrap();
    let all = world.publish_all(&["a", "b", "c", POISON, "d", "e", "f"]).await;
    world.drain().await;
    world.all_but_poison_are_created(&all, QuarantineReason::RowRefused).await;
}

#[tokio::test]
async fn a_submission_that_crashes_its_worker_hurts_only_itself() {
    let mut world = World::new().await;
    let mut all = world.publish_all(&["a", "b"]).await;
    let mut poison = world.submission(POISON);
    poison.fields.is_test = true;
    world.publish(&poison).await;
    all.push(poison);
    all.extend(world.publish_all(&["c"]).await);
    world.drain().await;
    world.all_but_poison_are_created(&all, QuarantineReason::Crashed).await;
    let counted =
        shared().postgres().await.unwrap().sql(&world.url, "select count(*) from attempts").await.unwrap();
    assert_eq!(counted.trim(), "0", "what is settled is no longer counted");
}

#[tokio::test]
async fn an_organization_that_is_gone_means_quarantine() {
    let mut world = World::new().await;
    let mut orphan = world.submission("a");
    orphan.source = leadgate_domain::SourceId::generate();
    world.publish(&orphan).await;
    world.drain().await;
    assert_eq!(
        world.outcome(&orphan).await,
        Some((Outcome::Quarantined, Some(QuarantineReason::SourceGone)))
    );
}

/// While the database is away the batch is held; when it is back the batch goes in, and nobody's attempts were used.
#[tokio::test]
async fn a_database_that_is_away_is_nobodys_fault() {
    let postgres = Postgres::start().await.unwrap();
    let mut world = World::over(&postgres, Duration::from_secs(60)).await;
    postgres.stop().await.unwrap();
    let all = world.publish_all(&["a", "b"]).await;
    assert!(world.store.check().await.is_err());
    let (progress, restarted) = tokio::join!(world.lane.run_once(), postgres.start_again());
    restarted.unwrap();
    assert!(!progress.released && progress.submissions > 0, "{progress:?}");
    world.drain().await;
    world.all_but_poison_are_created(&all, QuarantineReason::RowRefused).await;
}

/// Held for too long, deliveries go back to the queue, and come again when the database answers.
#[tokio::test]
async fn what_is_held_for_too_long_goes_back_and_comes_again() {
    let postgres = Postgres::start().await.unwrap();
    let mut world = World::over(&postgres, Duration::from_millis(100)).await;
    postgres.stop().await.unwrap();
    let all = world.publish_all(&["a"]).await;
    assert!(world.lane.run_once().await.released);
    assert_eq!(world.queue.depth().await.unwrap().ready, 1, "it is in the queue again");
    postgres.start_again().await.unwrap();
    world.drain().await;
    world.all_but_poison_are_created(&all, QuarantineReason::RowRefused).await;
}
