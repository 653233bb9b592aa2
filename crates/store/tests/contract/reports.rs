//! Reports of the submissions of a day.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use diesel::PgConnection;
use diesel::connection::{Connection as _, SimpleConnection as _};
use leadgate_domain::{
    Day, Dialect, DuplicatePolicy, Fields, OrganizationId, Source, Submission, SubmissionId, SuppressionKind,
    Timestamp, Zone,
};
use leadgate_store::{IntakeCounts, IntakeReport, RecentLeads, Store, StoreConfig, StoreError};
use tokio::sync::oneshot::{self, error::TryRecvError};
use tokio::task::JoinSet;
use uuid::{NoContext, Uuid};

use crate::commit::with_body;
use crate::races::suppression;
use crate::releases::{released, unmappable};
use crate::world::{World, over_both};

over_both!(
    every_submission_is_counted_once_by_its_current_outcome,
    a_lead_is_counted_once_with_its_current_eligibility,
    a_released_submission_is_counted_by_its_new_outcome,
    a_submission_with_a_reused_id_is_counted,
    a_day_ends_where_the_next_day_begins,
    another_organization_is_not_counted,
    the_sums_match_during_concurrent_commits,
    leads_without_a_contact_are_counted_per_source,
);

/// Other reads time out. A report of a large day has no statement timeout.
#[tokio::test(flavor = "multi_thread")]
async fn a_report_without_timeout_counts_a_large_day() {
    const MORE: usize = 40_000;
    let world = World::postgres().await;
    let submission = world.eligible("+14155550132", "ann@acme.example");
    world.commit(std::slice::from_ref(&submission)).await;
    let id = "(substr(s.ID::text, 1, 24) || lpad(to_hex(n), 12, '0'))";
    let copy = |table: &str, changes: &str| {
        format!(
            "INSERT INTO {table} SELECT r.* FROM {table} AS s CROSS JOIN generate_series(1, {MORE}) AS n
             CROSS JOIN LATERAL jsonb_populate_record(s, jsonb_build_object({changes})) AS r;"
        )
    };
    let submissions = copy("submissions", &format!("'id', {}", id.replace("ID", "id")));
    let leads = copy("leads", &format!("'id', {}", id.replace("ID", "id")));
    let copied_id = id.replace("ID", "submission");
    let outcomes = copy("outcomes", &format!("'submission', {copied_id}, 'lead', {copied_id}"));
    world.sql(&format!("{submissions}{leads}{outcomes}")).await;

    let short_timeout = StoreConfig { statement_timeout: Duration::from_millis(5), ..world.config.clone() };
    let (store, day) = (Store::open(&short_timeout).unwrap(), day_of(&submission));
    let timed_out = store.intake_report(world.organization.id, None, &day).await;
    assert!(timed_out.as_ref().is_err_and(StoreError::is_transient), "{timed_out:?}");
    let whole =
        store.intake_report_without_timeout(world.organization.id, None, &day, ()).await.unwrap().whole;
    let expected = u64::try_from(MORE).unwrap() + 1;
    assert_eq!((whole.accepted, whole.created, whole.leads), (expected, expected, expected));
}

/// The query releases the organization's permit, not its caller.
#[tokio::test(flavor = "multi_thread")]
async fn a_report_keeps_its_permit_until_its_query_ends() {
    let world = World::postgres().await;
    let mut other = PgConnection::establish(&world.config.url).unwrap();
    other.batch_execute("BEGIN; LOCK TABLE submissions IN ACCESS EXCLUSIVE MODE").unwrap();
    let (permit, mut released) = oneshot::channel::<()>();
    let (store, organization) = (world.store.clone(), world.organization.id);
    let reporting = tokio::spawn(async move {
        store
            .intake_report_without_timeout(
                organization,
                None,
                &Day::from_timestamp(Timestamp::now(), Zone::utc()),
                permit,
            )
            .await
    });
    world.wait_until_blocked_or_done(&reporting).await;
    reporting.abort();
    assert!(reporting.await.unwrap_err().is_cancelled());
    assert_eq!(released.try_recv(), Err(TryRecvError::Empty), "the query is still running");
    other.batch_execute("ROLLBACK").unwrap();
    released.await.unwrap_err();
}

