//! Runs all cases side by side: the first event of each case, then the second, in a few transactions for all
//! cases.

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

use crate::hooked_judge::PausedJudge;
use crate::story::{
    Case, Entry, EntryExpiry, Erasure, Event, ListedValue, Owner, Post, RemovedFrom, SourceSettings, Test,
};
use crate::values::SubmittedValue;
use crate::world::World;

/// A submission that is received within this time after an erasure may have been received before it, and is
/// erased.
const CLOCK_TOLERANCE: Duration = Duration::from_secs(31);

/// The receipt time of each person's first submission, in microseconds.
pub(crate) const FIRST_RECEIVED: i64 = 1_790_000_000_000_000;

const YEAR: Duration = Duration::from_secs(365 * 24 * 60 * 60);
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// The stored result of a case.
pub(crate) struct CaseResult {
    /// The lead that the last submission created or matched. None if the submission was erased.
    pub(crate) lead: Option<Lead>,
    /// The last decision about the lead in the trace.
    pub(crate) last_decision: Value,
}

pub(crate) async fn play(world: &World, cases: &[Case]) -> Vec<CaseResult> {
    let mut player = Player::new(world, cases).await;
    for round in 0..cases.iter().map(|case| case.events.len()).max().unwrap() {
        let events = cases.iter().filter_map(|case| Some((case, case.events.get(round)?)));
        player.play(&events.collect::<Vec<_>>()).await;
    }
    let mut results = Vec::new();
    for case in cases {
        results.push(player.result(case).await);
    }
    results
}

struct Player<'w> {
    world: &'w World,
    match_key: leadgate_domain::secret::MatchKey,
    other_organization: OrganizationId,
    sources: BTreeMap<SourceSettings, Arc<Source>>,
    test_key: ApiKey,
    /// Accepted submissions that are not stored yet.
    queued: BTreeMap<usize, NormalizedSubmission>,
    sent: BTreeMap<usize, Vec<SubmissionId>>,
}

impl<'w> Player<'w> {
    async fn new(world: &'w World, cases: &[Case]) -> Self {
        let other_organization = world.store.ensure_organization("another").await.unwrap().id;
        let mut sources = BTreeMap::new();
        for settings in cases.iter().flat_map(Case::posts).map(|post| post.settings) {
            if !sources.contains_key(&settings) {
                sources.insert(settings, source(world, settings, sources.len()).await);
            }
        }
        let (presented, _) = PresentedKey::generate(KeyKind::Secret);
        let pepper = RootSecret::new("a secret that is long enough to be one", None).unwrap().api_keys();
        let key =
            ApiKey::new(&presented, world.organization.id, world.source.id, vec![Scope::Write], &pepper);
        let match_key = world.store.match_key().await.unwrap();
        Self {
            world,
            match_key,
            other_organization,
            sources,
            test_key: ApiKey { test: true, ..key },
            queued: BTreeMap::new(),
            sent: BTreeMap::new(),
        }
    }

    async fn result(&self, case: &Case) -> CaseResult {
        let (store, organization, sent) =
            (&self.world.store, self.world.organization.id, &self.sent[&case.number]);
        let found = store.find(organization, sent.last().unwrap().as_uuid()).await.unwrap().unwrap();
        let Some(lead) = found.lead else {
            assert_eq!(found.quarantine, Some(QuarantineReason::Erased), "{}. {}", case.number, case.words());
            return CaseResult { lead: None, last_decision: Value::Null };
        };
        let mut decisions = Vec::new();
        for id in sent {
            let record = store.submission(organization, *id).await.unwrap().unwrap();
            decisions.extend(record.outcomes.iter().filter_map(|outcome| {
                let trace = json!(outcome.trace);
                let decision = trace.get("decide").filter(|_| outcome.lead == Some(lead.id));
                let opted_out = trace["opt_out"].as_array().into_iter().flatten();
                let by_opt_out = opted_out.into_iter().find(|entry| entry["lead"] == lead.id.to_string());
                Some((outcome.decided_at, decision.or(by_opt_out)?.clone()))
            }));
        }
        let last = decisions.into_iter().max_by_key(|(at, _)| *at);
        CaseResult { lead: Some(lead), last_decision: last.map(|(_, decision)| decision).unwrap_or_default() }
    }

