//! Infers the kind of an email and a company from the email's domain.

use std::collections::HashSet;
use std::sync::LazyLock;

use leadgate_domain::{Email, EmailKind};

static FREE: LazyLock<HashSet<&str>> = LazyLock::new(|| {
    let lines = include_str!("../../data/free_email_domains.txt").lines();
    lines.filter(|line| !line.is_empty() && !line.starts_with('#')).collect()
});

static DISPOSABLE: LazyLock<HashSet<&str>> = LazyLock::new(|| mailchecker::blacklist().into_iter().collect());

/// Local parts of functions, not persons (RFC 2142 and common usage), without dots and dashes.
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

/// The kind of an email. The list of free providers is checked first, because lists of disposable domains
/// sometimes contain regular providers.
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

/// Domains that are reserved for documentation (RFC 2606, section 3).
const EXAMPLES: [&str; 3] = ["example.com", "example.net", "example.org"];

/// The company name from the registered domain: `acme-roofing.co.uk` is `Acme Roofing`.
pub(super) fn company(email: &Email, kind: EmailKind) -> Option<String> {
    if !matches!(kind, EmailKind::Business | EmailKind::Role) {
        return None;
    }
    let registered = psl::domain_str(email.domain()).filter(|domain| !EXAMPLES.contains(domain))?;
    let label = registered.split('.').next()?;
    let (label, _) = idna::domain_to_unicode(label);
    let words = label.split('-').filter(|word| !word.is_empty()).map(capitalized);
    Some(words.collect::<Vec<_>>().join(" "))
}

/// A domain and its parent domains, without the top-level domain.
fn parents(domain: &str) -> impl Iterator<Item = &str> {
    std::iter::successors(Some(domain), |domain| Some(domain.split_once('.')?.1))
        .filter(|domain| domain.contains('.'))
}

fn is_role(local: &str) -> bool {
    let without_tag = local.split('+').next().unwrap_or_default();
    let folded: String =
        without_tag.chars().filter(|c| !matches!(c, '.' | '-' | '_')).flat_map(char::to_lowercase).collect();
    ROLES.contains(&folded.as_str())
}

fn capitalized(word: &str) -> String {
    let mut letters = word.chars();
    letters.next().into_iter().flat_map(char::to_uppercase).chain(letters).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kind_and_company(address: &str) -> (EmailKind, Option<String>) {
        let email = Email::parse(address).unwrap();
        let kind = kind(&email);
        (kind, company(&email, kind))
    }

    #[test]
    fn a_domain_gives_the_kind_and_the_company() {
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
            assert_eq!(kind_and_company(address), (kind, company.map(str::to_owned)), "{address}");
        }
    }

    #[test]
    fn the_list_of_free_domains_is_sorted_unique_and_normalized() {
        let listed: Vec<_> = include_str!("../../data/free_email_domains.txt").lines().skip(2).collect();
        assert!(listed.is_sorted() && listed.len() == FREE.len(), "sorted and unique");
        for domain in listed {
            assert_eq!(Email::parse(&format!("a@{domain}")).unwrap().domain(), domain);
        }
        assert!(DISPOSABLE.len() > 10_000);
    }
}
