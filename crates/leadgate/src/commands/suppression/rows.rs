//! What the columns of a file mean.

use anyhow::{Context as _, bail};
use csv::ByteRecord;
use leadgate_domain::Region;
use leadgate_domain::suppression::{SuppressionKind, SuppressionRequest};

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

/// Names of columns, without case, spaces, `_` and `-`.
const NAMES: &[(Column, &[&str])] = &[
    (Column::Phone, &["phone", "phonenumber", "telephone", "tel", "mobile", "cell", "number", "dnc"]),
    (Column::Email, &["email", "emailaddress", "mail"]),
    (Column::Domain, &["domain", "emaildomain"]),
    (Column::PhoneDigest, &["phonesha256", "sha256phone", "hashedphone", "phonehash"]),
    (Column::EmailDigest, &["emailsha256", "sha256email", "hashedemail", "emailhash"]),
    (Column::List, &["list", "listname"]),
    (Column::Reason, &["reason", "note"]),
    (Column::Expires, &["expires", "expiresat", "expiry", "until"]),
];

/// Where in a row which values stand.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Columns(Vec<(usize, Column)>);

impl Columns {
    /// By the names in the first row.
    ///
    /// # Errors
    /// Where none of them is that of a value.
    pub(super) fn named(header: &ByteRecord) -> anyhow::Result<Self> {
        let column = |(at, name): (usize, &[u8])| {
            let name = String::from_utf8_lossy(name);
            let name = name.trim_start_matches('\u{feff}').to_lowercase();
            let name = name.replace(['_', '-', ' '], "");
            let known = NAMES.iter().find(|(_, names)| names.contains(&name.as_str()));
            known.map(|(column, _)| (at, *column))
        };
        let columns: Vec<_> = header.iter().enumerate().filter_map(column).collect();
        let names_anybody = |(_, column): &(usize, Column)| {
            !matches!(column, Column::List | Column::Reason | Column::Expires)
        };
        if !columns.iter().any(names_anybody) {
            bail!(
                "the first row names none of the columns phone, email, domain, phone_sha256, email_sha256; \
                 for a file without names say --kind"
            );
        }
        Ok(Self(columns))
    }

    /// A file without names, of one kind of value in its first column.
    pub(super) fn only(kind: SuppressionKind, sha256: bool) -> anyhow::Result<Self> {
        let column = match (kind, sha256) {
            (SuppressionKind::Phone, false) => Column::Phone,
            (SuppressionKind::Email, false) => Column::Email,
            (SuppressionKind::Domain, false) => Column::Domain,
            (SuppressionKind::Phone, true) => Column::PhoneDigest,
            (SuppressionKind::Email, true) => Column::EmailDigest,
            (SuppressionKind::Domain, true) => bail!("a domain cannot be given as its SHA-256"),
        };
        Ok(Self(vec![(0, column)]))
    }

    /// One request for each value of a row; none for a row that says nothing.
    pub(super) fn read(
        &self,
        row: &ByteRecord,
        region: Option<Region>,
    ) -> anyhow::Result<Vec<SuppressionRequest>> {
        let mut shared = SuppressionRequest { phone_country: region, ..SuppressionRequest::default() };
        let mut values = Vec::new();
        for (at, column) in &self.0 {
            let text = std::str::from_utf8(row.get(*at).unwrap_or_default()).context("it is not UTF-8")?;
            let text = Some(text.trim().to_owned()).filter(|text| !text.is_empty());
            let Some(text) = text else { continue };
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
    fn columns_are_known_by_what_people_call_them() {
        let header =
            ByteRecord::from(vec!["\u{feff}Phone Number", "colour", "E-Mail", "Reason", "expires_at"]);
        let columns = Columns::named(&header).unwrap();
        let row = ByteRecord::from(vec![" 415 555 0132 ", "red", "ann@example.com", "asked", ""]);
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
        assert_eq!(columns.read(&ByteRecord::from(vec!["", "red"]), None).unwrap(), []);
        assert!(columns.read(&ByteRecord::from(vec![b"\xff".as_slice()]), None).is_err());
        assert!(Columns::named(&ByteRecord::from(vec!["colour", "list"])).is_err());
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
