//! What the columns of a file mean.

use anyhow::{bail, ensure};
use csv::StringRecord;
use leadgate_domain::Region;
use leadgate_domain::suppression::{SuppressionKind, SuppressionRequest};

use crate::commands::UsageError;

/// What a column holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Column {
    Phone,
    Email,
    Domain,
    PhoneDigest,
    EmailDigest,
    List,
    Reason,
    Expires,
}

/// Names of columns: their letters in lower case. Names of phones and emails may also have [`QUALIFIERS`].
const NAMES: &[(Column, &[&str])] = &[
    (Column::Phone, PHONES),
    (Column::Phone, &["number", "dnc"]),
    (Column::Email, EMAILS),
    (Column::Email, &["mail"]),
    (Column::Domain, &["domain", "emaildomain"]),
    (Column::PhoneDigest, &["phonesha", "shaphone", "hashedphone", "phonehash"]),
    (Column::EmailDigest, &["emailsha", "shaemail", "hashedemail", "emailhash"]),
    (Column::List, &["list", "listname"]),
    (Column::Reason, &["reason", "note"]),
    (Column::Expires, &["expires", "expiresat", "expiry", "until"]),
];

const PHONES: &[&str] = &[
    "phone",
    "phonenumber",
    "telephone",
    "telephonenumber",
    "tel",
    "mobile",
    "mobilenumber",
    "cell",
    "cellnumber",
    "landline",
];

const EMAILS: &[&str] = &["email", "emailaddress"];

/// Words before or after the name of a phone or an email, as in `Mobile Phone` and `Phone 1 - Value`.
const QUALIFIERS: &[&str] = &[
    "additional",
    "alternate",
    "alternative",
    "alt",
    "billing",
    "business",
    "cell",
    "client",
    "company",
    "contact",
    "customer",
    "daytime",
    "day",
    "direct",
    "evening",
    "home",
    "landline",
    "lead",
    "main",
    "mobile",
    "office",
    "other",
    "owner",
    "partner",
    "personal",
    "preferred",
    "primary",
    "private",
    "secondary",
    "spouse",
    "value",
    "wireless",
    "work",
];

/// In letters. A longer text is no name; it bounds the work of [`Column::qualified`].
const LONGEST_NAME: usize = 40;

impl Column {
    fn named(header: &str) -> Option<Self> {
        let name: String = header.to_lowercase().chars().filter(|sign| sign.is_alphabetic()).collect();
        let known = NAMES.iter().find(|(_, names)| names.contains(&name.as_str()));
        match known {
            Some((column, _)) => Some(*column),
            None if name.chars().count() > LONGEST_NAME => None,
            None => Self::qualified(&name),
        }
    }

    fn qualified(name: &str) -> Option<Self> {
        if PHONES.contains(&name) {
            return Some(Self::Phone);
        }
        if EMAILS.contains(&name) {
            return Some(Self::Email);
        }
        let strip = |word: &&str| name.strip_prefix(*word).or_else(|| name.strip_suffix(*word));
        QUALIFIERS.iter().filter_map(strip).find_map(Self::qualified)
    }

    fn is_value(self) -> bool {
        !matches!(self, Self::List | Self::Reason | Self::Expires)
    }
}

/// Which columns of a file have which values.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Columns {
    used: Vec<(usize, Column)>,
    /// The names of the others.
    pub(super) left_out: Vec<String>,
}

impl Columns {
    /// By the names in the first row.
    ///
    /// # Errors
    /// When none of them is the name of a value.
    pub(super) fn named(header: &StringRecord) -> anyhow::Result<Self> {
        let (mut used, mut left_out) = (Vec::new(), Vec::new());
        for (at, name) in header.iter().enumerate() {
            match Column::named(name) {
                Some(column) => used.push((at, column)),
                None if name.trim().is_empty() => {}
                None => left_out.push(name.trim().to_owned()),
            }
        }
        if !used.iter().any(|(_, column)| column.is_value()) {
            bail!(UsageError::wrong(
                "the first row names none of the columns phone, email, domain, phone_sha256, email_sha256; for a file \
                 without names say --kind"
            ));
        }
        Ok(Self { used, left_out })
    }

    /// A file without names, of one kind of value in its first column.
    pub(super) fn only(kind: SuppressionKind, sha256: bool) -> anyhow::Result<Self> {
        let column = match (kind, sha256) {
            (SuppressionKind::Phone, false) => Column::Phone,
            (SuppressionKind::Email, false) => Column::Email,
            (SuppressionKind::Domain, false) => Column::Domain,
            (SuppressionKind::Phone, true) => Column::PhoneDigest,
            (SuppressionKind::Email, true) => Column::EmailDigest,
            (SuppressionKind::Domain, true) => {
                bail!(UsageError::wrong("--sha256 is for phones and emails, not for domains"))
            }
        };
        Ok(Self { used: vec![(0, column)], left_out: Vec::new() })
    }

