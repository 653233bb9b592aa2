//! What public submissions of forms may do to leads that servers created.

use std::sync::Arc;
use std::time::Duration;

use leadgate_domain::{
    Dialect, DuplicatePolicy, Fields, IdentityKey, Outcome, Patch, Source, Submission, Timestamp, Trust,
};
use leadgate_store::LeadFilter;

use crate::races::all_leads;
use crate::world::{World, over_both};

over_both!(
    a_form_adds_no_key_to_the_lead_of_a_server,
    a_form_that_came_first_does_not_claim_keys_of_other_people,
    a_rebuild_adds_no_key_of_a_form_to_the_lead_of_a_server,
    a_rebuild_claims_a_key_with_the_trust_of_its_server,
    a_form_does_not_extend_the_window_of_a_server,
    a_form_with_a_short_window_does_not_take_the_key_of_a_server,
    the_longest_window_of_the_servers_applies_to_a_form,
    a_rebuild_extends_a_claim_by_every_submission,
);

pub(crate) const ANN: (&str, &str) = ("+14155550131", "ann@example.com");
pub(crate) const BOB: (&str, &str) = ("+14155550132", "bob@example.com");
/// Ann's phone with Bob's email.
pub(crate) const MIXED: (&str, &str) = (ANN.0, BOB.1);

/// A source that identifies people by email or phone.
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

pub(crate) fn submission(world: &World, trust: Trust, (phone, email): (&str, &str)) -> Submission {
    let fields = Fields {
        phone: Patch::Value(phone.to_owned()),
        email: Patch::Value(email.to_owned()),
        ..Fields::default()
    };
    Submission { trust, ..world.submission(fields) }
}

pub(crate) async fn commit(world: &World, source: &Arc<Source>, batch: Vec<Submission>) -> Vec<Outcome> {
    let batch: Vec<_> = batch.into_iter().map(|submission| world.normalize_by(source, submission)).collect();
    let committed = world.store.commit(batch, world.judge()).await.unwrap();
    committed.settled.iter().map(|settled| settled.outcome).collect()
}

