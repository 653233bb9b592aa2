//! The settings of a source, in the form in which operators write them.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use serde::{Deserialize, Deserializer};

use crate::submission::validate::{MAX_TAG_LENGTH, MAX_TAGS};
use crate::{
    ClaimKind, ConsentPolicy, DuplicatePolicy, GmailIdentity, IdentitySettings, Network, ParsedDuration,
    Patch, Rate, Region, Source, Zone,
};

const MAX_NAME_LENGTH: usize = 255;

/// A duration, or `None` for no limit (`ever`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct DurationOrForever(pub Option<Duration>);

impl FromStr for DurationOrForever {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text == "ever" {
            return Ok(Self(None));
        }
        let ParsedDuration(window) =
            text.parse().map_err(|_| format!("`{text}` is not a duration (such as 30d, or ever)"))?;
        if window < Duration::from_secs(1) {
            return Err("a duration is at least 1s (such as 30d, or ever)".to_owned());
        }
        Ok(Self(Some(window)))
    }
}

impl TryFrom<String> for DurationOrForever {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl fmt::Display for DurationOrForever {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(window) => fmt::Display::fmt(&humantime::format_duration(window), formatter),
            None => formatter.write_str("ever"),
        }
    }
}

/// Settings of a source. A setting that is missing is not changed.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SourceSettings {
    #[serde(deserialize_with = "not_null")]
    pub name: Option<String>,
    /// The region for phones without a country code; null for none.
    pub region: Patch<Region>,
    /// The IANA time zone for times without a zone; null for none.
    pub timezone: Patch<Zone>,
    #[serde(deserialize_with = "not_null")]
    pub policy: Option<DuplicatePolicy>,
    /// The identity keys, each with its window.
    #[serde(deserialize_with = "not_null")]
    pub identity: Option<IdentitySettings>,
    /// When two Gmail addresses identify the same person.
    #[serde(deserialize_with = "not_null")]
    pub gmail_identity: Option<GmailIdentity>,
    /// The window for phones and emails. External ids and line ids always match.
    #[serde(deserialize_with = "not_null")]
    pub window: Option<DurationOrForever>,
    #[serde(deserialize_with = "not_null")]
    pub consent: Option<ConsentPolicy>,
    /// Maximum age of consent, such as `90d`, or `ever`.
    #[serde(deserialize_with = "not_null")]
    pub consent_max_age: Option<DurationOrForever>,
    /// The rate limit of the source; null for the limit of its dialect.
    pub rate: Patch<Rate>,
    #[serde(deserialize_with = "not_null")]
    pub tags: Option<Vec<String>>,
    #[serde(deserialize_with = "not_null")]
    pub networks: Option<Vec<Network>>,
}

/// For a setting that cannot be cleared: null is an error, while a missing setting is not changed.
fn not_null<'de, D: Deserializer<'de>, T: Deserialize<'de>>(deserializer: D) -> Result<Option<T>, D::Error> {
    T::deserialize(deserializer).map(Some)
}

