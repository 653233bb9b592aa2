//! Stored leads learn of suppressions, also when it takes long and others come in between.

use std::sync::{Arc, mpsc};

use leadgate_domain::{
    Dialect, DuplicatePolicy, Eligibility, Outcome, Reason, Source, Submission, Suppression, SuppressionKey,
    SuppressionKind, Timestamp,
};

use crate::races::{all_leads, suppression};
use crate::world::{World, over_both};

over_both!(
    what_came_too_late_to_be_looked_for_is_still_to_be_looked_for,
    what_was_changed_meanwhile_is_pending_anew,
    a_phone_of_very_many_leads_is_gone_through_page_by_page,
    an_opt_out_of_very_many_leads_is_left_to_the_sweep,
    a_bare_key_that_is_taken_off_lets_stored_leads_in,
    one_organization_keeps_no_other_waiting,
);

const MANY: usize = 130;

impl World {
    /// Rescreens, and does something after the first page.
    async fn rescreen_and_meanwhile<T>(&self, meanwhile: impl AsyncFnOnce() -> T) -> T {
        let (arrived, reached) = mpsc::channel();
        let (open, opened) = mpsc::channel::<()>();
        let (store, organization, judge) = (self.store.clone(), self.organization.id, self.judge());
        let rescreening = tokio::spawn(async move {
            let looked_at = move |_| {
                arrived.send(()).unwrap();
                tokio::task::block_in_place(|| opened.recv()).ok();
            };
            store.rescreen(organization, judge, looked_at).await.unwrap();
        });
        tokio::task::block_in_place(|| reached.recv()).unwrap();
        let done = meanwhile().await;
        drop(open);
        rescreening.await.unwrap();
        done
    }

    /// Leads that all have one phone, and nothing else in common.
    async fn many_with(&self, phone: &str) -> Arc<Source> {
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
            let mut one = self.consenting(phone, &format!("p{n}@example.com"));
            one.source = source.id;
            self.normalize_by(&source, one)
        });
        let committed = self.store.commit(all.collect::<Vec<_>>(), self.judge()).await.unwrap();
        assert!(committed.settled.iter().all(|one| one.outcome == Outcome::Created));
        source
    }

    async fn held(&self) -> usize {
        all_leads(self).await.iter().filter(|lead| lead.eligibility == Eligibility::Held).count()
    }

    async fn has_pending(&self) -> bool {
        self.store.has_pending(self.organization.id).await.unwrap()
    }
}

async fn what_came_too_late_to_be_looked_for_is_still_to_be_looked_for(world: World) {
    let [ann, bob] = [
        world.consenting("+14155550132", "ann@example.com"),
        world.consenting("+14155550133", "bob@example.com"),
    ];
    world.commit(&[ann.clone(), bob.clone()]).await;
    let first = world.digest(SuppressionKind::Email, "ann@example.com").await;
    world.suppress(&[first]).await;
    let second = world.digest(SuppressionKind::Email, "bob@example.com").await;
    world
        .rescreen_and_meanwhile(async || {
            world.suppress(std::slice::from_ref(&second)).await;
            // As written by somebody whose clock is behind.
            world
                .sql(
                    "UPDATE suppressions SET pending_since = '2026-01-01T00:00:00.000000Z'
                       WHERE pending_since = (SELECT max(pending_since) FROM suppressions)",
                )
                .await;
        })
        .await;
    assert_eq!(world.reasons(&ann).await, [Reason::SuppressedEmail]);
    assert_eq!(world.reasons(&bob).await, []);
    assert!(world.has_pending().await, "nobody looked for him yet");
    world.rescreen().await;
    assert_eq!(world.reasons(&bob).await, [Reason::SuppressedEmail]);
    assert!(!world.has_pending().await);
}

async fn what_was_changed_meanwhile_is_pending_anew(world: World) {
    let ann = world.consenting("+14155550132", "ann@example.com");
    world.commit(std::slice::from_ref(&ann)).await;
    let digest = world.digest(SuppressionKind::Email, "ann@example.com").await;
    world.suppress(std::slice::from_ref(&digest)).await;
    world.rescreen_and_meanwhile(async || world.unsuppress(&digest, None).await).await;
    assert!(world.has_pending().await, "that it ended was not looked for");
    world.rescreen().await;
    assert_eq!(world.reasons(&ann).await, []);
}

