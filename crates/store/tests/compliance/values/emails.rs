//! Emails and their domains.

use leadgate_domain::SuppressionKind;

use super::{Means, Person, Written};
use crate::story::{Entry, Listing, Which};

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

    pub(crate) fn email(self, which: Which) -> Written {
        let words = match which {
            Which::First => "with its email",
            Which::Second => "with another email",
        };
        Written::new(words, self.address(which), Means::Own(which))
    }

    /// The first address in the ways in which people and programs write it.
    pub(crate) fn emails_written(self) -> Vec<Written> {
        let domain = self.domain(Which::First);
        let shown =
            |text: String| Written::new(format!("with the email `{text}`"), text, Means::Own(Which::First));
        let told = |words: &str, text: String| {
            Written::new(format!("with the email {words}"), text, Means::Own(Which::First))
        };
        vec![
            shown(format!("ANN.LEE@{}", domain.to_uppercase())),
            shown(format!("Ann.Lee@{domain}")),
            shown(format!("mailto:ann.lee@{domain}")),
            shown(format!("MAILTO:Ann.Lee@{domain}?subject=Offer")),
            shown(format!("ann.lee@{domain}.")),
            shown(format!("Ann Lee <ann.lee@{domain}>")),
            shown(format!("ann.lee@{domain}, bob@other.example")),
            told("between spaces", format!("  ann.lee@{domain} ")),
            told("after a space that does not break", format!("\u{a0}ann.lee@{domain}")),
            told(
                "with zero-width spaces inside",
                format!("ann\u{200b}.lee@case\u{200b}{}.example", self.number),
            ),
            told("after a byte order mark", format!("\u{feff}ann.lee@{domain}")),
            told("between invisible marks of direction", format!("\u{202a}ann.lee@{domain}\u{202c}")),
            told("with a soft hyphen inside", format!("ann.lee@ca\u{ad}se{}.example", self.number)),
            told("with an ideographic full stop", format!("ann.lee@case{}。example", self.number)),
            told("in full-width letters at the end", format!("ann.lee@case{}.ｅｘａｍｐｌｅ", self.number)),
        ]
    }

    /// Pairs of how a lead's and how a list's address is written, of letters beyond ASCII; the same mailbox each.
    pub(crate) fn international(self) -> Vec<(Written, Entry)> {
        let at = self.domain(Which::First);
        let pair = |words: &str, lead: String, listed: String| {
            let lead = Written::new(format!("with the email {words}"), lead, Means::Own(Which::First));
            (lead, self.entry("its email", SuppressionKind::Email, listed, Some(Which::First)))
        };
        let (umlauts, punycode) = (format!("ann@münchen.{at}"), format!("ann@xn--mnchen-3ya.{at}"));
        vec![
            pair("in umlauts, which is listed in Punycode", umlauts.clone(), punycode.clone()),
            pair("in Punycode, which is listed in umlauts", punycode.clone(), umlauts.clone()),
            pair("in capital umlauts", umlauts.to_uppercase(), umlauts),
            pair("in umlauts of two parts", format!("ann@mu\u{308}nchen.{at}"), punycode),
            pair(
                "of an accent in one part, listed in two",
                format!("josé@{at}"),
                format!("jose\u{301}@{at}"),
            ),
            pair(
                "of an accent in two parts, listed in one",
                format!("jose\u{301}@{at}"),
                format!("josé@{at}"),
            ),
            pair("of a capital accent", format!("JOSÉ@{at}"), format!("josé@{at}")),
            pair("in Devanagari", format!("क्षमा@{at}"), format!("क्षमा@{at}")),
            pair("of a dotted capital I", format!("İ@{at}"), format!("i\u{307}@{at}")),
            pair(
                "of a dotted capital I with a cedilla",
                format!("İ\u{327}@{at}"),
                format!("i\u{327}\u{307}@{at}"),
            ),
        ]
    }

    /// What is kept as it came because it is no address; it is looked for on no list.
    pub(crate) fn bad_emails(self) -> Vec<Written> {
        let bad = |text: String| Written::new(format!("with the email `{text}`"), text, Means::Unreadable);
        vec![
            bad("ann.lee".to_owned()),
            bad(format!("ann lee@{}", self.domain(Which::First))),
            bad(format!("ann.lee@@{}", self.domain(Which::First))),
        ]
    }

    pub(crate) fn null_email(self) -> Written {
        Written { text: None, ..Written::new("with an email that is null", "", Means::Nothing) }
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

    /// The entry in the ways in which lists are written.
    pub(crate) fn email_entries_written(self) -> Vec<Entry> {
        let written = self.emails_written().into_iter();
        let entry = |written: Written| Entry {
            words: written.words.replacen("with the email", "its email as", 1),
            value: Listing::Plain { text: written.text.unwrap_or_default(), region: None },
            ..self.email_entry(Which::First)
        };
        written.map(entry).collect()
    }

    pub(crate) fn domain_entry(self, which: Which) -> Entry {
        let words = match which {
            Which::First => "its email's domain",
            Which::Second => "the other email's domain",
        };
        self.entry(words, SuppressionKind::Domain, self.domain(which), Some(which))
    }

    /// The domain in the ways in which lists are written.
    pub(crate) fn domain_entries_written(self) -> Vec<Entry> {
        let domain = self.domain(Which::First);
        let shown = |text: String| Entry {
            words: format!("its email's domain as `{text}`"),
            value: Listing::Plain { text, region: None },
            ..self.domain_entry(Which::First)
        };
        vec![
            shown(domain.to_uppercase()),
            shown(format!("@{domain}")),
            shown(format!("www.{domain}")),
            shown(format!("https://www.{domain}/contact?x=1")),
            shown(format!("somebody@{domain}")),
            shown(format!("{domain}.")),
        ]
    }

    /// An address below a domain, and what of it may be listed.
    pub(crate) fn below(self) -> (Written, Vec<Entry>) {
        let domain = self.domain(Which::First);
        let text = format!("ann@a.mail.{domain}");
        let written = Written::new("with an email two levels below a domain", text, Means::Own(Which::First));
        let entry = |words: &str, text: String, holds: bool| {
            self.entry(words, SuppressionKind::Domain, text, holds.then_some(Which::First))
        };
        let entries = vec![
            entry("the very domain", format!("a.mail.{domain}"), true),
            entry("the domain above", format!("mail.{domain}"), true),
            entry("the domain two levels above", domain.clone(), true),
            entry("a domain beside", format!("b.mail.{domain}"), false),
            entry("a domain below", format!("x.a.mail.{domain}"), false),
        ];
        (written, entries)
    }

    /// Entries that look like the lead's email or domain and are not.
    pub(crate) fn other_emails(self) -> Vec<Entry> {
        let (domain, n) = (self.domain(Which::First), self.number);
        let email = |words: &str, text: String| self.entry(words, SuppressionKind::Email, text, None);
        let at = |words: &str, text: String| self.entry(words, SuppressionKind::Domain, text, None);
        vec![
            email("a colleague's email", format!("bob@{domain}")),
            email("its email with a tag", format!("ann.lee+offer@{domain}")),
            email("its email without the dot", format!("annlee@{domain}")),
            email("its email at a domain below", format!("ann.lee@mail.{domain}")),
            email("its email in Cyrillic letters that look alike", format!("аnn.lee@{domain}")),
            at("a domain that ends like its own", format!("se{n}.example")),
            at("a domain that begins with its own", format!("{domain}.test.example")),
            at("a domain below its own", format!("mail.{domain}")),
            self.digest(
                "the digest of its email in capitals",
                SuppressionKind::Email,
                self.address(Which::First).to_uppercase(),
                None,
            ),
            self.digest(
                "the digest of its domain, as if it were an email,",
                SuppressionKind::Email,
                domain,
                None,
            ),
        ]
    }
}
