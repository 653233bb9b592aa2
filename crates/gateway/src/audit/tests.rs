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
    /// Over a store that nobody has migrated yet, which is as good as away.
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

    fn note(&self, count: usize) {
        for n in 0..count {
            let entry = AuditEntry::now(self.organization, Actor::Leadgate, AuditAction::LeadRead);
            self.audit.enqueue(entry.with_target(n));
        }
    }

    async fn written(&self) -> usize {
        let page = self.store.audit(self.organization, AuditFilter::default(), None, 20_000).await;
        page.map_or(0, |page| page.data.len())
    }

    async fn until_written(&self, count: usize) -> Duration {
        let begun = Instant::now();
        while self.written().await < count {
            assert!(begun.elapsed() < Duration::from_secs(20), "{} of {count}", self.written().await);
            sleep(Duration::from_millis(10)).await;
        }
        begun.elapsed()
    }
}

#[tokio::test]
async fn an_entry_is_written_within_a_moment() {
    let world = AuditFixture::start();
    world.store.migrate().await.unwrap();
    world.note(1);
    let took = world.until_written(1).await;
    assert!(took > Duration::from_millis(500), "others may come along: {took:?}");
    assert!(took < FLUSH_EVERY * 3, "{took:?}");
    // A full batch waits for nobody.
    world.note(MOST_AT_ONCE);
    let took = world.until_written(1 + MOST_AT_ONCE).await;
    assert!(took < FLUSH_EVERY, "{took:?}");
}

#[tokio::test]
async fn what_was_left_is_written_at_the_end() {
    let world = AuditFixture::start();
    world.store.migrate().await.unwrap();
    world.note(1_000);
    world.done.cancel();
    let AuditFixture { writing, .. } = &world;
    let begun = Instant::now();
    while !writing.is_finished() {
        sleep(Duration::from_millis(5)).await;
    }
    assert!(begun.elapsed() < STORE_TIMEOUT, "{:?}", begun.elapsed());
    assert_eq!(world.written().await, 1_000);
}

#[tokio::test]
async fn entries_wait_for_a_store_that_is_away() {
    let world = AuditFixture::start();
    let (audit, mut writer) = AuditSender::new(world.store.clone(), STORE_TIMEOUT);
    let world = AuditFixture { audit, ..world };
    world.note(300);
    assert!(writer.collect_batch().await);
    assert!(!writer.write().await, "there is no table yet");
    assert_eq!(writer.batch.len() + writer.entries.len(), 300, "all wait");
    world.store.migrate().await.unwrap();
    world.done.cancel();
    writer.run(&world.done).await;
    assert_eq!(world.written().await, 300);
}

#[tokio::test]
async fn beyond_the_bound_entries_are_lost_and_counted() {
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
    let begun = Instant::now();
    writer.run(&done).await;
    assert!(begun.elapsed() < STORE_TIMEOUT * 2, "{:?}", begun.elapsed());
    assert!(audit.entries.is_closed());
    assert_eq!(audit.lost.load(Ordering::Relaxed), 0, "all were told of");
}
