//! Credentials of clients. Their text is `<kind>_<key id>_<secret>_<checksum>`: `lg_live_…` for an API key,
//! `tok_…` for a URL token.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};

use crate::credential::secret::Pepper;
use crate::submission::validate::MAX_TAGS;
use crate::{Fields, OrganizationId, SourceId, TextField, Timestamp};

/// The public part of a credential: ten base62 digits, by which it is looked up.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct KeyId(String);

impl KeyId {
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Parses an id that an operator typed.
    pub fn parse(text: &str) -> Option<Self> {
        (text.len() == ID_DIGITS && text.bytes().all(|byte| byte.is_ascii_alphanumeric()))
            .then(|| Self(text.to_owned()))
    }
}

impl fmt::Display for KeyId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// What an API key may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[derive(strum::IntoStaticStr, strum::EnumString, strum::VariantNames, strum::VariantArray)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case", parse_err_ty = String, parse_err_fn = crate::unknown_code::<Self>)]
pub enum Scope {
    /// Post leads.
    Write,
    /// Read leads and submissions.
    Read,
    /// Administer the organization, including its quarantine.
    Admin,
}

impl Scope {
    pub const ALL: &[Self] = <Self as strum::VariantArray>::VARIANTS;

    pub fn as_str(self) -> &'static str {
        self.into()
    }
}

/// A rate limit: the number of permits in a window, such as `1200/min`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Rate {
    pub permits: u32,
    pub window: Duration,
}

impl Rate {
    pub const fn per_minute(permits: u32) -> Self {
        Self { permits, window: Duration::from_secs(60) }
    }
}

impl fmt::Display for Rate {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.window.as_secs() {
            1 => write!(formatter, "{}/s", self.permits),
            60 => write!(formatter, "{}/min", self.permits),
            3_600 => write!(formatter, "{}/h", self.permits),
            seconds => write!(formatter, "{}/{seconds}s", self.permits),
        }
    }
}

impl FromStr for Rate {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let invalid = || format!("`{text}` is not a rate (such as 1200/min, 50/s, 10000/h)");
        let (permits, window) = text.split_once('/').ok_or_else(invalid)?;
        let permits = permits.trim().parse().ok().filter(|permits| *permits > 0).ok_or_else(invalid)?;
        let seconds = match window.trim() {
            "s" | "sec" | "second" => 1,
            "m" | "min" | "minute" => 60,
            "h" | "hour" => 3_600,
            other => {
                let seconds = other.strip_suffix('s').and_then(|digits| digits.parse().ok());
                seconds.filter(|seconds| (1..=86_400).contains(seconds)).ok_or_else(invalid)?
            }
        };
        Ok(Self { permits, window: Duration::from_secs(seconds) })
    }
}

impl Serialize for Rate {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Rate {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

/// The kind of a credential. It decides the format and where the credential may be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[derive(strum::IntoStaticStr, strum::EnumString, strum::VariantNames, strum::VariantArray)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case", parse_err_ty = String, parse_err_fn = crate::unknown_code::<Self>)]
pub enum KeyKind {
    /// `lg_live_…`: a secret key for servers.
    Secret,
    /// `lg_pub_…`: a key for web pages. It can only post leads, and only from its origins.
    Publishable,
    /// `tok_…`: a token in a URL. It can only post leads.
    Token,
}

impl KeyKind {
    pub const ALL: &[Self] = <Self as strum::VariantArray>::VARIANTS;

    pub fn as_str(self) -> &'static str {
        self.into()
    }

    /// The prefix of the text of such a credential.
    pub fn prefix(self) -> &'static str {
        match self {
            Self::Secret => "lg_live_",
            Self::Publishable => "lg_pub_",
            Self::Token => "tok_",
        }
    }
}

