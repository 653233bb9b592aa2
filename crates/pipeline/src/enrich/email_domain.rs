//! What an email's domain tells.

use std::collections::HashSet;
use std::sync::LazyLock;

use leadgate_domain::{Email, EmailKind};

static FREE: LazyLock<HashSet<&str>> = LazyLock::new(|| {
    let lines = include_str!("../../data/free_email_domains.txt").lines();
    lines.filter(|line| !line.is_empty() && !line.starts_with('#')).collect()
});

static DISPOSABLE: LazyLock<HashSet<&str>> = LazyLock::new(|| mailchecker::blacklist().into_iter().collect());

/// Local parts that stand for a function, not a person (RFC 2142 and common usage), without dots and dashes.
const ROLES: [&str; 45] = [
    "abuse",
    "accounting",
    "accounts",
    "admin",
    "administrator",
    "billing",
    "booking",
    "bookings",
    "careers",
    "contact",
    "contactus",
    "customerservice",
    "donotreply",
    "enquiries",
    "feedback",
    "finance",
    "ftp",
    "hello",
    "help",
    "helpdesk",
    "hostmaster",
    "hr",
    "info",
    "information",
    "inquiries",
    "jobs",
    "legal",
    "mail",
    "marketing",
    "media",
    "news",
    "noc",
    "noreply",
    "office",
    "orders",
    "postmaster",
    "press",
    "privacy",
    "reception",
    "root",
    "sales",
    "security",
    "service",
    "support",
    "webmaster",
];

pub(super) fn load() {
    LazyLock::force(&FREE);
    LazyLock::force(&DISPOSABLE);
}

/// Whose domain it is. A provider known to be honest is on the list of the others now and then, so it goes first.
pub(super) fn kind(email: &Email) -> EmailKind {
    let domain = email.domain();
    if FREE.contains(domain) {
        EmailKind::Free
    } else if parents(domain).any(|domain| DISPOSABLE.contains(domain)) {
        EmailKind::Disposable
    } else if is_role(email.local()) {
        EmailKind::Role
    } else {
        EmailKind::Business
    }
}

/// Reserved for documentation (RFC 2606, section 3): nobody's.
const EXAMPLES: [&str; 3] = ["example.com", "example.net", "example.org"];

/// A company by the name that it registered: `acme-roofing.co.uk` is `Acme Roofing`.
pub(super) fn company(email: &Email, kind: EmailKind) -> Option<String> {
    if !matches!(kind, EmailKind::Business | EmailKind::Role) {
        return None;
    }
    let registered = psl::domain_str(email.domain()).filter(|domain| !EXAMPLES.contains(domain))?;
    let registered = registered.split('.').next()?;
    let (label, _) = idna::domain_to_unicode(registered);
    let words = label.split('-').filter(|word| !word.is_empty()).map(capitalized);
    Some(words.collect::<Vec<_>>().join(" "))
}

/// A domain and those above it, the top-level one left out.
fn parents(domain: &str) -> impl Iterator<Item = &str> {
    std::iter::successors(Some(domain), |domain| Some(domain.split_once('.')?.1))
        .filter(|domain| domain.contains('.'))
}

fn is_role(local: &str) -> bool {
    let bare = local.split('+').next().unwrap_or_default();
    let bare: String =
        bare.chars().filter(|c| !matches!(c, '.' | '-' | '_')).flat_map(char::to_lowercase).collect();
    ROLES.contains(&bare.as_str())
}

fn capitalized(word: &str) -> String {
    let mut letters = word.chars();
    letters.next().into_iter().flat_map(char::to_uppercase).chain(letters).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn both(address: &str) -> (EmailKind, Option<String>) {
        let email = Email::parse(address).unwrap();
        let kind = kind(&email);
        (kind, company(&email, kind))
    }

    #[test]
    fn a_domain_tells_whose_it_is() {
        for (address, kind, company) in [
            ("ann@gmail.com", EmailKind::Free, None),
            ("info@GMX.de", EmailKind::Free, None),
            ("ann@comcast.net", EmailKind::Free, None),
            ("ann@mailinator.com", EmailKind::Disposable, None),
            ("ann@x.mailinator.com", EmailKind::Disposable, None),
            ("ann@yopmail.com", EmailKind::Disposable, None),
            ("Info@acme.example", EmailKind::Role, Some("Acme")),
            ("no-reply@acme.com", EmailKind::Role, Some("Acme")),
            ("sales+web@acme.com", EmailKind::Role, Some("Acme")),
            ("ann@acme.example", EmailKind::Business, Some("Acme")),
            ("ann@mail.acme-roofing.co.uk", EmailKind::Business, Some("Acme Roofing")),
            ("ann@münchen.de", EmailKind::Business, Some("München")),
            ("ann@3m.com", EmailKind::Business, Some("3m")),
            ("ann@notgmail.com", EmailKind::Business, Some("Notgmail")),
            ("ann@co.uk", EmailKind::Business, None),
            ("ann@mail.example.com", EmailKind::Business, None),
        ] {
            assert_eq!(both(address), (kind, company.map(str::to_owned)), "{address}");
        }
    }

    #[test]
    fn the_lists_are_what_they_say() {
        let listed: Vec<_> = include_str!("../../data/free_email_domains.txt").lines().skip(2).collect();
        assert!(listed.is_sorted() && listed.len() == FREE.len(), "sorted, each once");
        for domain in listed {
            assert_eq!(Email::parse(&format!("a@{domain}")).unwrap().domain(), domain);
        }
        assert!(DISPOSABLE.len() > 10_000);
    }
}
