//! Evidence of consent: written once, never changed, and kept without the person after an erasure.

use std::sync::Arc;

use leadgate_domain::{
    ActiveScoring, Consent, ConsentEvidence, Outcome, Patch, QuarantineRelease, Submission, SubmissionId,
    TextField, Timestamp,
};
use leadgate_store::ConsentFilter;
use tokio::task::JoinSet;

use crate::releases::{released, unmappable};
use crate::world::{World, over_both, postgres};

over_both!(
    every_submission_with_consent_has_evidence,
    evidence_contains_the_consent_and_the_person,
    a_quarantined_submission_gets_evidence_when_it_is_released,
    a_redelivery_adds_no_evidence,
    evidence_cannot_be_changed,
    forgetting_a_person_keeps_the_evidence,
    evidence_is_listed_by_time_lead_and_submission,
);

const EVERYTHING: ConsentFilter = ConsentFilter::Received { from: None, to: None };

async fn evidence(world: &World, of: ConsentFilter) -> Vec<ConsentEvidence> {
    let (mut all, mut after) = (Vec::new(), None);
    loop {
        let page = world.store.consents(world.organization.id, of, after, 2).await.unwrap();
        assert!(page.data.len() <= 2);
        all.extend(page.data);
        after = page.next;
        if after.is_none() {
            return all;
        }
    }
}

fn ids(evidence: &[ConsentEvidence]) -> Vec<SubmissionId> {
    evidence.iter().map(|evidence| evidence.submission).collect()
}

async fn every_submission_with_consent_has_evidence(world: World) {
    let first = world.eligible("+14155550132", "ann@example.com");
    let duplicate = world.eligible("+14155550132", "ann@example.com");
    let update = Submission { source: world.updating_source().await.id, ..duplicate.clone() };
    let update = Submission { id: world.phone("").id, ..update };
    let without_consent = world.phone("+14155550133");
    let mut null = world.phone("+14155550134");
    null.fields.consent = Patch::Null;
    let mut incomplete = world.phone("+14155550135");
    incomplete.fields.consent = Patch::Value(Consent::default());
    world.commit(&[first.clone(), duplicate.clone(), without_consent, null, incomplete.clone()]).await;
    let source = Arc::new(world.store.source(world.organization.id, update.source).await.unwrap().unwrap());
    let updated = world.pipeline.normalize(update.clone(), Some(source), ActiveScoring::standard());
    let updated = world.store.commit(vec![updated], world.judge()).await.unwrap();
    assert_eq!(updated.settled[0].outcome, Outcome::Updated);

    let mut found = ids(&evidence(&world, EVERYTHING).await);
    found.sort();
    let mut expected = vec![first.id, duplicate.id, update.id, incomplete.id];
    expected.sort();
    assert_eq!(found, expected);
    let lead = evidence(&world, ConsentFilter::Lead(first.id.into())).await;
    assert_eq!(lead.len(), 3);
    assert!(lead.iter().all(|evidence| evidence.lead == Some(first.id.into())));
}

async fn evidence_contains_the_consent_and_the_person(world: World) {
    let mut submission = world.eligible("+14155550132", "Ann.Lee@example.com");
    submission.client.user_agent = Some("curl/8 'quoted' \\ \u{1F600}".into());
    submission.fields.texts.insert(TextField::FullName, Some("O'Brien \"李\" 👩‍👩‍👧".into()));
    submission.fields.consent.modify_or_default(|consent| {
        consent.source_url = Some("https://acme.example/quote?email=ann@acme.example".into());
        consent.more = serde_json::from_str(
            r#"{"xxTrustedFormCertUrl":"https://cert.trustedform.com/1a2b?shared_token=x",
                "leadid_token":"79D2D183-1012-02CF-6EF5-BF3AACE09570",
                "n":[18446744073709551615,1.5e18,-0.0,1e15,null],"":"\\u0001\\\\\""}"#,
        )
        .unwrap();
    });
    let before = Timestamp::now();
    world.commit(std::slice::from_ref(&submission)).await;
    let all = evidence(&world, ConsentFilter::Submission(submission.id)).await;
    let [evidence] = all.as_slice() else { panic!("{} rows", all.len()) };
    assert_eq!((evidence.organization, evidence.source), (world.organization.id, world.source.id));
    assert_eq!((evidence.received_at, evidence.lead), (submission.received_at, Some(submission.id.into())));
    assert!((before..=Timestamp::now()).contains(&evidence.recorded_at));
    assert_eq!(evidence.consent_timestamp.as_deref(), Some("2026-01-01T00:00:00Z"));
    assert_eq!(evidence.consented_at, Timestamp::parse("2026-01-01T00:00:00Z"));
    assert_eq!(evidence.text_version.as_deref(), Some("v1"));
    assert_eq!(evidence.page_url.as_deref(), Some("https://acme.example/quote"));
    assert_eq!(evidence.trustedform_certificate.as_deref(), Some("https://cert.trustedform.com/1a2b"));
    assert_eq!(evidence.jornaya_leadid.as_deref(), Some("79D2D183-1012-02CF-6EF5-BF3AACE09570"));
    assert_eq!(
        evidence.person_matches_digest(),
        Some(true),
        "the document is stored to the byte, with its numbers"
    );
    let person: serde_json::Value = serde_json::from_str(evidence.person.as_ref().unwrap().as_str()).unwrap();
    assert_eq!(person["phone"], "+14155550132");
    assert_eq!(person["client_address"], "192.0.2.1");
    assert_eq!(person["user_agent"], "curl/8 'quoted' \\ \u{1F600}");
    assert_eq!(person["consent"], serde_json::to_value(submission.fields.consent).unwrap());
}

