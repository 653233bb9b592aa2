//! The phone and the email of a submission, each kept as it came where it cannot be read.

use leadgate_domain::{Email, EmailView, Fields, Phone, PhoneView, Region, Repair, Said};

/// By what the person can be contacted.
pub(crate) struct Contact {
    pub(crate) phone: Said<PhoneView>,
    pub(crate) email: Said<EmailView>,
    /// What was put right in the phone.
    pub(crate) repairs: Vec<Repair>,
}

pub(crate) fn read(fields: &Fields, region: Option<Region>) -> Contact {
    let mut repairs = Vec::new();
    let phone = map(&fields.phone, |raw| phone(raw, region, &mut repairs));
    Contact { phone, email: map(&fields.email, email), repairs }
}

fn map<T>(said: &Said<String>, read: impl FnOnce(&str) -> T) -> Said<T> {
    match said {
        Said::Absent => Said::Absent,
        Said::Null => Said::Null,
        Said::Value(raw) if raw.trim().is_empty() => Said::Null,
        Said::Value(raw) => Said::Value(read(raw)),
    }
}

/// A bad phone is kept as it came: it never rejects a lead.
fn phone(raw: &str, region: Option<Region>, repairs: &mut Vec<Repair>) -> PhoneView {
    let raw = raw.to_owned();
    match Phone::parse(&raw, region) {
        Ok(phone) => {
            repairs.extend(phone.repairs());
            PhoneView {
                raw,
                e164: Some(phone.e164().to_owned()),
                valid: true,
                region: phone.region(),
                kind: Some(phone.kind()),
                extension: phone.extension().map(str::to_owned),
                note: phone.note().map(str::to_owned),
                reason: None,
            }
        }
        Err(problem) => PhoneView {
            raw,
            e164: None,
            valid: false,
            region: None,
            kind: None,
            extension: None,
            note: None,
            reason: Some(problem),
        },
    }
}

fn email(raw: &str) -> EmailView {
    let raw = raw.to_owned();
    match Email::parse(&raw) {
        Ok(email) => EmailView {
            address: Some(email.address().to_owned()),
            valid: true,
            kind: None,
            reason: None,
            raw,
        },
        Err(problem) => EmailView { raw, address: None, valid: false, kind: None, reason: Some(problem) },
    }
}
