use std::time::Duration;

use leadgate_domain::{
    Consent, Dialect, EmailView, Fields, InferenceBasis, InferredValue, OrganizationId, PhoneView,
    SubmissionId, TextField, Timestamp,
};
use proptest::prelude::*;

use super::*;

/// Two ways into one organization that differ in all that they add to a lead.
fn sources() -> [Source; 2] {
    let source = Source::new(
        OrganizationId::generate(),
        &leadgate_dialect::protocol(Dialect::Native).source_defaults,
        None,
        Timestamp::from_microseconds(0),
    );
    let other = Source {
        id: leadgate_domain::SourceId::generate(),
        tags: vec!["other".into()],
        consent: ConsentPolicy::Optional,
        consent_max_age: Some(Duration::from_secs(60)),
        ..source.clone()
    };
    [source, other]
}

fn submission(source: &Source, at: i64, fields: Fields) -> Submission {
    let id = SubmissionId::from_uuid(uuid::Uuid::from_u128(u128::from(at.unsigned_abs())));
    // Several at once: then the id says which is later.
    Submission::new(id, source, Timestamp::from_microseconds(at / 2), fields, b"{}")
}

fn read(submission: &Submission) -> NormalizedValues {
    let fields = &submission.fields;
    let device = fields.tags.first().map(|tag| InferredValue::new(tag.as_str(), InferenceBasis::UserAgent));
    let observed = device.map(|device| BTreeMap::from([("device".to_owned(), device)]));
    let phone = |raw: String| PhoneView {
        extension: None,
        note: None,
        e164: Some(raw.clone()),
        raw,
        valid: true,
        region: None,
        kind: None,
        reason: None,
    };
    let email =
        |raw: String| EmailView { address: Some(raw.clone()), raw, valid: true, kind: None, reason: None };
    NormalizedValues {
        phone: view(&fields.phone, phone),
        email: view(&fields.email, email),
        texts: (*fields.texts).clone(),
        observed: observed.map_or(Patch::Absent, Patch::Value),
        ..NormalizedValues::default()
    }
}

fn view<T>(said: &Patch<String>, view: impl FnOnce(String) -> T) -> Patch<T> {
    match said {
        Patch::Absent => Patch::Absent,
        Patch::Null => Patch::Null,
        Patch::Value(raw) => Patch::Value(view(raw.clone())),
    }
}

fn said<T: Clone + std::fmt::Debug>(value: impl Strategy<Value = T>) -> impl Strategy<Value = Patch<T>> {
    let said = proptest::option::of(value).prop_map(Patch::from);
    prop_oneof![Just(()).prop_map(|()| Patch::Absent), said]
}

/// Some fields said, some said to be nothing, some not mentioned.
fn some_fields() -> impl Strategy<Value = Fields> {
    let text = proptest::option::of(proptest::option::of("[a-c]"));
    let custom = proptest::collection::btree_map("[x-z]", proptest::option::of(0..3), 0..3);
    let tags = proptest::collection::vec("[t-v]", 0..2);
    let consent = "[k-m]".prop_map(|url| Consent { source_url: Some(url), ..Consent::default() });
    let object = "[p-q]".prop_map(|key| Map::from_iter([(key, Value::from(1))]));
    let wholes = (said("[0-2]"), said("[d-f]"), said(consent), said(object));
    (text.clone(), text, custom, tags, any::<bool>(), wholes).prop_map(
        |(name, company, custom, tags, opt_out, (phone, email, consent, attribution))| {
            let texts = [(TextField::FullName, name), (TextField::Company, company)];
            Fields {
                texts: texts.into_iter().filter_map(|(field, value)| Some((field, value?))).collect(),
                custom_fields: custom.into_iter().map(|(key, value)| (key, Value::from(value))).collect(),
                automations: view(&phone, Value::from),
                tags,
                opt_out,
                phone,
                email,
                consent,
                attribution,
                ..Fields::default()
            }
        },
    )
}