async fn a_quarantined_submission_gets_evidence_when_it_is_released(world: World) {
    let submission = world.eligible("+14155550132", "ann@example.com");
    let quarantined = Submission { mapping_fault: unmappable(&world, "").mapping_fault, ..submission };
    world.commit(std::slice::from_ref(&quarantined)).await;
    assert_eq!(evidence(&world, EVERYTHING).await, []);
    let release = |nth| released(&quarantined, quarantined.id.as_uuid(), nth);
    world.commit(&[release(1), release(2)]).await;
    let first = evidence(&world, EVERYTHING).await;
    assert_eq!((ids(&first), first[0].lead), (vec![quarantined.id], Some(quarantined.id.into())));
    for again in [release(1), release(3), quarantined.clone()] {
        world.commit(&[again]).await;
    }
    assert_eq!(evidence(&world, EVERYTHING).await, first);
}

async fn a_redelivery_adds_no_evidence(world: World) {
    let batch: Vec<_> =
        (0..10).map(|n| world.eligible(&format!("+1415555013{n}"), "ann@example.com")).collect();
    let world = Arc::new(world);
    let mut tasks = JoinSet::new();
    for task in 0..8 {
        let (world, mut batch) = (Arc::clone(&world), batch.clone());
        batch.rotate_left(task);
        tasks.spawn(async move { world.commit(&batch).await.settled.len() });
    }
    assert_eq!(tasks.join_all().await.into_iter().sum::<usize>(), 10);
    let once = evidence(&world, EVERYTHING).await;
    assert_eq!(ids(&once), batch.iter().map(|submission| submission.id).collect::<Vec<_>>());
    assert!(once.iter().all(|evidence| evidence.person_matches_digest() == Some(true)));
    world.commit(&batch).await;
    assert_eq!(evidence(&world, EVERYTHING).await, once);
}

/// Whether the database refuses a direct change.
async fn is_refused(world: &World, sql: &str) -> bool {
    use diesel::connection::{Connection, SimpleConnection};
    match world.config.url.strip_prefix("sqlite:") {
        Some(file) => {
            let mut connection = diesel::SqliteConnection::establish(file).unwrap();
            let refused = connection.batch_execute(&format!("PRAGMA busy_timeout = 5000; {sql}"));
            refused.is_err_and(|error| error.to_string().contains("evidence of consent"))
        }
        None => postgres().await.sql(&world.config.url, sql).await.is_err(),
    }
}

async fn evidence_cannot_be_changed(world: World) {
    let submission = world.eligible("+14155550132", "ann@example.com");
    world.commit(std::slice::from_ref(&submission)).await;
    let before = evidence(&world, EVERYTHING).await;
    for sql in [
        "UPDATE consents SET text_version = 'v2'",
        "UPDATE consents SET lead = NULL WHERE text_version = 'v1'",
        "DELETE FROM consents",
    ] {
        assert!(is_refused(&world, sql).await, "{sql}");
    }
    let existing = "SELECT * FROM consents WHERE text_version = 'v1'";
    if world.is_sqlite() {
        world.sql(&format!("INSERT OR REPLACE INTO consents {existing}")).await;
        world
            .sql(&format!(
                "REPLACE INTO consents {}",
                existing.replace(
                    '*',
                    "organization, submission, lead, source,
            received_at, recorded_at, NULL, NULL, 'v2', NULL, NULL, NULL, digest, revision"
                )
            ))
            .await;
    } else {
        assert!(is_refused(&world, "TRUNCATE consents").await);
        let replaced = format!(
            "INSERT INTO consents {existing} ON CONFLICT (organization, submission) \
                                DO UPDATE SET text_version = 'v2'"
        );
        assert!(is_refused(&world, &replaced).await);
    }
    assert_eq!(evidence(&world, EVERYTHING).await, before);
}

