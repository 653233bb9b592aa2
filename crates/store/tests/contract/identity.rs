//! Who is whom: keys, their windows, and what each policy does with somebody who is known.

use std::sync::Arc;
use std::time::Duration;

use leadgate_domain::{
    DuplicatePolicy, Fields, IdentitySettings, LeadId, Outcome, Patch, Reason, Source, SourceId,
    SourceSettings, Submission, TextField, Timestamp,
};
use serde_json::{Value, json};

use crate::races::all_leads;
use crate::world::{World, over_both};

over_both!(
    a_window_includes_its_last_moment_and_not_the_next,
    each_key_has_a_window_of_its_own,
    keys_of_different_people_are_a_conflict_in_the_trace,
    the_first_key_supplied_decides_alone,
    every_policy_does_what_its_name_says,
    an_opt_out_survives_every_update,
    an_opt_out_is_heard_under_every_policy,
    an_identity_that_is_changed_counts_from_then_on,
);

const HOUR: Duration = Duration::from_secs(60 * 60);
const MOMENT: Duration = Duration::from_micros(1);
const ANN: &str = "+14155550132";
const BEN: &str = "+14155550133";

async fn source(world: &World, policy: DuplicatePolicy, identity: &str) -> Arc<Source> {
    let settings = SourceSettings {
        policy: Some(policy),
        identity: Some(identity.parse().unwrap()),
        ..Default::default()
    };
    let mut source =
        Source { id: SourceId::generate(), name: Some("s".into()), ..Source::clone(&world.source) };
    settings.apply(&mut source).unwrap();
    world.store.create_source(&source).await.unwrap();
    let stored = world.store.source(world.organization.id, source.id).await.unwrap().unwrap();
    assert_eq!(stored, source, "what is set is what is stored");
    Arc::new(stored)
}

fn says(world: &World, phone: &str, external_id: &str) -> Submission {
    let text = |text: &str| if text.is_empty() { Patch::Absent } else { Patch::Value(text.to_owned()) };
    let texts = [(TextField::ExternalId, Some(external_id.to_owned()))];
    world.submission(Fields { phone: text(phone), texts: texts.into(), ..Fields::default() })
}

async fn commit(world: &World, source: &Arc<Source>, submission: &Submission) -> (Outcome, Option<LeadId>) {
    let submission = Submission { source: source.id, ..submission.clone() };
    let batch = vec![world.normalize_by(source, submission)];
    let settled = world.store.commit(batch, world.judge()).await.unwrap().settled.remove(0);
    (settled.outcome, settled.lead)
}

async fn trace(world: &World, submission: &Submission) -> Value {
    let record = world.store.submission(world.organization.id, submission.id).await.unwrap().unwrap();
    json!(record.outcome().unwrap().trace)["deduplicate"].clone()
}

async fn a_window_includes_its_last_moment_and_not_the_next(world: World) {
    let source = source(&world, DuplicatePolicy::ReturnExisting, "any_of:phone=1h").await;
    let first = says(&world, ANN, "");
    let at = |received_at: Timestamp| Submission { received_at, ..says(&world, ANN, "") };
    assert_eq!(commit(&world, &source, &first).await.0, Outcome::Created);
    let last_moment = at(first.received_at.plus(HOUR));
    assert_eq!(commit(&world, &source, &last_moment).await, (Outcome::Duplicate, Some(first.id.into())));
    // The duplicate was seen then, and the window runs from there.
    let again = at(last_moment.received_at.plus(HOUR));
    assert_eq!(commit(&world, &source, &again).await.0, Outcome::Duplicate);
    let after = at(again.received_at.plus(HOUR).plus(MOMENT));
    assert_eq!(commit(&world, &source, &after).await, (Outcome::Created, Some(after.id.into())));
    assert_eq!(trace(&world, &after).await["expired"], json!(["phone"]));
    let then = at(after.received_at.plus(MOMENT));
    assert_eq!(commit(&world, &source, &then).await, (Outcome::Duplicate, Some(after.id.into())));
    // One that came before all of them is worked on last: who is known now is who it is.
    let late = at(first.received_at.minus(HOUR * 100));
    assert_eq!(commit(&world, &source, &late).await, (Outcome::Duplicate, Some(after.id.into())));
}

