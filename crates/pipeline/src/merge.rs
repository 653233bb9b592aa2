//! Merges a submission into a lead. Per field the latest submission wins, independent of the order of
//! processing. Only a secret submission replaces a value of a secret submission.

use std::collections::{BTreeMap, BTreeSet};

use leadgate_domain::trace::MergeTrace;
use leadgate_domain::{
    ConsentPolicy, Eligibility, FieldVersion, FieldVersions, Fields, Lead, LeadId, LeadStatus,
    NormalizedValues, Patch, PhoneDigest, Source, Submission, Temperature, TextValues, Trust,
};
use serde_json::{Map, Value};

mod limits;

/// Creates a lead from one submission. It is held and cold until the later stages have judged it.
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
        field_versions: FieldVersions {
            base: submission.field_version(),
            first: None,
            by_field: BTreeMap::new(),
            custom_fields_dropped_up_to: None,
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

/// Merges a submission into a lead. Each field has its own version. An explicit null is a value, an absent
/// field is ignored. Tags are united, custom fields are merged per top-level key, and an opt-out is never
/// revoked.
///
/// Returns what was removed because of the limits of a lead.
pub(crate) fn merge_submission(
    lead: &mut Lead,
    submission: &Submission,
    source: &Source,
    reading: &NormalizedValues,
) -> MergeTrace {
    let (fields, version) = (&submission.fields, submission.field_version());
    let mut merger = FieldMerger { versions: &mut lead.field_versions, version };
    // Older builds did not store the phone of a consent. If consent and phone have the same version, they
    // came together.
    if let (Some(_), None, Some(phone)) = (&lead.consent, lead.consent_phone, &lead.phone)
        && let Some(consented) = merger.last_version("consent", true)
        && merger.last_version("phone", true) == Some(consented)
    {
        lead.consent_phone = Some(PhoneDigest::compute(consented.submission, phone.identity()));
    }
    let has_new_phone = merger.set_if_newer("phone", &mut lead.phone, &reading.phone) && lead.phone.is_some();
    // A consent without a phone applies to the phone that the person sends, not to one that an operator adds.
    if has_new_phone
        && fields.correction.is_some()
        && let (Some(_), None) = (&lead.consent, lead.consent_phone)
        && let Some(consented) = merger.last_version("consent", true)
    {
        lead.consent_phone = Some(PhoneDigest::compute(consented.submission, ""));
    }
    merger.set_if_newer("email", &mut lead.email, &reading.email);
    if merger.set_if_newer("consent", &mut lead.consent, &fields.consent) {
        let phone = lead.consent.as_ref().and(reading.phone.value());
        lead.consent_phone = phone.map(|phone| PhoneDigest::compute(submission.id, phone.identity()));
    }
    merger.set_if_newer("attribution", &mut lead.attribution, &fields.attribution);
    merger.set_if_newer("automations", &mut lead.automations, &fields.automations);
    merger.set_if_newer("user_assignments", &mut lead.user_assignments, &fields.user_assignments);
    merger.set_if_newer("observed", &mut lead.observed, &reading.observed);
    for (field, value) in &reading.texts {
        let mut current = lead.texts.remove(field);
        merger.set_if_newer(field.as_str(), &mut current, &Patch::from(value.clone()));
        lead.texts.extend(current.map(|text| (*field, text)));
    }
    for (key, value) in &fields.custom_fields {
        let value = (!value.is_null()).then(|| value.clone());
        let mut current = lead.custom_fields.remove(key);
        merger.set_if_newer(&format!("custom_fields/{key}"), &mut current, &Patch::<Value>::from(value));
        lead.custom_fields.extend(current.map(|value| (key.clone(), value)));
    }
    add_tags(lead, &fields.tags, submission.trust);
    // The tags of the source are settings of the organization.
    add_tags(lead, &source.tags, Trust::Secret);
    lead.opt_out |= fields.opt_out;
    lead.consent_required |= source.consent == ConsentPolicy::Required;
    let max_age = source.consent_max_age.map(|age| age.as_secs());
    lead.consent_max_age_seconds = lead.consent_max_age_seconds.into_iter().chain(max_age).min();
    if version.order() < lead.field_versions.first.unwrap_or(lead.field_versions.base).order() {
        lead.field_versions.first = Some(version);
        lead.source = submission.source;
    }
    lead.received_at = lead.received_at.min(submission.received_at);
    lead.updated_at = lead.updated_at.max(submission.received_at);
    limits::enforce_limits(lead)
}

/// Merges a submission that matched the lead by its mailbox only. Its address equals the lead's only by a
/// setting of its source. Therefore the lead keeps its phone, email and consent; a refused consent is merged.
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

/// Merges only the opt-out of a submission.
pub(crate) fn opt_out(lead: &mut Lead, submission: &Submission) {
    lead.opt_out = true;
    lead.updated_at = lead.updated_at.max(submission.received_at);
}

/// Adds tags. A tag has the trust of the most trusted submission that set it.
fn add_tags(lead: &mut Lead, tags: &[String], trust: Trust) {
    for tag in tags {
        let is_new = lead.tags.insert(tag.clone());
        match trust {
            Trust::Secret => drop(lead.field_versions.public_tags.remove(tag)),
            Trust::Public if is_new => drop(lead.field_versions.public_tags.insert(tag.clone())),
            Trust::Public => {}
        }
    }
}

struct FieldMerger<'v> {
    versions: &'v mut FieldVersions,
    /// The version of the submission that is merged.
    version: FieldVersion,
}

impl FieldMerger<'_> {
    /// Sets a field unless it has a later version. Returns whether it was set.
    fn set_if_newer<T: Clone>(&mut self, name: &str, current: &mut Option<T>, patch: &Patch<T>) -> bool {
        let is_older = || self.last_version(name, current.is_some()).is_some_and(|last| last > self.version);
        if patch.is_absent() || is_older() {
            return false;
        }
        *current = patch.value().cloned();
        if current.is_some() && self.version == self.versions.base {
            self.versions.by_field.remove(name);
        } else {
            self.versions.by_field.insert(name.to_owned(), self.version);
        }
        true
    }

    /// The version in which a field was last set. A value without its own version was set by the creating
    /// submission.
    fn last_version(&self, name: &str, has_value: bool) -> Option<FieldVersion> {
        self.versions.by_field.get(name).copied().or_else(|| has_value.then_some(self.versions.base))
    }
}

#[cfg(test)]
mod tests;
