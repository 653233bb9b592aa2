//! A submission into a lead: the later one wins per field, in whatever order workers process them. A value of a secret
//! submission is replaced by a secret submission only.

use std::collections::{BTreeMap, BTreeSet};

use leadgate_domain::trace::MergeTrace;
use leadgate_domain::{
    ConsentPolicy, Eligibility, FieldVersion, FieldVersions, Fields, Lead, LeadId, LeadStatus,
    NormalizedValues, Patch, PhoneDigest, Source, Submission, Temperature, TextValues, Trust,
};
use serde_json::{Map, Value};

mod limits;

/// A new lead out of one submission. It is held and cold until the later stages say otherwise.
pub(crate) fn create(
    id: LeadId,
    submission: &Submission,
    source: &Source,
    reading: &NormalizedValues,
) -> Lead {
    let mut lead = Lead {
        id,
        organization: submission.organization,
        source: submission.source,
        received_at: submission.received_at,
        updated_at: submission.received_at,
        status: LeadStatus::default(),
        texts: TextValues::default(),
        phone: None,
        email: None,
        tags: source.tags.iter().cloned().collect(),
        consent: None,
        attribution: None,
        custom_fields: Map::new(),
        automations: None,
        user_assignments: None,
        observed: None,
        opt_out: false,
        is_test: submission.fields.is_test,
        consent_required: source.consent == ConsentPolicy::Required,
        consent_max_age_seconds: None,
        consent_phone: None,
        clocks: FieldVersions {
            base: submission.clock(),
            first: None,
            own: BTreeMap::new(),
            left_out: None,
            public_tags: BTreeSet::new(),
        },
        derived: TextValues::default(),
        inferred: BTreeMap::new(),
        derived_tags: Default::default(),
        score: 0,
        temperature: Temperature::Cold,
        eligibility: Eligibility::Held,
        reasons: Vec::new(),
        eligible_until: None,
        unknown: Map::new(),
    };
    merge_submission(&mut lead, submission, source, reading);
    lead
}

/// Merges what a submission says into a lead: a clock per field, an explicit null is a value, an absent field is
/// nothing, tags are a union, custom fields merge per top-level key, and an opt-out survives everything.
///
/// Returns what there is too much of to be kept.
pub(crate) fn merge_submission(
    lead: &mut Lead,
    submission: &Submission,
    source: &Source,
    reading: &NormalizedValues,
) -> MergeTrace {
    let fields = &submission.fields;
    let mut clocks = FieldMerger { clocks: &mut lead.clocks, now: submission.clock() };

    // A build that knew of none kept no phone beside a consent; what was said at once came together.
    if let (Some(_), None, Some(phone)) = (&lead.consent, lead.consent_phone, &lead.phone)
        && let Some(consented) = clocks.last_version("consent", true)
        && clocks.last_version("phone", true) == Some(consented)
    {
        lead.consent_phone = Some(PhoneDigest::of(consented.submission, phone.identity()));
    }
    let has_new_phone = clocks.set_if_newer("phone", &mut lead.phone, &reading.phone) && lead.phone.is_some();
    // Consent that came without a phone is for the phone that the person sends, not for one that an operator adds.
    if has_new_phone
        && fields.correction.is_some()
        && let (Some(_), None) = (&lead.consent, lead.consent_phone)
        && let Some(consented) = clocks.last_version("consent", true)
    {
        lead.consent_phone = Some(PhoneDigest::of(consented.submission, ""));
    }
    clocks.set_if_newer("email", &mut lead.email, &reading.email);
    if clocks.set_if_newer("consent", &mut lead.consent, &fields.consent) {
        let consented = lead.consent.as_ref().and(reading.phone.value());
        lead.consent_phone = consented.map(|phone| PhoneDigest::of(submission.id, phone.identity()));
    }
    clocks.set_if_newer("attribution", &mut lead.attribution, &fields.attribution);
    clocks.set_if_newer("automations", &mut lead.automations, &fields.automations);
    clocks.set_if_newer("user_assignments", &mut lead.user_assignments, &fields.user_assignments);
    clocks.set_if_newer("observed", &mut lead.observed, &reading.observed);
    for (field, value) in &reading.texts {
        let mut held = lead.texts.remove(field);
        clocks.set_if_newer(field.as_str(), &mut held, &Patch::from(value.clone()));
        lead.texts.extend(held.map(|held| (*field, held)));
    }
    for (key, value) in &fields.custom_fields {
        let value = (!value.is_null()).then(|| value.clone());
        let mut held = lead.custom_fields.remove(key);
        clocks.set_if_newer(&format!("custom_fields/{key}"), &mut held, &Patch::<Value>::from(value));
        lead.custom_fields.extend(held.map(|held| (key.clone(), held)));
    }
    add_tags(lead, &fields.tags, submission.trust);
    // The organization's own settings.
    add_tags(lead, &source.tags, Trust::Secret);
    lead.opt_out |= fields.opt_out;
    lead.consent_required |= source.consent == ConsentPolicy::Required;
    let allowed = source.consent_max_age.map(|age| age.as_secs());
    lead.consent_max_age_seconds = lead.consent_max_age_seconds.into_iter().chain(allowed).min();
    if submission.clock().order() < lead.clocks.first.unwrap_or(lead.clocks.base).order() {
        lead.clocks.first = Some(submission.clock());
        lead.source = submission.source;
    }
    lead.received_at = lead.received_at.min(submission.received_at);
    lead.updated_at = lead.updated_at.max(submission.received_at);
    limits::enforce_limits(lead)
}

