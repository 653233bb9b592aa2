//! A worker with its queue, database and pipeline.

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

/// External id of a submission that the database refuses, or that makes the judge panic.
pub(crate) const POISON: &str = "poison";

/// External id of a submission that always makes the judge panic.
pub(crate) const CRASHER: &str = "crasher";

/// Like [`CRASHER`], and reading its opt-out panics, too.
pub(crate) const UNREADABLE: &str = "unreadable";

pub(crate) struct World {
    pub(crate) queue: Queue,
    pub(crate) store: Store,
    pub(crate) url: String,
    pub(crate) source: Source,
    /// The directory that the worker uses.
    pub(crate) directory: Arc<Directory>,
    ids: SubmissionIdGenerator,
    pub(crate) task: ConsumerTask,
    pub(crate) judge: Arc<dyn Judge>,
    /// Number of judged batches.
    pub(crate) judged: watch::Receiver<usize>,
    /// For each re-screened page of stored leads, their emails.
    pub(crate) reassessed: watch::Receiver<Vec<Vec<String>>>,
    /// While a test holds the lock, a pass over all leads waits.
    pub(crate) pass_lock: Arc<Mutex<()>>,
    _folder: Option<tempfile::TempDir>,
}

impl World {
    pub(crate) async fn new() -> Self {
        Self::over(shared().postgres().await.unwrap(), Duration::from_secs(60)).await
    }

    pub(crate) async fn over(postgres: &PostgresServer, unavailable_timeout: Duration) -> Self {
        let url = postgres.database().await.unwrap();
        let config = WorkerConfig { unavailable_timeout, ..WorkerConfig::default() };
        Self::with(StoreConfig::worker(url), config).await
    }

    pub(crate) async fn with(store: StoreConfig, config: WorkerConfig) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let queue = QueueConfig::new(format!("sqlite:{}", folder.path().join("queue.db").display()));
        Self { _folder: Some(folder), ..Self::with_queue(store, config, queue).await }
    }

    /// A world whose queue is RabbitMQ.
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
        let (judged_sender, judged) = watch::channel(0);
        let (reassessed_sender, reassessed) = watch::channel(Vec::new());
        let pass_lock = Arc::default();
        let judge: Arc<dyn Judge> = Arc::new(FailingJudge {
            pipeline: Arc::clone(&pipeline),
            judged: judged_sender,
            reassessed: reassessed_sender,
            pass_lock: Arc::clone(&pass_lock),
        });
        let dependencies = WorkerDependencies {
            queue: queue.clone(),
            store: store.clone(),
            directory: Arc::clone(&directory),
            judge: Arc::clone(&judge),
            pipeline,
        };
        let worker = Worker::new(dependencies, config, CancellationToken::new());
        let ids = SubmissionIdGenerator::new(RootSecret::new(&"s".repeat(32), None).unwrap().ids());
        Self {
            queue,
            store,
            url,
            source,
            directory,
            ids,
            task: worker.consumer_task(),
            judge,
            judged,
            reassessed,
            pass_lock,
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

    /// Publishes a submission for each external id, each as a separate message.
    pub(crate) async fn publish_all(&self, external_ids: &[&str]) -> Vec<Submission> {
        let submissions: Vec<_> = external_ids.iter().map(|id| self.submission(id)).collect();
        for submission in &submissions {
            self.publish(submission).await;
        }
        submissions
    }

    pub(crate) async fn outcome(
        &self,
        submission: &Submission,
    ) -> Option<(Outcome, Option<QuarantineReason>)> {
        let result = self.store.find(submission.organization, submission.id.as_uuid()).await.unwrap()?;
        Some((result.outcome.unwrap(), result.quarantine))
    }

    /// Processes the queue until it is empty. Every test ends with this.
    pub(crate) async fn drain(&mut self) {
        while self.queue.depth().await.unwrap().ready > 0 {
            self.task.run_once().await;
        }
        let depth = self.queue.depth().await.unwrap();
        assert_eq!((depth.ready, depth.in_flight), (0, 0), "all messages are settled");
    }

    pub(crate) async fn assert_all_created_except_poison(
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

/// The pipeline, except that some submissions make it panic. It also records its calls.
struct FailingJudge {
    pipeline: Arc<Pipeline>,
    judged: watch::Sender<usize>,
    reassessed: watch::Sender<Vec<Vec<String>>>,
    pass_lock: Arc<Mutex<()>>,
}

impl Judge for FailingJudge {
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
        self.judged.send_modify(|judged| *judged += 1);
        let must_panic = resolution.submissions.iter().any(|resolved| {
            let fields = &resolved.normalized.submission.fields;
            match fields.text(TextField::ExternalId) {
                Some(CRASHER | UNREADABLE) => true,
                text => text == Some(POISON) && fields.is_test,
            }
        });
        assert!(!must_panic, "the panic that the test expects");
        self.pipeline.judge(resolution, leads, suppressions)
    }

    fn reassess(&self, leads: Vec<Lead>, suppressions: &SuppressionMatches) -> Vec<(Lead, Trace)> {
        let emails = leads.iter().filter_map(|lead| lead.email.as_ref()?.address.clone());
        self.reassessed.send_modify(|pages| pages.push(emails.collect()));
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

    fn opt_out_entries(&self, normalized: &NormalizedSubmission, leads: &[&Lead]) -> Vec<Suppression> {
        let text = normalized.submission.fields.text(TextField::ExternalId);
        assert_ne!(text, Some(UNREADABLE), "the panic that the test expects");
        self.pipeline.opt_out_entries(normalized, leads)
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
        drop(self.pass_lock.blocking_lock());
        self.pipeline.suppression_keys_of_contact(organization, e164, email)
    }
}
