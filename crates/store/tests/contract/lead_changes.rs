//! A reader of changed leads ends with the last state of every lead.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use diesel::connection::SimpleConnection as _;
use diesel::{Connection as _, PgConnection};
use leadgate_domain::{Lead, LeadId, Patch, Source, SourceId, Submission};
use leadgate_store::ChangeCursor;

use crate::world::{World, over_both};

over_both!(
    a_reader_misses_no_change_while_workers_commit,
    a_lead_is_shown_again_when_it_changed,
    a_reader_of_a_source_sees_its_leads_only,
    a_restore_makes_readers_begin_again,
);

const WORKERS: usize = 4;
const ROUNDS: usize = 25;
const NEW_LEADS: usize = 5;

/// The first phone of those leads that the workers leave alone.
const UNTOUCHED: usize = 9_000;
const HELD: usize = 20;

/// In the end.
const LEADS: usize = WORKERS * ROUNDS * NEW_LEADS + HELD;

/// What a reader has seen so far.
#[derive(Default)]
struct Reader {
    source: Option<SourceId>,
    after: Option<ChangeCursor>,
    leads: BTreeMap<LeadId, Lead>,
}

impl Reader {
    /// Reads one page of 7. Returns the ids on it.
    async fn poll(&mut self, world: &World) -> Vec<LeadId> {
        let after = self.after.take().map(|cursor| cursor.to_string().parse().unwrap());
        let page = world.store.changed_leads(world.organization.id, self.source, after, 7).await.unwrap();
        self.after = page.next;
        assert!(self.after.is_some(), "a feed of changes has no end");
        let ids = page.data.iter().map(|lead| lead.id).collect();
        self.leads.extend(page.data.into_iter().map(|lead| (lead.id, lead)));
        ids
    }

    /// Reads all pages, once the transactions of other tests, which the feed waits for, have ended.
    async fn catch_up(&mut self, world: &World) -> Vec<LeadId> {
        if !world.is_sqlite() {
            let so_far = &world.lines("SELECT pg_snapshot_xmax(pg_current_snapshot())::text AS line")[0];
            let is_settled =
                format!("SELECT (pg_snapshot_xmin(pg_current_snapshot()) >= '{so_far}'::xid8)::text AS line");
            while world.lines(&is_settled) != ["true"] {
                tokio::task::yield_now().await;
            }
        }
        let mut all = Vec::new();
        loop {
            let ids = self.poll(world).await;
            if ids.is_empty() {
                return all;
            }
            all.extend(ids);
        }
    }
}

async fn stored_leads(world: &World) -> BTreeMap<LeadId, Lead> {
    let all = leadgate_store::LeadFilter::default();
    let page = world.store.leads(world.organization.id, &all, None, 10_000).await.unwrap();
    assert_eq!(page.next, None);
    page.data.into_iter().map(|lead| (lead.id, lead)).collect()
}

fn phone(n: usize) -> String {
    format!("+1415555{n:04}")
}

/// Each worker creates leads, updates those of other workers, and suppresses some of them.
async fn a_reader_misses_no_change_while_workers_commit(world: World) {
    let (world, are_done) = (Arc::new(world), Arc::new(AtomicBool::new(false)));
    let source = world.updating_source().await;
    let untouched: Vec<_> = (UNTOUCHED..UNTOUCHED + HELD).map(|n| world.phone(&phone(n))).collect();
    world.commit(&untouched).await;
    let mut workers = Vec::new();
    for worker in 0..WORKERS {
        let (world, source) = (Arc::clone(&world), Arc::clone(&source));
        workers.push(tokio::spawn(async move {
            for round in 0..ROUNDS {
                commit_round(&world, &source, worker, round).await;
            }
        }));
    }
    let open = if world.is_sqlite() {
        None
    } else {
        Some(tokio::spawn(hold_transactions(Arc::clone(&world), Arc::clone(&are_done))))
    };
    let mut reader = Reader::default();
    while workers.iter().any(|worker| !worker.is_finished()) {
        reader.poll(&world).await;
        tokio::task::yield_now().await;
    }
    are_done.store(true, Ordering::Relaxed);
    for worker in workers {
        worker.await.unwrap();
    }
    if let Some(open) = open {
        open.await.unwrap();
    }
    reader.catch_up(&world).await;
    let stored = stored_leads(&world).await;
    assert_eq!((stored.len(), reader.leads.len()), (LEADS, LEADS));
    assert!(reader.leads == stored, "the reader has an older state of a lead");
}

async fn commit_round(world: &World, source: &Arc<Source>, worker: usize, round: usize) {
    let first = (round * WORKERS + worker) * NEW_LEADS;
    let new: Vec<_> = (first..first + NEW_LEADS).map(|n| world.phone(&phone(n))).collect();
    world.commit(&new).await;
    let other = (first * 7 + worker) % (first + NEW_LEADS);
    let mut update = world.phone(&phone(other));
    update.fields.email = Patch::Value(format!("w{worker}r{round}@example.com"));
    update.fields.opt_out = round % 6 == 5;
    let update = world.normalize_by(source, Submission { source: source.id, ..update });
    world.store.commit(vec![update], world.judge()).await.unwrap();
}

