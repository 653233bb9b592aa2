//! Emails and their domains.

use leadgate_domain::SuppressionKind;

use super::{Meaning, Person, SubmittedValue};
use crate::story::{Entry, ListedValue, Which};

impl Person {
    fn domain(self, which: Which) -> String {
        match which {
            Which::First => format!("case{}.example", self.number),
            Which::Second => format!("other{}.example", self.number),
        }
    }

    fn address(self, which: Which) -> String {
        format!("ann.lee@{}", self.domain(which))
    }

    pub(crate) fn email(self, which: Which) -> SubmittedValue {
        let words = match which {
            Which::First => "with its email",
            Which::Second => "with another email",
        };
        SubmittedValue::new(words, self.address(which), Meaning::Own(which))
    }

    /// Spellings of the first address that people and programs use.
    pub(crate) fn email_spellings(self) -> Vec<SubmittedValue> {
        let domain = self.domain(Which::First);
        let quoted = |text: String| {
            SubmittedValue::new(format!("with the email `{text}`"), text, Meaning::Own(Which::First))
        };
        let described = |words: &str, text: String| {
            SubmittedValue::new(format!("with the email {words}"), text, Meaning::Own(Which::First))
        };
        vec![
            quoted(format!("ANN.LEE@{}", domain.to_uppercase())),
            quoted(format!("Ann.Lee@{domain}")),
            quoted(format!("mailto:ann.lee@{domain}")),
            quoted(format!("MAILTO:Ann.Lee@{domain}?subject=Offer")),
            quoted(format!("ann.lee@{domain}.")),
            quoted(format!("Ann Lee <ann.lee@{domain}>")),
            quoted(format!("ann.lee@{domain}, bob@other.example")),
            described("between spaces", format!("  ann.lee@{domain} ")),
            described("after a non-breaking space", format!("\u{a0}ann.lee@{domain}")),
            described(
                "with zero-width spaces inside",
                format!("ann\u{200b}.lee@case\u{200b}{}.example", self.number),
            ),
            described("after a byte order mark", format!("\u{feff}ann.lee@{domain}")),
            described("between invisible direction marks", format!("\u{202a}ann.lee@{domain}\u{202c}")),
            described("with a soft hyphen inside", format!("ann.lee@ca\u{ad}se{}.example", self.number)),
            described("with an ideographic full stop", format!("ann.lee@case{}。example", self.number)),
            described(
                "with full-width letters at the end",
                format!("ann.lee@case{}.ｅｘａｍｐｌｅ", self.number),
            ),
        ]
    }

    /// Pairs of a lead's and a list's spelling of the same mailbox, with letters outside ASCII.
    pub(crate) fn international(self) -> Vec<(SubmittedValue, Entry)> {
        let at = self.domain(Which::First);
        let pair = |words: &str, lead: String, listed: String| {
            let lead =
                SubmittedValue::new(format!("with the email {words}"), lead, Meaning::Own(Which::First));
            (lead, self.entry("its email", SuppressionKind::Email, listed, Some(Which::First)))
        };
        let (umlauts, punycode) = (format!("ann@münchen.{at}"), format!("ann@xn--mnchen-3ya.{at}"));
        vec![
            pair("with umlauts, listed in Punycode", umlauts.clone(), punycode.clone()),
            pair("in Punycode, listed with umlauts", punycode.clone(), umlauts.clone()),
            pair("with capital umlauts", umlauts.to_uppercase(), umlauts),
            pair("with decomposed umlauts", format!("ann@mu\u{308}nchen.{at}"), punycode),
            pair(
                "with a composed accent, listed decomposed",
                format!("josé@{at}"),
                format!("jose\u{301}@{at}"),
            ),
            pair(
                "with a decomposed accent, listed composed",
                format!("jose\u{301}@{at}"),
                format!("josé@{at}"),
            ),
            pair("with an accented capital", format!("JOSÉ@{at}"), format!("josé@{at}")),
            pair("in Devanagari", format!("क्षमा@{at}"), format!("क्षमा@{at}")),
            pair("with a dotted capital I", format!("İ@{at}"), format!("i\u{307}@{at}")),
            pair(
                "with a dotted capital I and a cedilla",
                format!("İ\u{327}@{at}"),
                format!("i\u{327}\u{307}@{at}"),
            ),
        ]
    }

