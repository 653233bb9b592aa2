//! One worker with everything around it.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use leadgate_domain::id::SubmissionIdGenerator;
use leadgate_domain::secret::RootSecret;
use leadgate_domain::{
    BatchChanges, BatchResolution, Claim, ClaimKey, Dialect, Fields, Judge, Lead, NormalizedSubmission,
    OrganizationId, Outcome, Patch, QuarantineReason, Salt, Source, Submission, Suppression, SuppressionKey,
    SuppressionMatches, TextField, Timestamp, Trace,
};
use leadgate_pipeline::Pipeline;
use leadgate_queue::{Queue, QueueConfig, Role, declare_topology};
use leadgate_store::{Directory, Store, StoreConfig};
use leadgate_testkit::SECRET;
use leadgate_testkit::servers::{PostgresServer, Vhost, shared};
use leadgate_worker::{ConsumerTask, Worker, WorkerConfig, WorkerDependencies};
use tokio::sync::{Mutex, watch};
use tokio_util::sync::CancellationToken;

/// What the database refuses, or what panics the judge, in these tests.
pub(crate) const POISON: &str = "poison";

/// What panics the judge, whatever else it says.
pub(crate) const CRASHER: &str = "crasher";

/// The same, also when its opt-out is read.
pub(crate) const UNREADABLE: &str = "unreadable";

pub(crate) struct World {
    pub(crate) queue: Queue,
    pub(crate) store: Store,
    pub(crate) url: String,
    pub(crate) source: Source,
    /// The worker's own.
    pub(crate) directory: Arc<Directory>,
    ids: SubmissionIdGenerator,
    pub(crate) lane: ConsumerTask,
    pub(crate) judge: Arc<dyn Judge>,
    /// How many batches were judged.
    pub(crate) judged: watch::Receiver<usize>,
    /// The emails of the stored leads that were decided anew, of each time.
    pub(crate) reassessed: watch::Receiver<Vec<Vec<String>>>,
    /// While a test holds it, a pass over all leads stands still.
    pub(crate) pass: Arc<Mutex<()>>,
    _folder: Option<tempfile::TempDir>,
}

impl World {
    pub(crate) async fn new() -> Self {
        Self::over(shared().postgres().await.unwrap(), Duration::from_secs(60)).await
    }

    pub(crate) async fn over(postgres: &PostgresServer, hold_max: Duration) -> Self {
        let url = postgres.database().await.unwrap();
        let config = WorkerConfig { unavailable_timeout: hold_max, ..WorkerConfig::default() };
        Self::with(StoreConfig::worker(url), config).await
    }