/// A lead's fields with the clock that each goes by, whichever way that is written down.
fn clocks(lead: &Lead) -> BTreeMap<String, FieldVersion> {
    let wholes = [
        ("phone", lead.phone.is_some()),
        ("email", lead.email.is_some()),
        ("consent", lead.consent.is_some()),
        ("attribution", lead.attribution.is_some()),
        ("automations", lead.automations.is_some()),
        ("observed", lead.observed.is_some()),
    ];
    let wholes = wholes.into_iter().filter(|(_, is_held)| *is_held).map(|(name, _)| name.to_owned());
    let texts = lead.texts.keys().map(|field| field.as_str().to_owned());
    let custom = lead.custom_fields.keys().map(|key| format!("custom_fields/{key}"));
    let held = wholes.chain(texts).chain(custom).map(|name| (name, lead.clocks.base));
    let mut all: BTreeMap<_, _> = held.collect();
    all.extend(lead.clocks.own.clone());
    all
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn the_order_of_work_changes_nothing(
        (all, order) in proptest::collection::vec((some_fields(), 0..2_usize), 2..7).prop_flat_map(|all| {
            let order: Vec<_> = (0..all.len()).collect();
            (Just(all), Just(order).prop_shuffle())
        }),
    ) {
        let sources = sources();
        let said: Vec<_> = all.into_iter().enumerate()
            .map(|(at, (fields, source))| (submission(&sources[source], i64::try_from(at).unwrap(), fields), source))
            .collect();
        let merged = |order: &[usize]| {
            let mut lead: Option<Lead> = None;
            for position in order {
                let (one, source) = (&said[*position].0, &sources[said[*position].1]);
                match &mut lead {
                    Some(lead) => drop(merge_submission(lead, one, source, &read(one))),
                    None => lead = Some(create(one.id.into(), one, source, &read(one))),
                }
            }
            // Who created the lead is not the order's to keep; everything else is.
            let lead = lead.unwrap();
            let base = FieldVersions {
                base: said[0].0.clock(),
                first: None,
                own: BTreeMap::new(),
                left_out: None,
                public_tags: lead.clocks.public_tags.clone(),
            };
            let clocks = clocks(&lead);
            (Lead { id: said[0].0.id.into(), clocks: base, ..lead }, clocks)
        };
        let in_order: Vec<_> = (0..said.len()).collect();
        prop_assert_eq!(merged(&in_order), merged(&order));
    }
}

#[test]
fn a_null_erases_and_an_absence_does_not() {
    let [source, _] = sources();
    let named = |name: Option<&str>| Fields {
        texts: [(TextField::FullName, name.map(str::to_owned))].into(),
        ..Fields::default()
    };
    let first = submission(&source, 10, named(Some("Ann Lee")));
    let mut lead = create(first.id.into(), &first, &source, &read(&first));
    let fold_in = |lead: &mut Lead, at, fields| {
        let later = submission(&source, at, fields);
        merge_submission(lead, &later, &source, &read(&later));
    };
    fold_in(&mut lead, 20, Fields::default());
    assert_eq!(lead.text(TextField::FullName), Some("Ann Lee"));
    fold_in(&mut lead, 40, named(None));
    assert_eq!(lead.text(TextField::FullName), None);
    fold_in(&mut lead, 30, named(Some("late")));
    assert_eq!(lead.text(TextField::FullName), None, "the null was said later than the late one");
}

#[test]
fn the_source_is_that_of_the_earliest_whoever_is_worked_on_first() {
    let [one, other] = sources();
    let (late, early, between) = (
        submission(&one, 30, Fields::default()),
        submission(&other, 10, Fields::default()),
        submission(&one, 20, Fields::default()),
    );
    let mut lead = create(late.id.into(), &late, &one, &read(&late));
    assert_eq!(lead.source, one.id);
    merge_submission(&mut lead, &early, &other, &read(&early));
    merge_submission(&mut lead, &between, &one, &read(&between));
    assert_eq!((lead.source, lead.id), (other.id, late.id.into()));
    let of_server = Submission { trust: Trust::Secret, ..submission(&one, 40, Fields::default()) };
    merge_submission(&mut lead, &of_server, &one, &read(&of_server));
    assert_eq!(
        lead.source, other.id,
        "a server's post does not open what a form of another source collected"
    );
}

