//! Opening, migrating and checking a store; secrets and backups.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use leadgate_domain::secret::{MatchKey, RootSecret};
use leadgate_domain::{OrganizationId, SuppressionKey, SuppressionKind};
use leadgate_store::{LeadFilter, Store, StoreConfig, StoreError};
use leadgate_testkit::SECRET;
use tokio::task::JoinSet;

use crate::world::{World, over_both, postgres};

over_both!(
    concurrent_migrations_run_once,
    a_migrated_store_passes_its_check,
    the_match_key_is_not_in_the_database,
    a_wrong_secret_is_reported,
    a_rotated_secret_encrypts_the_match_key_again,
    reads_see_committed_writes
);

async fn concurrent_migrations_run_once(world: World) {
    let key_of = async |store: &Store| {
        let match_key = store.match_key().await.unwrap();
        leadgate_domain::SuppressionKey::new(
            &match_key,
            world.organization.id,
            leadgate_domain::SuppressionKind::Phone,
            "+14155550132",
        )
    };
    let before = key_of(&world.store).await;
    let mut tasks = JoinSet::new();
    for _ in 0..4 {
        let store = Store::open(&world.config).unwrap();
        tasks.spawn(async move { store.migrate().await.unwrap() });
    }
    tasks.join_all().await;
    assert_eq!(key_of(&world.store).await, before, "the match key is created once");
    assert_eq!(world.store.organizations().await.unwrap(), std::slice::from_ref(&world.organization));
}

async fn a_migrated_store_passes_its_check(world: World) {
    world.store.check().await.unwrap();
}

/// The same store, opened with another secret.
fn with_secret(world: &World, current: &str, previous: Option<&str>) -> Store {
    let config = world.config.clone().with_secret(&RootSecret::new(current, previous).unwrap());
    Store::open(&config).unwrap()
}

async fn key_of(store: &Store, organization: OrganizationId) -> SuppressionKey {
    let match_key = store.match_key().await.unwrap();
    SuppressionKey::new(&match_key, organization, SuppressionKind::Phone, "+14155550132")
}

/// With a copy of the database alone, phone numbers cannot be tried against the key of an erased phone.
async fn the_match_key_is_not_in_the_database(world: World) {
    let organization = world.organization.id;
    let key = key_of(&world.store, organization).await;
    let dump = world.dump();
    let words = || dump.split(|c: char| !c.is_ascii_alphanumeric() && !"+/=".contains(c));
    let from_base64 = words().filter_map(|word| STANDARD.decode(word).ok());
    let bytes: Vec<_> = words().filter_map(|word| hex::decode(word).ok()).chain(from_base64).collect();
    let candidates = bytes.iter().flat_map(|bytes| bytes.windows(32));
    let mut count = 0;
    for candidate in candidates {
        let match_key = MatchKey::new(candidate.try_into().unwrap());
        let candidate_key =
            SuppressionKey::new(&match_key, organization, SuppressionKind::Phone, "+14155550132");
        assert_ne!(candidate_key, key);
        count += 1;
    }
    assert!(count > 0, "the encrypted key was tried");
}

async fn a_wrong_secret_is_reported(world: World) {
    let other = with_secret(&world, "another secret that is long enough to be one", None);
    let error = other.match_key().await.err().unwrap();
    assert!(matches!(error, StoreError::WrongSecret { .. }), "{error}");
    let location = match world.config.url.strip_prefix("sqlite:") {
        Some(file) => file.to_owned(),
        None => world.config.url.split('?').next().unwrap().rsplit('@').next().unwrap().to_owned(),
    };
    for text in [location.trim_start_matches("postgres://"), "LEADGATE_SECRET", "LEADGATE_SECRET_PREVIOUS"] {
        assert!(error.to_string().contains(text), "{text}: {error}");
    }
    assert!(matches!(other.migrate().await, Err(StoreError::WrongSecret { .. })));
    let without = Store::open(&StoreConfig { sealing: None, ..world.config.clone() }).unwrap();
    assert!(matches!(without.match_key().await, Err(StoreError::Unsupported(_))));
    assert_eq!(
        without.organizations().await.unwrap().len(),
        1,
        "data that needs no key is readable without the secret"
    );
}

