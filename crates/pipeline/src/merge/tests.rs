use std::time::Duration;

use leadgate_domain::{
    Consent, Dialect, EmailView, Fields, InferenceBasis, InferredValue, OrganizationId, PhoneView,
    SubmissionId, TextField, Timestamp,
};
use proptest::prelude::*;

use super::*;

/// Two sources of one organization that differ in all settings that affect a merge.
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
    // Two submissions have the same time. Their ids give the order.
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

fn view<T>(patch: &Patch<String>, view: impl FnOnce(String) -> T) -> Patch<T> {
    match patch {
        Patch::Absent => Patch::Absent,
        Patch::Null => Patch::Null,
        Patch::Value(raw) => Patch::Value(view(raw.clone())),
    }
}

fn patch<T: Clone + std::fmt::Debug>(value: impl Strategy<Value = T>) -> impl Strategy<Value = Patch<T>> {
    let present = proptest::option::of(value).prop_map(Patch::from);
    prop_oneof![Just(()).prop_map(|()| Patch::Absent), present]
}

/// Fields that have a value, are null or are absent.
fn some_fields() -> impl Strategy<Value = Fields> {
    let text = proptest::option::of(proptest::option::of("[a-c]"));
    let custom = proptest::collection::btree_map("[x-z]", proptest::option::of(0..3), 0..3);
    let tags = proptest::collection::vec("[t-v]", 0..2);
    let consent = "[k-m]".prop_map(|url| Consent { source_url: Some(url), ..Consent::default() });
    let object = "[p-q]".prop_map(|key| Map::from_iter([(key, Value::from(1))]));
    let patches = (patch("[0-2]"), patch("[d-f]"), patch(consent), patch(object));
    (text.clone(), text, custom, tags, any::<bool>(), patches).prop_map(
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

/// The fields of a lead with their versions, whether stored per field or as the base version.
fn versions(lead: &Lead) -> BTreeMap<String, FieldVersion> {
    let fields = [
        ("phone", lead.phone.is_some()),
        ("email", lead.email.is_some()),
        ("consent", lead.consent.is_some()),
        ("attribution", lead.attribution.is_some()),
        ("automations", lead.automations.is_some()),
        ("observed", lead.observed.is_some()),
    ];
    let fields = fields.into_iter().filter(|(_, has_value)| *has_value).map(|(name, _)| name.to_owned());
    let texts = lead.texts.keys().map(|field| field.as_str().to_owned());
    let custom = lead.custom_fields.keys().map(|key| format!("custom_fields/{key}"));
    let with_base = fields.chain(texts).chain(custom).map(|name| (name, lead.field_versions.base));
    let mut all: BTreeMap<_, _> = with_base.collect();
    all.extend(lead.field_versions.by_field.clone());
    all
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn the_result_does_not_depend_on_the_order_of_processing(
        (all, order) in proptest::collection::vec((some_fields(), 0..2_usize), 2..7).prop_flat_map(|all| {
            let order: Vec<_> = (0..all.len()).collect();
            (Just(all), Just(order).prop_shuffle())
        }),
    ) {
        let sources = sources();
        let submissions: Vec<_> = all.into_iter().enumerate()
            .map(|(at, (fields, source))| (submission(&sources[source], i64::try_from(at).unwrap(), fields), source))
            .collect();
        let merged = |order: &[usize]| {
            let mut lead: Option<Lead> = None;
            for position in order {
                let (submission, source) = (&submissions[*position].0, &sources[submissions[*position].1]);
                match &mut lead {
                    Some(lead) => drop(merge_submission(lead, submission, source, &read(submission))),
                    None => lead = Some(create(submission.id.into(), submission, source, &read(submission))),
                }
            }
            // Only the creating submission depends on the order.
            let lead = lead.unwrap();
            let base = FieldVersions {
                base: submissions[0].0.field_version(),
                first: None,
                by_field: BTreeMap::new(),
                custom_fields_dropped_up_to: None,
                public_tags: lead.field_versions.public_tags.clone(),
            };
            let versions = versions(&lead);
            (Lead { id: submissions[0].0.id.into(), field_versions: base, ..lead }, versions)
        };
        let in_order: Vec<_> = (0..submissions.len()).collect();
        prop_assert_eq!(merged(&in_order), merged(&order));
    }
}

#[test]
fn a_null_clears_a_field_and_an_absent_field_does_not() {
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
    assert_eq!(lead.text(TextField::FullName), None, "the null has a later version");
}

#[test]
fn the_source_is_that_of_the_earliest_submission_in_any_order() {
    let [source, other] = sources();
    let (late, early, between) = (
        submission(&source, 30, Fields::default()),
        submission(&other, 10, Fields::default()),
        submission(&source, 20, Fields::default()),
    );
    let mut lead = create(late.id.into(), &late, &source, &read(&late));
    assert_eq!(lead.source, source.id);
    merge_submission(&mut lead, &early, &other, &read(&early));
    merge_submission(&mut lead, &between, &source, &read(&between));
    assert_eq!((lead.source, lead.id), (other.id, late.id.into()));
    let secret = Submission { trust: Trust::Secret, ..submission(&source, 40, Fields::default()) };
    merge_submission(&mut lead, &secret, &source, &read(&secret));
    assert_eq!(lead.source, other.id, "a secret submission does not move the lead to its own source");
}

#[test]
fn the_size_of_a_lead_is_limited() {
    let [source, _] = sources();
    let named = |count: i64, size: usize| -> Vec<Submission> {
        let numbered = |at: i64| {
            let mut fields = Fields { tags: vec![format!("tag {at:05}")], ..Fields::default() };
            let value = if at % 7 == 0 { Value::Null } else { "x".repeat(size).into() };
            fields.custom_fields.insert(format!("field {at}"), value);
            submission(&source, at * 2, fields)
        };
        (1..=count).map(numbered).collect()
    };
    for (all, kept, excess) in [(named(1_500, 10), 1_000, 500), (named(300, 2_000), 151, 0)] {
        let mut shuffled = all.clone();
        shuffled.reverse();
        shuffled.swap(3, 200);
        shuffled.swap(17, 250);
        let leads = [all, shuffled].map(|all| {
            let (first, rest) = all.split_first().unwrap();
            let mut lead = create(first.id.into(), first, &source, &read(first));
            let mut trace = MergeTrace::default();
            for submission in rest {
                trace = merge_submission(&mut lead, submission, &source, &read(submission));
            }
            assert_eq!(trace.tags.min(1), excess.min(1), "the trace records removed tags");
            lead
        });
        let custom_fields = |lead: &Lead| {
            let versioned =
                lead.field_versions.by_field.keys().filter_map(|name| name.strip_prefix("custom_fields/"));
            versioned
                .map(str::to_owned)
                .chain(lead.custom_fields.keys().cloned())
                .collect::<std::collections::BTreeSet<_>>()
        };
        assert_eq!(custom_fields(&leads[0]), custom_fields(&leads[1]));
        assert_eq!(custom_fields(&leads[0]).len(), kept, "the newest are kept");
        assert_eq!(leads[0].custom_fields, leads[1].custom_fields);
        assert_eq!(leads[0].tags, leads[1].tags);
        assert!(leads[0].tags.len() <= 1_000 && leads[0].tags.contains("tag 00001"));
    }
}

/// A thousand tags and custom fields of a form, which come first in any order, do not displace those of a
/// server.
#[test]
fn a_public_submission_displaces_no_value_of_a_secret_one() {
    let [source, _] = sources();
    let configured = Source { tags: vec!["configured".into()], ..source };
    let trusted = |at: i64, tags: Vec<String>, custom: &str| {
        let mut fields = Fields { tags, ..Fields::default() };
        fields.custom_fields.insert(custom.to_owned(), "sent by a server".into());
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
        for submission in rest {
            merge_submission(&mut lead, submission, &configured, &read(submission));
        }
        lead
    });
    for lead in &leads {
        assert_eq!(lead.tags.len(), 1_000);
        for tag in ["zz server", "configured", "0010", "0990"] {
            assert!(lead.tags.contains(tag), "{tag}");
        }
        assert!(lead.field_versions.public_tags.is_subset(&lead.tags));
        assert_eq!(lead.custom_fields["zz server"], "sent by a server");
        assert_eq!(lead.custom_fields["0990"], "sent by a server");
    }
    assert_eq!(leads[0].tags, leads[1].tags);
    assert_eq!(leads[0].custom_fields, leads[1].custom_fields);
}