fn day_of(submission: &Submission) -> Day {
    Day::from_timestamp(submission.received_at, Zone::utc())
}

async fn report(world: &World, source: Option<&Source>, day: &Day) -> IntakeReport {
    let source = source.map(|source| source.id);
    let report = world.store.intake_report(world.organization.id, source, day).await.unwrap();
    let parts = report.sources.iter().map(|part| &part.intake);
    for part in parts.chain([&report.whole]) {
        let IntakeCounts { created, updated, linked, duplicate, quarantined, .. } = *part;
        assert_eq!(part.accepted, created + updated + linked + duplicate + quarantined, "{part:?}");
        assert_eq!(quarantined, part.quarantined_by_reason.values().sum::<u64>(), "{part:?}");
        assert_eq!(part.leads, part.eligible + part.held, "{part:?}");
        assert!(part.held_by_reason.values().all(|count| (1..=part.held).contains(count)), "{part:?}");
    }
    report
}

fn by<const N: usize>(reasons: [(&str, u64); N]) -> BTreeMap<String, u64> {
    reasons.map(|(reason, count)| (reason.to_owned(), count)).into()
}

async fn commit_by(world: &World, source: &Arc<Source>, submission: Submission) {
    let submission = Submission { source: source.id, ..submission };
    let normalized = world.normalize_by(source, submission);
    world.store.commit(vec![normalized], world.judge()).await.unwrap();
}

async fn leads_without_a_contact_are_counted_per_source(world: World) {
    let recent =
        async |organization, source| world.store.recent_leads(organization, source, 10).await.unwrap();
    let (organization, source) = (world.organization.id, world.source.id);
    assert_eq!(recent(organization, source).await, RecentLeads::default());
    let crm = world.updating_source().await;
    let nothing = || world.submission(Fields::default());
    world.commit(&[world.phone("+14155550132"), world.phone("not a phone"), nothing(), nothing()]).await;
    commit_by(&world, &crm, nothing()).await;
    assert_eq!(recent(organization, source).await, RecentLeads { leads: 4, no_contact: 2 });
    assert_eq!(recent(organization, crm.id).await, RecentLeads { leads: 1, no_contact: 1 });
    let last = world.store.recent_leads(organization, source, 1).await.unwrap();
    assert_eq!(last, RecentLeads { leads: 1, no_contact: 1 }, "only the last one");
    assert_eq!(recent(OrganizationId::generate(), source).await, RecentLeads::default());
}

async fn every_submission_is_counted_once_by_its_current_outcome(world: World) {
    let crm = world.updating_source().await;
    let mut linking = Source::new(
        world.organization.id,
        &leadgate_dialect::protocol(Dialect::Native).source_defaults,
        Some("forum".into()),
        Timestamp::now(),
    );
    linking.policy = DuplicatePolicy::Link;
    world.store.create_source(&linking).await.unwrap();
    let ann = world.eligible("+14155550132", "ann@acme.example");
    let day = day_of(&ann);
    world
        .commit(&[ann, world.phone("+14155550133"), world.phone("12"), unmappable(&world, "+14155550134")])
        .await;
    world.commit(&[world.phone("+14155550132"), world.phone("+14155550133")]).await;
    commit_by(&world, &crm, world.phone("+14155550133")).await;
    commit_by(&world, &Arc::new(linking.clone()), world.phone("+14155550132")).await;

    let IntakeReport { whole, sources, .. } = report(&world, None, &day).await;
    let expected = IntakeCounts {
        accepted: 8,
        created: 3,
        updated: 1,
        linked: 1,
        duplicate: 2,
        quarantined: 1,
        quarantined_by_reason: by([("mapping_failed", 1)]),
        leads: 3,
        eligible: 1,
        held: 2,
        held_by_reason: by([("consent_missing", 2), ("phone_invalid", 1)]),
    };
    assert_eq!(whole, expected);
    let parts: BTreeMap<_, _> = sources.into_iter().map(|part| (part.source, part.intake)).collect();
    let native = IntakeCounts { accepted: 6, updated: 0, linked: 0, ..expected };
    assert_eq!(parts[&world.source.id], native);
    // It updated a lead that the other source created.
    let updated = IntakeCounts { accepted: 1, updated: 1, leads: 1, held: 1, ..IntakeCounts::default() };
    let updated = IntakeCounts { held_by_reason: by([("consent_missing", 1)]), ..updated };
    assert_eq!(parts[&crm.id], updated);
    assert_eq!(parts[&linking.id], IntakeCounts { accepted: 1, linked: 1, ..IntakeCounts::default() });
    assert_eq!(parts.len(), 3);
    for (source, part) in [(&*world.source, native), (&crm, updated)] {
        let alone = report(&world, Some(source), &day).await;
        assert_eq!((alone.whole, alone.sources, alone.source), (part, vec![], Some(source.id)));
    }
}

