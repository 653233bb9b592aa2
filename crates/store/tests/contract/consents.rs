//! Evidence of consent: written once, never changed, and without the person when that is to be forgotten.

use std::sync::Arc;

use leadgate_domain::{
    ActiveScoring, Consent, ConsentEvidence, Outcome, Patch, QuarantineRelease, Submission, SubmissionId,
    TextField, Timestamp,
};
use leadgate_store::ConsentFilter;
use tokio::task::JoinSet;

use crate::releases::{faulty, released};
use crate::world::{World, over_both, postgres};

over_both!(
    whoever_says_a_consent_leaves_evidence_of_it,
    evidence_holds_what_was_said_and_its_person,
    what_is_kept_aside_leaves_evidence_when_it_is_released,
    a_redelivery_leaves_no_second_evidence,
    nobody_changes_evidence,
    who_is_forgotten_leaves_the_proof,
    evidence_is_listed_by_time_by_lead_and_by_submission,
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
    evidence.iter().map(|one| one.submission).collect()
}

async fn whoever_says_a_consent_leaves_evidence_of_it(world: World) {
    let made = world.consenting("+14155550132", "ann@example.com");
    let meets = world.consenting("+14155550132", "ann@example.com");
    let updates = Submission { source: world.updating_source().await.id, ..meets.clone() };
    let updates = Submission { id: world.phone("").id, ..updates };
    let silent = world.phone("+14155550133");
    let mut takes_back = world.phone("+14155550134");
    takes_back.fields.consent = Patch::Null;
    let mut says_little = world.phone("+14155550135");
    says_little.fields.consent = Patch::Value(Consent::default());
    world.commit(&[made.clone(), meets.clone(), silent, takes_back, says_little.clone()]).await;
    let source = Arc::new(world.store.source(world.organization.id, updates.source).await.unwrap().unwrap());
    let updated = world.pipeline.normalize(updates.clone(), Some(source), ActiveScoring::standard());
    let updated = world.store.commit(vec![updated], world.judge()).await.unwrap();
    assert_eq!(updated.settled[0].outcome, Outcome::Updated);

    let mut found = ids(&evidence(&world, EVERYTHING).await);
    found.sort();
    let mut said = vec![made.id, meets.id, updates.id, says_little.id];
    said.sort();
    assert_eq!(found, said);
    let lead = evidence(&world, ConsentFilter::Lead(made.id.into())).await;
    assert_eq!(lead.len(), 3);
    assert!(lead.iter().all(|one| one.lead == Some(made.id.into())));
}

async fn evidence_holds_what_was_said_and_its_person(world: World) {
    let mut said = world.consenting("+14155550132", "Ann.Lee@example.com");
    said.client.user_agent = Some("curl/8 'quoted' \\ \u{1F600}".into());
    said.fields.texts.insert(TextField::FullName, Some("O'Brien \"李\" 👩‍👩‍👧".into()));
    said.fields.consent.get_or_insert_with(|consent| {
        consent.source_url = Some("https://acme.example/quote?email=ann@acme.example".into());
        consent.more = serde_json::from_str(
            r#"{"xxTrustedFormCertUrl":"https://cert.trustedform.com/1a2b?shared_token=x",
                "leadid_token":"79D2D183-1012-02CF-6EF5-BF3AACE09570",
                "n":[18446744073709551615,1.5e18,-0.0,1e15,null],"":"\\u0001\\\\\""}"#,
        )
        .unwrap();
    });
    let before = Timestamp::now();
    world.commit(std::slice::from_ref(&said)).await;
    let all = evidence(&world, ConsentFilter::Submission(said.id)).await;
    let [one] = all.as_slice() else { panic!("{} rows", all.len()) };
    assert_eq!((one.organization, one.source), (world.organization.id, world.source.id));
    assert_eq!((one.received_at, one.lead), (said.received_at, Some(said.id.into())));
    assert!((before..=Timestamp::now()).contains(&one.recorded_at));
    assert_eq!(one.consent_timestamp.as_deref(), Some("2026-01-01T00:00:00Z"));
    assert_eq!(one.consented_at, Timestamp::parse("2026-01-01T00:00:00Z"));
    assert_eq!(one.text_version.as_deref(), Some("v1"));
    assert_eq!(one.page_url.as_deref(), Some("https://acme.example/quote"));
    assert_eq!(one.trustedform_certificate.as_deref(), Some("https://cert.trustedform.com/1a2b"));
    assert_eq!(one.jornaya_leadid.as_deref(), Some("79D2D183-1012-02CF-6EF5-BF3AACE09570"));
    assert_eq!(
        one.person_matches_digest(),
        Some(true),
        "to the byte, through whatever the database does to numbers"
    );
    let person: serde_json::Value = serde_json::from_str(one.person.as_ref().unwrap().as_str()).unwrap();
    assert_eq!(person["phone"], "+14155550132");
    assert_eq!(person["client_address"], "192.0.2.1");
    assert_eq!(person["user_agent"], "curl/8 'quoted' \\ \u{1F600}");
    assert_eq!(person["consent"], serde_json::to_value(said.fields.consent).unwrap());
}

async fn what_is_kept_aside_leaves_evidence_when_it_is_released(world: World) {
    let consenting = world.consenting("+14155550132", "ann@example.com");
    let aside = Submission { mapping_fault: faulty(&world, "").mapping_fault, ..consenting };
    world.commit(std::slice::from_ref(&aside)).await;
    assert_eq!(evidence(&world, EVERYTHING).await, []);
    let release = |nth| released(&aside, aside.id.as_uuid(), nth);
    world.commit(&[release(1), release(2)]).await;
    let first = evidence(&world, EVERYTHING).await;
    assert_eq!((ids(&first), first[0].lead), (vec![aside.id], Some(aside.id.into())));
    for again in [release(1), release(3), aside.clone()] {
        world.commit(&[again]).await;
    }
    assert_eq!(evidence(&world, EVERYTHING).await, first);
}

