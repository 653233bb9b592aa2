//! What public submissions may do to leads that servers make, and what they may not.

use std::sync::Arc;
use std::time::Duration;

use leadgate_domain::{
    Dialect, DuplicatePolicy, Fields, IdentityKey, Outcome, Patch, Source, Submission, Timestamp, Trust,
};

use crate::races::all_leads;
use crate::world::{World, over_both};

over_both!(
    a_form_ties_no_key_of_another_person_to_a_servers_lead,
    a_form_that_came_first_leaves_other_people_alone,
    a_rebuild_ties_no_key_of_a_form_to_a_servers_lead,
    a_rebuild_claims_a_key_with_the_trust_of_the_server_that_sent_it,
    a_form_does_not_lengthen_the_window_of_a_servers_lead,
    a_form_with_a_short_window_takes_no_key_of_a_server,
    the_longest_window_of_the_servers_counts_for_a_form,
    a_rebuild_claims_a_key_as_if_every_submission_had_extended_it,
);

pub(crate) const ANN: (&str, &str) = ("+14155550131", "ann@example.com");
pub(crate) const BOB: (&str, &str) = ("+14155550132", "bob@example.com");
/// Ann's phone with Bob's email.
pub(crate) const MIXED: (&str, &str) = (ANN.0, BOB.1);

/// A source that knows people by email or phone.
pub(crate) async fn source(world: &World) -> Arc<Source> {
    let (organization, now) = (world.organization.id, Timestamp::now());
    let name = Some(uuid::Uuid::now_v7().to_string());
    let source = Source {
        policy: DuplicatePolicy::ReturnExisting,
        ..Source::new(organization, &leadgate_dialect::protocol(Dialect::AskAd).source_defaults, name, now)
    };
    world.store.create_source(&source).await.unwrap();
    Arc::new(source)
}

pub(crate) fn said(world: &World, trust: Trust, (phone, email): (&str, &str)) -> Submission {
    let fields = Fields {
        phone: Patch::Value(phone.to_owned()),
        email: Patch::Value(email.to_owned()),
        ..Fields::default()
    };
    Submission { trust, ..world.submission(fields) }
}

pub(crate) async fn commit(world: &World, source: &Arc<Source>, batch: Vec<Submission>) -> Vec<Outcome> {
    let batch: Vec<_> = batch.into_iter().map(|one| world.normalize_by(source, one)).collect();
    let committed = world.store.commit(batch, world.judge()).await.unwrap();
    committed.settled.iter().map(|settled| settled.outcome).collect()
}

/// Phone and email of every lead, in order.
async fn people(world: &World) -> Vec<(String, String)> {
    let page = world.store.leads(world.organization.id, None, None, 100).await.unwrap();
    let mut people: Vec<_> = page
        .data
        .iter()
        .map(|lead| {
            (lead.e164().unwrap_or_default().to_owned(), lead.email_address().unwrap_or_default().to_owned())
        })
        .collect();
    people.sort();
    people
}

async fn a_form_ties_no_key_of_another_person_to_a_servers_lead(world: World) {
    let source = source(&world).await;
    let both = [ANN, BOB].map(|(phone, email)| (phone.to_owned(), email.to_owned()));
    let ann = said(&world, Trust::Secret, ANN);
    let form = said(&world, Trust::Public, MIXED);
    let bob = said(&world, Trust::Secret, BOB);
    for (one, outcome) in [(ann, Outcome::Created), (form, Outcome::Duplicate), (bob, Outcome::Created)] {
        assert_eq!(commit(&world, &source, vec![one]).await, [outcome]);
    }
    assert_eq!(people(&world).await, both);
}

async fn a_form_that_came_first_leaves_other_people_alone(world: World) {
    let both = [ANN, BOB].map(|(phone, email)| (phone.to_owned(), email.to_owned()));
    for together in [false, true] {
        let source = source(&world).await;
        let all = vec![
            said(&world, Trust::Public, MIXED),
            said(&world, Trust::Secret, ANN),
            said(&world, Trust::Secret, BOB),
        ];
        let outcomes = match together {
            true => commit(&world, &source, all).await,
            false => {
                let mut outcomes = Vec::new();
                for one in all {
                    outcomes.extend(commit(&world, &source, vec![one]).await);
                }
                outcomes
            }
        };
        assert_eq!(outcomes, [Outcome::Created, Outcome::Updated, Outcome::Created], "together: {together}");
        assert_eq!(people(&world).await, both, "together: {together}");
        world
            .sql("DELETE FROM outcomes; DELETE FROM submissions; DELETE FROM leads; DELETE FROM claims")
            .await;
    }
}

async fn a_rebuild_ties_no_key_of_a_form_to_a_servers_lead(world: World) {
    let both = [ANN, BOB].map(|(phone, email)| (phone.to_owned(), email.to_owned()));
    let source = source(&world).await;
    for (trust, person, outcome) in
        [(Trust::Public, MIXED, Outcome::Created), (Trust::Secret, ANN, Outcome::Updated)]
    {
        assert_eq!(commit(&world, &source, vec![said(&world, trust, person)]).await, [outcome]);
    }
    let lead = all_leads(&world).await.remove(0).id;
    let held = claims(&world);
    world.rebuild(world.read_anew(lead, &source, &source).await, false).await;
    assert_eq!(claims(&world), held);
    assert_eq!(commit(&world, &source, vec![said(&world, Trust::Secret, BOB)]).await, [Outcome::Created]);
    assert_eq!(people(&world).await, both);
}