async fn a_lead_is_counted_once_with_its_current_eligibility(world: World) {
    let crm = world.updating_source().await;
    let ann = world.eligible("+14155550132", "ann@acme.example");
    let day = day_of(&ann);
    commit_by(&world, &crm, ann).await;
    for _ in 0..3 {
        commit_by(&world, &crm, world.phone("+14155550132")).await;
    }
    let before = report(&world, None, &day).await.whole;
    assert_eq!((before.created, before.updated, before.leads, before.eligible), (1, 3, 1, 1));
    let entries = vec![
        suppression(&world, SuppressionKind::Phone, "+14155550132").await,
        suppression(&world, SuppressionKind::Email, "ann@acme.example").await,
    ];
    world.store.suppress(world.organization.id, entries, world.judge()).await.unwrap();
    let after = report(&world, None, &day).await.whole;
    assert_eq!((after.leads, after.eligible, after.held), (1, 0, 1));
    assert_eq!(after.held_by_reason, by([("suppressed_email", 1), ("suppressed_phone", 1)]));
}

async fn a_released_submission_is_counted_by_its_new_outcome(world: World) {
    let (first, second) = (unmappable(&world, "+14155550132"), unmappable(&world, "+14155550133"));
    let day = day_of(&first);
    world.commit(&[first.clone(), second.clone()]).await;
    world.store.discard(world.organization.id, second.id.as_uuid(), "ann", None).await.unwrap();
    let before = report(&world, None, &day).await.whole;
    assert_eq!((before.accepted, before.quarantined, before.leads), (2, 2, 0));
    world.commit(&[released(&first, first.id.as_uuid(), 1)]).await;
    let after = report(&world, None, &day).await.whole;
    assert_eq!((after.accepted, after.created, after.quarantined, after.leads), (2, 1, 1, 1));
    assert_eq!(
        after.quarantined_by_reason,
        by([("mapping_failed", 1)]),
        "a discarded submission is still quarantined"
    );
}

async fn a_submission_with_a_reused_id_is_counted(world: World) {
    let first = world.phone("+14155550132");
    let reused = with_body(&first, b"another body");
    world.commit(std::slice::from_ref(&first)).await;
    assert_eq!(world.commit(std::slice::from_ref(&reused)).await.reused, 1);
    let all = world.store.quarantine_entries(world.organization.id, None, None, 10).await.unwrap().data;
    let entry = all[0].id;
    let quarantined_on =
        Day::from_timestamp(SubmissionId::from_uuid(entry).created_at().unwrap(), Zone::utc());
    for source in [None, Some(&*world.source)] {
        let counts = report(&world, source, &quarantined_on).await.whole;
        assert_eq!((counts.accepted, counts.quarantined_by_reason), (1, by([("id_reused", 1)])));
    }
    world.commit(&[released(&reused, entry, 1)]).await;
    let after = report(&world, None, &quarantined_on).await.whole;
    assert_eq!((after.accepted, after.quarantined), (1, 0), "counted once, by its new outcome");
    assert_eq!(report(&world, None, &day_of(&first)).await.whole.accepted, 1);
}

