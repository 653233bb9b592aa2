//! Identity keys, their windows, and the outcome of each policy for a known person.

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
    a_window_includes_its_last_microsecond,
    each_key_has_its_own_window,
    keys_of_different_leads_are_a_conflict_in_the_trace,
    first_of_uses_only_the_first_supplied_key,
    every_policy_has_its_own_outcome,
    an_opt_out_survives_every_update,
    an_opt_out_applies_under_every_policy,
    a_changed_identity_applies_to_later_submissions,
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
    assert_eq!(stored, source, "the settings are stored");
    Arc::new(stored)
}

fn submission(world: &World, phone: &str, external_id: &str) -> Submission {
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

async fn a_window_includes_its_last_microsecond(world: World) {
    let source = source(&world, DuplicatePolicy::ReturnExisting, "any_of:phone=1h").await;
    let first = submission(&world, ANN, "");
    let at = |received_at: Timestamp| Submission { received_at, ..submission(&world, ANN, "") };
    assert_eq!(commit(&world, &source, &first).await.0, Outcome::Created);
    let last_moment = at(first.received_at.plus(HOUR));
    assert_eq!(commit(&world, &source, &last_moment).await, (Outcome::Duplicate, Some(first.id.into())));
    // The window starts again at the receipt of the duplicate.
    let again = at(last_moment.received_at.plus(HOUR));
    assert_eq!(commit(&world, &source, &again).await.0, Outcome::Duplicate);
    let after = at(again.received_at.plus(HOUR).plus(MOMENT));
    assert_eq!(commit(&world, &source, &after).await, (Outcome::Created, Some(after.id.into())));
    assert_eq!(trace(&world, &after).await["expired"], json!(["phone"]));
    let next = at(after.received_at.plus(MOMENT));
    assert_eq!(commit(&world, &source, &next).await, (Outcome::Duplicate, Some(after.id.into())));
    // A submission that was received before all of them and is processed last matches the current lead.
    let late = at(first.received_at.minus(HOUR * 100));
    assert_eq!(commit(&world, &source, &late).await, (Outcome::Duplicate, Some(after.id.into())));
}

async fn each_key_has_its_own_window(world: World) {
    let source = source(&world, DuplicatePolicy::Update, "any_of:external_id=2h,phone=1h").await;
    let first = submission(&world, ANN, "x1");
    commit(&world, &source, &first).await;
    let later = |submission: Submission, by: Duration| Submission {
        received_at: first.received_at.plus(by),
        ..submission
    };
    let by_phone = later(submission(&world, ANN, ""), HOUR + MOMENT);
    assert_eq!(commit(&world, &source, &by_phone).await.0, Outcome::Created);
    let by_id = later(submission(&world, ANN, "x1"), HOUR * 2);
    assert_eq!(commit(&world, &source, &by_id).await, (Outcome::Updated, Some(first.id.into())));
    let conflict = &trace(&world, &by_id).await["identity_conflict"][0];
    assert_eq!((&conflict["by"], &conflict["lead"]), (&json!("phone"), &json!(by_phone.id)));
    let expired = later(submission(&world, "", "x1"), HOUR * 4 + MOMENT);
    assert_eq!(commit(&world, &source, &expired).await.0, Outcome::Created);
}

async fn keys_of_different_leads_are_a_conflict_in_the_trace(world: World) {
    let source = source(&world, DuplicatePolicy::Link, "any_of:phone,external_id").await;
    let (ann, ben) = (submission(&world, ANN, "x1"), submission(&world, BEN, "x2"));
    commit(&world, &source, &ann).await;
    commit(&world, &source, &ben).await;
    let both = submission(&world, BEN, "x1");
    assert_eq!(commit(&world, &source, &both).await, (Outcome::Linked, Some(ben.id.into())));
    let trace_of_both = trace(&world, &both).await;
    let matched = &trace_of_both["matched"];
    assert_eq!((&matched["by"], &matched["lead"]), (&json!("phone"), &json!(ben.id)));
    let conflict = trace_of_both["identity_conflict"].as_array().unwrap();
    assert_eq!(
        (conflict.len(), &conflict[0]["by"], &conflict[0]["lead"]),
        (1, &json!("external_id"), &json!(ann.id))
    );
    // A key of another lead does not move.
    let again = submission(&world, "", "x1");
    assert_eq!(commit(&world, &source, &again).await, (Outcome::Linked, Some(ann.id.into())));
    assert_eq!(trace(&world, &again).await["identity_conflict"], Value::Null);
}

async fn first_of_uses_only_the_first_supplied_key(world: World) {
    let source = source(&world, DuplicatePolicy::Update, "first_of:external_id,phone").await;
    let ann = submission(&world, ANN, "x1");
    commit(&world, &source, &ann).await;
    let other = submission(&world, ANN, "x2");
    assert_eq!(commit(&world, &source, &other).await, (Outcome::Created, Some(other.id.into())));
    assert_eq!(trace(&world, &other).await["identity_conflict"][0]["by"], "phone");
    assert_eq!(
        commit(&world, &source, &submission(&world, ANN, " ")).await,
        (Outcome::Updated, Some(ann.id.into()))
    );
}

async fn every_policy_has_its_own_outcome(world: World) {
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
        let first = submission(&world, ANN, &format!("x{n}"));
        let again = submission(&world, BEN, &format!("x{n}"));
        commit(&world, &source, &first).await;
        let before = all_leads(&world).await.len();
        let (actual, lead) = commit(&world, &source, &again).await;
        let expected = if policy == DuplicatePolicy::Create { again.id } else { first.id };
        assert_eq!((actual, lead), (outcome, Some(expected.into())), "{policy}");
        assert_eq!(all_leads(&world).await.len() - before + 1, leads, "{policy}");
        let lead = world.store.lead(world.organization.id, first.id.into()).await.unwrap().unwrap();
        assert_eq!(lead.e164(), Some(phone), "{policy}");
        // The third submission matches the first lead. The claim does not move under `create` either.
        let third = submission(&world, ANN, &format!("x{n}"));
        commit(&world, &source, &third).await;
        assert_eq!(trace(&world, &third).await["matched"]["lead"], json!(first.id), "{policy}");
    }
}