    pub(crate) async fn with(store: StoreConfig, config: WorkerConfig) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let queue = QueueConfig::new(format!("sqlite:{}", folder.path().join("queue.db").display()));
        Self { _folder: Some(folder), ..Self::with_queue(store, config, queue).await }
    }

    /// Over RabbitMQ.
    pub(crate) async fn on_broker(vhost: &Vhost) -> Self {
        let queue = QueueConfig::new(&vhost.amqp_url);
        declare_topology(&queue).await.unwrap();
        let store = StoreConfig::worker(shared().postgres().await.unwrap().database().await.unwrap());
        let world = Self::with_queue(store, WorkerConfig::default(), queue).await;
        world.queue.ready().await;
        world
    }

    async fn with_queue(store: StoreConfig, config: WorkerConfig, queue: QueueConfig) -> Self {
        let url = store.url.clone();
        let store = Store::open(&store.with_secret(&RootSecret::new(SECRET, None).unwrap())).unwrap();
        store.migrate().await.unwrap();
        let organization = store.ensure_organization("acme").await.unwrap();
        let source = store
            .ensure_default_source(
                organization.id,
                &leadgate_dialect::protocol(Dialect::Native).source_defaults,
            )
            .await
            .unwrap();
        let queue = Queue::open(queue, Role::AllInOne).await.unwrap();
        let pipeline = Arc::new(Pipeline::new(store.match_key().await.unwrap()));
        let directory = Arc::new(Directory::new(store.clone()));
        let (judging, judged) = watch::channel(0);
        let (reassessing, reassessed) = watch::channel(Vec::new());
        let pass = Arc::default();
        let judge: Arc<dyn Judge> = Arc::new(Touchy {
            pipeline: Arc::clone(&pipeline),
            judging,
            reassessing,
            pass: Arc::clone(&pass),
        });
        let parts = WorkerDependencies {
            queue: queue.clone(),
            store: store.clone(),
            directory: Arc::clone(&directory),
            judge: Arc::clone(&judge),
            pipeline,
        };
        let worker = Worker::new(parts, config, CancellationToken::new());
        let ids = SubmissionIdGenerator::new(RootSecret::new(&"s".repeat(32), None).unwrap().ids());
        Self {
            queue,
            store,
            url,
            source,
            directory,
            ids,
            lane: worker.consumer_task(),
            judge,
            judged,
            reassessed,
            pass,
            _folder: None,
        }
    }

    pub(crate) fn submission(&self, external_id: &str) -> Submission {
        let now = Timestamp::now();
        let texts = [(TextField::ExternalId, Some(external_id.to_owned()))];
        let fields =
            Fields { email: Patch::Value("a@b.com".into()), texts: texts.into(), ..Fields::default() };
        let id = self.ids.make(self.source.organization, now);
        Submission::new(id, &self.source, now, fields, external_id.as_bytes())
    }

    pub(crate) async fn publish(&self, submission: &Submission) {
        let bytes = serde_json::to_vec(submission).unwrap();
        self.queue.publisher().publish(submission.organization, bytes.into()).await.unwrap();
    }

    /// Publishes a lead for each external id, each a message of its own.
    pub(crate) async fn publish_all(&self, external_ids: &[&str]) -> Vec<Submission> {
        let all: Vec<_> = external_ids.iter().map(|id| self.submission(id)).collect();
        for submission in &all {
            self.publish(submission).await;
        }
        all
    }

    pub(crate) async fn outcome(
        &self,
        submission: &Submission,
    ) -> Option<(Outcome, Option<QuarantineReason>)> {
        let found = self.store.find(submission.organization, submission.id.as_uuid()).await.unwrap()?;
        Some((found.outcome.unwrap(), found.quarantine))
    }

    /// Works until the queue is empty; every test ends with this.
    pub(crate) async fn drain(&mut self) {
        while self.queue.depth().await.unwrap().ready > 0 {
            self.lane.run_once().await;
        }
        let depth = self.queue.depth().await.unwrap();
        assert_eq!((depth.ready, depth.in_flight), (0, 0), "everything is settled");
    }

    pub(crate) async fn all_but_poison_are_created(
        &self,
        submissions: &[Submission],
        poison: QuarantineReason,
    ) {
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

/// The pipeline, but for a batch with poison in it: that panics. It counts the batches.
struct Touchy {
    pipeline: Arc<Pipeline>,
    judging: watch::Sender<usize>,
    reassessing: watch::Sender<Vec<Vec<String>>>,
    pass: Arc<Mutex<()>>,
}

impl Judge for Touchy {
    fn resolve<'b>(
        &self,
        fresh: Vec<&'b NormalizedSubmission>,
        claims: BTreeMap<ClaimKey, Claim>,
    ) -> BatchResolution<'b> {
        self.pipeline.resolve(fresh, claims)
    }

    fn suppression_keys<'n>(&self, normalized: &'n NormalizedSubmission) -> Cow<'n, [SuppressionKey]> {
        self.pipeline.suppression_keys(normalized)
    }

    fn judge<'b>(
        &self,
        resolution: BatchResolution<'b>,
        leads: Vec<Lead>,
        suppressions: &SuppressionMatches,
    ) -> BatchChanges<'b> {
        self.judging.send_modify(|judged| *judged += 1);
        let touchy = resolution.submissions.iter().any(|case| {
            let fields = &case.normalized.submission.fields;
            match fields.text(TextField::ExternalId) {
                Some(CRASHER | UNREADABLE) => true,
                text => text == Some(POISON) && fields.is_test,
            }
        });
        assert!(!touchy, "this is the panic that the test is about");
        self.pipeline.judge(resolution, leads, suppressions)
    }

    fn reassess(&self, leads: Vec<Lead>, suppressions: &SuppressionMatches) -> Vec<(Lead, Trace)> {
        let emails = leads.iter().filter_map(|lead| lead.email.as_ref()?.address.clone());
        self.reassessing.send_modify(|seen| seen.push(emails.collect()));
        self.pipeline.reassess(leads, suppressions)
    }

    fn rebuild(
        &self,
        before: &Lead,
        parts: &[&NormalizedSubmission],
        suppressions: &SuppressionMatches,
    ) -> Option<(Lead, Vec<Trace>)> {
        self.pipeline.rebuild(before, parts, suppressions)
    }

    fn opt_out_entries(&self, normalized: &NormalizedSubmission, reached: &[&Lead]) -> Vec<Suppression> {
        let text = normalized.submission.fields.text(TextField::ExternalId);
        assert_ne!(text, Some(UNREADABLE), "this is the panic that the test is about");
        self.pipeline.opt_out_entries(normalized, reached)
    }

    fn consent_salt(&self, submission: &Submission) -> Salt {
        self.pipeline.consent_salt(submission)
    }

    fn suppression_keys_of_leads(&self, leads: &[Lead]) -> BTreeSet<SuppressionKey> {
        self.pipeline.suppression_keys_of_leads(leads)
    }

    fn suppression_keys_of_contact(
        &self,
        organization: OrganizationId,
        e164: Option<&str>,
        email: Option<&str>,
    ) -> Vec<SuppressionKey> {
        drop(self.pass.blocking_lock());
        self.pipeline.suppression_keys_of_contact(organization, e164, email)
    }
}
