//! Suppression lists and the leads that they hold.

use leadgate_domain::{Eligibility, Reason, SuppressionKind};
use leadgate_store::StoreError;

use crate::races::{all_leads, suppression};
use crate::world::{World, over_both};

over_both!(
    an_entry_takes_stored_leads_out_and_its_removal_lets_them_in,
    an_entry_holds_what_comes_later,
    a_list_comes_in_pages,
    nobody_writes_to_the_list_of_another,
    a_long_list_goes_in_chunks,
);

async fn an_entry_takes_stored_leads_out_and_its_removal_lets_them_in(world: World) {
    let submissions = [
        world.consenting("+14155550132", "Ann.Lee@Example.com"),
        world.consenting("+14155550133", "bob@example.com"),
    ];
    world.commit(&submissions).await;
    assert!(all_leads(&world).await.iter().all(|lead| lead.eligibility == Eligibility::Eligible));

    let email = suppression(&world, SuppressionKind::Email, "ann.lee@example.com").await;
    world.store.suppress(world.organization.id, vec![email.clone()], world.judge()).await.unwrap();
    world.store.suppress(world.organization.id, vec![email.clone()], world.judge()).await.unwrap();
    let ann = world.store.lead(world.organization.id, submissions[0].id.into()).await.unwrap().unwrap();
    assert_eq!((ann.eligibility, &ann.reasons[..]), (Eligibility::Held, &[Reason::SuppressedEmail][..]));
    let bob = world.store.lead(world.organization.id, submissions[1].id.into()).await.unwrap().unwrap();
    assert_eq!(bob.eligibility, Eligibility::Eligible);

    let removed =
        world.store.unsuppress(world.organization.id, vec![email.key], world.judge()).await.unwrap();
    assert_eq!(removed, std::slice::from_ref(&email));
    assert!(all_leads(&world).await.iter().all(|lead| lead.eligibility == Eligibility::Eligible));
    let again = world.store.unsuppress(world.organization.id, vec![email.key], world.judge()).await.unwrap();
    assert_eq!(again, []);
}

async fn an_entry_holds_what_comes_later(world: World) {
    let phone = suppression(&world, SuppressionKind::Phone, "+14155550132").await;
    world.store.suppress(world.organization.id, vec![phone], world.judge()).await.unwrap();
    world.commit(&[world.consenting("+14155550132", "ann@example.com")]).await;
    let leads = all_leads(&world).await;
    assert_eq!(leads[0].reasons, [Reason::SuppressedPhone]);
}

async fn a_list_comes_in_pages(world: World) {
    let mut entries = Vec::new();
    for n in 0..25 {
        entries.push(suppression(&world, SuppressionKind::Email, &format!("p{n}@example.com")).await);
        entries.push(suppression(&world, SuppressionKind::Phone, &format!("+141555500{n:02}")).await);
    }
    world.store.suppress(world.organization.id, entries.clone(), world.judge()).await.unwrap();
    let (mut listed, mut after) = (Vec::new(), None);
    loop {
        let page = world.store.suppressions(world.organization.id, after, 7).await.unwrap();
        assert!(page.data.len() <= 7);
        listed.extend(page.data);
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    listed.sort_by_key(|entry| entry.key);
    entries.sort_by_key(|entry| entry.key);
    assert_eq!(listed, entries);
}

async fn nobody_writes_to_the_list_of_another(world: World) {
    let other = world.store.ensure_organization("other").await.unwrap();
    let entry = suppression(&world, SuppressionKind::Phone, "+14155550132").await;
    world.commit(&[world.consenting("+14155550132", "ann@example.com")]).await;
    let refused = world.store.suppress(other.id, vec![entry.clone()], world.judge()).await;
    assert!(matches!(refused, Err(StoreError::Bug(_))), "{refused:?}");
    let refused = world.store.unsuppress(other.id, vec![entry.key], world.judge()).await;
    assert!(matches!(refused, Err(StoreError::Bug(_))), "{refused:?}");
    assert_eq!(all_leads(&world).await[0].eligibility, Eligibility::Eligible);

    // The other's own entry of the same value is another key, and holds the other's leads only.
    let matching = world.store.match_key().await.unwrap();
    let mut theirs = entry;
    theirs.key =
        leadgate_domain::SuppressionKey::of(&matching, other.id, SuppressionKind::Phone, &theirs.value);
    world.store.suppress(other.id, vec![theirs], world.judge()).await.unwrap();
    assert_eq!(all_leads(&world).await[0].eligibility, Eligibility::Eligible);
    assert_eq!(world.store.suppressions(world.organization.id, None, 10).await.unwrap().data, []);
}

async fn a_long_list_goes_in_chunks(world: World) {
    world.commit(&[world.consenting("+14155552400", "ann@example.com")]).await;
    let mut entries = Vec::new();
    for n in 0..2_500 {
        entries.push(suppression(&world, SuppressionKind::Phone, &format!("+1415555{n:04}")).await);
    }
    world.store.suppress(world.organization.id, entries, world.judge()).await.unwrap();
    assert_eq!(world.store.suppressions(world.organization.id, None, 3_000).await.unwrap().data.len(), 2_500);
    assert_eq!(all_leads(&world).await[0].reasons, [Reason::SuppressedPhone]);
}
