//! A filter selects the leads that it selects from the list of all.

use std::collections::BTreeSet;
use std::sync::Arc;

use leadgate_domain::{
    Dialect, DuplicatePolicy, Eligibility, Email, Fields, Lead, LeadId, LeadStatus, Patch, Phone, Source,
    SourceId, Submission, SubmissionId, TextField, Timestamp,
};
use leadgate_store::{LeadCursor, LeadFilter};

use crate::world::{World, over_both};

/// More than one page looks at.
const LEADS: usize = 10_100;

const BATCH: usize = 400;

const AWKWARD_TAG: &str = r#"b","a"#;
const TAG_THAT_ENDS_WITH_A_COMMA: &str = "c,";

over_both!(filters_select_the_leads_that_match);

async fn filters_select_the_leads_that_match(world: World) {
    let sources = three_sources(&world).await;
    store_varied_leads(&world, &sources, LEADS).await;
    let all = select(&world, &LeadFilter::default()).await;
    assert_eq!(all.len(), LEADS);
    for lead in all.iter().step_by(101) {
        let contacted = "contacted".parse().unwrap();
        world.store.set_lead_status(world.organization.id, lead.id, contacted).await.unwrap();
    }
    let all = select(&world, &LeadFilter::default()).await;
    for filter in filters(&all, sources[1].id) {
        let selected = select(&world, &filter).await;
        let expected: Vec<&Lead> = all.iter().filter(|lead| matches(&filter, lead)).collect();
        let ids = |leads: &[&Lead]| leads.iter().map(|lead| lead.id).collect::<Vec<LeadId>>();
        assert_eq!(ids(&selected.iter().collect::<Vec<_>>()), ids(&expected), "{filter:?}");
        assert!(!expected.is_empty() && expected.len() < all.len(), "{} leads by {filter:?}", expected.len());
    }
    assert_pages_look_at_a_bounded_number_of_leads(&world, &all).await;
}

/// `all` are more leads than a page looks at.
async fn assert_pages_look_at_a_bounded_number_of_leads(world: &World, all: &[Lead]) {
    let (organization, oldest) = (world.organization.id, &all[LEADS - 1]);
    let closed: LeadStatus = "closed".parse().unwrap();
    world.store.set_lead_status(organization, oldest.id, closed.clone()).await.unwrap();
    let is_closed = LeadFilter { status: Some(closed), ..LeadFilter::default() };
    let first = world.store.leads(organization, &is_closed, None, 10).await.unwrap();
    assert_eq!(first.data, []);
    let second = world.store.leads(organization, &is_closed, first.next, 10).await.unwrap();
    assert_eq!(second.data.iter().map(|lead| lead.id).collect::<Vec<_>>(), [oldest.id]);
    assert_eq!(second.next, None);
    // By an index, or in a time that has fewer leads, the first page is the last.
    let phone = oldest.e164().and_then(|phone| Phone::parse(phone, None).ok());
    let received_before = SubmissionId::from(all[LEADS / 2].id).created_at();
    for filter in [
        LeadFilter { phone, ..is_closed.clone() },
        LeadFilter { source: Some(oldest.source), ..is_closed.clone() },
        LeadFilter { received_before, ..is_closed.clone() },
    ] {
        let only = world.store.leads(organization, &filter, None, 10).await.unwrap();
        assert_eq!(only.data.iter().map(|lead| lead.id).collect::<Vec<_>>(), [oldest.id], "{filter:?}");
        assert_eq!(only.next, None, "{filter:?}");
    }
}

/// Three sources that create a lead for each submission.
async fn three_sources(world: &World) -> Vec<Arc<Source>> {
    let mut sources = Vec::new();
    for name in ["first", "second", "third"] {
        let defaults = &leadgate_dialect::protocol(Dialect::Native).source_defaults;
        let mut source =
            Source::new(world.organization.id, defaults, Some(name.to_owned()), Timestamp::now());
        source.policy = DuplicatePolicy::Create;
        world.store.create_source(&source).await.unwrap();
        sources.push(Arc::new(source));
    }
    sources
}

async fn store_varied_leads(world: &World, sources: &[Arc<Source>], count: usize) {
    let numbers: Vec<usize> = (0..count).collect();
    for numbers in numbers.chunks(BATCH) {
        let normalized: Vec<_> = numbers
            .iter()
            .map(|n| {
                let source = &sources[n % sources.len()];
                let submission =
                    Submission { source: source.id, ..world.submission(varied_fields(world, *n)) };
                world.normalize_by(source, submission)
            })
            .collect();
        world.store.commit(normalized, world.judge()).await.unwrap();
    }
}

