//! Re-screening of stored leads, also when entries change meanwhile.

use std::sync::{Arc, mpsc};
use std::time::Duration;

use leadgate_domain::{
    Dialect, DuplicatePolicy, Eligibility, Outcome, Reason, Source, Submission, Suppression, SuppressionKey,
    SuppressionKind, Timestamp,
};

use crate::races::{all_leads, suppression};
use crate::world::{World, over_both};

over_both!(
    an_entry_added_during_a_rescreen_stays_pending,
    an_entry_changed_during_a_rescreen_is_pending_again,
    leads_that_share_a_phone_are_rescreened_in_pages,
    an_opt_out_of_a_widely_shared_phone_is_applied_by_the_sweep,
    removing_an_entry_without_a_value_releases_stored_leads,
    an_organization_that_fails_does_not_block_others,
);

const MANY: usize = 130;

/// When a process with a slow clock writes an entry, or one that was interrupted.
fn long_ago() -> Timestamp {
    Timestamp::now().minus(Duration::from_secs(30 * 24 * 60 * 60))
}

impl World {
    /// As if the program that wrote the entries had been interrupted.
    pub(crate) async fn mark_pending_long_ago(&self) {
        let long_ago = self.time_literal(long_ago());
        self.sql(&format!("UPDATE suppressions SET pending_since = {long_ago}")).await;
    }

    /// Rescreens, and runs `meanwhile` after the first page.
    async fn rescreen_and_meanwhile<T>(&self, meanwhile: impl AsyncFnOnce() -> T) -> T {
        let (arrived, reached) = mpsc::channel();
        let (resume, resumed) = mpsc::channel::<()>();
        let (store, organization, judge) = (self.store.clone(), self.organization.id, self.judge());
        let rescreening = tokio::spawn(async move {
            let progress = move |_| {
                arrived.send(()).unwrap();
                tokio::task::block_in_place(|| resumed.recv()).ok();
            };
            store.rescreen(organization, judge, progress).await.unwrap();
        });
        tokio::task::block_in_place(|| reached.recv()).unwrap();
        let result = meanwhile().await;
        drop(resume);
        rescreening.await.unwrap();
        result
    }

    /// Creates leads that have the same phone and nothing else in common.
    async fn create_many_leads_with(&self, phone: &str) -> Arc<Source> {
        let source = Source {
            policy: DuplicatePolicy::Create,
            ..Source::new(
                self.organization.id,
                &leadgate_dialect::protocol(Dialect::Native).source_defaults,
                Some("all".into()),
                Timestamp::now(),
            )
        };
        self.store.create_source(&source).await.unwrap();
        let source = Arc::new(source);
        let all = (0..MANY).map(|n| {
            let mut submission = self.eligible(phone, &format!("p{n}@example.com"));
            submission.source = source.id;
            self.normalize_by(&source, submission)
        });
        let committed = self.store.commit(all.collect::<Vec<_>>(), self.judge()).await.unwrap();
        assert!(committed.settled.iter().all(|settled| settled.outcome == Outcome::Created));
        source
    }

    async fn held(&self) -> usize {
        all_leads(self).await.iter().filter(|lead| lead.eligibility == Eligibility::Held).count()
    }

    async fn has_pending(&self) -> bool {
        self.store.has_pending(self.organization.id).await.unwrap()
    }
}

async fn an_entry_added_during_a_rescreen_stays_pending(world: World) {
    let [ann, bob] = [
        world.eligible("+14155550132", "ann@example.com"),
        world.eligible("+14155550133", "bob@example.com"),
    ];
    world.commit(&[ann.clone(), bob.clone()]).await;
    let first = world.digest(SuppressionKind::Email, "ann@example.com").await;
    world.suppress(&[first]).await;
    let second = world.digest(SuppressionKind::Email, "bob@example.com").await;
    world
        .rescreen_and_meanwhile(async || {
            world.suppress(std::slice::from_ref(&second)).await;
            // As if a process with a slow clock had written it.
            let long_ago = world.time_literal(long_ago());
            let newest = "pending_since = (SELECT max(pending_since) FROM suppressions)";
            world.sql(&format!("UPDATE suppressions SET pending_since = {long_ago} WHERE {newest}")).await;
        })
        .await;
    assert_eq!(world.reasons(&ann).await, [Reason::SuppressedEmail]);
    assert_eq!(world.reasons(&bob).await, []);
    assert!(world.has_pending().await, "his entry is not applied yet");
    world.rescreen().await;
    assert_eq!(world.reasons(&bob).await, [Reason::SuppressedEmail]);
    assert!(!world.has_pending().await);
}