async fn an_opt_out_survives_every_update(world: World) {
    let source = source(&world, DuplicatePolicy::Update, "any_of:phone").await;
    let first = world.eligible(ANN, "ann@example.com");
    commit(&world, &source, &first).await;
    let lead = async || world.store.lead(world.organization.id, first.id.into()).await.unwrap().unwrap();
    assert_eq!(lead().await.reasons, []);
    let mut opt_out = submission(&world, ANN, "");
    opt_out.fields.opt_out = true;
    assert_eq!(commit(&world, &source, &opt_out).await.0, Outcome::Updated);
    // Neither later nor earlier submissions nor null values revoke the opt-out.
    let mut null = submission(&world, ANN, "");
    (null.fields.consent, null.fields.email) = (Patch::Null, Patch::Null);
    let mut early = world.eligible(ANN, "ann@example.com");
    early.received_at = first.received_at.minus(HOUR);
    for later in [submission(&world, ANN, ""), early, null, world.eligible(ANN, "ann@example.com")] {
        assert_eq!(commit(&world, &source, &later).await.0, Outcome::Updated);
        assert!(lead().await.opt_out && lead().await.reasons.contains(&Reason::OptedOut));
    }
    assert_eq!(lead().await.reasons, [Reason::OptedOut], "new consent does not revoke the opt-out");
}

async fn a_changed_identity_applies_to_later_submissions(world: World) {
    let source = source(&world, DuplicatePolicy::ReturnExisting, "any_of:external_id").await;
    commit(&world, &source, &submission(&world, ANN, "x1")).await;
    let identity: IdentitySettings = "any_of:phone,external_id".parse().unwrap();
    let mut changed = Source::clone(&source);
    let settings = SourceSettings { identity: Some(identity), ..Default::default() };
    settings.apply(&mut changed).unwrap();
    let changed = Arc::new(world.store.update_source(&changed).await.unwrap().unwrap());
    // Phones were not keys before, so a submission with a phone only is not recognized yet.
    let by_phone = submission(&world, ANN, "");
    assert_eq!(commit(&world, &changed, &by_phone).await, (Outcome::Created, Some(by_phone.id.into())));
    assert_eq!(
        commit(&world, &changed, &submission(&world, ANN, "x9")).await,
        (Outcome::Duplicate, Some(by_phone.id.into()))
    );
}

async fn an_opt_out_applies_under_every_policy(world: World) {
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
        let [first_phone, second_phone] = [1, 2].map(|m| format!("+1415555{:04}", 1_000 + n * 10 + m));
        // Two leads. The opt-out matches one by its phone and the other by its external id, whose window has
        // ended.
        let first = submission(&world, &first_phone, "");
        let second = submission(&world, &second_phone, &format!("crm {n}"));
        commit(&world, &source, &first).await;
        commit(&world, &source, &second).await;
        let mut opt_out = submission(&world, &first_phone, &format!("crm {n}"));
        opt_out.received_at = opt_out.received_at.plus(HOUR * 2);
        opt_out.fields.opt_out = true;
        commit(&world, &source, &opt_out).await;
        for known in [&first, &second] {
            let lead = world.store.lead(world.organization.id, known.id.into()).await.unwrap().unwrap();
            assert!(lead.opt_out && lead.reasons.contains(&Reason::OptedOut), "{policy:?}");
        }
        let record = world.store.submission(world.organization.id, opt_out.id).await.unwrap().unwrap();
        let entries = json!(record.outcome().unwrap().trace)["opt_out"].clone();
        // Under `update` the lead that was updated has no entry in `opt_out`.
        assert_eq!(entries.as_array().unwrap().len(), if policy == DuplicatePolicy::Update { 1 } else { 2 });
    }
    let unaffected = submission(&world, "+14155559999", "");
    commit(&world, &world.source, &unaffected).await;
    commit(&world, &world.source, &submission(&world, "+14155559999", "")).await;
    let lead = world.store.lead(world.organization.id, unaffected.id.into()).await.unwrap().unwrap();
    assert!(!lead.opt_out);
}
