//! Plays all stories side by side: the first event of each, then the second, in a few transactions for all of them.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use leadgate_domain::key::PresentedKey;
use leadgate_domain::secret::RootSecret;
use leadgate_domain::{
    ApiKey, ConsentPolicy, DataSubject, Dialect, Fields, KeyKind, Lead, NormalizedSubmission, OrganizationId,
    Patch, QuarantineReason, Scope, Sha256Digest, Source, Submission, SubmissionId, SuppressedValue,
    Suppression, TextField, Timestamp,
};
use serde_json::{Value, json};

use crate::hooked::Gate;
use crate::story::{Case, Entry, Erasure, Event, From, Lasts, Listing, Post, Test, Way, Whose};
use crate::values::Written;
use crate::world::World;

/// What was received so soon after an erasure may have been received before it, and is erased.
const CLOCKS_APART: Duration = Duration::from_secs(31);

/// When each person's first submission is received, in microseconds.
pub(crate) const FIRST_RECEIVED: i64 = 1_790_000_000_000_000;

const YEAR: Duration = Duration::from_secs(365 * 24 * 60 * 60);
const YESTERDAY: Duration = Duration::from_secs(24 * 60 * 60);

/// How a story ended.
pub(crate) struct Ending {
    /// The lead that the last submission made or met; none if the submission was erased.
    pub(crate) lead: Option<Lead>,
    /// What the last decision about it says in the trace.
    pub(crate) traced: Value,
}

pub(crate) async fn play(world: &World, cases: &[Case]) -> Vec<Ending> {
    let mut stage = Stage::set(world, cases).await;
    for round in 0..cases.iter().map(|case| case.events.len()).max().unwrap() {
        let events = cases.iter().filter_map(|case| Some((case, case.events.get(round)?)));
        stage.play(&events.collect::<Vec<_>>()).await;
    }
    let mut endings = Vec::new();
    for case in cases {
        endings.push(stage.ending(case).await);
    }
    endings
}

struct Stage<'w> {
    world: &'w World,
    matching: leadgate_domain::secret::MatchKey,
    another: OrganizationId,
    sources: BTreeMap<Way, Arc<Source>>,
    test_key: ApiKey,
    /// Accepted, and not yet in the store.
    on_the_way: BTreeMap<usize, NormalizedSubmission>,
    sent: BTreeMap<usize, Vec<SubmissionId>>,
}

impl<'w> Stage<'w> {
    async fn set(world: &'w World, cases: &[Case]) -> Self {
        let another = world.store.ensure_organization("another").await.unwrap().id;
        let mut sources = BTreeMap::new();
        for way in cases.iter().flat_map(Case::posts).map(|post| post.way) {
            if !sources.contains_key(&way) {
                sources.insert(way, source(world, way, sources.len()).await);
            }
        }
        let (presented, _) = PresentedKey::generate(KeyKind::Secret);
        let pepper = RootSecret::new("a secret that is long enough to be one", None).unwrap().api_keys();
        let key =
            ApiKey::new(&presented, world.organization.id, world.source.id, vec![Scope::Write], &pepper);
        let matching = world.store.match_key().await.unwrap();
        Self {
            world,
            matching,
            another,
            sources,
            test_key: ApiKey { test: true, ..key },
            on_the_way: BTreeMap::new(),
            sent: BTreeMap::new(),
        }
    }

    async fn ending(&self, case: &Case) -> Ending {
        let (store, organization, sent) =
            (&self.world.store, self.world.organization.id, &self.sent[&case.number]);
        let found = store.find(organization, sent.last().unwrap().as_uuid()).await.unwrap().unwrap();
        let Some(lead) = found.lead else {
            assert_eq!(found.quarantine, Some(QuarantineReason::Erased), "{}. {}", case.number, case.words());
            return Ending { lead: None, traced: Value::Null };
        };
        let mut decisions = Vec::new();
        for id in sent {
            let record = store.submission(organization, *id).await.unwrap().unwrap();
            decisions.extend(record.outcomes.iter().filter_map(|outcome| {
                let trace = json!(outcome.trace);
                let own = trace.get("decide").filter(|_| outcome.lead == Some(lead.id));
                let reached = trace["opt_out"].as_array().into_iter().flatten();
                let reached = reached.into_iter().find(|one| one["lead"] == lead.id.to_string());
                Some((outcome.decided_at, own.or(reached)?.clone()))
            }));
        }
        let last = decisions.into_iter().max_by_key(|(at, _)| *at);
        Ending { lead: Some(lead), traced: last.map(|(_, decision)| decision).unwrap_or_default() }
    }