impl SourceSettings {
    /// Whether there are no changes.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// # Errors
    /// A text that names what was expected.
    pub fn apply(self, source: &mut Source) -> Result<(), String> {
        if let Some(name) = self.name {
            let length = name.trim().chars().count();
            if !(1..=MAX_NAME_LENGTH).contains(&length) || name.contains('\0') {
                return Err(format!("a name has 1 to {MAX_NAME_LENGTH} characters"));
            }
            source.name = Some(name.trim().to_owned());
        }
        if let Some(tags) = self.tags {
            let is_valid = |tag: &String| {
                !tag.trim().is_empty() && tag.chars().count() <= MAX_TAG_LENGTH && !tag.contains('\0')
            };
            if tags.len() > MAX_TAGS || !tags.iter().all(is_valid) {
                return Err(format!("expected at most {MAX_TAGS} tags of 1 to {MAX_TAG_LENGTH} characters"));
            }
            source.tags = tags;
        }
        self.region.apply_to(&mut source.default_region);
        self.timezone.apply_to(&mut source.timezone);
        source.gmail_identity = self.gmail_identity.unwrap_or(source.gmail_identity);
        source.policy = self.policy.unwrap_or(source.policy);
        source.consent = self.consent.unwrap_or(source.consent);
        source.consent_max_age =
            self.consent_max_age.map_or(source.consent_max_age, |DurationOrForever(age)| age);
        self.rate.apply_to(&mut source.rate);
        source.networks = self.networks.unwrap_or_else(|| std::mem::take(&mut source.networks));
        if self.identity.is_some() && self.window.is_some() {
            return Err(
                "`identity` and `window` cannot be set together; set the window of each key in `identity`"
                    .to_owned(),
            );
        }
        if let Some(identity) = self.identity {
            source.identity_rule = identity.rule();
            source.identity = identity.into_keys();
        }
        if let Some(DurationOrForever(window)) = self.window {
            let has_window_setting = |kind| matches!(kind, ClaimKind::Phone | ClaimKind::Email);
            for identity in source.identity.iter_mut().filter(|identity| has_window_setting(identity.kind)) {
                identity.window = window;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Dialect, IdentityRule, OrganizationId, Timestamp};

    #[test]
    fn missing_settings_are_not_changed_and_the_window_is_for_phone_and_email() {
        let mut source = Source::new(
            OrganizationId::generate(),
            &crate::SourceDefaults::for_tests(Dialect::AbcSales),
            None,
            Timestamp::now(),
        );
        source.identity.insert(1, crate::IdentityKey::without_window(ClaimKind::LineId));
        let settings: SourceSettings =
            serde_json::from_str(r#"{"window":"7d","networks":["10.0.0.0/8"],"tags":["a"]}"#).unwrap();
        settings.apply(&mut source).unwrap();
        let windows: Vec<_> =
            source.identity.iter().map(|key| key.window.map(|window| window.as_secs())).collect();
        assert_eq!(windows, [None, None, Some(7 * 86_400)]);
        let (policy, tags, networks) = (source.policy, source.tags.len(), source.networks.len());
        assert_eq!((policy, tags, networks), (DuplicatePolicy::ReturnExisting, 1, 1));
    }

    #[test]
    fn a_new_identity_replaces_the_old_one() {
        let mut source = Source::new(
            OrganizationId::generate(),
            &crate::SourceDefaults::for_tests(Dialect::AbcSales),
            None,
            Timestamp::now(),
        );
        let settings =
            r#"{"identity":{"rule":"any_of","keys":[{"kind":"email","window":"90d"},{"kind":"phone"}]}}"#;
        serde_json::from_str::<SourceSettings>(settings).unwrap().apply(&mut source).unwrap();
        let keys: Vec<_> = source.identity.iter().map(|key| (key.kind, key.window.is_some())).collect();
        assert_eq!(source.identity_rule, IdentityRule::AnyOf);
        assert_eq!(keys, [(ClaimKind::Email, true), (ClaimKind::Phone, false)]);
    }

    #[test]
    fn invalid_settings_are_refused() {
        for text in [
            r#"{"networks":null}"#,
            r#"{"policy":null}"#,
            r#"{"window":"0s"}"#,
            r#"{"window":"soon"}"#,
            r#"{"colour":1}"#,
            r#"{"rate":"x"}"#,
        ] {
            assert!(serde_json::from_str::<SourceSettings>(text).is_err(), "{text}");
        }
        let mut source = Source::new(
            OrganizationId::generate(),
            &crate::SourceDefaults::for_tests(Dialect::Native),
            None,
            Timestamp::now(),
        );
        let both = r#"{"window":"7d","identity":{"rule":"any_of","keys":[{"kind":"phone"}]}}"#;
        for text in [r#"{"name":" "}"#, r#"{"tags":[""]}"#, both] {
            let settings: SourceSettings = serde_json::from_str(text).unwrap();
            assert!(settings.apply(&mut source).is_err(), "{text}");
        }
    }
}
