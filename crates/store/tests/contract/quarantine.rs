//! The quarantine as operators see it.

use leadgate_domain::reply::ReplyAddress;
use leadgate_domain::{
    Dialect, OrganizationId, Patch, QuarantineReason, RawBody, Source, Submission, Timestamp,
};
use leadgate_store::{QuarantineEntry, QuarantineState};
use uuid::Uuid;

use crate::commit::with_body;
use crate::releases::{released, unmappable};
use crate::world::{World, over_both};

over_both!(
    entries_are_listed_newest_first_by_state,
    an_entry_has_its_complete_submission,
    a_discarded_entry_stays_discarded,
    the_quarantine_of_another_organization_is_not_visible,
    the_newest_submissions_of_a_source_are_listed,
);

async fn all(world: &World, state: Option<QuarantineState>) -> Vec<QuarantineEntry> {
    let (mut all, mut after) = (Vec::new(), None);
    loop {
        let page = world.store.quarantine_entries(world.organization.id, state, after, 4).await.unwrap();
        assert!(page.data.len() <= 4);
        all.extend(page.data);
        after = page.next;
        if after.is_none() {
            return all;
        }
    }
}

async fn entries_are_listed_newest_first_by_state(world: World) {
    let submissions: Vec<_> = (0..10).map(|n| unmappable(&world, &format!("+1415555013{n}"))).collect();
    world.commit(&submissions).await;
    let release: Vec<_> =
        submissions[..3].iter().map(|submission| released(submission, submission.id.as_uuid(), 1)).collect();
    world.commit(&release).await;
    world.store.discard(world.organization.id, submissions[9].id.as_uuid(), "ann", None).await.unwrap();

    let newest_first: Vec<_> = submissions.iter().rev().map(|submission| submission.id).collect();
    let ids =
        |entries: Vec<QuarantineEntry>| entries.iter().map(|entry| entry.submission).collect::<Vec<_>>();
    assert_eq!(ids(all(&world, None).await), newest_first);
    assert_eq!(ids(all(&world, Some(QuarantineState::Open)).await), newest_first[1..7]);
    assert_eq!(ids(all(&world, Some(QuarantineState::Released)).await), newest_first[7..]);
    assert_eq!(ids(all(&world, Some(QuarantineState::Discarded)).await), newest_first[..1]);
    let entry = &all(&world, Some(QuarantineState::Open)).await[0];
    assert_eq!((entry.source, entry.dialect), (world.source.id, Dialect::Native));
    assert_eq!((entry.reason, entry.id), (QuarantineReason::MappingFailed, entry.submission.as_uuid()));
    assert!(Timestamp::now().since(entry.quarantined_at).as_secs() < 60);
}

async fn an_entry_has_its_complete_submission(world: World) {
    let named = Some("crm".to_owned());
    let other = Source::new(
        world.organization.id,
        &leadgate_dialect::protocol(Dialect::AskAd).source_defaults,
        named,
        Timestamp::now(),
    );
    world.store.create_source(&other).await.unwrap();
    let mut columns = unmappable(&world, "+14155550132");
    columns.query = Some("a=1&b='\"$1".into());
    columns.media = leadgate_domain::BodyFormat::Multipart("--x".into());
    let mut wrapped = unmappable(&world, "+14155550133");
    wrapped.fields.email = Patch::Value("a\0b".into());
    wrapped.raw = RawBody::Text("\0".into());
    // With the id of the first submission, from another source.
    let mut document = with_body(&columns, b"another");
    (document.source, document.dialect) = (other.id, other.dialect);

    let with_reply_to = |submission: &Submission| Submission {
        reply_to: Some(ReplyAddress::new("gateway-1")),
        ..submission.clone()
    };
    world.commit(&[with_reply_to(&columns), with_reply_to(&document)]).await;
    world.store.quarantine_alone(with_reply_to(&wrapped), QuarantineReason::RowRefused).await.unwrap();
    let entries = all(&world, None).await;
    assert_eq!(entries.len(), 3);
    for entry in entries {
        let found = world.store.quarantine_entry(world.organization.id, entry.id).await.unwrap();
        let expected = match entry.reason {
            QuarantineReason::MappingFailed => &columns,
            QuarantineReason::RowRefused => &wrapped,
            _ => &document,
        };
        assert_eq!((entry.source, entry.dialect), (expected.source, expected.dialect));
        assert_eq!(found, Some((entry, expected.clone())));
    }
}