/// Phone and email of every lead, in order.
async fn people(world: &World) -> Vec<(String, String)> {
    let page = world.store.leads(world.organization.id, &LeadFilter::default(), None, 100).await.unwrap();
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

async fn a_form_adds_no_key_to_the_lead_of_a_server(world: World) {
    let source = source(&world).await;
    let both = [ANN, BOB].map(|(phone, email)| (phone.to_owned(), email.to_owned()));
    let ann = submission(&world, Trust::Secret, ANN);
    let form = submission(&world, Trust::Public, MIXED);
    let bob = submission(&world, Trust::Secret, BOB);
    for (post, outcome) in [(ann, Outcome::Created), (form, Outcome::Duplicate), (bob, Outcome::Created)] {
        assert_eq!(commit(&world, &source, vec![post]).await, [outcome]);
    }
    assert_eq!(people(&world).await, both);
}

async fn a_form_that_came_first_does_not_claim_keys_of_other_people(world: World) {
    let both = [ANN, BOB].map(|(phone, email)| (phone.to_owned(), email.to_owned()));
    for together in [false, true] {
        let source = source(&world).await;
        let all = vec![
            submission(&world, Trust::Public, MIXED),
            submission(&world, Trust::Secret, ANN),
            submission(&world, Trust::Secret, BOB),
        ];
        let outcomes = match together {
            true => commit(&world, &source, all).await,
            false => {
                let mut outcomes = Vec::new();
                for post in all {
                    outcomes.extend(commit(&world, &source, vec![post]).await);
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

async fn a_rebuild_adds_no_key_of_a_form_to_the_lead_of_a_server(world: World) {
    let both = [ANN, BOB].map(|(phone, email)| (phone.to_owned(), email.to_owned()));
    let source = source(&world).await;
    for (trust, person, outcome) in
        [(Trust::Public, MIXED, Outcome::Created), (Trust::Secret, ANN, Outcome::Updated)]
    {
        assert_eq!(commit(&world, &source, vec![submission(&world, trust, person)]).await, [outcome]);
    }
    let lead = all_leads(&world).await.remove(0).id;
    let before = claims(&world);
    world.rebuild(world.lead_rebuild(lead, &source, &source).await, false).await;
    assert_eq!(claims(&world), before);
    assert_eq!(
        commit(&world, &source, vec![submission(&world, Trust::Secret, BOB)]).await,
        [Outcome::Created]
    );
    assert_eq!(people(&world).await, both);
}

async fn a_rebuild_claims_a_key_with_the_trust_of_its_server(world: World) {
    let source = source(&world).await;
    for trust in [Trust::Public, Trust::Secret] {
        commit(&world, &source, vec![submission(&world, trust, ANN)]).await;
    }
    let lead = all_leads(&world).await.remove(0).id;
    let before = claims(&world);
    assert!(before.iter().all(|claim| claim.ends_with(" secret")), "{before:?}");
    world.sql("DELETE FROM claims").await;
    world.rebuild(world.lead_rebuild(lead, &source, &source).await, false).await;
    assert_eq!(claims(&world), before);
}

/// Kind and trust of every claim, in order.
pub(crate) fn claims(world: &World) -> Vec<String> {
    world.lines("SELECT kind || ' ' || trust AS line FROM claims ORDER BY kind")
}

async fn a_form_does_not_extend_the_window_of_a_server(world: World) {
    let source = source(&world).await;
    let on = |n: u64, trust| Submission { received_at: day(n), ..submission(&world, trust, ANN) };
    assert_eq!(commit(&world, &source, vec![on(0, Trust::Secret)]).await, [Outcome::Created]);
    assert_eq!(commit(&world, &source, vec![on(20, Trust::Public)]).await, [Outcome::Duplicate]);
    assert_eq!(
        commit(&world, &source, vec![on(45, Trust::Secret)]).await,
        [Outcome::Created],
        "the window of 30 days has ended"
    );
}

/// The source with one window for all keys. `None` means without an end.
fn with_window(days: Option<u64>, source: &Arc<Source>) -> Arc<Source> {
    let window = days.map(|days| Duration::from_secs(days * 86_400));
    let identity = source.identity.iter().map(|key| IdentityKey { window, ..*key }).collect();
    Arc::new(Source { identity, ..Source::clone(source) })
}

fn day(n: u64) -> Timestamp {
    Timestamp::from_microseconds(1_790_000_000_000_000).plus(Duration::from_secs(n * 86_400))
}

async fn a_form_with_a_short_window_does_not_take_the_key_of_a_server(world: World) {
    let (server, form) = (source(&world).await, with_window(Some(30), &source(&world).await));
    for (person, window, last_day) in [(ANN, None, 3_650), (BOB, Some(90), 90)] {
        let server = with_window(window, &server);
        let on = |n: u64, trust| Submission { received_at: day(n), ..submission(&world, trust, person) };
        assert_eq!(commit(&world, &server, vec![on(0, Trust::Secret)]).await, [Outcome::Created]);
        let later = on(last_day, Trust::Public);
        assert_eq!(commit(&world, &form, vec![later]).await, [Outcome::Duplicate], "{window:?}");
        let much_later = on(3_651, Trust::Public);
        let outcome = if window.is_none() { Outcome::Duplicate } else { Outcome::Created };
        assert_eq!(commit(&world, &form, vec![much_later]).await, [outcome], "{window:?}");
    }
}

async fn the_longest_window_of_the_servers_applies_to_a_form(world: World) {
    let form = with_window(Some(30), &source(&world).await);
    let servers =
        [with_window(Some(30), &source(&world).await), with_window(Some(365), &source(&world).await)];
    for (person, first, second) in [(ANN, 0, 1), (BOB, 1, 0)] {
        let on = |n: u64, trust| Submission { received_at: day(n), ..submission(&world, trust, person) };
        // The form came first. From then on the windows of the servers apply.
        assert_eq!(commit(&world, &form, vec![on(0, Trust::Public)]).await, [Outcome::Created]);
        assert_eq!(commit(&world, &servers[first], vec![on(1, Trust::Secret)]).await, [Outcome::Updated]);
        assert_eq!(commit(&world, &servers[second], vec![on(2, Trust::Secret)]).await, [Outcome::Duplicate]);
        assert_eq!(commit(&world, &form, vec![on(366, Trust::Public)]).await, [Outcome::Duplicate]);
        assert_eq!(commit(&world, &form, vec![on(368, Trust::Public)]).await, [Outcome::Created]);
    }
}

async fn a_rebuild_extends_a_claim_by_every_submission(world: World) {
    let source = Arc::new(Source {
        policy: DuplicatePolicy::Update,
        ..Source::clone(&with_window(Some(30), &source(&world).await))
    });
    for (n, outcome) in [(0, Outcome::Created), (20, Outcome::Updated), (40, Outcome::Updated)] {
        let post = Submission { received_at: day(n), ..submission(&world, Trust::Secret, ANN) };
        assert_eq!(commit(&world, &source, vec![post]).await, [outcome]);
    }
    let lead = all_leads(&world).await.remove(0).id;
    let query = "SELECT kind || ' ' || last_seen || ' ' || protected_until AS line FROM claims ORDER BY kind";
    let before = world.lines(query);
    assert_eq!(before.len(), 2);
    world.sql("DELETE FROM claims").await;
    world.rebuild(world.lead_rebuild(lead, &source, &source).await, false).await;
    assert_eq!(world.lines(query), before);
}