async fn a_rebuild_claims_a_key_with_the_trust_of_the_server_that_sent_it(world: World) {
    let source = source(&world).await;
    for trust in [Trust::Public, Trust::Secret] {
        commit(&world, &source, vec![said(&world, trust, ANN)]).await;
    }
    let lead = all_leads(&world).await.remove(0).id;
    let held = claims(&world);
    assert!(held.iter().all(|claim| claim.ends_with(" secret")), "{held:?}");
    world.sql("DELETE FROM claims").await;
    world.rebuild(world.read_anew(lead, &source, &source).await, false).await;
    assert_eq!(claims(&world), held);
}

/// Kind and trust of every claim, in order.
pub(crate) fn claims(world: &World) -> Vec<String> {
    world.lines("SELECT kind || ' ' || trust AS line FROM claims ORDER BY kind")
}

async fn a_form_does_not_lengthen_the_window_of_a_servers_lead(world: World) {
    let source = source(&world).await;
    let on = |n: u64, trust| Submission { received_at: day(n), ..said(&world, trust, ANN) };
    assert_eq!(commit(&world, &source, vec![on(0, Trust::Secret)]).await, [Outcome::Created]);
    assert_eq!(commit(&world, &source, vec![on(20, Trust::Public)]).await, [Outcome::Duplicate]);
    assert_eq!(
        commit(&world, &source, vec![on(45, Trust::Secret)]).await,
        [Outcome::Created],
        "the 30 days are over"
    );
}

/// The same source with one window for all keys; `None` is for ever.
fn lasting(days: Option<u64>, source: &Arc<Source>) -> Arc<Source> {
    let window = days.map(|days| Duration::from_secs(days * 86_400));
    let identity = source.identity.iter().map(|key| IdentityKey { window, ..*key }).collect();
    Arc::new(Source { identity, ..Source::clone(source) })
}

fn day(n: u64) -> Timestamp {
    Timestamp::from_microseconds(1_790_000_000_000_000).plus(Duration::from_secs(n * 86_400))
}

async fn a_form_with_a_short_window_takes_no_key_of_a_server(world: World) {
    let (server, form) = (source(&world).await, lasting(Some(30), &source(&world).await));
    for (person, window, last_held) in [(ANN, None, 3_650), (BOB, Some(90), 90)] {
        let server = lasting(window, &server);
        let on = |n: u64, trust| Submission { received_at: day(n), ..said(&world, trust, person) };
        assert_eq!(commit(&world, &server, vec![on(0, Trust::Secret)]).await, [Outcome::Created]);
        let later = on(last_held, Trust::Public);
        assert_eq!(commit(&world, &form, vec![later]).await, [Outcome::Duplicate], "{window:?}");
        let much_later = on(3_651, Trust::Public);
        let outcome = if window.is_none() { Outcome::Duplicate } else { Outcome::Created };
        assert_eq!(commit(&world, &form, vec![much_later]).await, [outcome], "{window:?}");
    }
}

async fn the_longest_window_of_the_servers_counts_for_a_form(world: World) {
    let form = lasting(Some(30), &source(&world).await);
    let servers = [lasting(Some(30), &source(&world).await), lasting(Some(365), &source(&world).await)];
    for (person, first, second) in [(ANN, 0, 1), (BOB, 1, 0)] {
        let on = |n: u64, trust| Submission { received_at: day(n), ..said(&world, trust, person) };
        // The form came first; the window is that of the servers from then on.
        assert_eq!(commit(&world, &form, vec![on(0, Trust::Public)]).await, [Outcome::Created]);
        assert_eq!(commit(&world, &servers[first], vec![on(1, Trust::Secret)]).await, [Outcome::Updated]);
        assert_eq!(commit(&world, &servers[second], vec![on(2, Trust::Secret)]).await, [Outcome::Duplicate]);
        assert_eq!(commit(&world, &form, vec![on(366, Trust::Public)]).await, [Outcome::Duplicate]);
        assert_eq!(commit(&world, &form, vec![on(368, Trust::Public)]).await, [Outcome::Created]);
    }
}

async fn a_rebuild_claims_a_key_as_if_every_submission_had_extended_it(world: World) {
    let source = Arc::new(Source {
        policy: DuplicatePolicy::Update,
        ..Source::clone(&lasting(Some(30), &source(&world).await))
    });
    for (n, outcome) in [(0, Outcome::Created), (20, Outcome::Updated), (40, Outcome::Updated)] {
        let one = Submission { received_at: day(n), ..said(&world, Trust::Secret, ANN) };
        assert_eq!(commit(&world, &source, vec![one]).await, [outcome]);
    }
    let lead = all_leads(&world).await.remove(0).id;
    let until = "SELECT kind || ' ' || last_seen || ' ' || held_until AS line FROM claims ORDER BY kind";
    let held = world.lines(until);
    assert_eq!(held.len(), 2);
    world.sql("DELETE FROM claims").await;
    world.rebuild(world.read_anew(lead, &source, &source).await, false).await;
    assert_eq!(world.lines(until), held);
}
