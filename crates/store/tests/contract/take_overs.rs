//! Servers that take over leads of forms, while others use the same keys.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use leadgate_domain::{Judge, Outcome, Source, Submission, Trust};
use leadgate_store::CommitResult;
use tokio::task::JoinHandle;

use crate::hooked::{Gate, Hooked};
use crate::races::all_leads;
use crate::trust::{ANN, BOB, MIXED, claims, commit, said, source};
use crate::world::{World, over_both};

over_both!(
    a_take_over_and_a_post_with_the_forms_email_do_not_deadlock,
    a_key_that_a_form_ties_during_the_take_over_is_free_again,
);

/// Somebody else's phone and email.
const EVE: (&str, &str) = ("+14155550133", "eve@example.com");

fn begin(
    world: &World,
    source: &Arc<Source>,
    one: Submission,
    judge: Arc<dyn Judge>,
) -> JoinHandle<CommitResult> {
    let (store, batch) = (world.store.clone(), vec![world.normalize_by(source, one)]);
    tokio::spawn(async move { store.commit(batch, judge).await.unwrap() })
}

async fn outcome(commit: JoinHandle<CommitResult>) -> Outcome {
    commit.await.unwrap().settled[0].outcome
}

async fn a_take_over_and_a_post_with_the_forms_email_do_not_deadlock(world: World) {
    let source = source(&world).await;
    assert_eq!(commit(&world, &source, vec![said(&world, Trust::Public, MIXED)]).await, [Outcome::Created]);

    let gate = Gate::new(world.judge());
    let ann = begin(&world, &source, said(&world, Trust::Secret, ANN), Arc::clone(&gate.judge));
    gate.wait();
    let (judge, resolved) = Hooked::counting(world.judge(), |_| {});
    let bob = begin(&world, &source, said(&world, Trust::Secret, BOB), judge);
    world.until_it_waits_or_is_done(&bob).await;
    // Once more for a second run, so that it is counted below instead of waiting here.
    gate.open();
    gate.open();
    assert_eq!((outcome(ann).await, outcome(bob).await), (Outcome::Updated, Outcome::Created));
    assert_eq!((gate.resolved(), resolved.load(Ordering::Relaxed)), (1, 1), "no transaction was run again");
    assert_eq!(all_leads(&world).await.len(), 2);
}

async fn a_key_that_a_form_ties_during_the_take_over_is_free_again(world: World) {
    let source = source(&world).await;
    assert_eq!(commit(&world, &source, vec![said(&world, Trust::Public, MIXED)]).await, [Outcome::Created]);

    let gate = Gate::new(world.judge());
    let form = said(&world, Trust::Public, (EVE.0, BOB.1));
    let form = begin(&world, &source, form, Arc::clone(&gate.judge));
    gate.wait();
    let ann = begin(&world, &source, said(&world, Trust::Secret, ANN), world.judge());
    world.until_it_waits_or_is_done(&ann).await;
    gate.open();
    assert_eq!((outcome(form).await, outcome(ann).await), (Outcome::Duplicate, Outcome::Updated));
    assert_eq!(claims(&world), ["email secret", "phone secret"], "of the form nothing is left");
    assert_eq!(commit(&world, &source, vec![said(&world, Trust::Secret, EVE)]).await, [Outcome::Created]);
    assert_eq!(all_leads(&world).await.len(), 2);
}