async fn each_key_has_a_window_of_its_own(world: World) {
    let source = source(&world, DuplicatePolicy::Update, "any_of:external_id=2h,phone=1h").await;
    let first = says(&world, ANN, "x1");
    commit(&world, &source, &first).await;
    let later = |submission: Submission, by: Duration| Submission {
        received_at: first.received_at.plus(by),
        ..submission
    };
    let by_phone = later(says(&world, ANN, ""), HOUR + MOMENT);
    assert_eq!(commit(&world, &source, &by_phone).await.0, Outcome::Created);
    let by_id = later(says(&world, ANN, "x1"), HOUR * 2);
    assert_eq!(commit(&world, &source, &by_id).await, (Outcome::Updated, Some(first.id.into())));
    let conflict = &trace(&world, &by_id).await["identity_conflict"][0];
    assert_eq!((&conflict["by"], &conflict["lead"]), (&json!("phone"), &json!(by_phone.id)));
    let nobody = later(says(&world, "", "x1"), HOUR * 4 + MOMENT);
    assert_eq!(commit(&world, &source, &nobody).await.0, Outcome::Created);
}

async fn keys_of_different_people_are_a_conflict_in_the_trace(world: World) {
    let source = source(&world, DuplicatePolicy::Link, "any_of:phone,external_id").await;
    let (ann, ben) = (says(&world, ANN, "x1"), says(&world, BEN, "x2"));
    commit(&world, &source, &ann).await;
    commit(&world, &source, &ben).await;
    let both = says(&world, BEN, "x1");
    assert_eq!(commit(&world, &source, &both).await, (Outcome::Linked, Some(ben.id.into())));
    let told = trace(&world, &both).await;
    assert_eq!((&told["matched"]["by"], &told["matched"]["lead"]), (&json!("phone"), &json!(ben.id)));
    let conflict = told["identity_conflict"].as_array().unwrap();
    assert_eq!(
        (conflict.len(), &conflict[0]["by"], &conflict[0]["lead"]),
        (1, &json!("external_id"), &json!(ann.id))
    );
    // A key that somebody else holds did not move.
    let again = says(&world, "", "x1");
    assert_eq!(commit(&world, &source, &again).await, (Outcome::Linked, Some(ann.id.into())));
    assert_eq!(trace(&world, &again).await["identity_conflict"], Value::Null);
}

async fn the_first_key_supplied_decides_alone(world: World) {
    let source = source(&world, DuplicatePolicy::Update, "first_of:external_id,phone").await;
    let ann = says(&world, ANN, "x1");
    commit(&world, &source, &ann).await;
    let other = says(&world, ANN, "x2");
    assert_eq!(commit(&world, &source, &other).await, (Outcome::Created, Some(other.id.into())));
    assert_eq!(trace(&world, &other).await["identity_conflict"][0]["by"], "phone");
    assert_eq!(
        commit(&world, &source, &says(&world, ANN, " ")).await,
        (Outcome::Updated, Some(ann.id.into()))
    );
}

async fn every_policy_does_what_its_name_says(world: World) {
    for (n, (policy, outcome, leads, phone)) in [
        (DuplicatePolicy::ReturnExisting, Outcome::Duplicate, 1, ANN),
        (DuplicatePolicy::Update, Outcome::Updated, 1, BEN),
        (DuplicatePolicy::Link, Outcome::Linked, 1, ANN),
        (DuplicatePolicy::Create, Outcome::Created, 2, ANN),
    ]
    .into_iter()
    .enumerate()
    {
        let source = source(&world, policy, "any_of:external_id").await;
        let first = says(&world, ANN, &format!("x{n}"));
        let again = says(&world, BEN, &format!("x{n}"));
        commit(&world, &source, &first).await;
        let before = all_leads(&world).await.len();
        let (ended, lead) = commit(&world, &source, &again).await;
        let met = if policy == DuplicatePolicy::Create { again.id } else { first.id };
        assert_eq!((ended, lead), (outcome, Some(met.into())), "{policy}");
        assert_eq!(all_leads(&world).await.len() - before + 1, leads, "{policy}");
        let lead = world.store.lead(world.organization.id, first.id.into()).await.unwrap().unwrap();
        assert_eq!(lead.e164(), Some(phone), "{policy}");
        // Whoever comes third meets the first: under `create` its claim did not move either.
        let third = says(&world, ANN, &format!("x{n}"));
        commit(&world, &source, &third).await;
        assert_eq!(trace(&world, &third).await["matched"]["lead"], json!(first.id), "{policy}");
    }
}

