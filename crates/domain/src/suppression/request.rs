//! What an administrator says about one entry.

use serde::Deserialize;

use super::{ERASED_LIST, SuppressedValue, Suppression, SuppressionKind, list_name};
use crate::credential::secret::MatchKey;
use crate::{OrganizationId, Region, Timestamp};

const LONGEST_REASON: usize = 500;

/// One value, and what goes with it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SuppressionRequest {
    pub phone: Option<String>,
    /// Reads a phone without a country code.
    pub phone_country: Option<Region>,
    pub email: Option<String>,
    pub domain: Option<String>,
    /// See [`SuppressedValue::digest`].
    pub phone_sha256: Option<String>,
    pub email_sha256: Option<String>,
    pub list: Option<String>,
    pub reason: Option<String>,
    /// A time, a day, or how long from now, such as `90d`.
    pub expires_at: Option<String>,
}

impl SuppressionRequest {
    /// # Errors
    /// A sentence for whoever said it, here and below.
    pub fn value(&self) -> Result<SuppressedValue, String> {
        use SuppressionKind::{Domain, Email, Phone};
        let plain =
            [("phone", Phone, &self.phone), ("email", Email, &self.email), ("domain", Domain, &self.domain)];
        let digests =
            [("phone_sha256", Phone, &self.phone_sha256), ("email_sha256", Email, &self.email_sha256)];
        let plain = plain.into_iter().filter_map(|(name, kind, said)| {
            let said = said.as_deref()?;
            Some((name, SuppressedValue::parse_kind(kind, said, self.phone_country)))
        });
        let digests = digests
            .into_iter()
            .filter_map(|(name, kind, said)| Some((name, SuppressedValue::digest(kind, said.as_deref()?))));
        let mut all = plain.chain(digests);
        match (all.next(), all.next()) {
            (Some((name, value)), None) => value.map_err(|problem| format!("`{name}`: {problem}")),
            _ => Err("an entry names one of phone, email, domain, phone_sha256, email_sha256".to_owned()),
        }
    }

    /// The entry that begins now.
    pub fn entry(
        &self,
        matching: &MatchKey,
        organization: OrganizationId,
        now: Timestamp,
    ) -> Result<Suppression, String> {
        let mut entry = Suppression::new(matching, organization, &self.value()?, now);
        if let Some(text) = &self.list {
            entry.list = list(text)?;
        }
        entry.reason = self.reason.as_deref().map(reason).transpose()?.flatten();
        entry.expires_at = self.expires_at.as_deref().map(|text| end(text, now)).transpose()?;
        Ok(entry)
    }

    /// Checks what goes with a value.
    ///
    /// # Errors
    /// The name of the member, and a sentence about it.
    pub fn check_terms(&self, now: Timestamp) -> Result<(), (&'static str, String)> {
        let checked = [
            ("list", self.list.as_deref().map(|text| list(text).map(drop))),
            ("reason", self.reason.as_deref().map(|text| reason(text).map(drop))),
            ("expires_at", self.expires_at.as_deref().map(|text| end(text, now).map(drop))),
        ];
        checked
            .into_iter()
            .try_for_each(|(name, checked)| checked.unwrap_or(Ok(())).map_err(|problem| (name, problem)))
    }
}

/// A list that administrators may write to.
fn list(text: &str) -> Result<String, String> {
    match list_name(text)? {
        name if name == ERASED_LIST => {
            Err(format!("the list `{ERASED_LIST}` is written by `leadgate erase` alone; choose another name"))
        }
        name => Ok(name),
    }
}

/// Why somebody is suppressed, for those who ask later; nothing is said by white space.
fn reason(text: &str) -> Result<Option<String>, String> {
    let text = text.trim();
    if text.chars().count() > LONGEST_REASON || text.contains('\0') {
        return Err(format!("`reason` has at most {LONGEST_REASON} characters"));
    }
    Ok((!text.is_empty()).then(|| text.to_owned()))
}

/// When an entry ends: RFC 3339, a day (from its first moment in UTC on), or how long from now.
fn end(text: &str, now: Timestamp) -> Result<Timestamp, String> {
    let end = Timestamp::read_future(text, now).map_err(|problem| format!("`expires_at`: {problem}"))?;
    if end > now { Ok(end) } else { Err("`expires_at` lies in the past".to_owned()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(json: &str) -> Result<Suppression, String> {
        let request: SuppressionRequest = serde_json::from_str(json).map_err(|error| error.to_string())?;
        let matching = MatchKey::new([0x55; 32]);
        let now = Timestamp::parse("2026-11-21T12:00:00Z").unwrap();
        request.entry(&matching, OrganizationId::from_uuid(uuid::Uuid::from_u128(7)), now)
    }

    #[test]
    fn an_end_is_a_time_a_day_or_a_while() {
        for (said, end) in [
            ("2026-12-01T10:00:00+01:00", "2026-12-01T09:00:00.000000Z"),
            ("2026-12-01", "2026-12-01T00:00:00.000000Z"),
            ("90d", "2027-02-19T12:00:00.000000Z"),
        ] {
            let entry = read(&format!(r#"{{"email":"a@example.com","expires_at":"{said}"}}"#)).unwrap();
            assert_eq!(entry.expires_at.unwrap().to_string(), end);
        }
    }

    #[test]
    fn nonsense_is_refused_with_a_sentence_that_repeats_nobody() {
        for (json, expected) in [
            (r#"{}"#, "names one of"),
            (r#"{"email":"a@example.com","domain":"example.com"}"#, "names one of"),
            (r#"{"phone":"555 0132"}"#, "`phone`: "),
            (r#"{"email":"555 0132"}"#, "`email`: "),
            (r#"{"email":"a@example.com","expires_at":"2026-11-21"}"#, "past"),
            (r#"{"email":"a@example.com","expires_at":"soon"}"#, "90d"),
            (r#"{"email":"a@example.com","list":" "}"#, "a list has a name"),
            (r#"{"email":"a@example.com","colour":1}"#, "unknown field"),
        ] {
            let error = read(json).unwrap_err();
            assert!(error.contains(expected), "{error}");
            assert!(!error.contains("0132"), "{error}");
        }
    }
}
