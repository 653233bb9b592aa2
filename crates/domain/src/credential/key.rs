//! Credentials: `<kind>_<key id>_<secret>_<checksum>`, such as `lg_live_…` for an API key and `tok_…` in a URL.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};

use crate::credential::secret::Pepper;
use crate::submission::validate::MOST_TAGS;
use crate::{Fields, OrganizationId, SourceId, TextField, Timestamp};

/// The public part of an API key: ten base62 digits, the look-up key.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct KeyId(String);

impl KeyId {
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Takes a well-formed id, for looking a key up by what an operator typed.
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

/// What a key may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[derive(strum::IntoStaticStr, strum::EnumString, strum::VariantNames, strum::VariantArray)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case", parse_err_ty = String, parse_err_fn = crate::unknown_code::<Self>)]
pub enum Scope {
    /// Post leads.
    Write,
    /// Read leads and submissions.
    Read,
    /// Everything that changes how leads are taken, and the quarantine.
    Admin,
}

impl Scope {
    pub const ALL: &[Self] = <Self as strum::VariantArray>::VARIANTS;

    pub fn as_str(self) -> &'static str {
        self.into()
    }
}

/// How many permits a window holds: `1200/min`.
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
        let wrong = || format!("`{text}` is no rate (such as 1200/min, 50/s, 10000/h)");
        let (permits, window) = text.split_once('/').ok_or_else(wrong)?;
        let permits = permits.trim().parse().ok().filter(|permits| *permits > 0).ok_or_else(wrong)?;
        let seconds = match window.trim() {
            "s" | "sec" | "second" => 1,
            "m" | "min" | "minute" => 60,
            "h" | "hour" => 3_600,
            other => {
                let seconds = other.strip_suffix('s').and_then(|digits| digits.parse().ok());
                seconds.filter(|seconds| (1..=86_400).contains(seconds)).ok_or_else(wrong)?
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

/// What a credential is, and so what it looks like and where it may be shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[derive(strum::IntoStaticStr, strum::EnumString, strum::VariantNames, strum::VariantArray)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case", parse_err_ty = String, parse_err_fn = crate::unknown_code::<Self>)]
pub enum KeyKind {
    /// `lg_live_…`: for servers.
    Secret,
    /// `lg_pub_…`: may stand in a web page. Posts leads from its origins and does nothing else.
    Publishable,
    /// `tok_…`: stands in a URL. Posts leads and does nothing else.
    Token,
}

impl KeyKind {
    pub const ALL: &[Self] = <Self as strum::VariantArray>::VARIANTS;

    pub fn as_str(self) -> &'static str {
        self.into()
    }

    /// What the text of such a credential begins with.
    pub fn prefix(self) -> &'static str {
        match self {
            Self::Secret => "lg_live_",
            Self::Publishable => "lg_pub_",
            Self::Token => "tok_",
        }
    }
}

/// A credential as the store knows it: an API key, or a token that stands in a URL. The secret itself was shown once and is kept nowhere.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiKey {
    pub id: KeyId,
    pub kind: KeyKind,
    pub organization: OrganizationId,
    pub source: SourceId,
    /// Speaks for its whole organization: posts to every source, reads every lead and, with the scope `admin`, administers it. So
    /// does a secret key that was made without a source of its own, whatever its source is called later.
    pub of_organization: bool,
    /// What people call it.
    pub name: Option<String>,
    pub scopes: Vec<Scope>,
    /// The key's own limit; without one the source's dialect decides.
    pub rate: Option<Rate>,
    /// Leads posted with it are test leads: no claims, never eligible.
    pub test: bool,
    /// The web pages that may use it, as in the header `Origin` (`https://example.com`). Empty: any, for a token;
    /// none, for a publishable key; a secret key is not asked.
    pub origins: Vec<String>,
    /// Given to every lead that is posted with it.
    pub tags: Vec<String>,
    /// The label `source` of leads that are posted with it and have none.
    pub label: Option<String>,
    /// The key that asked for it over HTTP; revoking that key may revoke this one too.
    pub made_by: Option<KeyId>,
    /// HMAC of the secret, see [`Pepper`].
    pub hash: String,
    pub created_at: Timestamp,
    /// Good until then: set when another takes its place.
    pub expires_at: Option<Timestamp>,
    pub revoked_at: Option<Timestamp>,
}

