//! Infers values from the values of a lead. A submitted value is never replaced.

use std::collections::BTreeMap;

use leadgate_domain::trace::{EnrichTrace, MaybeKnown};
use leadgate_domain::{Email, EmailKind, InferenceBasis, InferredValue, Lead, TextField, json, name};

mod email_domain;
mod page_url;
mod phone_prefix;

pub use page_url::is_tracking_parameter;

/// The tag of a lead whose phone needs a manual review.
const PHONE_REVIEW: &str = "phone_review";

/// Loads the tables at startup, so that the first lead does not wait for them.
pub(crate) fn load_tables() {
    email_domain::load();
    phone_prefix::load();
}

/// Derives the names, the kind of the email, the inferred values and the derived tags again.
pub(crate) fn lead(lead: &mut Lead) {
    lead.derived = names(&lead.texts).into_iter().collect();
    let email = lead.email_address().and_then(Email::from_stored);
    let kind = email.as_ref().map(email_domain::kind);
    if let Some(email) = &mut lead.email {
        email.kind = kind;
    }
    lead.inferred = inferred(lead, email.as_ref().zip(kind));
    lead.derived_tags.clear();
    if lead.phone.as_ref().is_some_and(|phone| !phone.valid) {
        lead.derived_tags.insert(PHONE_REVIEW.to_owned());
    }
}

/// The trace of the inferred values.
pub(crate) fn record(lead: &Lead) -> EnrichTrace {
    let inferred = lead.inferred_values().into_iter();
    EnrichTrace {
        inferred: inferred.map(|(name, value)| (name.to_owned(), value.into_owned().into())).collect(),
        email_kind: lead.email.as_ref().and_then(|email| email.kind).map(MaybeKnown::from),
        phone_region: lead.phone.as_ref().and_then(|phone| phone.region).map(MaybeKnown::from),
    }
}

fn inferred(lead: &Lead, email: Option<(&Email, EmailKind)>) -> BTreeMap<String, InferredValue> {
    let mut inferred = BTreeMap::new();
    let mut infer = |name: &str, value: Option<InferredValue>| {
        inferred.extend(value.map(|value| (name.to_owned(), value)));
    };
    let is_missing = |field: TextField| !lead.texts.contains_key(&field);
    if is_missing(TextField::Company) {
        let company = email.and_then(|(email, kind)| email_domain::company(email, kind));
        infer("company", company.map(|company| InferredValue::new(company, InferenceBasis::EmailDomain)));
    }
    if let Some(prefix) = lead.e164().and_then(phone_prefix::find) {
        let state = prefix.state.filter(|_| is_missing(TextField::State));
        infer("state", state.map(|state| InferredValue::new(state, InferenceBasis::PhonePrefix)));
        match prefix.timezones.as_slice() {
            [] => {}
            [timezone] if is_missing(TextField::Timezone) => {
                infer("timezone", Some(InferredValue::new(*timezone, InferenceBasis::PhonePrefix)));
            }
            [_] => {}
            several => {
                infer("timezones", Some(InferredValue::new(several.to_vec(), InferenceBasis::PhonePrefix)))
            }
        }
    }
    let attribution = |name: &str| lead.attribution.as_ref()?.get(name);
    let is_submitted = |name: &str| attribution(name).is_some_and(json::has_content);
    if let Some(page_url) = lead.text(TextField::PageUrl) {
        for (name, value) in page_url::campaign(page_url).filter(|(name, _)| !is_submitted(name)) {
            infer(&name, Some(InferredValue::new(value, InferenceBasis::PageUrl)));
        }
    }
    let host = lead.attribution.as_ref().and_then(page_url::referrer_host);
    infer("referrer_host", host.map(|host| InferredValue::new(host, InferenceBasis::Referrer)));
    inferred
}

/// Derives a full name from its parts, or the parts from a full name.
fn names(texts: &BTreeMap<TextField, String>) -> BTreeMap<TextField, String> {
    use TextField::{FirstName, FullName, LastName};
    let (first, last) = (texts.get(&FirstName), texts.get(&LastName));
    let derived = match (texts.get(&FullName), first, last) {
        (Some(full), None, None) => {
            let (first, last) = name::split(full);
            [(FirstName, first), (LastName, last)]
        }
        (None, first, last) => {
            let full = name::join(first.map(String::as_str), last.map(String::as_str));
            [(FullName, full), (FirstName, None)]
        }
        _ => return BTreeMap::new(),
    };
    derived.into_iter().filter_map(|(field, text)| Some((field, text?))).collect()
}

#[cfg(test)]
mod tests;