/// A stored credential: an API key, a publishable key or a URL token. The secret itself was shown once and is
/// not stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiKey {
    pub id: KeyId,
    pub kind: KeyKind,
    pub organization: OrganizationId,
    pub source: SourceId,
    /// Whether the key is organization-wide: it can post to every source and read every lead. With the scope
    /// `admin` it administers the organization. A secret key that is created without a source is
    /// organization-wide, even if its default source gets a name later.
    pub organization_wide: bool,
    /// The name for display.
    pub name: Option<String>,
    pub scopes: Vec<Scope>,
    /// The rate limit of the key; `None` for the limit of the source's dialect.
    pub rate: Option<Rate>,
    /// Leads that are posted with it are test leads: they have no claims and are never eligible.
    pub test: bool,
    /// The web pages that may use it, as in the header `Origin` (`https://example.com`). If the list is
    /// empty, a token can be used on all pages and a publishable key on none. For a secret key the list is
    /// not checked.
    pub origins: Vec<String>,
    /// Tags that every lead that is posted with it gets.
    pub tags: Vec<String>,
    /// The value of the field `source` for leads that are posted with it and have none.
    pub label: Option<String>,
    /// The key with which it was created over HTTP. Revoking that key can revoke this one too.
    pub created_by: Option<KeyId>,
    /// HMAC of the secret; see [`Pepper`].
    pub hash: String,
    pub created_at: Timestamp,
    /// The key is valid until then. Set when the key is rotated.
    pub expires_at: Option<Timestamp>,
    pub revoked_at: Option<Timestamp>,
}

impl ApiKey {
    /// A key for `presented` with default settings.
    pub fn new(
        presented: &PresentedKey,
        organization: OrganizationId,
        source: SourceId,
        scopes: Vec<Scope>,
        pepper: &Pepper,
    ) -> Self {
        Self {
            id: presented.id.clone(),
            kind: presented.kind,
            organization,
            source,
            organization_wide: false,
            name: None,
            scopes,
            rate: None,
            test: false,
            origins: Vec::new(),
            tags: Vec::new(),
            label: None,
            created_by: None,
            hash: presented.hash(pepper),
            created_at: Timestamp::now(),
            expires_at: None,
            revoked_at: None,
        }
    }

    /// Whether the key is neither revoked nor expired.
    pub fn is_valid_at(&self, now: Timestamp) -> bool {
        self.revoked_at.is_none() && self.expires_at.is_none_or(|end| now < end)
    }

    /// Adds the key's test flag, tags and label to the fields of a lead.
    pub fn apply_defaults(&self, fields: &mut Fields) {
        fields.is_test |= self.test;
        for tag in &self.tags {
            if fields.tags.len() < MAX_TAGS && !fields.tags.contains(tag) {
                fields.tags.push(tag.clone());
            }
        }
        if let Some(label) = &self.label
            && fields.text(TextField::Source).is_none()
        {
            fields.texts.insert(TextField::Source, Some(label.clone()));
        }
    }

    pub fn has_scope(&self, scope: Scope) -> bool {
        self.scopes.contains(&scope)
    }
}

/// A key that a client presented. It is well-formed and has the right checksum. Whether it exists is not
/// known yet.
#[derive(Debug)]
pub struct PresentedKey {
    pub id: KeyId,
    pub kind: KeyKind,
    secret: SecretString,
}

const ID_DIGITS: usize = 10;
const SECRET_DIGITS: usize = 44;
const CHECKSUM_DIGITS: usize = 6;

impl PresentedKey {
    /// The length of the shortest key, in bytes. A shorter text contains none.
    pub const MIN_LENGTH: usize = "tok_".len() + ID_DIGITS + 1 + SECRET_DIGITS + 1 + CHECKSUM_DIGITS;

    /// Parses a key. A key with a wrong checksum is refused without a look-up.
    pub fn parse(text: &str) -> Option<Self> {
        let (body, checksum) = text.rsplit_once('_')?;
        let with_prefix = |kind: KeyKind| body.strip_prefix(kind.prefix()).map(|rest| (kind, rest));
        let (kind, rest) = KeyKind::ALL.iter().copied().find_map(with_prefix)?;
        let (id, secret) = rest.split_once('_')?;
        let is_well_formed = secret.len() == SECRET_DIGITS
            && secret.bytes().all(|byte| byte.is_ascii_alphanumeric())
            && checksum == checksum_of(body);
        let id = KeyId::parse(id).filter(|_| is_well_formed)?;
        Some(Self { id, kind, secret: secret.into() })
    }