impl ApiKey {
    /// A key of the kind that `presented` is, with nothing but what every key has.
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
            of_organization: false,
            name: None,
            scopes,
            rate: None,
            test: false,
            origins: Vec::new(),
            tags: Vec::new(),
            label: None,
            made_by: None,
            hash: presented.hash(pepper),
            created_at: Timestamp::now(),
            expires_at: None,
            revoked_at: None,
        }
    }

    /// Neither revoked nor past its time.
    pub fn is_valid_at(&self, now: Timestamp) -> bool {
        self.revoked_at.is_none() && self.expires_at.is_none_or(|end| now < end)
    }

    /// Gives the fields of a lead what every lead posted with this key has.
    pub fn apply_defaults(&self, fields: &mut Fields) {
        fields.is_test |= self.test;
        for tag in &self.tags {
            if fields.tags.len() < MOST_TAGS && !fields.tags.contains(tag) {
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

/// A key as a client presents it: well-formed and with the right checksum, not yet known to exist.
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
    /// Parses a key. Anything with a wrong checksum is refused here, without a look-up.
    pub fn parse(text: &str) -> Option<Self> {
        let (body, checksum) = text.rsplit_once('_')?;
        let named = |kind: KeyKind| body.strip_prefix(kind.prefix()).map(|rest| (kind, rest));
        let (kind, rest) = KeyKind::ALL.iter().copied().find_map(named)?;
        let (id, secret) = rest.split_once('_')?;
        let well_formed = secret.len() == SECRET_DIGITS
            && secret.bytes().all(|byte| byte.is_ascii_alphanumeric())
            && checksum == checksum_of(body);
        let id = KeyId::parse(id).filter(|_| well_formed)?;
        Some(Self { id, kind, secret: secret.into() })
    }

    /// Makes a key and the one text that holds its secret.
    pub fn generate(kind: KeyKind) -> (Self, SecretString) {
        let id = KeyId(digits(rand::random(), ID_DIGITS));
        let secret = digits(rand::random(), SECRET_DIGITS / 2) + &digits(rand::random(), SECRET_DIGITS / 2);
        let body = format!("{}{id}_{secret}", kind.prefix());
        let text = format!("{body}_{}", checksum_of(&body));
        (Self { id, kind, secret: secret.into() }, text.into())
    }

    /// What the store keeps of the secret.
    pub fn hash(&self, pepper: &Pepper) -> String {
        pepper.hash(self.secret.expose_secret())
    }

    pub fn matches(&self, key: &ApiKey, pepper: &Pepper) -> bool {
        self.kind == key.kind && pepper.verifies(self.secret.expose_secret(), &key.hash)
    }
}

/// The low base62 digits of a random number, always `width` of them.
fn digits(random: u128, width: usize) -> String {
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
    fn a_generated_key_is_read_back() {
        for kind in KeyKind::ALL.iter().copied() {
            let (key, text) = PresentedKey::generate(kind);
            let text = text.expose_secret();
            let read = PresentedKey::parse(text).unwrap();
            assert_eq!((&read.id, read.kind), (&key.id, kind));
            assert_eq!(text.len(), kind.prefix().len() + 10 + 1 + 44 + 1 + 6);
        }
    }

    #[test]
    fn every_single_slip_of_the_pen_is_noticed() {
        let (_, text) = PresentedKey::generate(KeyKind::Secret);
        let text = text.expose_secret();
        for position in 0..text.len() {
            let mut slipped = text.to_owned().into_bytes();
            slipped[position] = if slipped[position] == b'x' { b'y' } else { b'x' };
            assert!(PresentedKey::parse(std::str::from_utf8(&slipped).unwrap()).is_none(), "at {position}");
        }
        assert!(PresentedKey::parse(&format!("{text} ")).is_none());
        assert!(PresentedKey::parse("").is_none());
    }

    #[test]
    fn a_key_marks_its_leads_and_overrides_nothing_they_say() {
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
        fn nothing_crashes_the_parser(text: String) {
            prop_assert!(PresentedKey::parse(&text).is_none());
        }
    }

    #[test]
    fn rates_read_as_they_are_written() {
        for text in ["1200/min", "50/s", "10000/h", "7/90s"] {
            assert_eq!(text.parse::<Rate>().unwrap().to_string(), text);
        }
        for text in ["", "5", "0/min", "-1/min", "5/fortnight", "5/0s"] {
            assert!(text.parse::<Rate>().is_err(), "{text}");
        }
    }
}
