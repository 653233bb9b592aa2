//! Reads the phone and the email of a submission. An invalid value is kept as submitted.

use leadgate_domain::{Email, EmailView, Fields, Patch, Phone, PhoneView, Region, Repair};

/// The phone and the email of a submission.
pub(crate) struct ContactValues {
    pub(crate) phone: Patch<PhoneView>,
    pub(crate) email: Patch<EmailView>,
    /// Repairs of the phone.
    pub(crate) repairs: Vec<Repair>,
}

pub(crate) fn read(fields: &Fields, region: Option<Region>) -> ContactValues {
    let mut repairs = Vec::new();
    let phone = map(&fields.phone, |raw| phone(raw, region, &mut repairs));
    ContactValues { phone, email: map(&fields.email, email), repairs }
}

fn map<T>(submitted: &Patch<String>, read: impl FnOnce(&str) -> T) -> Patch<T> {
    match submitted {
        Patch::Absent => Patch::Absent,
        Patch::Null => Patch::Null,
        Patch::Value(raw) if raw.trim().is_empty() => Patch::Null,
        Patch::Value(raw) => Patch::Value(read(raw)),
    }
}

/// Reads a phone. An invalid phone does not reject a lead.
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