async fn a_redelivery_leaves_no_second_evidence(world: World) {
    let batch: Vec<_> =
        (0..10).map(|n| world.consenting(&format!("+1415555013{n}"), "ann@example.com")).collect();
    let world = Arc::new(world);
    let mut tasks = JoinSet::new();
    for task in 0..8 {
        let (world, mut batch) = (Arc::clone(&world), batch.clone());
        batch.rotate_left(task);
        tasks.spawn(async move { world.commit(&batch).await.settled.len() });
    }
    assert_eq!(tasks.join_all().await.into_iter().sum::<usize>(), 10);
    let once = evidence(&world, EVERYTHING).await;
    assert_eq!(ids(&once), batch.iter().map(|one| one.id).collect::<Vec<_>>());
    assert!(once.iter().all(|one| one.person_matches_digest() == Some(true)));
    world.commit(&batch).await;
    assert_eq!(evidence(&world, EVERYTHING).await, once);
}

/// Whether somebody else's hand in the database was stopped.
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

async fn nobody_changes_evidence(world: World) {
    let said = world.consenting("+14155550132", "ann@example.com");
    world.commit(std::slice::from_ref(&said)).await;
    let before = evidence(&world, EVERYTHING).await;
    for sql in [
        "UPDATE consents SET text_version = 'v2'",
        "UPDATE consents SET lead = NULL WHERE text_version = 'v1'",
        "DELETE FROM consents",
    ] {
        assert!(is_refused(&world, sql).await, "{sql}");
    }
    let same = "SELECT * FROM consents WHERE text_version = 'v1'";
    if world.config.url.starts_with("sqlite:") {
        world.sql(&format!("INSERT OR REPLACE INTO consents {same}")).await;
        world
            .sql(&format!(
                "REPLACE INTO consents {}",
                same.replace(
                    '*',
                    "organization, submission, lead, source,
            received_at, recorded_at, NULL, NULL, 'v2', NULL, NULL, NULL, digest, revision"
                )
            ))
            .await;
    } else {
        assert!(is_refused(&world, "TRUNCATE consents").await);
        let replaced = format!(
            "INSERT INTO consents {same} ON CONFLICT (organization, submission) \
                                DO UPDATE SET text_version = 'v2'"
        );
        assert!(is_refused(&world, &replaced).await);
    }
    assert_eq!(evidence(&world, EVERYTHING).await, before);
}

async fn who_is_forgotten_leaves_the_proof(world: World) {
    let said = [("+14155550132", "ann@example.com"), ("+14155550133", "lee@example.com")]
        .map(|(phone, email)| world.consenting(phone, email));
    world.commit(&said).await;
    let before = evidence(&world, EVERYTHING).await;
    let other = world.store.ensure_organization("other").await.unwrap().id;
    assert_eq!(
        world.store.forget_people(other, &[said[0].id]).await.unwrap(),
        0,
        "nobody forgets for others"
    );
    assert_eq!(evidence(&world, EVERYTHING).await, before);

    let ids = [said[0].id, said[0].id, world.phone("").id];
    assert_eq!(world.store.forget_people(world.organization.id, &ids).await.unwrap(), 1);
    assert_eq!(world.store.forget_people(world.organization.id, &ids).await.unwrap(), 0);
    assert_eq!(world.store.forget_people(world.organization.id, &[]).await.unwrap(), 0);
    // Neither a redelivery nor a release brings the person back.
    let release = Some(QuarantineRelease { entry: said[0].id.as_uuid(), released_at: said[0].received_at });
    world.commit(&[said[0].clone(), Submission { release, ..said[0].clone() }]).await;
    let after = evidence(&world, EVERYTHING).await;
    assert_eq!(after[1], before[1]);
    let mut proof = after[0].clone();
    assert_eq!((&proof.person, proof.person_matches_digest()), (&None, None));
    proof.person = before[0].person.clone();
    assert_eq!(
        (proof.person_matches_digest(), &proof),
        (Some(true), &before[0]),
        "whoever has the person again can prove it"
    );
    proof.person = before[1].person.clone();
    assert_eq!(proof.person_matches_digest(), Some(false));
}

async fn evidence_is_listed_by_time_by_lead_and_by_submission(world: World) {
    let said: Vec<_> = (0..7)
        .map(|n| world.consenting(&format!("+1415555013{}", n % 2), &format!("p{}@example.com", n % 2)))
        .collect();
    for batch in said.rchunks(3) {
        world.commit(batch).await;
    }
    let all: Vec<_> = said.iter().map(|one| one.id).collect();
    assert_eq!(ids(&evidence(&world, EVERYTHING).await), all);
    let at = |n: usize| Some(said[n].received_at);
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
    // They came in the order of the commits: the latest of a phone made its lead.
    let lead = evidence(&world, ConsentFilter::Lead(said[4].id.into())).await;
    assert_eq!(ids(&lead), [said[0].id, said[2].id, said[4].id, said[6].id]);
    assert_eq!(ids(&evidence(&world, ConsentFilter::Submission(said[3].id)).await), [said[3].id]);
    assert_eq!(evidence(&world, ConsentFilter::Submission(world.phone("").id)).await, []);
    let other = world.store.ensure_organization("other").await.unwrap().id;
    for of in [EVERYTHING, ConsentFilter::Lead(said[4].id.into()), ConsentFilter::Submission(said[3].id)] {
        assert_eq!(world.store.consents(other, of, None, 10).await.unwrap().data, [], "{of:?}");
    }
}