    async fn play(&mut self, events: &[(&Case, &Event)]) {
        let (mut listed, mut ended, mut racing, mut posted) =
            (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        for (case, event) in events {
            match event {
                Event::Listed(entry) => listed.push(entry),
                Event::Removed(entry, from) => self.remove(entry, *from).await,
                Event::Ended(entry) => ended.push(entry),
                Event::Posted(post) => posted.push(self.read(case, post)),
                Event::Accepted(post) => {
                    let read = self.read(case, post);
                    self.on_the_way.insert(case.number, read);
                }
                Event::Committed => {
                    let arrived = self.on_the_way.remove(&case.number).unwrap();
                    let sent = self.sent.get_mut(&case.number).unwrap();
                    sent.retain(|id| *id != arrived.submission.id);
                    sent.push(arrived.submission.id);
                    posted.push(arrived);
                }
                Event::Raced(post, entry) => racing.push((self.read(case, post), self.entry(entry))),
                Event::Erased(erasure) => self.erase(erasure).await,
            }
        }
        for whose in [Whose::Ours, Whose::AnotherOrganizations] {
            let theirs = listed.iter().filter(|entry| entry.whose == whose).map(|entry| self.entry(entry));
            let theirs = theirs.collect();
            self.world.store.suppress(self.organization(whose), theirs, self.world.judge()).await.unwrap();
        }
        self.end(&ended).await;
        self.commit_while_listing(racing).await;
        self.world.store.commit(posted, self.world.judge()).await.unwrap();
        self.world.store.rescreen(self.world.organization.id, self.world.judge(), |_| {}).await.unwrap();
    }

    async fn remove(&self, entry: &Entry, from: From) {
        let list = (from == From::ItsList).then_some(entry.list);
        let (organization, key) = (self.organization(entry.whose), self.entry(entry).key);
        self.world.store.unsuppress(organization, vec![key], list, self.world.judge()).await.unwrap();
    }

    async fn erase(&self, erasure: &Erasure) {
        let mut given = DataSubject::default();
        for entry in &erasure.given {
            match value(entry) {
                SuppressedValue::Phone(phone) => given.add_phone(phone),
                SuppressedValue::Email(email) => given.add_email(email),
                other => panic!("nobody is erased by {other:?}"),
            }
        }
        let (store, organization) = (&self.world.store, self.organization(erasure.given[0].whose));
        let person = store.find_subject(organization, given, &[]).await.unwrap();
        store.erase(organization, &person, None, self.world.judge(), |_| {}).await.unwrap();
    }

    /// The times of these entries come; a worker sweeps.
    async fn end(&self, entries: &[&Entry]) {
        if entries.is_empty() {
            return;
        }
        let quoted = |entry: &&Entry| format!("'{}'", self.entry(entry).value.unwrap());
        let values = entries.iter().map(quoted).collect::<Vec<_>>().join(", ");
        let sql = format!(
            "UPDATE suppressions SET expires_at = '2026-01-01T00:00:00.000000Z'
             WHERE expires_at IS NOT NULL AND value IN ({values})"
        );
        self.world.sql(&sql).await;
        self.world.store.sweep_suppressions(self.world.judge()).await.unwrap();
    }

    /// A commit that has read the lists and not yet ended, and entries that are added meanwhile.
    async fn commit_while_listing(&self, racing: Vec<(NormalizedSubmission, Suppression)>) {
        if racing.is_empty() {
            return;
        }
        let (batch, entries): (Vec<_>, Vec<_>) = racing.into_iter().unzip();
        let gate = Gate::new(self.world.judge());
        let (store, judge) = (self.world.store.clone(), Arc::clone(&gate.judge));
        let commit = tokio::spawn(async move { store.commit(batch, judge).await.unwrap() });
        gate.wait();
        let (store, judge) = (self.world.store.clone(), self.world.judge());
        let organization = self.world.organization.id;
        let suppress =
            tokio::spawn(async move { store.suppress(organization, entries, judge).await.unwrap() });
        self.world.until_it_waits_or_is_done(&suppress).await;
        gate.open();
        commit.await.unwrap();
        suppress.await.unwrap();
    }

    fn organization(&self, whose: Whose) -> OrganizationId {
        match whose {
            Whose::Ours => self.world.organization.id,
            Whose::AnotherOrganizations => self.another,
        }
    }

    fn entry(&self, entry: &Entry) -> Suppression {
        let value = value(entry);
        let now = Timestamp::now();
        let expires_at = match entry.lasts {
            Lasts::ForEver => None,
            Lasts::Long => Some(now.plus(YEAR)),
            Lasts::Over => Some(now.minus(YESTERDAY)),
        };
        let entered = Suppression::new(&self.matching, self.organization(entry.whose), &value, now);
        Suppression { list: entry.list.to_owned(), expires_at, ..entered }
    }

    /// What a worker reads of a post, before its transaction.
    fn read(&mut self, case: &Case, post: &Post) -> NormalizedSubmission {
        let source = Arc::clone(&self.sources[&post.way]);
        // What comes after an erasure comes so long after it that no clock makes it older.
        let comes_back = case.comes_after_erasure(post);
        let at = Timestamp::from_microseconds(FIRST_RECEIVED + post.after * 1_000_000);
        let received_at = if comes_back { Timestamp::now().plus(CLOCKS_APART) } else { at };
        let mut fields = fields(case.number, post, received_at);
        if post.test == Test::ByKey {
            self.test_key.apply_defaults(&mut fields);
        }
        let mut submission = self.world.submission(fields);
        submission.source = source.id;
        let submission = Submission { received_at, ..submission };
        self.sent.entry(case.number).or_default().push(submission.id);
        self.world.normalize_by(&source, submission)
    }
}

fn value(entry: &Entry) -> SuppressedValue {
    let value = match &entry.value {
        Listing::Plain { text, region } => {
            SuppressedValue::parse_kind(entry.kind, text, region.map(|region| region.parse().unwrap()))
        }
        Listing::DigestOf(text) => {
            SuppressedValue::digest(entry.kind, &Sha256Digest::of(text.as_bytes()).to_string())
        }
    };
    value.unwrap_or_else(|problem| panic!("{}: {problem}", entry.words))
}

async fn source(world: &World, way: Way, number: usize) -> Arc<Source> {
    let name = Some(format!("source {number}"));
    let mut source = Source::new(
        world.organization.id,
        &leadgate_dialect::protocol(Dialect::Native).source_defaults,
        name,
        Timestamp::now(),
    );
    source.policy = way.policy.policy();
    source.consent = if way.consent_required { ConsentPolicy::Required } else { ConsentPolicy::Optional };
    source.consent_max_age = way.max_age_days.map(|days| Duration::from_secs(86_400 * days.unsigned_abs()));
    source.default_region = way.region.map(|region| region.parse().unwrap());
    world.store.create_source(&source).await.unwrap();
    Arc::new(source)
}

fn fields(number: usize, post: &Post, received_at: Timestamp) -> Fields {
    let said = |written: &Option<Written>| match written {
        None => Patch::Absent,
        Some(written) => Patch::from(written.text.clone()),
    };
    let region = post.phone.as_ref().and_then(|phone| phone.region);
    let id = post.by_id.then(|| (TextField::ExternalId, Some(format!("crm-{number}"))));
    Fields {
        phone: said(&post.phone),
        phone_country: region.map(|region| region.parse().unwrap()),
        email: said(&post.email),
        texts: id.into_iter().collect(),
        consent: post.consent.as_ref().map_or(Patch::Absent, |consent| consent.said(received_at)),
        opt_out: post.opt_out,
        is_test: post.test == Test::Said,
        ..Fields::default()
    }
}
