//! What follows from what the lead itself says. Nothing said is ever overwritten.

use std::collections::BTreeMap;

use leadgate_domain::{Email, EmailKind, Lead, Region, TextField};
use serde::Serialize;

/// The tag of a lead whose phone somebody should look at.
const PHONE_REVIEW: &str = "phone_review";

/// Domains at which anybody can have an address.
const FREE: [&str; 30] = [
    "aol.com",
    "daum.net",
    "fastmail.com",
    "gmail.com",
    "gmx.com",
    "gmx.de",
    "gmx.net",
    "googlemail.com",
    "hanmail.net",
    "hotmail.co.uk",
    "hotmail.com",
    "hotmail.fr",
    "icloud.com",
    "live.com",
    "mac.com",
    "mail.com",
    "mail.ru",
    "me.com",
    "msn.com",
    "naver.com",
    "outlook.com",
    "proton.me",
    "protonmail.com",
    "qq.com",
    "web.de",
    "yahoo.co.jp",
    "yahoo.co.uk",
    "yahoo.com",
    "yandex.ru",
    "ymail.com",
];

/// Domains whose addresses live for minutes.
const DISPOSABLE: [&str; 12] = [
    "10minutemail.com",
    "dispostable.com",
    "fakeinbox.com",
    "getnada.com",
    "guerrillamail.com",
    "mailinator.com",
    "maildrop.cc",
    "sharklasers.com",
    "temp-mail.org",
    "tempmail.com",
    "throwawaymail.com",
    "yopmail.com",
];

/// Local parts that stand for a function, not a person (RFC 2142 and common usage).
const ROLES: [&str; 14] = [
    "abuse",
    "admin",
    "billing",
    "contact",
    "hello",
    "help",
    "hostmaster",
    "info",
    "marketing",
    "noreply",
    "office",
    "postmaster",
    "sales",
    "support",
];

/// What the trace says was inferred.
#[derive(Serialize)]
pub(crate) struct Part<'a> {
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    inferred: &'a BTreeMap<TextField, String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    email_kind: Option<EmailKind>,
    #[serde(skip_serializing_if = "Option::is_none")]
    phone_region: Option<Region>,
}

/// Derives names, the kind of the email and tags anew.
pub(crate) fn lead(lead: &mut Lead) {
    lead.derived = names(&lead.texts);
    if let Some(email) = &mut lead.email {
        email.kind =
            email.address.as_deref().and_then(|address| Email::parse(address).ok()).map(|email| kind(&email));
    }
    lead.derived_tags.clear();
    if lead.phone.as_ref().is_some_and(|phone| !phone.valid) {
        lead.derived_tags.insert(PHONE_REVIEW.to_owned());
    }
}

pub(crate) fn part(lead: &Lead) -> Part<'_> {
    Part {
        inferred: &lead.derived,
        email_kind: lead.email.as_ref().and_then(|email| email.kind),
        phone_region: lead.phone.as_ref().and_then(|phone| phone.region),
    }
}

/// A full name out of its parts, or its parts out of a full name: the last word is the last name, and a single
/// word is a first name.
fn names(said: &BTreeMap<TextField, String>) -> BTreeMap<TextField, String> {
    use TextField::{FirstName, FullName, LastName};
    let mut derived = BTreeMap::new();
    match (said.get(&FullName), said.get(&FirstName), said.get(&LastName)) {
        (Some(full), None, None) => {
            let (first, last) = full.trim().rsplit_once(char::is_whitespace).unwrap_or((full.trim(), ""));
            let parts = [(FirstName, first.trim()), (LastName, last)];
            derived.extend(parts.map(|(field, part)| (field, part.to_owned())));
        }
        (None, first, last) => {
            let parts: Vec<_> = first.into_iter().chain(last).map(|part| part.trim()).collect();
            derived.insert(FullName, parts.join(" "));
        }
        _ => {}
    }
    derived.retain(|_, text| !text.is_empty());
    derived
}

fn kind(email: &Email) -> EmailKind {
    let local = email.local().to_lowercase();
    if DISPOSABLE.contains(&email.domain()) {
        EmailKind::Disposable
    } else if FREE.contains(&email.domain()) {
        EmailKind::Free
    } else if ROLES.contains(&local.as_str()) {
        EmailKind::Role
    } else {
        EmailKind::Business
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use TextField::{FirstName, FullName, LastName};

    fn derive(said: &[(TextField, &str)]) -> Vec<(TextField, String)> {
        names(&said.iter().map(|(field, text)| (*field, (*text).to_owned())).collect()).into_iter().collect()
    }

    #[test]
    fn names_are_split_and_joined() {
        assert_eq!(
            derive(&[(FullName, "Mary Ann Lee")]),
            [(FirstName, "Mary Ann".to_owned()), (LastName, "Lee".to_owned())]
        );
        assert_eq!(derive(&[(FullName, "Sukarno")]), [(FirstName, "Sukarno".to_owned())]);
        assert_eq!(derive(&[(FirstName, "Ann"), (LastName, "Lee")]), [(FullName, "Ann Lee".to_owned())]);
        assert_eq!(derive(&[(LastName, "Lee")]), [(FullName, "Lee".to_owned())]);
        assert_eq!(derive(&[(FullName, "Ann Lee"), (LastName, "Li")]), []);
        assert_eq!(derive(&[]), []);
    }

    #[test]
    fn addresses_have_kinds() {
        let kind = |address| kind(&Email::parse(address).unwrap());
        assert_eq!(kind("ann@gmail.com"), EmailKind::Free);
        assert_eq!(kind("ann@mailinator.com"), EmailKind::Disposable);
        assert_eq!(kind("Info@acme.example"), EmailKind::Role);
        assert_eq!(kind("ann@acme.example"), EmailKind::Business);
    }
}