/// Merges a submission that met the lead by a mailbox alone. Its address is equal only by a setting of its source, so that
/// phone, email and consent stay the lead's; that the person refused counts.
pub(crate) fn merge_mailbox_match(
    lead: &mut Lead,
    submission: &Submission,
    source: &Source,
    reading: &NormalizedValues,
) -> MergeTrace {
    let refusal = submission.fields.consent.value().filter(|consent| consent.consent_refused).cloned();
    let consent = refusal.map_or(Patch::Absent, Patch::Value);
    let fields = Fields { phone: Patch::Absent, email: Patch::Absent, consent, ..submission.fields.clone() };
    let submission = Submission { fields, ..submission.clone() };
    let reading = NormalizedValues { phone: Patch::Absent, email: Patch::Absent, ..reading.clone() };
    merge_submission(lead, &submission, source, &reading)
}

/// Takes nothing of a submission but that the person asked not to be contacted.
pub(crate) fn opt_out(lead: &mut Lead, submission: &Submission) {
    lead.opt_out = true;
    lead.updated_at = lead.updated_at.max(submission.received_at);
}

/// A tag is as trusted as the most trusted submission that set it.
fn add_tags(lead: &mut Lead, tags: &[String], trust: Trust) {
    for tag in tags {
        let is_new = lead.tags.insert(tag.clone());
        match trust {
            Trust::Secret => drop(lead.clocks.public_tags.remove(tag)),
            Trust::Public if is_new => drop(lead.clocks.public_tags.insert(tag.clone())),
            Trust::Public => {}
        }
    }
}

struct FieldMerger<'c> {
    clocks: &'c mut FieldVersions,
    now: FieldVersion,
}

impl FieldMerger<'_> {
    /// Takes what was said unless something later was said already; whether it did.
    fn set_if_newer<T: Clone>(&mut self, name: &str, held: &mut Option<T>, said: &Patch<T>) -> bool {
        if said.is_absent() || self.last_version(name, held.is_some()).is_some_and(|last| last > self.now) {
            return false;
        }
        *held = said.value().cloned();
        if held.is_some() && self.now == self.clocks.base {
            self.clocks.own.remove(name);
        } else {
            self.clocks.own.insert(name.to_owned(), self.now);
        }
        true
    }

    /// When the field was last said. One that is there without a clock of its own was said by the creator.
    fn last_version(&self, name: &str, is_held: bool) -> Option<FieldVersion> {
        self.clocks.own.get(name).copied().or_else(|| is_held.then_some(self.clocks.base))
    }
}

#[cfg(test)]
mod tests;