async fn an_opt_out_survives_every_update(world: World) {
    let source = source(&world, DuplicatePolicy::Update, "any_of:phone").await;
    let first = world.consenting(ANN, "ann@example.com");
    commit(&world, &source, &first).await;
    let lead = async || world.store.lead(world.organization.id, first.id.into()).await.unwrap().unwrap();
    assert_eq!(lead().await.reasons, []);
    let mut out = says(&world, ANN, "");
    out.fields.opt_out = true;
    assert_eq!(commit(&world, &source, &out).await.0, Outcome::Updated);
    // Later ones, earlier ones and a null of everything else take nothing of it back.
    let mut null = says(&world, ANN, "");
    (null.fields.consent, null.fields.email) = (Patch::Null, Patch::Null);
    let mut early = world.consenting(ANN, "ann@example.com");
    early.received_at = first.received_at.minus(HOUR);
    for submission in [says(&world, ANN, ""), early, null, world.consenting(ANN, "ann@example.com")] {
        assert_eq!(commit(&world, &source, &submission).await.0, Outcome::Updated);
        assert!(lead().await.opt_out && lead().await.reasons.contains(&Reason::OptedOut));
    }
    assert_eq!(lead().await.reasons, [Reason::OptedOut], "consent is there again, and changes nothing");
}

async fn an_identity_that_is_changed_counts_from_then_on(world: World) {
    let source = source(&world, DuplicatePolicy::ReturnExisting, "any_of:external_id").await;
    commit(&world, &source, &says(&world, ANN, "x1")).await;
    let identity: IdentitySettings = "any_of:phone,external_id".parse().unwrap();
    let mut changed = Source::clone(&source);
    let settings = SourceSettings { identity: Some(identity), ..Default::default() };
    settings.apply(&mut changed).unwrap();
    let changed = Arc::new(world.store.update_source(&changed).await.unwrap().unwrap());
    // Nobody's phone was a key before: who comes by it alone is not known yet.
    let by_phone = says(&world, ANN, "");
    assert_eq!(commit(&world, &changed, &by_phone).await, (Outcome::Created, Some(by_phone.id.into())));
    assert_eq!(
        commit(&world, &changed, &says(&world, ANN, "x9")).await,
        (Outcome::Duplicate, Some(by_phone.id.into()))
    );
}

async fn an_opt_out_is_heard_under_every_policy(world: World) {
    for (n, policy) in [
        DuplicatePolicy::ReturnExisting,
        DuplicatePolicy::Update,
        DuplicatePolicy::Link,
        DuplicatePolicy::Create,
    ]
    .into_iter()
    .enumerate()
    {
        let source = source(&world, policy, "any_of:external_id=1h,phone").await;
        let [one, other] = [1, 2].map(|m| format!("+1415555{:04}", 1_000 + n * 10 + m));
        // Two leads, one of which is known by the phone and the other, longer ago than the window, by the record.
        let [first, second] = [says(&world, &one, ""), says(&world, &other, &format!("crm {n}"))];
        commit(&world, &source, &first).await;
        commit(&world, &source, &second).await;
        let mut out = says(&world, &one, &format!("crm {n}"));
        out.received_at = out.received_at.plus(HOUR * 2);
        out.fields.opt_out = true;
        commit(&world, &source, &out).await;
        for known in [&first, &second] {
            let lead = world.store.lead(world.organization.id, known.id.into()).await.unwrap().unwrap();
            assert!(lead.opt_out && lead.reasons.contains(&Reason::OptedOut), "{policy:?}");
        }
        let record = world.store.submission(world.organization.id, out.id).await.unwrap().unwrap();
        let told = json!(record.outcome().unwrap().trace)["opt_out"].clone();
        // The one that it was merged into is told of as any other.
        assert_eq!(told.as_array().unwrap().len(), if policy == DuplicatePolicy::Update { 1 } else { 2 });
    }
    let untouched = says(&world, "+14155559999", "");
    commit(&world, &world.source, &untouched).await;
    commit(&world, &world.source, &says(&world, "+14155559999", "")).await;
    let lead = world.store.lead(world.organization.id, untouched.id.into()).await.unwrap().unwrap();
    assert!(!lead.opt_out);
}