async fn a_rotated_secret_encrypts_the_match_key_again(world: World) {
    const NEW: &str = "a newer secret that is long enough to be one";
    let organization = world.organization.id;
    let before = key_of(&world.store, organization).await;
    let rotating = with_secret(&world, NEW, Some(SECRET));
    let (first, second) = tokio::join!(key_of(&rotating, organization), key_of(&rotating, organization));
    assert_eq!((first, second), (before, before), "the match key stays the same");
    assert_eq!(key_of(&with_secret(&world, NEW, None), organization).await, before);
    let old = world.store.match_key().await;
    assert!(
        matches!(old, Err(StoreError::WrongSecret { .. })),
        "the previous secret alone does not decrypt it any more"
    );
}

async fn reads_see_committed_writes(world: World) {
    for n in 0..20 {
        world.commit(&[world.phone(&format!("+141555501{n:02}"))]).await;
        assert_eq!(
            world
                .store
                .leads(world.organization.id, &LeadFilter::default(), None, 100)
                .await
                .unwrap()
                .data
                .len(),
            n + 1
        );
    }
}

/// Migrates a new store several times at once.
async fn assert_initialized_once(config: StoreConfig) {
    let config = config.with_secret(&RootSecret::new(SECRET, None).unwrap());
    let store = Store::open(&config).unwrap();
    assert_eq!(store.check().await, Err(StoreError::NotMigrated));
    let error = store.organizations().await.unwrap_err();
    assert!(error.to_string().contains("leadgate migrate"), "{error}");
    let mut tasks = JoinSet::new();
    for _ in 0..6 {
        let store = Store::open(&config).unwrap();
        tasks.spawn(async move { store.migrate().await });
    }
    assert!(tasks.join_all().await.iter().all(Result::is_ok));
    store.check().await.unwrap();
    assert_eq!(store.generation().await.unwrap(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_postgres_database_is_initialized_once() {
    assert_initialized_once(StoreConfig::worker(postgres().await.database().await.unwrap())).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_sqlite_file_is_initialized_once() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("a store?#%20.db");
    assert_initialized_once(StoreConfig::worker(format!("sqlite:{}", file.display()).replace('?', ""))).await;
}

#[test]
fn an_invalid_url_is_refused_before_a_connection_is_opened() {
    for url in ["", "mysql://x", "sqlite:", "sqlite::memory:", "sqlite:x?mode=memory", "/tmp/store.db"] {
        let opened = Store::open(&StoreConfig::api(url));
        assert!(matches!(opened, Err(StoreError::Config(_))), "{url}");
    }
    let config = StoreConfig::api("postgres://user:hunter2@localhost/leads");
    assert!(!format!("{config:?}").contains("hunter2"));
}

#[tokio::test]
async fn only_the_owner_can_read_the_file_and_its_copy() {
    use std::os::unix::fs::PermissionsExt;
    let world = World::sqlite().await;
    let submission = world.eligible("+14155550132", "ann@example.com");
    world.commit(std::slice::from_ref(&submission)).await;
    let copy = world.folder.path().join("it's a copy.db");
    world.store.backup_to(&copy).await.unwrap();
    for file in std::fs::read_dir(world.folder.path()).unwrap() {
        let file = file.unwrap();
        assert_eq!(file.metadata().unwrap().permissions().mode() & 0o777, 0o600, "{:?}", file.file_name());
    }
    assert!(world.store.backup_to(&copy).await.is_err(), "an existing file is not overwritten");

    let restored = Store::open(&StoreConfig::api(format!("sqlite:{}", copy.display()))).unwrap();
    restored.check().await.unwrap();
    assert_eq!(restored.integrity_check().await.unwrap(), [""; 0]);
    let lead = restored.lead(world.organization.id, submission.id.into()).await.unwrap().unwrap();
    assert_eq!(lead.email_address(), Some("ann@example.com"));
}

#[tokio::test(flavor = "multi_thread")]
async fn backup_to_a_file_is_unsupported_on_postgres() {
    let world = World::postgres().await;
    let copied = world.store.backup_to(&world.folder.path().join("copy.db")).await;
    assert!(matches!(copied, Err(StoreError::Unsupported(_))));
}