async fn a_discarded_entry_stays_discarded(world: World) {
    let submission = unmappable(&world, "+14155550132");
    world.commit(std::slice::from_ref(&submission)).await;
    let (store, organization, id) = (&world.store, world.organization.id, submission.id.as_uuid());
    let discarded = store.discard(organization, id, "ann", Some("spam, \"again\"")).await.unwrap().unwrap();
    assert_eq!(discarded.state, QuarantineState::Discarded);
    assert_eq!(discarded.settled_by.as_deref(), Some("ann"));
    assert_eq!(discarded.note.as_deref(), Some("spam, \"again\""));
    assert!(discarded.settled_at.is_some());
    let again = store.discard(organization, id, "bob", None).await.unwrap();
    assert_eq!(again.as_ref(), Some(&discarded), "the first call stays");
    assert_eq!(store.quarantine_entry(organization, id).await.unwrap(), Some((discarded, submission)));

    let second = unmappable(&world, "+14155550133");
    world.commit(std::slice::from_ref(&second)).await;
    world.commit(&[released(&second, second.id.as_uuid(), 1)]).await;
    let kept = store.discard(organization, second.id.as_uuid(), "ann", Some("no")).await.unwrap().unwrap();
    assert_eq!((kept.state, kept.settled_by, kept.note), (QuarantineState::Released, None, None));
    assert_eq!(store.discard(organization, Uuid::now_v7(), "ann", None).await.unwrap(), None);
}

async fn the_quarantine_of_another_organization_is_not_visible(world: World) {
    let submission = unmappable(&world, "+14155550132");
    world.commit(std::slice::from_ref(&submission)).await;
    let id = submission.id.as_uuid();
    for other in [world.store.ensure_organization("other").await.unwrap().id, OrganizationId::generate()] {
        for state in [None, Some(QuarantineState::Open)] {
            assert_eq!(world.store.quarantine_entries(other, state, None, 10).await.unwrap().data, []);
        }
        assert_eq!(world.store.quarantine_entry(other, id).await.unwrap(), None);
        assert_eq!(world.store.discard(other, id, "eve", None).await.unwrap(), None);
        assert_eq!(world.store.recent_submissions(other, world.source.id, 10).await.unwrap(), []);
    }
    assert_eq!(all(&world, Some(QuarantineState::Open)).await.len(), 1);
}

async fn the_newest_submissions_of_a_source_are_listed(world: World) {
    let crm = world.updating_source().await;
    let mut submissions: Vec<_> = (0..8).map(|n| world.phone(&format!("+1415555013{n}"))).collect();
    for submission in submissions.iter_mut().step_by(2) {
        submission.source = crm.id;
    }
    submissions[6].media = leadgate_domain::BodyFormat::Form;
    submissions[6].mapping_version = Some(3);
    submissions[4] = Submission { source: crm.id, ..unmappable(&world, "+14155550139") };
    submissions.swap(4, 7);
    world.commit(&submissions).await;
    let mut expected: Vec<_> =
        submissions.into_iter().filter(|submission| submission.source == crm.id).collect();
    expected.sort_by_key(|submission| std::cmp::Reverse(submission.id));
    let recent =
        async |limit| world.store.recent_submissions(world.organization.id, crm.id, limit).await.unwrap();
    assert_eq!(recent(10).await, expected);
    assert_eq!(recent(2).await, expected[..2]);
}
