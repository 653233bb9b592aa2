//! Servers that take over leads of forms, with concurrent commits of the same keys.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use leadgate_domain::{Judge, Outcome, Source, Submission, Trust};
use leadgate_store::CommitResult;
use tokio::task::JoinHandle;

use crate::hooked_judge::{HookedJudge, PausedJudge};
use crate::races::all_leads;
use crate::trust::{ANN, BOB, MIXED, claims, commit, source, submission};
use crate::world::{World, over_both};

over_both!(
    a_take_over_and_a_post_with_the_same_email_do_not_deadlock,
    a_key_that_a_form_adds_during_a_take_over_is_released,
);

/// The phone and the email of another person.
const EVE: (&str, &str) = ("+14155550133", "eve@example.com");

fn begin(
    world: &World,
    source: &Arc<Source>,
    submission: Submission,
    judge: Arc<dyn Judge>,
) -> JoinHandle<CommitResult> {
    let (store, batch) = (world.store.clone(), vec![world.normalize_by(source, submission)]);
    tokio::spawn(async move { store.commit(batch, judge).await.unwrap() })
}

async fn outcome(commit: JoinHandle<CommitResult>) -> Outcome {
    commit.await.unwrap().settled[0].outcome
}

async fn a_take_over_and_a_post_with_the_same_email_do_not_deadlock(world: World) {
    let source = source(&world).await;
    assert_eq!(
        commit(&world, &source, vec![submission(&world, Trust::Public, MIXED)]).await,
        [Outcome::Created]
    );

    let paused_judge = PausedJudge::new(world.judge());
    let ann = begin(&world, &source, submission(&world, Trust::Secret, ANN), Arc::clone(&paused_judge.judge));
    paused_judge.wait_until_paused();
    let (judge, resolved) = HookedJudge::counting(world.judge(), |_| {});
    let bob = begin(&world, &source, submission(&world, Trust::Secret, BOB), judge);
    world.wait_until_blocked_or_done(&bob).await;
    // The second signal is for a retried transaction: it is counted below instead of waiting here.
    paused_judge.resume();
    paused_judge.resume();
    assert_eq!((outcome(ann).await, outcome(bob).await), (Outcome::Updated, Outcome::Created));
    assert_eq!(
        (paused_judge.resolved(), resolved.load(Ordering::Relaxed)),
        (1, 1),
        "no transaction was retried"
    );
    assert_eq!(all_leads(&world).await.len(), 2);
}

async fn a_key_that_a_form_adds_during_a_take_over_is_released(world: World) {
    let source = source(&world).await;
    assert_eq!(
        commit(&world, &source, vec![submission(&world, Trust::Public, MIXED)]).await,
        [Outcome::Created]
    );

    let paused_judge = PausedJudge::new(world.judge());
    let form = submission(&world, Trust::Public, (EVE.0, BOB.1));
    let form = begin(&world, &source, form, Arc::clone(&paused_judge.judge));
    paused_judge.wait_until_paused();
    let ann = begin(&world, &source, submission(&world, Trust::Secret, ANN), world.judge());
    world.wait_until_blocked_or_done(&ann).await;
    paused_judge.resume();
    assert_eq!((outcome(form).await, outcome(ann).await), (Outcome::Duplicate, Outcome::Updated));
    assert_eq!(claims(&world), ["email secret", "phone secret"], "the keys of the form are released");
    assert_eq!(
        commit(&world, &source, vec![submission(&world, Trust::Secret, EVE)]).await,
        [Outcome::Created]
    );
    assert_eq!(all_leads(&world).await.len(), 2);
}
