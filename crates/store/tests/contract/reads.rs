//! Reads of leads and submissions, and their limits to one organization.

use leadgate_domain::{LeadId, SubmissionId};
use leadgate_store::{LeadCursor, LeadFilter};
use uuid::Uuid;

use crate::world::{World, over_both};

over_both!(
    leads_are_listed_newest_first_in_pages,
    leads_are_listed_by_offset_with_their_total,
    several_leads_are_read_at_once,
    data_of_another_organization_is_not_visible,
    an_unknown_id_is_not_found,
);

async fn leads_are_listed_newest_first_in_pages(world: World) {
    let submissions: Vec<_> = (0..25).map(|n| world.phone(&format!("+141555501{n:02}"))).collect();
    for batch in submissions.chunks(4) {
        world.commit(batch).await;
    }
    let (mut seen, mut after, mut pages): (Vec<LeadId>, Option<LeadCursor>, u32) = (Vec::new(), None, 0);
    loop {
        let page = world.store.leads(world.organization.id, &LeadFilter::default(), after, 10).await.unwrap();
        seen.extend(page.data.iter().map(|lead| lead.id));
        pages += 1;
        after = page.next.map(|cursor| cursor.to_string().parse().unwrap());
        if after.is_none() {
            break;
        }
    }
    let newest_first: Vec<_> =
        submissions.iter().rev().map(|submission| LeadId::from(submission.id)).collect();
    assert_eq!((seen, pages), (newest_first, 3));
}

async fn leads_are_listed_by_offset_with_their_total(world: World) {
    let submissions: Vec<_> = (0..12).map(|n| world.phone(&format!("+141555501{n:02}"))).collect();
    world.commit(&submissions).await;
    let newest_first: Vec<_> =
        submissions.iter().rev().map(|submission| LeadId::from(submission.id)).collect();
    for (offset, limit, expected) in [
        (0, 5, &newest_first[..5]),
        (10, 5, &newest_first[10..]),
        (12, 5, &[]),
        (u64::MAX, 5, &[]),
        (3, 0, &[]),
    ] {
        let (page, total) = world.store.leads_at(world.organization.id, None, offset, limit).await.unwrap();
        assert_eq!(page.iter().map(|lead| lead.id).collect::<Vec<_>>(), expected);
        assert_eq!(total, 12);
    }
    let other = world.store.ensure_organization("other").await.unwrap().id;
    assert_eq!(world.store.leads_at(other, None, 0, 5).await.unwrap(), (Vec::new(), 0));
}

async fn several_leads_are_read_at_once(world: World) {
    let submissions: Vec<_> = (0..4).map(|n| world.phone(&format!("+141555501{n:02}"))).collect();
    world.commit(&submissions).await;
    let other = world.store.ensure_organization("other").await.unwrap().id;
    let ours = |n: usize| (world.organization.id, LeadId::from(submissions[n].id));
    let wanted = [ours(2), ours(0), ours(2), (other, submissions[1].id.into())];
    let mut found: Vec<_> =
        world.store.leads_of(&wanted).await.unwrap().into_iter().map(|lead| lead.id).collect();
    found.sort();
    assert_eq!(found, [ours(0).1, ours(2).1]);
    assert_eq!(world.store.leads_of(&[]).await.unwrap(), []);
}

async fn data_of_another_organization_is_not_visible(world: World) {
    let submission = world.phone("+14155550132");
    world.commit(std::slice::from_ref(&submission)).await;
    let other = world.store.ensure_organization("other").await.unwrap().id;
    let store = &world.store;
    assert_eq!(store.lead(other, submission.id.into()).await.unwrap(), None);
    assert_eq!(store.find(other, submission.id.as_uuid()).await.unwrap(), None);
    assert_eq!(store.submission(other, submission.id).await.unwrap(), None);
    assert_eq!(store.leads(other, &LeadFilter::default(), None, 10).await.unwrap().data, []);
    assert_eq!(store.submissions(other, None, 10).await.unwrap().data, []);
    assert_eq!(store.sources(other).await.unwrap(), []);
    assert!(store.find(world.organization.id, submission.id.as_uuid()).await.unwrap().is_some());
}

async fn an_unknown_id_is_not_found(world: World) {
    let id = Uuid::now_v7();
    assert_eq!(world.store.find(world.organization.id, id).await.unwrap(), None);
    assert_eq!(world.store.lead(world.organization.id, LeadId::from_uuid(id)).await.unwrap(), None);
    assert_eq!(
        world.store.submission(world.organization.id, SubmissionId::from_uuid(id)).await.unwrap(),
        None
    );
}
