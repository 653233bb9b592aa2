//! A separate store for each test.

use std::sync::Arc;

use leadgate_dialect::{native, protocol};
use leadgate_domain::secret::RootSecret;
use leadgate_domain::{
    ActiveScoring, CommitAction, Correction, Dialect, Fields, Judge, Lead, LeadId, NormalizedSubmission,
    OrganizationId, QuarantineReason, Source, Submission, SubmissionId, Timestamp, Trace, Trust,
};
use leadgate_operations::JudgeContext;
use leadgate_pipeline::Pipeline;
use leadgate_store::{AuditFilter, Directory, SettledSubmission, Store, StoreConfig};
use leadgate_testkit::SECRET;
use leadgate_testkit::servers::shared;
use serde_json::Value;
use tempfile::TempDir;
use uuid::Uuid;

pub(crate) struct World {
    pub(crate) store: Store,
    pub(crate) organization: OrganizationId,
    pub(crate) source: Arc<Source>,
    pub(crate) context: JudgeContext,
    _folder: TempDir,
}

impl World {
    pub(crate) async fn sqlite() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let url = format!("sqlite:{}", folder.path().join("store.db").display());
        Self::at(url, folder).await
    }

    pub(crate) async fn postgres() -> Self {
        let url = shared().postgres().await.unwrap().database().await.unwrap();
        Self::at(url, tempfile::tempdir().unwrap()).await
    }

    async fn at(url: String, folder: TempDir) -> Self {
        let config = StoreConfig::worker(url).with_secret(&RootSecret::new(SECRET, None).unwrap());
        let store = Store::open(&config).unwrap();
        store.migrate().await.unwrap();
        let organization = store.ensure_organization("acme").await.unwrap().id;
        let source = Source::new(
            organization,
            &leadgate_dialect::protocol(Dialect::Native).source_defaults,
            Some("landing page".into()),
            Timestamp::now(),
        );
        store.create_source(&source).await.unwrap();
        let directory = Directory::new(store.clone());
        directory.refresh().await.unwrap();
        let pipeline = Arc::new(Pipeline::new(store.match_key().await.unwrap()));
        let context = JudgeContext { snapshot: directory.snapshot(), pipeline };
        Self { store, organization, source: Arc::new(source), context, _folder: folder }
    }

    /// Commits a native body as a submission with a secret credential.
    pub(crate) async fn post(&self, body: &Value) -> SettledSubmission {
        self.post_with(Trust::Secret, body).await
    }

    /// The same with the given trust.
    pub(crate) async fn post_with(&self, trust: Trust, body: &Value) -> SettledSubmission {
        let text = body.to_string();
        let document =
            protocol(Dialect::Native).read_document(&Default::default(), text.as_bytes(), None).unwrap();
        let fields = protocol(Dialect::Native).decode(&document, None).unwrap();
        let id = SubmissionId::from_uuid(Uuid::now_v7());
        let submission = Submission::new(id, &self.source, Timestamp::now(), fields, text.as_bytes());
        let submission = Submission { trust, ..submission };
        let pipeline = &self.context.pipeline;
        let normalized =
            pipeline.normalize(submission, Some(Arc::clone(&self.source)), ActiveScoring::standard());
        let judge: Arc<dyn Judge> = pipeline.clone();
        let committed = self.store.commit(vec![normalized], judge).await.unwrap();
        committed.settled.into_iter().next().unwrap()
    }

    /// Commits a body as a quarantined submission.
    pub(crate) async fn quarantine(&self, body: &Value, reason: QuarantineReason) -> SettledSubmission {
        let text = body.to_string();
        let id = SubmissionId::from_uuid(Uuid::now_v7());
        let submission =
            Submission::new(id, &self.source, Timestamp::now(), Fields::default(), text.as_bytes());
        let (action, trace) = (CommitAction::Quarantine(reason), Trace::default());
        let judge: Arc<dyn Judge> = self.context.pipeline.clone();
        let normalized = NormalizedSubmission { submission, action, trace };
        let committed = self.store.commit(vec![normalized], judge).await.unwrap();
        committed.settled.into_iter().next().unwrap()
    }

    /// A normalized correction, ready to be committed.
    pub(crate) fn correction(&self, lead: LeadId, fields: &Value) -> NormalizedSubmission {
        let body = fields.to_string();
        let mut fields = native::decode_fields(fields.as_object().unwrap()).unwrap();
        fields.correction = Some(Correction { lead, by: "leadgate".into(), reason: "late".into() });
        let id = SubmissionId::from_uuid(Uuid::now_v7());
        let submission = Submission::new(id, &self.source, Timestamp::now(), fields, body.as_bytes());
        let submission = Submission { trust: Trust::Secret, ..submission };
        let source = Some(Arc::clone(&self.source));
        self.context.pipeline.normalize(submission, source, ActiveScoring::standard())
    }

    pub(crate) async fn lead(&self, id: LeadId) -> Option<Lead> {
        self.store.lead(self.organization, id).await.unwrap()
    }

    /// The actions in the audit log, the oldest first.
    pub(crate) async fn audited(&self) -> Vec<String> {
        let page = self.store.audit(self.organization, AuditFilter::default(), None, 100).await.unwrap();
        page.data.into_iter().rev().map(|entry| entry.action).collect()
    }
}

/// Runs each test over SQLite and over PostgreSQL.
macro_rules! over_both {
    ($($name:ident),+ $(,)?) => {
        mod sqlite {
            $(#[tokio::test(flavor = "multi_thread")]
            async fn $name() {
                super::$name($crate::world::World::sqlite().await).await;
            })+
        }
        mod postgres {
            $(#[tokio::test(flavor = "multi_thread")]
            async fn $name() {
                super::$name($crate::world::World::postgres().await).await;
            })+
        }
    };
}
pub(crate) use over_both;
