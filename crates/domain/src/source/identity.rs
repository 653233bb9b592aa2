//! The identity settings of a source, in the form in which an operator writes them.

use std::collections::BTreeSet;
use std::str::FromStr;

use serde::Deserialize;

use crate::{ClaimKind, DurationOrForever, IdentityKey, IdentityRule};

/// A rule and its identity keys, in the order in which they decide.
///
/// On the command line `any_of:external_id,phone=30d,email=90d`; in JSON
/// `{"rule":"any_of","keys":[{"kind":"phone","window":"30d"}]}`. A key without a window always matches.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "RawIdentitySettings")]
pub struct IdentitySettings {
    rule: IdentityRule,
    keys: Vec<IdentityKey>,
}

/// The kinds of claims that identify a person. An idempotency key identifies a request.
const KINDS: [ClaimKind; 4] = [ClaimKind::ExternalId, ClaimKind::LineId, ClaimKind::Phone, ClaimKind::Email];

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawIdentitySettings {
    rule: IdentityRule,
    keys: Vec<RawIdentityKey>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawIdentityKey {
    kind: String,
    #[serde(default)]
    window: Option<DurationOrForever>,
}

impl IdentitySettings {
    fn new(rule: IdentityRule, keys: Vec<IdentityKey>) -> Result<Self, String> {
        let mut seen = BTreeSet::new();
        if let Some(duplicate) = keys.iter().find(|key| !seen.insert(key.kind)) {
            return Err(format!("the identity contains `{}` twice", duplicate.kind.as_str()));
        }
        if keys.is_empty() {
            return Err(
                "an identity needs at least one key; use the policy `create` for a source that must not \
                        recognize duplicates"
                    .to_owned(),
            );
        }
        Ok(Self { rule, keys })
    }

    pub fn rule(&self) -> IdentityRule {
        self.rule
    }

    pub fn into_keys(self) -> Vec<IdentityKey> {
        self.keys
    }
}

fn kind(text: &str) -> Result<ClaimKind, String> {
    let known = KINDS.into_iter().find(|kind| kind.as_str() == text);
    known.ok_or_else(|| {
        let kinds = KINDS.map(ClaimKind::as_str).join(", ");
        format!("`{text}` is not an identity key; expected one of {kinds}")
    })
}

impl TryFrom<RawIdentitySettings> for IdentitySettings {
    type Error = String;

    fn try_from(settings: RawIdentitySettings) -> Result<Self, String> {
        let key = |key: RawIdentityKey| {
            let DurationOrForever(window) = key.window.unwrap_or(DurationOrForever(None));
            Ok(IdentityKey { kind: kind(&key.kind)?, window })
        };
        Self::new(settings.rule, settings.keys.into_iter().map(key).collect::<Result<_, String>>()?)
    }
}

impl FromStr for IdentitySettings {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (rule, keys) = text
            .split_once(':')
            .ok_or("expected a rule and its keys, such as any_of:external_id,phone=30d")?;
        let key = |text: &str| {
            let (name, window) = text.split_once('=').unwrap_or((text, "ever"));
            let kind = kind(name.trim())?;
            let DurationOrForever(window) =
                window.trim().parse().map_err(|error| format!("`{}`: {error}", name.trim()))?;
            Ok(IdentityKey { kind, window })
        };
        let keys = keys.split(',').filter(|text| !text.trim().is_empty());
        Self::new(rule.trim().parse()?, keys.map(key).collect::<Result<_, String>>()?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_text_and_the_json_form_are_equivalent() {
        let from_text: IdentitySettings = "any_of:external_id, phone=30d,email=ever".parse().unwrap();
        let json = r#"{"rule":"any_of","keys":[{"kind":"external_id"},{"kind":"phone","window":"30d"},
                       {"kind":"email","window":"ever"}]}"#;
        assert_eq!(serde_json::from_str::<IdentitySettings>(json).unwrap(), from_text);
        assert_eq!(from_text.rule(), IdentityRule::AnyOf);
        let windows = from_text.into_keys().into_iter().map(|key| key.window.map(|window| window.as_secs()));
        assert_eq!(windows.collect::<Vec<_>>(), [None, Some(30 * 86_400), None]);
    }

    #[test]
    fn an_invalid_identity_is_refused_with_a_sentence() {
        for (text, expected) in [
            ("phone", "expected a rule and its keys"),
            ("all_of:phone", "`all_of` is unknown; expected one of any_of, first_of"),
            (
                "any_of:fax",
                "`fax` is not an identity key; expected one of external_id, line_id, phone, email",
            ),
            ("any_of:idempotency", "`idempotency` is not an identity key"),
            ("any_of:phone,phone=1d", "contains `phone` twice"),
            ("any_of:", "at least one key"),
            ("any_of:phone=soon", "`phone`: "),
            ("any_of:phone=0s", "a duration is at least 1s"),
        ] {
            let error = text.parse::<IdentitySettings>().unwrap_err();
            assert!(error.contains(expected), "{text}: {error}");
        }
        for wrong in [
            r#"{"rule":"any_of","keys":[]}"#,
            r#"{"rule":"any_of","keys":[{"kind":"phone","window_seconds":5}]}"#,
            r#"{"keys":[{"kind":"phone"}]}"#,
        ] {
            assert!(serde_json::from_str::<IdentitySettings>(wrong).is_err(), "{wrong}");
        }
    }
}