async fn an_entry_changed_during_a_rescreen_is_pending_again(world: World) {
    let ann = world.eligible("+14155550132", "ann@example.com");
    world.commit(std::slice::from_ref(&ann)).await;
    let digest = world.digest(SuppressionKind::Email, "ann@example.com").await;
    world.suppress(std::slice::from_ref(&digest)).await;
    world.rescreen_and_meanwhile(async || world.unsuppress(&digest, None).await).await;
    assert!(world.has_pending().await, "the removal is not applied yet");
    world.rescreen().await;
    assert_eq!(world.reasons(&ann).await, []);
}

async fn leads_that_share_a_phone_are_rescreened_in_pages(world: World) {
    let source = world.create_many_leads_with("+14155550132").await;
    let [phone, email] = [
        suppression(&world, SuppressionKind::Phone, "+14155550132").await,
        suppression(&world, SuppressionKind::Email, "p7@example.com").await,
    ];
    world.suppress(&[phone.clone(), email]).await;
    assert_eq!(world.held().await, 1, "an email that few leads have is applied at once");
    assert!(world.has_pending().await);
    let later = Submission { source: source.id, ..world.eligible("+14155550132", "later@example.com") };
    let normalized = world.normalize_by(&source, later.clone());
    world.store.commit(vec![normalized], world.judge()).await.unwrap();
    assert_eq!(world.reasons(&later).await, [Reason::SuppressedPhone], "the entry holds new leads");
    assert_eq!(world.rescreen().await, MANY + 1);
    assert_eq!(world.held().await, MANY + 1);
    world.unsuppress(&phone, None).await;
    assert_eq!((world.rescreen().await, world.held().await), (MANY + 1, 1));
    assert!(!world.has_pending().await);
}

async fn an_opt_out_of_a_widely_shared_phone_is_applied_by_the_sweep(world: World) {
    world.create_many_leads_with("+14155550132").await;
    let mut opt_out = world.phone("+14155550132");
    opt_out.fields.opt_out = true;
    let committed = world.commit(std::slice::from_ref(&opt_out)).await;
    assert!(committed.pending.contains(&world.organization.id), "the caller must rescreen");
    assert_eq!(world.held().await, 1, "the lead that has the phone as its key");
    assert!(world.has_pending().await);
    world.mark_pending_long_ago().await;
    assert_eq!(world.store.sweep_suppressions(world.judge()).await.unwrap(), 1);
    assert_eq!(world.held().await, MANY);
}

async fn removing_an_entry_without_a_value_releases_stored_leads(world: World) {
    world.erase(World::subject(&["+14155550132"], &[])).await;
    let back = world.after_erasure(world.eligible("+14155550132", "ann@example.com"));
    world.commit(std::slice::from_ref(&back)).await;
    assert_eq!(world.reasons(&back).await, [Reason::SuppressedPhone]);
    let entry = suppression(&world, SuppressionKind::Phone, "+14155550132").await;
    assert_eq!(world.unsuppress(&entry, None).await.len(), 1);
    world.rescreen().await;
    assert_eq!(world.reasons(&back).await, []);
}

async fn an_organization_that_fails_does_not_block_others(world: World) {
    let ann = world.eligible("+14155550132", "ann@example.com");
    world.commit(std::slice::from_ref(&ann)).await;
    let domain = suppression(&world, SuppressionKind::Domain, "example.com").await;
    world.suppress(std::slice::from_ref(&domain)).await;
    // Other organizations come before and after it. Each of them has a lead that cannot be read.
    for name in ["a", "b", "c", "d", "e", "f"] {
        let other = world.store.ensure_organization(name).await.unwrap().id;
        let source = Source::new(
            other,
            &leadgate_dialect::protocol(Dialect::Native).source_defaults,
            None,
            Timestamp::now(),
        );
        world.store.create_source(&source).await.unwrap();
        let source = Arc::new(source);
        let lead = world.eligible("+14155550132", "ann@example.com");
        let lead = Submission { organization: other, source: source.id, ..lead };
        world.store.commit(vec![world.normalize_by(&source, lead)], world.judge()).await.unwrap();
        world
            .sql(&format!(
                "UPDATE leads SET document = '{{}}' WHERE organization = {}",
                world.id_literal(other.as_uuid())
            ))
            .await;
        let entry =
            Suppression { key: SuppressionKey { organization: other, ..domain.key }, ..domain.clone() };
        world.store.suppress(other, vec![entry], world.judge()).await.unwrap();
    }
    world.mark_pending_long_ago().await;
    assert_eq!(world.store.sweep_suppressions(world.judge()).await.unwrap(), 7);
    assert_eq!(world.reasons(&ann).await, [Reason::SuppressedDomain]);
}
