//! The request to add one suppression entry.

use serde::Deserialize;

use super::{ERASED_LIST, SuppressedValue, Suppression, SuppressionKind, list_name};
use crate::credential::secret::MatchKey;
use crate::{OrganizationId, Region, Timestamp};

const MAX_REASON_LENGTH: usize = 500;

/// Exactly one value, and the properties of its entry.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SuppressionRequest {
    pub phone: Option<String>,
    /// The region for a phone without a country code.
    pub phone_country: Option<Region>,
    pub email: Option<String>,
    pub domain: Option<String>,
    /// See [`SuppressedValue::digest`].
    pub phone_sha256: Option<String>,
    pub email_sha256: Option<String>,
    pub list: Option<String>,
    pub reason: Option<String>,
    /// A time, a day, or a duration from now, such as `90d`.
    pub expires_at: Option<String>,
}

impl SuppressionRequest {
    /// # Errors
    /// If there is not exactly one value, or it is invalid. The text does not repeat the value.
    pub fn value(&self) -> Result<SuppressedValue, String> {
        use SuppressionKind::{Domain, Email, Phone};
        let plain =
            [("phone", Phone, &self.phone), ("email", Email, &self.email), ("domain", Domain, &self.domain)];
        let digests =
            [("phone_sha256", Phone, &self.phone_sha256), ("email_sha256", Email, &self.email_sha256)];
        let plain = plain.into_iter().filter_map(|(name, kind, text)| {
            let text = text.as_deref()?;
            Some((name, SuppressedValue::parse_kind(kind, text, self.phone_country)))
        });
        let digests = digests
            .into_iter()
            .filter_map(|(name, kind, text)| Some((name, SuppressedValue::digest(kind, text.as_deref()?))));
        let mut all = plain.chain(digests);
        match (all.next(), all.next()) {
            (Some((name, value)), None) => value.map_err(|problem| format!("`{name}`: {problem}")),
            _ => Err("expected exactly one of phone, email, domain, phone_sha256, email_sha256".to_owned()),
        }
    }

    /// The entry, added at `now`.
    pub fn entry(
        &self,
        matching: &MatchKey,
        organization: OrganizationId,
        now: Timestamp,
    ) -> Result<Suppression, String> {
        let mut entry = Suppression::new(matching, organization, &self.value()?, now);
        if let Some(text) = &self.list {
            entry.list = parse_list(text)?;
        }
        entry.reason = self.reason.as_deref().map(parse_reason).transpose()?.flatten();
        entry.expires_at = self.expires_at.as_deref().map(|text| parse_expiry(text, now)).transpose()?;
        Ok(entry)
    }

    /// Checks the list, the reason and the expiry, which several entries can share.
    ///
    /// # Errors
    /// The name of the member, and what is wrong with it.
    pub fn check_terms(&self, now: Timestamp) -> Result<(), (&'static str, String)> {
        let checked = [
            ("list", self.list.as_deref().map(|text| parse_list(text).map(drop))),
            ("reason", self.reason.as_deref().map(|text| parse_reason(text).map(drop))),
            ("expires_at", self.expires_at.as_deref().map(|text| parse_expiry(text, now).map(drop))),
        ];
        checked
            .into_iter()
            .try_for_each(|(name, checked)| checked.unwrap_or(Ok(())).map_err(|problem| (name, problem)))
    }
}

/// Parses the name of a list that administrators may write to.
fn parse_list(text: &str) -> Result<String, String> {
    match list_name(text)? {
        name if name == ERASED_LIST => {
            Err(format!("the list `{ERASED_LIST}` is reserved for `leadgate erase`; choose another name"))
        }
        name => Ok(name),
    }
}

/// Parses the reason of an entry. A blank reason counts as none.
fn parse_reason(text: &str) -> Result<Option<String>, String> {
    let text = text.trim();
    if text.chars().count() > MAX_REASON_LENGTH || text.contains('\0') {
        return Err(format!("`reason` has at most {MAX_REASON_LENGTH} characters"));
    }
    Ok((!text.is_empty()).then(|| text.to_owned()))
}

/// Parses the expiry: RFC 3339, a day (its start in UTC), or a duration from now.
fn parse_expiry(text: &str, now: Timestamp) -> Result<Timestamp, String> {
    let end = Timestamp::read_future(text, now).map_err(|problem| format!("`expires_at`: {problem}"))?;
    if end > now { Ok(end) } else { Err("`expires_at` is in the past".to_owned()) }
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
    fn an_expiry_is_a_time_a_day_or_a_duration() {
        for (text, expected) in [
            ("2026-12-01T10:00:00+01:00", "2026-12-01T09:00:00.000000Z"),
            ("2026-12-01", "2026-12-01T00:00:00.000000Z"),
            ("90d", "2027-02-19T12:00:00.000000Z"),
        ] {
            let entry = read(&format!(r#"{{"email":"a@example.com","expires_at":"{text}"}}"#)).unwrap();
            assert_eq!(entry.expires_at.unwrap().to_string(), expected);
        }
    }

    #[test]
    fn an_invalid_request_is_refused_without_repeating_its_value() {
        for (json, expected) in [
            (r#"{}"#, "exactly one of"),
            (r#"{"email":"a@example.com","domain":"example.com"}"#, "exactly one of"),
            (r#"{"phone":"555 0132"}"#, "`phone`: "),
            (r#"{"email":"555 0132"}"#, "`email`: "),
            (r#"{"email":"a@example.com","expires_at":"2026-11-21"}"#, "past"),
            (r#"{"email":"a@example.com","expires_at":"soon"}"#, "90d"),
            (r#"{"email":"a@example.com","list":" "}"#, "the name of a list"),
            (r#"{"email":"a@example.com","colour":1}"#, "unknown field"),
        ] {
            let error = read(json).unwrap_err();
            assert!(error.contains(expected), "{error}");
            assert!(!error.contains("0132"), "{error}");
        }
    }
}