/// Transactions that change a lead and stay open while the workers commit.
async fn hold_transactions(world: Arc<World>, are_done: Arc<AtomicBool>) {
    for n in 0..HELD {
        let before = count(&world);
        let change = format!(
            "UPDATE leads SET changed = DEFAULT, status = 'contacted',
                 document = (document::jsonb || '{{\"status\": \"contacted\"}}')::text
             WHERE phone = '{}'",
            phone(UNTOUCHED + n)
        );
        let mut open = OpenTransaction::begin(&world, &change).await;
        while count(&world) < before + 10 && !are_done.load(Ordering::Relaxed) {
            tokio::task::yield_now().await;
        }
        open.commit().await;
    }
}

fn count(world: &World) -> usize {
    world.lines("SELECT count(*)::text AS line FROM leads")[0].parse().unwrap()
}

/// A transaction of PostgreSQL that changed something.
struct OpenTransaction(Option<PgConnection>);

impl OpenTransaction {
    async fn begin(world: &World, change: &str) -> Self {
        let (url, begin) = (world.config.url.clone(), format!("BEGIN; {change}"));
        let begun = tokio::task::spawn_blocking(move || {
            let mut connection = PgConnection::establish(&url).unwrap();
            connection.batch_execute(&begin).unwrap();
            connection
        });
        Self(Some(begun.await.unwrap()))
    }

    async fn commit(&mut self) {
        let mut connection = self.0.take().unwrap();
        tokio::task::spawn_blocking(move || connection.batch_execute("COMMIT").unwrap()).await.unwrap();
    }
}

async fn a_lead_is_shown_again_when_it_changed(world: World) {
    let submissions: Vec<_> = (0..20).map(|n| world.phone(&phone(n))).collect();
    world.commit(&submissions).await;
    let mut reader = Reader::default();
    let expected: Vec<LeadId> = submissions.iter().map(|submission| submission.id.into()).collect();
    assert_eq!(reader.catch_up(&world).await, expected);
    assert_eq!(reader.catch_up(&world).await, []);

    for n in [5, 3] {
        world
            .store
            .set_lead_status(world.organization.id, expected[n], "contacted".parse().unwrap())
            .await
            .unwrap();
    }
    assert_eq!(reader.catch_up(&world).await, [expected[5], expected[3]]);
    assert_eq!(reader.leads[&expected[3]].status.as_str(), "contacted");
}

async fn a_reader_of_a_source_sees_its_leads_only(world: World) {
    let source = world.updating_source().await;
    let mut own = Vec::new();
    for n in 0..10 {
        let submission = Submission { source: source.id, ..world.phone(&phone(n)) };
        own.push(LeadId::from(submission.id));
        world.store.commit(vec![world.normalize_by(&source, submission)], world.judge()).await.unwrap();
        world.commit(&[world.phone(&phone(100 + n))]).await;
    }
    let mut reader = Reader { source: Some(source.id), ..Reader::default() };
    assert_eq!(reader.catch_up(&world).await, own);
    world.commit(&[world.phone(&phone(200))]).await;
    assert_eq!(reader.catch_up(&world).await, []);
}

async fn a_restore_makes_readers_begin_again(world: World) {
    let submissions: Vec<_> = (0..3).map(|n| world.phone(&phone(n))).collect();
    world.commit(&submissions).await;
    let mut reader = Reader::default();
    assert_eq!(reader.catch_up(&world).await.len(), 3);
    world.store.renew_epoch().await.unwrap();
    assert_eq!(reader.catch_up(&world).await.len(), 3);
    if !world.is_sqlite() {
        // As if another server, which ran more transactions, had written them.
        world.sql("UPDATE leads SET changed = changed + 1000000000").await;
    }
    world.store.renew_epoch().await.unwrap();
    assert_eq!(reader.catch_up(&world).await.len(), 3);
    world.commit(&[world.phone(&phone(3))]).await;
    assert_eq!(reader.catch_up(&world).await.len(), 1);
}

/// A later transaction is committed first.
#[tokio::test(flavor = "multi_thread")]
async fn changes_after_an_open_transaction_are_shown_when_it_ends() {
    let world = World::postgres().await;
    let (first, second) = (world.phone(&phone(1)), world.phone(&phone(2)));
    world.commit(&[first.clone(), second.clone()]).await;
    let mut reader = Reader::default();
    reader.catch_up(&world).await;

    let touch = format!("UPDATE leads SET changed = DEFAULT WHERE id = '{}'", first.id);
    let mut open = OpenTransaction::begin(&world, &touch).await;
    let contacted = "contacted".parse().unwrap();
    world.store.set_lead_status(world.organization.id, second.id.into(), contacted).await.unwrap();
    assert_eq!(reader.poll(&world).await, [], "the change of the second is after an open transaction");
    open.commit().await;
    assert_eq!(reader.catch_up(&world).await, [LeadId::from(first.id), second.id.into()]);
}
