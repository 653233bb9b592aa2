//! The number of rows that PostgreSQL reads does not depend on how much is stored.

use std::iter;
use std::time::{Duration, Instant};

use leadgate_domain::{
    Actor, AuditAction, AuditEntry, Day, Phone, Retention, Submission, SuppressionKind, Zone,
};
use leadgate_store::{AuditFilter, ConsentFilter, LeadFilter, StoreConfig};

use crate::races::suppression;
use crate::world::{World, postgres};

const SUBMISSIONS: usize = 3_000;

/// Without statistics: the plans are made for empty tables.
#[tokio::test(flavor = "multi_thread")]
async fn postgres_reads_few_rows_without_statistics() {
    assert_few_rows_read(|_| false).await;
}

/// With statistics of one row, as after a first test, while 3,000 more rows are added.
#[tokio::test(flavor = "multi_thread")]
async fn postgres_reads_few_rows_with_statistics_of_one_row() {
    assert_few_rows_read(|batch| batch == 0).await;
}

/// With statistics of tables that fit on one or two pages.
#[tokio::test(flavor = "multi_thread")]
async fn postgres_reads_few_rows_with_statistics_of_few_rows() {
    assert_few_rows_read(|batch| batch == 1 || batch == 2).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn postgres_reads_few_rows_with_fresh_statistics() {
    assert_few_rows_read(|_| true).await;
}

/// One connection, starting with empty tables. Statistics are gathered after the batches that `analyze_after`
/// selects.
async fn assert_few_rows_read(analyze_after: impl Fn(usize) -> bool) {
    let url = postgres().await.database().await.unwrap();
    let config = StoreConfig { pool_size: 1, ..StoreConfig::worker(&url) };
    let world = World::at(config, tempfile::tempdir().unwrap()).await;
    let before = read_so_far(&url).await;
    let submissions: Vec<_> = (0..SUBMISSIONS)
        .map(|n| world.eligible(&format!("+1415555{:04}", n % 2_000), &format!("p{n}@example.com")))
        .collect();
    let updating = world.updating_source().await;
    let (first, others) = submissions.split_at(1);
    for (number, batch) in iter::once(first).chain(others.chunks(50)).enumerate() {
        world.commit(batch).await;
        let update = |submission: &Submission| {
            let Submission { fields, .. } = submission.clone();
            let again = Submission { source: updating.id, ..world.submission(fields) };
            world.normalize_by(&updating, again)
        };
        let updates: Vec<_> = batch.iter().take(10).map(update).collect();
        world.store.commit(updates, world.judge()).await.unwrap();
        let id = batch[0].id;
        world.store.find(world.organization.id, id.as_uuid()).await.unwrap().unwrap();
        world.store.submission(world.organization.id, id).await.unwrap().unwrap();
        world.store.lead(world.organization.id, id.into()).await.unwrap();
        world.store.leads(world.organization.id, &LeadFilter::default(), None, 20).await.unwrap();
        world
            .store
            .leads(world.organization.id, &LeadFilter::of_source(Some(world.source.id)), None, 5)
            .await
            .unwrap();
        let phone = Phone::parse("+14155550007", None).ok();
        let filter = LeadFilter { phone, ..LeadFilter::of_source(Some(world.source.id)) };
        world.store.leads(world.organization.id, &filter, None, 5).await.unwrap();
        world.store.changed_leads(world.organization.id, None, None, 5).await.unwrap();
        world.store.contributors(world.organization.id, &[id.into()]).await.unwrap();
        world.store.submissions(world.organization.id, Some(id), 20).await.unwrap();
        world.store.recent_submissions(world.organization.id, world.source.id, 5).await.unwrap();
        world.store.recent_leads(world.organization.id, world.source.id, 5).await.unwrap();
        let lead = ConsentFilter::Lead(id.into());
        world.store.consents(world.organization.id, lead, None, 5).await.unwrap();
        world.store.consents(world.organization.id, ConsentFilter::Submission(id), None, 5).await.unwrap();
        let since = ConsentFilter::Received { from: Some(batch[0].received_at), to: None };
        world.store.consents(world.organization.id, since, None, 5).await.unwrap();
        world.store.forget_people(world.organization.id, &[id]).await.unwrap();
        // A day without submissions.
        let day = Day::read("2026-01-01", Zone::utc()).unwrap();
        for source in [None, Some(world.source.id)] {
            let report = world.store.intake_report(world.organization.id, source, &day).await.unwrap();
            assert_eq!(report.whole.accepted, 0);
        }
        world.store.leads_of(&[(world.organization.id, id.into())]).await.unwrap();
        let entry = suppression(&world, SuppressionKind::Email, &format!("{id}@example.com")).await;
        world.store.suppress(world.organization.id, vec![entry.clone()], world.judge()).await.unwrap();
        world.store.unsuppress(world.organization.id, vec![entry.key], None, world.judge()).await.unwrap();
        if analyze_after(number) {
            postgres().await.sql(&url, "ANALYZE").await.unwrap();
        }
    }
    drop(world);
    wait_for_statistics(&url).await;
    let read = read_so_far(&url).await - before;
    assert!(read > SUBMISSIONS / 2, "{read} rows read: the statistics are missing");
    // About five rows per submission by index. Tables of some hundred rows may be scanned. A full scan for
    // each batch would be 90,000 rows.
    assert!(read < SUBMISSIONS * 15, "{read} rows read for {SUBMISSIONS} submissions");
}

/// An erasure finds its rows by their ids, also with plans that were made for empty tables.
#[tokio::test(flavor = "multi_thread")]
async fn postgres_reads_few_rows_for_an_erasure() {
    let url = postgres().await.database().await.unwrap();
    let config = StoreConfig { pool_size: 1, ..StoreConfig::worker(&url) };
    let world = World::at(config, tempfile::tempdir().unwrap()).await;
    let day = Some(Duration::from_secs(24 * 60 * 60));
    let keep = async |retention| {
        world.store.set_retention(world.organization.id, retention).await.unwrap();
        world.store.sweep_retention(Instant::now() + Duration::from_secs(60)).await.unwrap()
    };
    let person = |n: usize| world.eligible(&format!("+1415555{n:04}"), &format!("p{n}@example.com"));
    let erase = async |n: usize| {
        let person = world.person(World::subject(&[&format!("+1415555{n:04}")], &[]), &[]).await;
        world.store.erase(world.organization.id, &person, None, world.judge(), |_| {}).await.unwrap()
    };
    world.commit(&[person(0), person(5_000)]).await;
    assert_eq!(erase(5_000).await.leads, 1);
    keep(Retention { submissions: day, leads: day, ..Retention::default() }).await;
    let submissions: Vec<_> = (0..2_000).map(person).collect();
    for batch in submissions.chunks(500) {
        world.commit(batch).await;
    }
    for n in 0..20 {
        assert_eq!(erase(n).await.leads, 1);
    }
    let swept = keep(Retention { submissions: day, leads: day, ..Retention::default() }).await;
    assert_eq!((swept.submissions, swept.leads), (1_980, 1_980));
    drop(world);
    wait_for_statistics(&url).await;
    let read = read_so_far(&url).await;
    assert!(read > 4_000 && read < 2_000 * 20, "{read} rows read for 2,000 people");
}

#[tokio::test(flavor = "multi_thread")]
async fn postgres_reads_few_rows_of_the_audit_log() {
    let url = postgres().await.database().await.unwrap();
    let config = StoreConfig { pool_size: 1, ..StoreConfig::worker(&url) };
    let world = World::at(config, tempfile::tempdir().unwrap()).await;
    let organization = world.organization.id;
    let rare = |n: usize| n % 1_000 == 7;
    for chunk in 0..10 {
        let entries = (chunk * 300..(chunk + 1) * 300).map(|n| {
            let actor = if rare(n) { Actor::at_command_line(Some("ann")) } else { Actor::Leadgate };
            let action = if rare(n) { AuditAction::Erase } else { AuditAction::LeadRead };
            AuditEntry::now(organization, actor, action)
        });
        world.store.record(entries.collect()).await.unwrap();
        let (actor, action) = (Some(Actor::at_command_line(Some("ann"))), Some(AuditAction::Erase));
        for filter in [
            AuditFilter::default(),
            AuditFilter { actor: actor.clone(), ..AuditFilter::default() },
            AuditFilter { action, ..AuditFilter::default() },
            AuditFilter { actor, action, since: None },
        ] {
            world.store.audit(organization, filter, None, 10).await.unwrap();
        }
    }
    drop(world);
    wait_for_statistics(&url).await;
    let read = read_of(&url, "'audit'").await;
    // Ten pages of eleven rows, and 30 pages with few rows.
    assert!(read < 300, "{read} rows read");
}

/// Waits until the sessions have ended: a session reports its statistics at its end.
async fn wait_for_statistics(url: &str) {
    let sessions = "select count(*) from pg_stat_activity where datname = current_database() \
                    and application_name = 'leadgate'";
    while postgres().await.sql(url, sessions).await.unwrap().trim() != "0" {}
}

/// The rows of the growing tables that were read, by scans and by indexes.
async fn read_so_far(url: &str) -> usize {
    let tables = "'submissions', 'claims', 'leads', 'outcomes', 'quarantine', 'suppressions', 'consents', \
                  'consent_people'";
    read_of(url, tables).await
}

async fn read_of(url: &str, tables: &str) -> usize {
    let sql = format!(
        "select sum(seq_tup_read) + sum(coalesce(idx_tup_fetch, 0)) from pg_stat_user_tables \
         where relname in ({tables})"
    );
    postgres().await.sql(url, &sql).await.unwrap().trim().parse().unwrap()
}
