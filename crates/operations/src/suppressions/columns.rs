//! Recognizes the columns of a CSV list by their names.

use leadgate_domain::Region;
use leadgate_domain::suppression::{SuppressionKind, SuppressionRequest};

use crate::OperationError;

/// The meaning of a column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum CsvColumn {
    Phone,
    Email,
    Domain,
    PhoneDigest,
    EmailDigest,
    List,
    Reason,
    Expires,
}

/// The known names of columns: their letters in lower case. Names of phones and emails may also have
/// [`QUALIFIERS`].
const NAMES: &[(CsvColumn, &[&str])] = &[
    (CsvColumn::Phone, PHONES),
    (CsvColumn::Phone, &["number", "dnc"]),
    (CsvColumn::Email, EMAILS),
    (CsvColumn::Email, &["mail"]),
    (CsvColumn::Domain, &["domain", "emaildomain"]),
    (CsvColumn::PhoneDigest, &["phonesha", "shaphone", "hashedphone", "phonehash"]),
    (CsvColumn::EmailDigest, &["emailsha", "shaemail", "hashedemail", "emailhash"]),
    (CsvColumn::List, &["list", "listname"]),
    (CsvColumn::Reason, &["reason", "note"]),
    (CsvColumn::Expires, &["expires", "expiresat", "expiry", "until"]),
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

/// In letters. A longer text is not recognized, which limits the recursion of [`CsvColumn::qualified`].
const MAX_NAME_LENGTH: usize = 40;

impl CsvColumn {
    fn from_header(header: &str) -> Option<Self> {
        let name: String = header.to_lowercase().chars().filter(|sign| sign.is_alphabetic()).collect();
        let known = NAMES.iter().find(|(_, names)| names.contains(&name.as_str()));
        match known {
            Some((column, _)) => Some(*column),
            None if name.chars().count() > MAX_NAME_LENGTH => None,
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

/// The columns of a list and their meanings.
#[derive(Debug, PartialEq, Eq)]
pub struct CsvColumns {
    used: Vec<(usize, CsvColumn)>,
    /// The names of the unused columns.
    ignored: Vec<String>,
}

impl CsvColumns {
    /// Recognizes the columns by the names in the first row.
    ///
    /// # Errors
    /// [`OperationError::Invalid`] if no column with values is recognized.
    pub fn from_header<'h>(header: impl IntoIterator<Item = &'h str>) -> Result<Self, OperationError> {
        let (mut used, mut ignored) = (Vec::new(), Vec::new());
        for (at, name) in header.into_iter().enumerate() {
            match CsvColumn::from_header(name) {
                Some(column) => used.push((at, column)),
                None if name.trim().is_empty() => {}
                None => ignored.push(name.trim().to_owned()),
            }
        }
        if used.iter().any(|(_, column)| column.is_value()) {
            Ok(Self { used, ignored })
        } else {
            Err(OperationError::invalid(
                "the first row names none of the columns phone, email, domain, phone_sha256, email_sha256",
            ))
        }
    }

    /// The columns of a list without a header, with one kind of value in the first column.
    ///
    /// # Errors
    /// [`OperationError::Invalid`] for digests of domains.
    pub fn single_column(kind: SuppressionKind, sha256: bool) -> Result<Self, OperationError> {
        let column = match (kind, sha256) {
            (SuppressionKind::Phone, false) => CsvColumn::Phone,
            (SuppressionKind::Email, false) => CsvColumn::Email,
            (SuppressionKind::Domain, false) => CsvColumn::Domain,
            (SuppressionKind::Phone, true) => CsvColumn::PhoneDigest,
            (SuppressionKind::Email, true) => CsvColumn::EmailDigest,
            (SuppressionKind::Domain, true) => {
                return Err(OperationError::invalid(
                    "digests are supported for phones and emails, not for domains",
                ));
            }
        };
        Ok(Self { used: vec![(0, column)], ignored: Vec::new() })
    }

    /// The names of the unused columns.
    pub fn ignored(&self) -> &[String] {
        &self.ignored
    }

    /// One request for each value of a row, none for an empty row.
    ///
    /// # Errors
    /// A sentence about bytes that are invalid in the encoding of the file.
    pub(super) fn read<'r>(
        &self,
        cell: impl Fn(usize) -> Option<&'r str>,
        region: Option<Region>,
    ) -> Result<Vec<SuppressionRequest>, String> {
        let mut shared = SuppressionRequest { phone_country: region, ..SuppressionRequest::default() };
        let mut values = Vec::new();
        for (at, column) in &self.used {
            let text = cell(*at).unwrap_or_default().trim().to_owned();
            if text.is_empty() {
                continue;
            }
            if text.contains(char::REPLACEMENT_CHARACTER) {
                return Err("it has bytes that are invalid in the file's encoding".to_owned());
            }
            match column {
                CsvColumn::List => shared.list = Some(text),
                CsvColumn::Reason => shared.reason = Some(text),
                CsvColumn::Expires => shared.expires_at = Some(text),
                value => values.push((*value, text)),
            }
        }
        let request = |(column, text): (CsvColumn, String)| {
            let (mut request, text) = (shared.clone(), Some(text));
            match column {
                CsvColumn::Phone => request.phone = text,
                CsvColumn::Email => request.email = text,
                CsvColumn::Domain => request.domain = text,
                CsvColumn::PhoneDigest => request.phone_sha256 = text,
                CsvColumn::EmailDigest => request.email_sha256 = text,
                CsvColumn::List | CsvColumn::Reason | CsvColumn::Expires => {}
            }
            request
        };
        Ok(values.into_iter().map(request).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_recognized_by_common_names() {
        let columns =
            CsvColumns::from_header(["Phone Number", "colour", "E-Mail", "Reason", "expires_at", " "])
                .unwrap();
        let read = |row: &[&'static str]| columns.read(|at| row.get(at).copied(), None);
        assert_eq!(columns.ignored, ["colour"]);
        let requests = read(&[" 415 555 0132 ", "red", "ann@example.com", "asked", ""]).unwrap();
        assert_eq!(requests.len(), 2);
        assert_eq!(
            (requests[0].phone.as_deref(), requests[0].reason.as_deref()),
            (Some("415 555 0132"), Some("asked"))
        );
        assert_eq!(
            (requests[1].email.as_deref(), requests[1].expires_at.as_deref()),
            (Some("ann@example.com"), None)
        );
        assert_eq!(read(&["", "red"]).unwrap(), []);
        assert!(read(&["415 555 013\u{fffd}"]).is_err());
        assert!(CsvColumns::from_header(["colour", "list"]).is_err());
    }

    #[test]
    fn all_columns_of_phones_and_emails_are_used() {
        let phones = "Phone|phone_number|Phone 2|Mobile Phone|MobilePhone|home-phone|Work Phone Number|Cell|Cell Phone|\
                      Phone (Home)|Phone 1 - Value|Primary Mobile Number|Telephone|Tel.|Tel 2|Number|DNC|landline|Other Phone 3";
        let emails =
            "email|E-Mail|Email Address 2|Work Email|personal_email_address|E-mail 1 - Value|Mail|EMAIL2";
        let others = "Name|Phone Type|phonetic name|Customer Number|Account Number|Number of employees|Email opt in|\
                      Mailing Address|Phone Ext|mobile app|2";
        let long = format!("{}Phone{}", "Day ".repeat(10_000), " Home".repeat(10_000));
        assert_eq!(CsvColumn::from_header(&long), None);
        let columns = |names: &str| names.split('|').map(CsvColumn::from_header).collect::<Vec<_>>();
        for (names, column) in
            [(phones, Some(CsvColumn::Phone)), (emails, Some(CsvColumn::Email)), (others, None)]
        {
            for (name, found) in names.split('|').zip(columns(names)) {
                assert_eq!(found, column, "{name}");
            }
        }
        let more = columns("Phone SHA-256|sha256_email|Email Domain|List Name|Expires at");
        let expected = [
            CsvColumn::PhoneDigest,
            CsvColumn::EmailDigest,
            CsvColumn::Domain,
            CsvColumn::List,
            CsvColumn::Expires,
        ];
        assert_eq!(more, expected.map(Some));
    }
}