async fn a_day_ends_where_the_next_day_begins(world: World) {
    let at = |time: &str, n: u32| {
        let received_at = Timestamp::parse(time).unwrap();
        let micros = received_at.as_microseconds().unsigned_abs();
        let subsecond = u32::try_from(micros % 1_000_000).unwrap() * 1_000;
        let id = Uuid::new_v7(uuid::Timestamp::from_unix(NoContext, micros / 1_000_000, subsecond));
        let id = SubmissionId::from_uuid(id);
        Submission { id, received_at, ..world.phone(&format!("+1415555{:04}", 200 + n)) }
    };
    let times = [
        "2026-11-20T23:59:59.999Z",
        "2026-11-21T00:00:00.000Z",
        "2026-11-21T05:00:00.000Z",
        "2026-11-21T23:59:59.999Z",
        "2026-11-22T00:00:00.000Z",
    ];
    let all: Vec<_> = times.iter().zip(0..).map(|(time, n)| at(time, n)).collect();
    world.commit(&all).await;
    for (day, zone, expected) in [
        ("2026-11-20", "UTC", 1),
        ("2026-11-21", "UTC", 3),
        ("2026-11-22", "UTC", 1),
        ("2026-11-21", "America/New_York", 3),
        ("2026-11-20", "America/New_York", 2),
        ("1970-01-01", "UTC", 0),
    ] {
        let day = Day::read(day, zone.parse().unwrap()).unwrap();
        for source in [None, Some(&*world.source)] {
            assert_eq!(report(&world, source, &day).await.whole.accepted, expected, "{day} {zone}");
        }
    }
}

async fn another_organization_is_not_counted(world: World) {
    let submission = world.phone("+14155550132");
    let day = day_of(&submission);
    world.commit(&[submission, unmappable(&world, "+14155550133")]).await;
    for other in [world.store.ensure_organization("other").await.unwrap().id, OrganizationId::generate()] {
        for source in [None, Some(world.source.id)] {
            let report = world.store.intake_report(other, source, &day).await.unwrap();
            assert_eq!((report.whole, report.sources), (IntakeCounts::default(), vec![]));
        }
    }
}

async fn the_sums_match_during_concurrent_commits(world: World) {
    const BATCH: usize = 10;
    let crm = world.updating_source().await;
    let day = day_of(&world.phone("+14155550132"));
    let world = Arc::new(world);
    let mut tasks = JoinSet::new();
    for task in 0..4 {
        let (world, crm) = (Arc::clone(&world), Arc::clone(&crm));
        tasks.spawn(async move {
            for round in 0..12 {
                let phone = |n: usize| format!("+1415555{:04}", 100 + (task * 31 + round * 7 + n) % 90);
                let batch = (0..BATCH).map(|n| {
                    let submission = Submission { source: crm.id, ..world.phone(&phone(n)) };
                    world.normalize_by(&crm, submission)
                });
                let batch: Vec<_> = batch.collect();
                world.store.commit(batch, world.judge()).await.unwrap();
            }
        });
    }
    let (mut last, mut changes) = (0, 0);
    while !tasks.is_empty() {
        let whole = report(&world, None, &day).await.whole;
        assert!(whole.accepted >= last && whole.accepted % 10 == 0, "part of a batch: {whole:?}");
        assert_eq!(whole.created, whole.leads, "each lead was created on this day and is stored: {whole:?}");
        assert_eq!((whole.quarantined, whole.duplicate), (0, 0));
        let missing = if whole.held == 0 { by([]) } else { by([("consent_missing", whole.held)]) };
        assert_eq!(whole.held_by_reason, missing);
        changes += u64::from(whole.accepted > last);
        last = whole.accepted;
        while let Some(result) = tasks.try_join_next() {
            result.unwrap();
        }
    }
    assert!(changes > 1, "no report was read between two commits");
    let whole = report(&world, None, &day).await.whole;
    assert_eq!((whole.accepted, whole.leads), (480, 90));
}