async fn forgetting_a_person_keeps_the_evidence(world: World) {
    let submissions = [("+14155550132", "ann@example.com"), ("+14155550133", "lee@example.com")]
        .map(|(phone, email)| world.eligible(phone, email));
    world.commit(&submissions).await;
    let before = evidence(&world, EVERYTHING).await;
    let other = world.store.ensure_organization("other").await.unwrap().id;
    assert_eq!(
        world.store.forget_people(other, &[submissions[0].id]).await.unwrap(),
        0,
        "another organization cannot forget a person"
    );
    assert_eq!(evidence(&world, EVERYTHING).await, before);

    let ids = [submissions[0].id, submissions[0].id, world.phone("").id];
    assert_eq!(world.store.forget_people(world.organization.id, &ids).await.unwrap(), 1);
    assert_eq!(world.store.forget_people(world.organization.id, &ids).await.unwrap(), 0);
    assert_eq!(world.store.forget_people(world.organization.id, &[]).await.unwrap(), 0);
    // Neither a redelivery nor a release brings the person back.
    let release = Some(QuarantineRelease {
        entry: submissions[0].id.as_uuid(),
        released_at: submissions[0].received_at,
    });
    world.commit(&[submissions[0].clone(), Submission { release, ..submissions[0].clone() }]).await;
    let after = evidence(&world, EVERYTHING).await;
    assert_eq!(after[1], before[1]);
    let mut proof = after[0].clone();
    assert_eq!((&proof.person, proof.person_matches_digest()), (&None, None));
    proof.person = before[0].person.clone();
    assert_eq!(
        (proof.person_matches_digest(), &proof),
        (Some(true), &before[0]),
        "with the person's document the evidence can be verified"
    );
    proof.person = before[1].person.clone();
    assert_eq!(proof.person_matches_digest(), Some(false));
}

async fn evidence_is_listed_by_time_lead_and_submission(world: World) {
    let submissions: Vec<_> = (0..7)
        .map(|n| world.eligible(&format!("+1415555013{}", n % 2), &format!("p{}@example.com", n % 2)))
        .collect();
    for batch in submissions.rchunks(3) {
        world.commit(batch).await;
    }
    let all: Vec<_> = submissions.iter().map(|submission| submission.id).collect();
    assert_eq!(ids(&evidence(&world, EVERYTHING).await), all);
    let at = |n: usize| Some(submissions[n].received_at);
    for (from, to, expected) in [
        (at(2), at(5), &all[2..5]),
        (at(5), None, &all[5..]),
        (None, at(2), &all[..2]),
        (at(5), at(2), &[]),
        (None, Some(Timestamp::from_microseconds(i64::MIN)), &[]),
        (
            Some(Timestamp::from_microseconds(i64::MIN)),
            Some(Timestamp::from_microseconds(i64::MAX)),
            &all[..],
        ),
    ] {
        assert_eq!(ids(&evidence(&world, ConsentFilter::Received { from, to }).await), expected);
    }
    // The last chunk is committed first, so submission 4 created the lead of its phone.
    let lead = evidence(&world, ConsentFilter::Lead(submissions[4].id.into())).await;
    assert_eq!(ids(&lead), [submissions[0].id, submissions[2].id, submissions[4].id, submissions[6].id]);
    assert_eq!(
        ids(&evidence(&world, ConsentFilter::Submission(submissions[3].id)).await),
        [submissions[3].id]
    );
    assert_eq!(evidence(&world, ConsentFilter::Submission(world.phone("").id)).await, []);
    let other = world.store.ensure_organization("other").await.unwrap().id;
    for of in [
        EVERYTHING,
        ConsentFilter::Lead(submissions[4].id.into()),
        ConsentFilter::Submission(submissions[3].id),
    ] {
        assert_eq!(world.store.consents(other, of, None, 10).await.unwrap().data, [], "{of:?}");
    }
}
