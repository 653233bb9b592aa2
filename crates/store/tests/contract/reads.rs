//! Reading, and who may read what.

use leadgate_domain::{LeadId, SubmissionId};
use leadgate_store::Cursor;
use uuid::Uuid;

use crate::world::{World, over_both};

over_both!(leads_come_newest_first_in_pages, nobody_reads_what_belongs_to_another, an_unknown_id_is_nothing);

async fn leads_come_newest_first_in_pages(world: World) {
    let submissions: Vec<_> = (0..25).map(|n| world.phone(&format!("+141555501{n:02}"))).collect();
    for batch in submissions.chunks(4) {
        world.commit(batch).await;
    }
    let (mut seen, mut after, mut pages): (Vec<LeadId>, Option<Cursor>, u32) = (Vec::new(), None, 0);
    loop {
        let page = world.store.leads(world.organization.id, after, 10).await.unwrap();
        seen.extend(page.data.iter().map(|lead| lead.id));
        pages += 1;
        after = page.next.map(|cursor| cursor.to_string().parse().unwrap());
        if after.is_none() {
            break;
        }
    }
    let newest_first: Vec<_> = submissions.iter().rev().map(|one| LeadId::from(one.id)).collect();
    assert_eq!((seen, pages), (newest_first, 3));
}

async fn nobody_reads_what_belongs_to_another(world: World) {
    let submission = world.phone("+14155550132");
    world.commit(std::slice::from_ref(&submission)).await;
    let other = world.store.ensure_organization("other").await.unwrap().id;
    let store = &world.store;
    assert_eq!(store.lead(other, submission.id.into()).await.unwrap(), None);
    assert_eq!(store.find(other, submission.id.as_uuid()).await.unwrap(), None);
    assert_eq!(store.submission(other, submission.id).await.unwrap(), None);
    assert_eq!(store.leads(other, None, 10).await.unwrap().data, []);
    assert_eq!(store.submissions(other, None, 10).await.unwrap().data, []);
    assert_eq!(store.sources(other).await.unwrap(), []);
    assert!(store.find(world.organization.id, submission.id.as_uuid()).await.unwrap().is_some());
}

async fn an_unknown_id_is_nothing(world: World) {
    let id = Uuid::now_v7();
    assert_eq!(world.store.find(world.organization.id, id).await.unwrap(), None);
    assert_eq!(world.store.lead(world.organization.id, LeadId::from_uuid(id)).await.unwrap(), None);
    assert_eq!(
        world.store.submission(world.organization.id, SubmissionId::from_uuid(id)).await.unwrap(),
        None
    );
}
