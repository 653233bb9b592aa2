use leadgate_domain::secret::RootSecret;
use leadgate_domain::{Actor, AuditAction, OrganizationId};
use leadgate_store::{AuditFilter, StoreConfig};
use leadgate_testkit::SECRET;
use tokio::task::JoinHandle;

use super::*;

const STORE_TIMEOUT: Duration = Duration::from_millis(2_500);

struct AuditFixture {
    store: Store,
    organization: OrganizationId,
    audit: AuditSender,
    done: CancellationToken,
    writing: JoinHandle<()>,
    _folder: tempfile::TempDir,
}

impl AuditFixture {
    /// Uses a store without a schema, which behaves like an unavailable one.
    fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let url = format!("sqlite:{}", folder.path().join("store.db").display());
        let store =
            Store::open(&StoreConfig::api(url).with_secret(&RootSecret::new(SECRET, None).unwrap())).unwrap();
        let (audit, writer) = AuditSender::new(store.clone(), STORE_TIMEOUT);
        let done = CancellationToken::new();
        let until = done.clone();
        let writing = tokio::spawn(async move { writer.run(&until).await });
        Self { store, organization: OrganizationId::generate(), audit, done, writing, _folder: folder }
    }

    fn enqueue_entries(&self, count: usize) {
        for n in 0..count {
            let entry = AuditEntry::now(self.organization, Actor::Leadgate, AuditAction::LeadRead);
            self.audit.enqueue(entry.with_target(n));
        }
    }

    async fn written(&self) -> usize {
        let page = self.store.audit(self.organization, AuditFilter::default(), None, 20_000).await;
        page.map_or(0, |page| page.data.len())
    }

    async fn wait_until_written(&self, count: usize) -> Duration {
        let started = Instant::now();
        while self.written().await < count {
            assert!(started.elapsed() < Duration::from_secs(20), "{} of {count}", self.written().await);
            sleep(Duration::from_millis(10)).await;
        }
        started.elapsed()
    }
}

#[tokio::test]
async fn an_entry_is_written_within_the_flush_interval() {
    let fixture = AuditFixture::start();
    fixture.store.migrate().await.unwrap();
    fixture.enqueue_entries(1);
    let elapsed = fixture.wait_until_written(1).await;
    assert!(elapsed > Duration::from_millis(500), "it waits for further entries: {elapsed:?}");
    assert!(elapsed < FLUSH_EVERY * 3, "{elapsed:?}");
    // A full batch is written immediately.
    fixture.enqueue_entries(MAX_BATCH);
    let elapsed = fixture.wait_until_written(1 + MAX_BATCH).await;
    assert!(elapsed < FLUSH_EVERY, "{elapsed:?}");
}

#[tokio::test]
async fn remaining_entries_are_written_at_shutdown() {
    let fixture = AuditFixture::start();
    fixture.store.migrate().await.unwrap();
    fixture.enqueue_entries(1_000);
    fixture.done.cancel();
    let AuditFixture { writing, .. } = &fixture;
    let started = Instant::now();
    while !writing.is_finished() {
        sleep(Duration::from_millis(5)).await;
    }
    assert!(started.elapsed() < STORE_TIMEOUT, "{:?}", started.elapsed());
    assert_eq!(fixture.written().await, 1_000);
}

#[tokio::test]
async fn entries_wait_for_an_unavailable_store() {
    let fixture = AuditFixture::start();
    let (audit, mut writer) = AuditSender::new(fixture.store.clone(), STORE_TIMEOUT);
    let fixture = AuditFixture { audit, ..fixture };
    fixture.enqueue_entries(300);
    assert!(writer.collect_batch().await);
    assert!(!writer.write().await, "the table does not exist yet");
    assert_eq!(writer.batch.len() + writer.entries.len(), 300, "all wait");
    fixture.store.migrate().await.unwrap();
    fixture.done.cancel();
    writer.run(&fixture.done).await;
    assert_eq!(fixture.written().await, 300);
}

#[tokio::test]
async fn entries_beyond_the_channel_capacity_are_lost_and_counted() {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite:{}", folder.path().join("store.db").display());
    let (audit, writer) = AuditSender::new(Store::open(&StoreConfig::api(url)).unwrap(), STORE_TIMEOUT);
    let organization = OrganizationId::generate();
    for _ in 0..CHANNEL_CAPACITY + 7 {
        audit.enqueue(AuditEntry::now(organization, Actor::Leadgate, AuditAction::LeadRead));
    }
    assert_eq!(audit.lost.load(Ordering::Relaxed), 7);
    let done = CancellationToken::new();
    done.cancel();
    let started = Instant::now();
    writer.run(&done).await;
    assert!(started.elapsed() < STORE_TIMEOUT * 2, "{:?}", started.elapsed());
    assert!(audit.entries.is_closed());
    assert_eq!(audit.lost.load(Ordering::Relaxed), 0, "all lost entries were reported");
}
