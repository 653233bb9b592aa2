//! The submissions of the stress test. They are small, so that all of them can be kept and checked at the
//! end.

use leadgate_domain::{Consent, Fields, Patch, Source, Submission, SubmissionId, TextField, Timestamp};
use rand::RngExt as _;
use rand::rngs::SmallRng;
use serde_json::Value;

use super::KEYS;
use crate::world::World;

#[derive(Debug, Clone, Copy)]
pub(super) struct TestSubmission {
    pub(super) id: SubmissionId,
    pub(super) received_at: Timestamp,
    pub(super) external_id: Option<u16>,
    pub(super) phone: Option<u16>,
    /// `None` if it is absent, `Some(None)` for an explicit null.
    pub(super) name: Option<Option<u16>>,
    pub(super) custom: Option<(u8, Option<u16>)>,
    pub(super) tag: Option<u8>,
    pub(super) consents: bool,
    pub(super) opts_out: bool,
}

impl TestSubmission {
    /// A submission with one or two random keys. Two keys often belong to different leads.
    pub(super) fn new(world: &World, random: &mut SmallRng) -> Self {
        let Submission { id, received_at, .. } = world.submission(Fields::default());
        let keys = random.random_range(0..4);
        let external_id = (keys != 0).then(|| random.random_range(0..KEYS));
        let phone = (keys != 1).then(|| random.random_range(0..KEYS));
        let value = |random: &mut SmallRng| random.random_bool(0.8).then(|| random.random_range(0..1_000));
        Self {
            id,
            received_at,
            external_id,
            phone,
            name: random.random_bool(0.5).then(|| value(random)),
            custom: random.random_bool(0.5).then(|| (random.random_range(0..3), value(random))),
            tag: random.random_bool(0.2).then(|| random.random_range(0..30)),
            consents: random.random_bool(0.6),
            opts_out: phone.is_some_and(|phone| phone % 10 == 0) && random.random_bool(0.02),
        }
    }

    pub(super) fn submission(&self, source: &Source) -> Submission {
        let fields = self.fields();
        let body = serde_json::to_vec(&(self.id, &fields)).unwrap();
        Submission::new(self.id, source, self.received_at, fields, &body)
    }

    fn fields(&self) -> Fields {
        let external_id = self.external_id.map(|n| (TextField::ExternalId, Some(external_id(n))));
        let name = self.name.map(|name| (TextField::FullName, name.map(name_of)));
        let consent = Consent {
            consent_timestamp: Some("2026-01-01T00:00:00Z".into()),
            consent_text_version: Some("v1".into()),
            source_url: Some("https://example.com/form".into()),
            ..Consent::default()
        };
        Fields {
            phone: self.phone.map_or(Patch::Absent, |n| Patch::Value(phone(n))),
            texts: external_id.into_iter().chain(name).collect(),
            custom_fields: self
                .custom
                .map(|(key, value)| (custom_key(key), Value::from(value)))
                .into_iter()
                .collect(),
            tags: self.tag.map(tag).into_iter().collect(),
            consent: if self.consents { Patch::Value(consent) } else { Patch::Absent },
            opt_out: self.opts_out,
            ..Fields::default()
        }
    }

    pub(super) fn order(&self) -> (Timestamp, SubmissionId) {
        (self.received_at, self.id)
    }
}

pub(super) fn phone(n: u16) -> String {
    format!("+1415555{:04}", 100 + n)
}

pub(super) fn external_id(n: u16) -> String {
    format!("x{n}")
}

pub(super) fn name_of(n: u16) -> String {
    format!("Ann {n}")
}

pub(super) fn custom_key(n: u8) -> String {
    format!("c{n}")
}

pub(super) fn tag(n: u8) -> String {
    format!("t{n}")
}
