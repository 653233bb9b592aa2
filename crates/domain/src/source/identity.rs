//! By which keys a source tells people apart, as an operator writes it.

use std::collections::BTreeSet;
use std::str::FromStr;

use serde::Deserialize;

use crate::{ClaimKind, DurationOrForever, IdentityKey, IdentityRule};

/// A rule and the keys that it looks at, in the order in which they decide.
///
/// On the command line `any_of:external_id,phone=30d,email=90d`; in JSON
/// `{"rule":"any_of","keys":[{"kind":"phone","window":"30d"}]}`. A key without a window counts for ever.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "RawIdentitySettings")]
pub struct IdentitySettings {
    rule: IdentityRule,
    keys: Vec<IdentityKey>,
}

/// The kinds of claims by which people are known. An idempotency key names a request.
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
        if let Some(twice) = keys.iter().find(|key| !seen.insert(key.kind)) {
            return Err(format!("`{}` is named twice in the identity", twice.kind.as_str()));
        }
        if keys.is_empty() {
            return Err("an identity has a key at least; a source that tells nobody apart has the policy \
                        `create`"
                .to_owned());
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
        format!("`{text}` is no key by which people are known ({kinds})")
    })
}

impl TryFrom<RawIdentitySettings> for IdentitySettings {
    type Error = String;

    fn try_from(said: RawIdentitySettings) -> Result<Self, String> {
        let key = |said: RawIdentityKey| {
            let DurationOrForever(window) = said.window.unwrap_or(DurationOrForever(None));
            Ok(IdentityKey { kind: kind(&said.kind)?, window })
        };
        Self::new(said.rule, said.keys.into_iter().map(key).collect::<Result<_, String>>()?)
    }
}

impl FromStr for IdentitySettings {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (rule, keys) = text
            .split_once(':')
            .ok_or("an identity is a rule and its keys, such as any_of:external_id,phone=30d")?;
        let key = |said: &str| {
            let (name, window) = said.split_once('=').unwrap_or((said, "ever"));
            let kind = kind(name.trim())?;
            let DurationOrForever(window) =
                window.trim().parse().map_err(|wrong| format!("`{}`: {wrong}", name.trim()))?;
            Ok(IdentityKey { kind, window })
        };
        let said = keys.split(',').filter(|said| !said.trim().is_empty());
        Self::new(rule.trim().parse()?, said.map(key).collect::<Result<_, String>>()?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_ways_of_saying_it_say_the_same() {
        let written: IdentitySettings = "any_of:external_id, phone=30d,email=ever".parse().unwrap();
        let json = r#"{"rule":"any_of","keys":[{"kind":"external_id"},{"kind":"phone","window":"30d"},
                       {"kind":"email","window":"ever"}]}"#;
        assert_eq!(serde_json::from_str::<IdentitySettings>(json).unwrap(), written);
        assert_eq!(written.rule(), IdentityRule::AnyOf);
        let windows = written.into_keys().into_iter().map(|key| key.window.map(|window| window.as_secs()));
        assert_eq!(windows.collect::<Vec<_>>(), [None, Some(30 * 86_400), None]);
    }

    #[test]
    fn what_is_wrong_is_told_in_a_sentence() {
        for (said, told) in [
            ("phone", "an identity is a rule and its keys"),
            ("all_of:phone", "`all_of` is unknown; expected one of any_of, first_of"),
            ("any_of:fax", "`fax` is no key by which people are known (external_id, line_id, phone, email)"),
            ("any_of:idempotency", "`idempotency` is no key"),
            ("any_of:phone,phone=1d", "`phone` is named twice"),
            ("any_of:", "a key at least"),
            ("any_of:phone=soon", "`phone`: "),
            ("any_of:phone=0s", "a length of time is at least 1s"),
        ] {
            let wrong = said.parse::<IdentitySettings>().unwrap_err();
            assert!(wrong.contains(told), "{said}: {wrong}");
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