    /// One request for each value of a row; none for a row that says nothing.
    pub(super) fn read(
        &self,
        row: &StringRecord,
        region: Option<Region>,
    ) -> anyhow::Result<Vec<SuppressionRequest>> {
        let mut shared = SuppressionRequest { phone_country: region, ..SuppressionRequest::default() };
        let mut values = Vec::new();
        for (at, column) in &self.used {
            let text = row.get(*at).unwrap_or_default().trim().to_owned();
            if text.is_empty() {
                continue;
            }
            ensure!(
                !text.contains(char::REPLACEMENT_CHARACTER),
                "it has bytes that are invalid in the file's encoding"
            );
            match column {
                Column::List => shared.list = Some(text),
                Column::Reason => shared.reason = Some(text),
                Column::Expires => shared.expires_at = Some(text),
                value => values.push((*value, text)),
            }
        }
        let request = |(column, text): (Column, String)| {
            let (mut request, text) = (shared.clone(), Some(text));
            match column {
                Column::Phone => request.phone = text,
                Column::Email => request.email = text,
                Column::Domain => request.domain = text,
                Column::PhoneDigest => request.phone_sha256 = text,
                Column::EmailDigest => request.email_sha256 = text,
                Column::List | Column::Reason | Column::Expires => {}
            }
            request
        };
        Ok(values.into_iter().map(request).collect())
    }
}

/// What stands between the columns of a file: what its first line has most of.
pub(super) fn delimiter(first_line: &[u8]) -> u8 {
    let count = |delimiter: &u8| first_line.iter().filter(|byte| *byte == delimiter).count();
    // Of equals the last counts.
    [b'|', b'\t', b';', b','].into_iter().max_by_key(count).unwrap_or(b',')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_known_by_common_names() {
        let header =
            StringRecord::from(vec!["Phone Number", "colour", "E-Mail", "Reason", "expires_at", " "]);
        let columns = Columns::named(&header).unwrap();
        assert_eq!(columns.left_out, ["colour"]);
        let row = StringRecord::from(vec![" 415 555 0132 ", "red", "ann@example.com", "asked", ""]);
        let requests = columns.read(&row, None).unwrap();
        assert_eq!(requests.len(), 2);
        assert_eq!(
            (requests[0].phone.as_deref(), requests[0].reason.as_deref()),
            (Some("415 555 0132"), Some("asked"))
        );
        assert_eq!(
            (requests[1].email.as_deref(), requests[1].expires_at.as_deref()),
            (Some("ann@example.com"), None)
        );
        assert_eq!(columns.read(&StringRecord::from(vec!["", "red"]), None).unwrap(), []);
        assert!(columns.read(&StringRecord::from(vec!["415 555 013\u{fffd}"]), None).is_err());
        assert!(Columns::named(&StringRecord::from(vec!["colour", "list"])).is_err());
    }

    #[test]
    fn every_column_of_phones_and_emails_is_used() {
        let phones = "Phone|phone_number|Phone 2|Mobile Phone|MobilePhone|home-phone|Work Phone Number|Cell|Cell Phone|\
                      Phone (Home)|Phone 1 - Value|Primary Mobile Number|Telephone|Tel.|Tel 2|Number|DNC|landline|Other Phone 3";
        let emails =
            "email|E-Mail|Email Address 2|Work Email|personal_email_address|E-mail 1 - Value|Mail|EMAIL2";
        let others = "Name|Phone Type|phonetic name|Customer Number|Account Number|Number of employees|Email opt in|\
                      Mailing Address|Phone Ext|mobile app|2";
        let long = format!("{}Phone{}", "Day ".repeat(10_000), " Home".repeat(10_000));
        assert_eq!(Column::named(&long), None);
        let columns = |names: &str| names.split('|').map(Column::named).collect::<Vec<_>>();
        for (names, column) in [(phones, Some(Column::Phone)), (emails, Some(Column::Email)), (others, None)]
        {
            for (name, found) in names.split('|').zip(columns(names)) {
                assert_eq!(found, column, "{name}");
            }
        }
        let more = columns("Phone SHA-256|sha256_email|Email Domain|List Name|Expires at");
        let expected =
            [Column::PhoneDigest, Column::EmailDigest, Column::Domain, Column::List, Column::Expires];
        assert_eq!(more, expected.map(Some));
    }

    #[test]
    fn the_delimiter_is_what_there_is_most_of() {
        for (line, expected) in
            [("a,b", b','), ("a;b;c,d", b';'), ("a\tb", b'\t'), ("phone", b','), ("a|b", b'|')]
        {
            assert_eq!(delimiter(line.as_bytes()), expected, "{line}");
        }
    }
}