/// Every fourth lead shares its phone, every fifth its email with others; some have none.
fn varied_fields(world: &World, n: usize) -> Fields {
    let phone = if n.is_multiple_of(4) { n % 40 } else { n };
    let phone = format!("+1415{:07}", 5_550_000 - 3_000_000 + phone);
    let email = match n % 5 {
        0 => Patch::Value(format!("{}{}@Example.com", if n.is_multiple_of(2) { 'P' } else { 'p' }, n % 35)),
        1 => Patch::Absent,
        _ => Patch::Value(format!("p{n}@example.com")),
    };
    let tag = |divisor, name: &str| n.is_multiple_of(divisor).then(|| name.to_owned());
    let tags = [
        tag(11, "spring"),
        tag(13, AWKWARD_TAG),
        tag(17, "a"),
        tag(19, "a b"),
        tag(23, TAG_THAT_ENDS_WITH_A_COMMA),
        tag(29, ","),
    ];
    let consent = if n.is_multiple_of(3) {
        world.eligible("+14155550132", "x@example.com").fields.consent
    } else {
        Patch::Absent
    };
    let mut fields = Fields {
        phone: Patch::Value(phone),
        email,
        consent,
        tags: tags.into_iter().flatten().collect(),
        ..Fields::default()
    };
    if n.is_multiple_of(7) {
        fields.texts.insert(TextField::ExternalId, Some(format!("x-{n}")));
    }
    if n.is_multiple_of(2) {
        fields.texts.insert(TextField::FullName, Some("Ann Lee".to_owned()));
        fields.texts.insert(TextField::Company, Some("Acme".to_owned()));
    }
    fields
}

/// Each member alone, and together with members that have another index or none.
fn filters(all: &[Lead], source: SourceId) -> Vec<LeadFilter> {
    let any = LeadFilter::default;
    let temperatures: BTreeSet<_> = all.iter().map(|lead| lead.temperature.as_str()).collect();
    assert!(temperatures.len() > 1, "{temperatures:?}");
    let temperature = Some(all[0].temperature);
    let (source, phone) = (Some(source), Phone::parse("+14152550004", None).ok());
    let email = Email::parse("P10@example.com").ok();
    let with_id =
        all.iter().find(|lead| lead.source == source.unwrap() && lead.text(TextField::ExternalId).is_some());
    let external_id = with_id.and_then(|lead| lead.text(TextField::ExternalId)).map(str::to_owned);
    let middle = SubmissionId::from(all[all.len() / 2].id).created_at();
    let status: Option<LeadStatus> = "contacted".parse().ok();
    let tag = |tag: &str| Some(tag.to_owned());
    vec![
        LeadFilter { source, ..any() },
        LeadFilter { eligibility: Some(Eligibility::Eligible), ..any() },
        LeadFilter { eligibility: Some(Eligibility::Held), temperature, ..any() },
        LeadFilter { temperature, ..any() },
        LeadFilter { status: status.clone(), ..any() },
        LeadFilter { tag: tag("spring"), ..any() },
        LeadFilter { tag: tag("a"), ..any() },
        LeadFilter { tag: tag(AWKWARD_TAG), ..any() },
        LeadFilter { tag: tag(","), ..any() },
        LeadFilter { phone: phone.clone(), ..any() },
        LeadFilter { email: email.clone(), ..any() },
        LeadFilter { external_id: external_id.clone(), ..any() },
        LeadFilter { received_after: middle, ..any() },
        LeadFilter { received_before: middle, ..any() },
        LeadFilter {
            received_after: middle,
            received_before: SubmissionId::from(all[9].id).created_at(),
            ..any()
        },
        LeadFilter { source, phone: phone.clone(), ..any() },
        LeadFilter { source, email: email.clone(), ..any() },
        LeadFilter { source, external_id, ..any() },
        LeadFilter { phone: phone.clone(), eligibility: Some(Eligibility::Eligible), ..any() },
        LeadFilter { phone, tag: tag("a"), received_before: middle, ..any() },
        LeadFilter { email, phone: Phone::parse("+14152550020", None).ok(), ..any() },
        LeadFilter { source, status, ..any() },
        LeadFilter { source, tag: tag("spring"), temperature, received_after: middle, ..any() },
    ]
}

fn matches(filter: &LeadFilter, lead: &Lead) -> bool {
    fn agrees<T: PartialEq>(wanted: Option<T>, value: impl FnOnce() -> Option<T>) -> bool {
        wanted.is_none_or(|wanted| value().is_some_and(|value| value == wanted))
    }
    let created_at = SubmissionId::from(lead.id).created_at().unwrap();
    let email = |address: &str| Email::parse(address).unwrap().comparison_form();
    agrees(filter.source, || Some(lead.source))
        && agrees(filter.eligibility, || Some(lead.eligibility))
        && agrees(filter.temperature, || Some(lead.temperature))
        && agrees(filter.status.as_ref(), || Some(&lead.status))
        && filter.tag.as_deref().is_none_or(|tag| lead.all_tags().contains(tag))
        && agrees(filter.phone.as_ref().map(Phone::e164), || lead.e164())
        && agrees(filter.email.as_ref().map(Email::comparison_form), || lead.email_address().map(email))
        && agrees(filter.external_id.as_deref(), || lead.text(TextField::ExternalId))
        && filter.received_after.is_none_or(|first| created_at >= first)
        && filter.received_before.is_none_or(|end| created_at < end)
}

/// All pages.
async fn select(world: &World, filter: &LeadFilter) -> Vec<Lead> {
    let (mut selected, mut after) = (Vec::new(), None::<LeadCursor>);
    loop {
        let page = world.store.leads(world.organization.id, filter, after, 300).await.unwrap();
        selected.extend(page.data);
        after = page.next;
        if after.is_none() {
            return selected;
        }
    }
}