    /// Texts that are not email addresses. They are stored as submitted and never matched with a list.
    pub(crate) fn bad_emails(self) -> Vec<SubmittedValue> {
        let bad =
            |text: String| SubmittedValue::new(format!("with the email `{text}`"), text, Meaning::Unreadable);
        vec![
            bad("ann.lee".to_owned()),
            bad(format!("ann lee@{}", self.domain(Which::First))),
            bad(format!("ann.lee@@{}", self.domain(Which::First))),
        ]
    }

    pub(crate) fn null_email(self) -> SubmittedValue {
        SubmittedValue {
            text: None,
            ..SubmittedValue::new("with an email that is null", "", Meaning::Absent)
        }
    }

    pub(crate) fn email_entry(self, which: Which) -> Entry {
        let words = match which {
            Which::First => "its email",
            Which::Second => "the other email",
        };
        self.entry(words, SuppressionKind::Email, self.address(which), Some(which))
    }

    pub(crate) fn email_digest(self) -> Entry {
        let of = self.address(Which::First);
        self.digest("the digest of its email", SuppressionKind::Email, of, Some(Which::First))
    }

    /// Spellings of the listed email.
    pub(crate) fn email_entry_spellings(self) -> Vec<Entry> {
        let spellings = self.email_spellings().into_iter();
        let entry = |value: SubmittedValue| Entry {
            words: value.words.replacen("with the email `", "its email as `", 1).replacen(
                "with the email",
                "its email",
                1,
            ),
            value: ListedValue::Plain { text: value.text.unwrap_or_default(), region: None },
            ..self.email_entry(Which::First)
        };
        spellings.map(entry).collect()
    }

    pub(crate) fn domain_entry(self, which: Which) -> Entry {
        let words = match which {
            Which::First => "its email's domain",
            Which::Second => "the other email's domain",
        };
        self.entry(words, SuppressionKind::Domain, self.domain(which), Some(which))
    }

    /// Spellings of the listed domain.
    pub(crate) fn domain_entry_spellings(self) -> Vec<Entry> {
        let domain = self.domain(Which::First);
        let quoted = |text: String| Entry {
            words: format!("its email's domain as `{text}`"),
            value: ListedValue::Plain { text, region: None },
            ..self.domain_entry(Which::First)
        };
        vec![
            quoted(domain.to_uppercase()),
            quoted(format!("@{domain}")),
            quoted(format!("www.{domain}")),
            quoted(format!("https://www.{domain}/contact?x=1")),
            quoted(format!("someone@{domain}")),
            quoted(format!("{domain}.")),
        ]
    }

    /// An address at a subdomain, and domains around it that may be listed.
    pub(crate) fn subdomain_email(self) -> (SubmittedValue, Vec<Entry>) {
        let domain = self.domain(Which::First);
        let text = format!("ann@a.mail.{domain}");
        let email =
            SubmittedValue::new("with an email two levels below a domain", text, Meaning::Own(Which::First));
        let entry = |words: &str, text: String, holds: bool| {
            self.entry(words, SuppressionKind::Domain, text, holds.then_some(Which::First))
        };
        let entries = vec![
            entry("the same domain", format!("a.mail.{domain}"), true),
            entry("the parent domain", format!("mail.{domain}"), true),
            entry("the domain two levels above", domain.clone(), true),
            entry("a sibling domain", format!("b.mail.{domain}"), false),
            entry("a subdomain", format!("x.a.mail.{domain}"), false),
        ];
        (email, entries)
    }

    /// Entries that look like the lead's email or domain and do not match it.
    pub(crate) fn other_emails(self) -> Vec<Entry> {
        let (domain, n) = (self.domain(Which::First), self.number);
        let email = |words: &str, text: String| self.entry(words, SuppressionKind::Email, text, None);
        let at = |words: &str, text: String| self.entry(words, SuppressionKind::Domain, text, None);
        vec![
            email("a colleague's email", format!("bob@{domain}")),
            email("its email with a tag", format!("ann.lee+offer@{domain}")),
            email("its email without the dot", format!("annlee@{domain}")),
            email("its email at a subdomain", format!("ann.lee@mail.{domain}")),
            email("its email in Cyrillic letters that look alike", format!("аnn.lee@{domain}")),
            at("a domain with the same ending", format!("se{n}.example")),
            at("a domain that begins with its own domain", format!("{domain}.test.example")),
            at("a subdomain of its own domain", format!("mail.{domain}")),
            self.digest(
                "the digest of its email in capitals",
                SuppressionKind::Email,
                self.address(Which::First).to_uppercase(),
                None,
            ),
            self.digest("the digest of its domain (as an email)", SuppressionKind::Email, domain, None),
        ]
    }
}
