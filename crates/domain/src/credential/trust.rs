//! The trust in a submission, and which fields it allows.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{Fields, KeyKind, Source, TextField};

/// Whether the credential of a submission is secret. The order of the variants is the precedence: under the
/// policy `update` a value of a public submission never replaces a value of a secret submission.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[derive(strum::IntoStaticStr)]
#[serde(rename_all = "snake_case", from = "TrustCode")]
#[strum(serialize_all = "snake_case")]
pub enum Trust {
    /// A URL token or a publishable key. It is visible in web pages and forms, so everyone can use it.
    #[default]
    Public,
    /// A secret key, or a token of a source that requires signed posts.
    Secret,
}

/// The serialized code. A code that only a newer build knows counts as public.
#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum TrustCode {
    Secret,
    #[serde(other)]
    Public,
}

impl From<TrustCode> for Trust {
    fn from(code: TrustCode) -> Self {
        match code {
            TrustCode::Secret => Self::Secret,
            TrustCode::Public => Self::Public,
        }
    }
}

impl Trust {
    pub const ALL: [Self; 2] = [Self::Public, Self::Secret];

    /// The trust in a credential of this kind at this source.
    pub fn for_credential(kind: KeyKind, source: &Source) -> Self {
        match kind {
            KeyKind::Secret => Self::Secret,
            KeyKind::Token if source.signature.is_some() => Self::Secret,
            KeyKind::Token | KeyKind::Publishable => Self::Public,
        }
    }

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Public => "public",
            Self::Secret => "secret",
        }
    }

    /// Moves the values that this trust does not allow to [`Fields::untrusted_fields`]. For a public credential
    /// these are the external identifiers, automations, assignments and the test flag. The test flag of a key
    /// ([`crate::ApiKey::apply_defaults`]) is set afterwards.
    pub fn remove_untrusted_fields(self, fields: &mut Fields) {
        if self == Self::Secret {
            return;
        }
        let untrusted = &mut fields.untrusted_fields;
        for field in [TextField::ExternalId, TextField::LineId] {
            if let Some(text) = fields.texts.remove(&field) {
                untrusted.insert(field.as_str().to_owned(), text.into());
            }
        }
        let documents =
            [("automations", &mut fields.automations), ("user_assignments", &mut fields.user_assignments)];
        for (name, patch) in documents {
            if !patch.is_absent() {
                let value = std::mem::take(patch).value().cloned().unwrap_or_default();
                untrusted.insert(name.to_owned(), value);
            }
        }
        if std::mem::take(&mut fields.is_test) {
            untrusted.insert("is_test".to_owned(), Value::Bool(true));
        }
    }
}

impl fmt::Display for Trust {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

impl FromStr for Trust {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let known = Self::ALL.into_iter().find(|trust| trust.as_str() == text);
        known.ok_or_else(|| format!("`{text}` is not a kind of trust (public, secret)"))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::{Dialect, OrganizationId, Patch, SigningSecretVersion, Timestamp};

    fn everything() -> Fields {
        serde_json::from_value(json!({
            "phone": "+14155550132", "opt_out": true, "must_exist": true, "is_test": true,
            "texts": { "external_id": "crm-7", "line_id": null, "company": "Acme" },
            "automations": [1], "user_assignments": null, "custom_fields": { "budget": 5 },
        }))
        .unwrap()
    }

    #[test]
    fn a_public_credential_cannot_set_external_identifiers() {
        let mut fields = everything();
        Trust::Public.remove_untrusted_fields(&mut fields);
        let untrusted = json!({
            "external_id": "crm-7", "line_id": null, "automations": [1], "user_assignments": null, "is_test": true,
        });
        assert_eq!(Value::from(fields.untrusted_fields.clone()), untrusted);
        assert_eq!(fields.texts.keys().collect::<Vec<_>>(), [&TextField::Company]);
        assert_eq!((&fields.automations, &fields.user_assignments), (&Patch::Absent, &Patch::Absent));
        assert_eq!((fields.is_test, fields.opt_out, fields.must_exist), (false, true, true));
        assert_eq!(fields.custom_fields, everything().custom_fields);

        let mut fields = everything();
        Trust::Secret.remove_untrusted_fields(&mut fields);
        assert_eq!(fields, everything());
    }

    #[test]
    fn a_token_is_public_unless_its_source_requires_signed_posts() {
        let source = Source::new(
            OrganizationId::generate(),
            &crate::SourceDefaults::for_tests(Dialect::Native),
            None,
            Timestamp::now(),
        );
        let signed = Source {
            signature: Some(SigningSecretVersion { version: 1, previous_until: None }),
            ..source.clone()
        };
        assert_eq!(
            KeyKind::ALL
                .iter()
                .copied()
                .map(|kind| Trust::for_credential(kind, &source).as_str())
                .collect::<Vec<_>>(),
            ["secret", "public", "public"]
        );
        assert_eq!(
            KeyKind::ALL
                .iter()
                .copied()
                .map(|kind| Trust::for_credential(kind, &signed).as_str())
                .collect::<Vec<_>>(),
            ["secret", "public", "secret"]
        );
        assert!(Trust::Public < Trust::Secret);
    }
}