#[test]
fn a_lead_does_not_grow_without_end() {
    let [source, _] = sources();
    let named = |count: i64, size: usize| -> Vec<Submission> {
        let one = |at: i64| {
            let mut fields = Fields { tags: vec![format!("tag {at:05}")], ..Fields::default() };
            let value = if at % 7 == 0 { Value::Null } else { "x".repeat(size).into() };
            fields.custom_fields.insert(format!("field {at}"), value);
            submission(&source, at * 2, fields)
        };
        (1..=count).map(one).collect()
    };
    for (all, kept, left) in [(named(1_500, 10), 1_000, 500), (named(300, 2_000), 151, 0)] {
        let mut shuffled = all.clone();
        shuffled.reverse();
        shuffled.swap(3, 200);
        shuffled.swap(17, 250);
        let leads = [all, shuffled].map(|all| {
            let (first, rest) = all.split_first().unwrap();
            let mut lead = create(first.id.into(), first, &source, &read(first));
            let mut left_out = MergeTrace::default();
            for one in rest {
                left_out = merge_submission(&mut lead, one, &source, &read(one));
            }
            assert_eq!(left_out.tags.min(1), left.min(1), "and says so");
            lead
        });
        let held = |lead: &Lead| {
            let silent = lead.clocks.own.keys().filter_map(|name| name.strip_prefix("custom_fields/"));
            silent
                .map(str::to_owned)
                .chain(lead.custom_fields.keys().cloned())
                .collect::<std::collections::BTreeSet<_>>()
        };
        assert_eq!(held(&leads[0]), held(&leads[1]));
        assert_eq!(held(&leads[0]).len(), kept, "the newest are there");
        assert_eq!(leads[0].custom_fields, leads[1].custom_fields);
        assert_eq!(leads[0].tags, leads[1].tags);
        assert!(leads[0].tags.len() <= 1_000 && leads[0].tags.contains("tag 00001"));
    }
}

/// A thousand tags or custom fields of a form, which come first in any order, leave those of a server alone.
#[test]
fn what_a_form_sends_displaces_nothing_of_a_server() {
    let [source, _] = sources();
    let configured = Source { tags: vec!["configured".into()], ..source };
    let trusted = |at: i64, tags: Vec<String>, custom: &str| {
        let mut fields = Fields { tags, ..Fields::default() };
        fields.custom_fields.insert(custom.to_owned(), "said by a server".into());
        Submission { trust: Trust::Secret, ..submission(&configured, at, fields) }
    };
    let server = trusted(2, vec!["zz server".into(), "0010".into()], "zz server");
    let forms = (0..15).map(|form| {
        let tags = (0..100).map(|n| format!("{:04}", form * 100 + n)).collect();
        let custom = (0..100).map(|n| (format!("{:04}", form * 100 + n), Value::from(1)));
        let fields = Fields { tags, custom_fields: custom.collect(), ..Fields::default() };
        submission(&configured, i64::from(form) + 100, fields)
    });
    let again = trusted(1_000, vec!["0990".into()], "0990");
    let mut all: Vec<_> = [server].into_iter().chain(forms).chain([again]).collect();
    let leads = [false, true].map(|is_reversed| {
        if is_reversed {
            all.reverse();
        }
        let (first, rest) = all.split_first().unwrap();
        let mut lead = create(first.id.into(), first, &configured, &read(first));
        for one in rest {
            merge_submission(&mut lead, one, &configured, &read(one));
        }
        lead
    });
    for lead in &leads {
        assert_eq!(lead.tags.len(), 1_000);
        for tag in ["zz server", "configured", "0010", "0990"] {
            assert!(lead.tags.contains(tag), "{tag}");
        }
        assert!(lead.clocks.public_tags.is_subset(&lead.tags));
        assert_eq!(lead.custom_fields["zz server"], "said by a server");
        assert_eq!(lead.custom_fields["0990"], "said by a server");
    }
    assert_eq!(leads[0].tags, leads[1].tags);
    assert_eq!(leads[0].custom_fields, leads[1].custom_fields);
}