    /// Generates a key, and its text with the secret.
    pub fn generate(kind: KeyKind) -> (Self, SecretString) {
        let id = KeyId(random_digits(rand::random(), ID_DIGITS));
        let secret = random_digits(rand::random(), SECRET_DIGITS / 2)
            + &random_digits(rand::random(), SECRET_DIGITS / 2);
        let body = format!("{}{id}_{secret}", kind.prefix());
        let text = format!("{body}_{}", checksum_of(&body));
        (Self { id, kind, secret: secret.into() }, text.into())
    }

    /// The hash of the secret that is stored.
    pub fn hash(&self, pepper: &Pepper) -> String {
        pepper.hash(self.secret.expose_secret())
    }

    pub fn matches(&self, key: &ApiKey, pepper: &Pepper) -> bool {
        self.kind == key.kind && pepper.verifies(self.secret.expose_secret(), &key.hash)
    }
}

/// The low `width` base62 digits of a random number.
fn random_digits(random: u128, width: usize) -> String {
    let text = format!("{:0>22}", base62::encode(random));
    text.chars().rev().take(width).collect()
}

fn checksum_of(body: &str) -> String {
    format!("{:0>CHECKSUM_DIGITS$}", base62::encode(crc32fast::hash(body.as_bytes())))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_generated_key_can_be_parsed() {
        for kind in KeyKind::ALL.iter().copied() {
            let (key, text) = PresentedKey::generate(kind);
            let text = text.expose_secret();
            let parsed = PresentedKey::parse(text).unwrap();
            assert_eq!((&parsed.id, parsed.kind), (&key.id, kind));
            assert_eq!(text.len(), kind.prefix().len() + 10 + 1 + 44 + 1 + 6);
        }
        let shortest =
            KeyKind::ALL.iter().map(|kind| PresentedKey::generate(*kind).1.expose_secret().len()).min();
        assert_eq!(shortest, Some(PresentedKey::MIN_LENGTH));
    }

    #[test]
    fn a_key_with_one_changed_character_is_refused() {
        let (_, text) = PresentedKey::generate(KeyKind::Secret);
        let text = text.expose_secret();
        for position in 0..text.len() {
            let mut changed = text.to_owned().into_bytes();
            changed[position] = if changed[position] == b'x' { b'y' } else { b'x' };
            assert!(PresentedKey::parse(std::str::from_utf8(&changed).unwrap()).is_none(), "at {position}");
        }
        assert!(PresentedKey::parse(&format!("{text} ")).is_none());
        assert!(PresentedKey::parse("").is_none());
    }

    #[test]
    fn the_defaults_of_a_key_do_not_replace_submitted_values() {
        let (presented, _) = PresentedKey::generate(KeyKind::Secret);
        let pepper = crate::credential::secret::RootSecret::new(&"s".repeat(32), None).unwrap().api_keys();
        let (organization, source) = (OrganizationId::generate(), SourceId::generate());
        let key = ApiKey::new(&presented, organization, source, Vec::new(), &pepper);
        let tags = vec!["a".to_owned(), "b".to_owned()];
        let key = ApiKey { test: true, tags, label: Some("fair".into()), ..key };
        let mut fields = Fields { tags: vec!["b".into()], ..Fields::default() };
        key.apply_defaults(&mut fields);
        assert!(fields.is_test);
        assert_eq!((fields.tags.join(""), fields.text(TextField::Source)), ("ba".into(), Some("fair")));
        fields.texts.insert(TextField::Source, Some("own".into()));
        key.apply_defaults(&mut fields);
        assert_eq!((fields.tags.len(), fields.text(TextField::Source)), (2, Some("own")));
    }

    proptest! {
        #[test]
        fn arbitrary_text_is_refused(text: String) {
            prop_assert!(PresentedKey::parse(&text).is_none());
        }
    }

    #[test]
    fn a_printed_rate_parses_to_the_same_rate() {
        for text in ["1200/min", "50/s", "10000/h", "7/90s"] {
            assert_eq!(text.parse::<Rate>().unwrap().to_string(), text);
        }
        for text in ["", "5", "0/min", "-1/min", "5/fortnight", "5/0s"] {
            assert!(text.parse::<Rate>().is_err(), "{text}");
        }
    }
}