async fn a_phone_of_very_many_leads_is_gone_through_page_by_page(world: World) {
    let source = world.many_with("+14155550132").await;
    let [phone, email] = [
        suppression(&world, SuppressionKind::Phone, "+14155550132").await,
        suppression(&world, SuppressionKind::Email, "p7@example.com").await,
    ];
    world.suppress(&[phone.clone(), email]).await;
    assert_eq!(world.held().await, 1, "few have the email: that is done at once");
    assert!(world.has_pending().await);
    let later = Submission { source: source.id, ..world.consenting("+14155550132", "later@example.com") };
    let normalized = world.normalize_by(&source, later.clone());
    world.store.commit(vec![normalized], world.judge()).await.unwrap();
    assert_eq!(world.reasons(&later).await, [Reason::SuppressedPhone], "it holds whoever comes");
    assert_eq!(world.rescreen().await, MANY + 1);
    assert_eq!(world.held().await, MANY + 1);
    world.unsuppress(&phone, None).await;
    assert_eq!((world.rescreen().await, world.held().await), (MANY + 1, 1));
    assert!(!world.has_pending().await);
}

async fn an_opt_out_of_very_many_leads_is_left_to_the_sweep(world: World) {
    world.many_with("+14155550132").await;
    let mut asking = world.phone("+14155550132");
    asking.fields.opt_out = true;
    let committed = world.commit(std::slice::from_ref(&asking)).await;
    assert!(committed.pending.contains(&world.organization.id), "and the committer is told");
    assert_eq!(world.held().await, 1, "the one that the source knows by the phone");
    assert!(world.has_pending().await);
    world.sql("UPDATE suppressions SET pending_since = '2026-01-01T00:00:00.000000Z'").await;
    assert_eq!(world.store.sweep_suppressions(world.judge()).await.unwrap(), 1);
    assert_eq!(world.held().await, MANY);
}

async fn a_bare_key_that_is_taken_off_lets_stored_leads_in(world: World) {
    world.erase(World::sought(&["+14155550132"], &[])).await;
    let back = world.after_erasure(world.consenting("+14155550132", "ann@example.com"));
    world.commit(std::slice::from_ref(&back)).await;
    assert_eq!(world.reasons(&back).await, [Reason::SuppressedPhone]);
    let entry = suppression(&world, SuppressionKind::Phone, "+14155550132").await;
    assert_eq!(world.unsuppress(&entry, None).await.len(), 1);
    world.rescreen().await;
    assert_eq!(world.reasons(&back).await, []);
}

async fn one_organization_keeps_no_other_waiting(world: World) {
    let ann = world.consenting("+14155550132", "ann@example.com");
    world.commit(std::slice::from_ref(&ann)).await;
    let domain = suppression(&world, SuppressionKind::Domain, "example.com").await;
    world.suppress(std::slice::from_ref(&domain)).await;
    // Before and after it come others, each with a lead that no build can read.
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
        let lead = world.consenting("+14155550132", "ann@example.com");
        let lead = Submission { organization: other, source: source.id, ..lead };
        world.store.commit(vec![world.normalize_by(&source, lead)], world.judge()).await.unwrap();
        world.sql(&format!("UPDATE leads SET document = '{{}}' WHERE organization = '{other}'")).await;
        let entry =
            Suppression { key: SuppressionKey { organization: other, ..domain.key }, ..domain.clone() };
        world.store.suppress(other, vec![entry], world.judge()).await.unwrap();
    }
    world.sql("UPDATE suppressions SET pending_since = '2026-01-01T00:00:00.000000Z'").await;
    assert_eq!(world.store.sweep_suppressions(world.judge()).await.unwrap(), 7);
    assert_eq!(world.reasons(&ann).await, [Reason::SuppressedDomain]);
}