    async fn play(&mut self, events: &[(&Case, &Event)]) {
        let (mut listed, mut expired, mut racing, mut posted) =
            (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        for (case, event) in events {
            match event {
                Event::Listed(entry) => listed.push(entry),
                Event::Removed(entry, from) => self.remove(entry, *from).await,
                Event::Expired(entry) => expired.push(entry),
                Event::Posted(post) => posted.push(self.normalize(case, post)),
                Event::Accepted(post) => {
                    let normalized = self.normalize(case, post);
                    self.queued.insert(case.number, normalized);
                }
                Event::Committed => {
                    let arrived = self.queued.remove(&case.number).unwrap();
                    let sent = self.sent.get_mut(&case.number).unwrap();
                    sent.retain(|id| *id != arrived.submission.id);
                    sent.push(arrived.submission.id);
                    posted.push(arrived);
                }
                Event::ListedDuringCommit(post, entry) => {
                    racing.push((self.normalize(case, post), self.suppression(entry)))
                }
                Event::Erased(erasure) => self.erase(erasure).await,
            }
        }
        for owner in [Owner::OwnOrganization, Owner::OtherOrganization] {
            let entries = listed.iter().filter(|entry| entry.owner == owner);
            let entries = entries.map(|entry| self.suppression(entry)).collect();
            self.world.store.suppress(self.organization(owner), entries, self.world.judge()).await.unwrap();
        }
        self.expire(&expired).await;
        self.commit_while_listing(racing).await;
        self.world.store.commit(posted, self.world.judge()).await.unwrap();
        self.world.store.rescreen(self.world.organization.id, self.world.judge(), |_| {}).await.unwrap();
    }

    async fn remove(&self, entry: &Entry, from: RemovedFrom) {
        let list = (from == RemovedFrom::ItsList).then_some(entry.list);
        let (organization, key) = (self.organization(entry.owner), self.suppression(entry).key);
        self.world.store.unsuppress(organization, vec![key], list, self.world.judge()).await.unwrap();
    }

    async fn erase(&self, erasure: &Erasure) {
        let mut given = DataSubject::default();
        for entry in &erasure.given {
            match value(entry) {
                SuppressedValue::Phone(phone) => given.add_phone(phone),
                SuppressedValue::Email(email) => given.add_email(email),
                other => panic!("a person is erased by phone or email, not by {other:?}"),
            }
        }
        let (store, organization) = (&self.world.store, self.organization(erasure.given[0].owner));
        let person = store.find_subject(organization, given, &[]).await.unwrap();
        store.erase(organization, &person, None, self.world.judge(), |_| {}).await.unwrap();
    }

    /// Lets entries expire and runs a worker's sweep.
    async fn expire(&self, entries: &[&Entry]) {
        if entries.is_empty() {
            return;
        }
        let quoted = |entry: &&Entry| format!("'{}'", self.suppression(entry).value.unwrap());
        let values = entries.iter().map(quoted).collect::<Vec<_>>().join(", ");
        let past = self.world.time_literal(Timestamp::parse("2026-01-01T00:00:00Z").unwrap());
        let sql = format!(
            "UPDATE suppressions SET expires_at = {past} WHERE expires_at IS NOT NULL AND value IN ({values})"
        );
        self.world.sql(&sql).await;
        self.world.store.sweep_suppressions(self.world.judge()).await.unwrap();
    }

    /// Adds entries while a commit is open that has already read the lists.
    async fn commit_while_listing(&self, racing: Vec<(NormalizedSubmission, Suppression)>) {
        if racing.is_empty() {
            return;
        }
        let (batch, entries): (Vec<_>, Vec<_>) = racing.into_iter().unzip();
        let paused_judge = PausedJudge::new(self.world.judge());
        let (store, judge) = (self.world.store.clone(), Arc::clone(&paused_judge.judge));
        let commit = tokio::spawn(async move { store.commit(batch, judge).await.unwrap() });
        paused_judge.wait_until_paused();
        let (store, judge) = (self.world.store.clone(), self.world.judge());
        let organization = self.world.organization.id;
        let suppress =
            tokio::spawn(async move { store.suppress(organization, entries, judge).await.unwrap() });
        self.world.wait_until_blocked_or_done(&suppress).await;
        paused_judge.resume();
        commit.await.unwrap();
        suppress.await.unwrap();
    }

    fn organization(&self, owner: Owner) -> OrganizationId {
        match owner {
            Owner::OwnOrganization => self.world.organization.id,
            Owner::OtherOrganization => self.other_organization,
        }
    }

    fn suppression(&self, entry: &Entry) -> Suppression {
        let value = value(entry);
        let now = Timestamp::now();
        let expires_at = match entry.expiry {
            EntryExpiry::Never => None,
            EntryExpiry::InAYear => Some(now.plus(YEAR)),
            EntryExpiry::Past => Some(now.minus(DAY)),
        };
        let suppression = Suppression::new(&self.match_key, self.organization(entry.owner), &value, now);
        Suppression { list: entry.list.to_owned(), expires_at, ..suppression }
    }

    /// Makes a submission and normalizes it, as a worker does before its transaction.
    fn normalize(&mut self, case: &Case, post: &Post) -> NormalizedSubmission {
        let source = Arc::clone(&self.sources[&post.settings]);
        // A post after an erasure is received long enough after it that it is not erased as an earlier one.
        let is_after_erasure = case.is_after_erasure(post);
        let at = Timestamp::from_microseconds(FIRST_RECEIVED + post.after * 1_000_000);
        let received_at = if is_after_erasure { Timestamp::now().plus(CLOCK_TOLERANCE) } else { at };
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
        ListedValue::Plain { text, region } => {
            SuppressedValue::parse_kind(entry.kind, text, region.map(|region| region.parse().unwrap()))
        }
        ListedValue::DigestOf(text) => {
            SuppressedValue::digest(entry.kind, &Sha256Digest::compute(text.as_bytes()).to_string())
        }
    };
    value.unwrap_or_else(|problem| panic!("{}: {problem}", entry.words))
}

async fn source(world: &World, settings: SourceSettings, number: usize) -> Arc<Source> {
    let name = Some(format!("source {number}"));
    let mut source = Source::new(
        world.organization.id,
        &leadgate_dialect::protocol(Dialect::Native).source_defaults,
        name,
        Timestamp::now(),
    );
    source.policy = settings.policy.policy();
    source.consent =
        if settings.consent_required { ConsentPolicy::Required } else { ConsentPolicy::Optional };
    source.consent_max_age =
        settings.max_age_days.map(|days| Duration::from_secs(86_400 * days.unsigned_abs()));
    source.default_region = settings.region.map(|region| region.parse().unwrap());
    world.store.create_source(&source).await.unwrap();
    Arc::new(source)
}

fn fields(number: usize, post: &Post, received_at: Timestamp) -> Fields {
    let patch = |value: &Option<SubmittedValue>| match value {
        None => Patch::Absent,
        Some(value) => Patch::from(value.text.clone()),
    };
    let region = post.phone.as_ref().and_then(|phone| phone.region);
    let id = post.by_id.then(|| (TextField::ExternalId, Some(format!("crm-{number}"))));
    Fields {
        phone: patch(&post.phone),
        phone_country: region.map(|region| region.parse().unwrap()),
        email: patch(&post.email),
        texts: id.into_iter().collect(),
        consent: post.consent.as_ref().map_or(Patch::Absent, |consent| consent.patch(received_at)),
        opt_out: post.opt_out,
        is_test: post.test == Test::Marked,
        ..Fields::default()
    }
}
