//! The secrets of an endpoint: its signing secrets and its own headers. They are stored sealed.

use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use secrecy::zeroize::Zeroizing;
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use sha2::Sha256;

use crate::sealing_key::{SealingKey, SecretVersion};
use crate::{EndpointId, Timestamp};

const PREFIX: &str = "whsec_";
/// Receivers of Standard Webhooks read a few signatures.
const MAX_PREVIOUS: usize = 4;
const MAX_HEADERS: usize = 20;
const MAX_HEADER_NAME: usize = 100;
const MAX_HEADER_VALUE: usize = 4_096;

/// Headers that a request has from its transport, its body or its signature.
const RESERVED_HEADERS: [&str; 12] = [
    "connection",
    "content-encoding",
    "content-length",
    "content-type",
    "expect",
    "host",
    "keep-alive",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "user-agent",
];

/// Of the headers of the forms, and of those for a proxy.
const RESERVED_PREFIXES: [&str; 3] = ["proxy-", "webhook-", "x-abcsalesai-"];

/// A signing secret: `whsec_` and 32 bytes in base64 (<https://www.standardwebhooks.com>).
#[derive(Debug, Clone)]
pub struct SigningSecret(SecretString);

impl SigningSecret {
    pub fn generate() -> Self {
        let bytes = Zeroizing::new(rand::random::<[u8; 32]>());
        Self(format!("{PREFIX}{}", STANDARD.encode(bytes.as_slice())).into())
    }

    pub fn as_text(&self) -> &SecretString {
        &self.0
    }

    /// The signature of a message: `v1,` and the HMAC-SHA-256 of `id.timestamp.body` in base64. The key are the bytes
    /// that the text of the secret encodes.
    pub fn sign(&self, id: &str, timestamp: i64, body: &[u8]) -> String {
        let text = self.0.expose_secret();
        let text = text.strip_prefix(PREFIX).unwrap_or(text);
        let key = Zeroizing::new(STANDARD.decode(text).unwrap_or_default());
        let mac = mac(&key, &[id.as_bytes(), b".", timestamp.to_string().as_bytes(), b".", body]);
        format!("v1,{}", STANDARD.encode(mac))
    }

    /// The HMAC-SHA-256 of a body in hexadecimal digits. The key is the text of the secret.
    pub fn hex_mac(&self, body: &[u8]) -> String {
        hex::encode(mac(self.0.expose_secret().as_bytes(), &[body]))
    }
}

fn mac(key: &[u8], parts: &[&[u8]]) -> Vec<u8> {
    // HMAC takes keys of any length.
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(key) else { return Vec::new() };
    parts.iter().for_each(|part| mac.update(part));
    mac.finalize().into_bytes().to_vec()
}

/// The signing secrets and the own headers of an endpoint.
#[derive(Debug, Clone)]
pub struct EndpointSecrets {
    current: SigningSecret,
    /// Earlier secrets, the latest first, each with the time until which it also signs.
    previous: Vec<(SigningSecret, Timestamp)>,
    headers: BTreeMap<String, SecretString>,
}

/// The sealed form, as JSON.
#[derive(Serialize, Deserialize)]
struct PlainSecrets {
    current: String,
    previous: Vec<(String, Timestamp)>,
    headers: BTreeMap<String, String>,
}

impl EndpointSecrets {
    /// Checks headers whose names are in lower case.
    ///
    /// # Errors
    /// A sentence about the first header that cannot be sent.
    pub fn check_headers(headers: &BTreeMap<String, SecretString>) -> Result<(), String> {
        check_headers(headers)
    }

    /// # Errors
    /// A sentence about the first header that cannot be sent.
    pub fn new(headers: BTreeMap<String, SecretString>) -> Result<Self, String> {
        check_headers(&headers)?;
        Ok(Self { current: SigningSecret::generate(), previous: Vec::new(), headers })
    }

    pub fn current(&self) -> &SigningSecret {
        &self.current
    }

    /// With names in lower case.
    pub fn headers(&self) -> &BTreeMap<String, SecretString> {
        &self.headers
    }

    /// # Errors
    /// A sentence about the first header that cannot be sent.
    pub fn with_headers(self, headers: BTreeMap<String, SecretString>) -> Result<Self, String> {
        check_headers(&headers)?;
        Ok(Self { headers, ..self })
    }

    /// With a new signing secret. The current one also signs until `overlap_until`. So do earlier ones until their time:
    /// the response with the current one may have been lost.
    #[must_use]
    pub fn rotated(self, now: Timestamp, overlap_until: Timestamp) -> Self {
        let earlier = self.previous.into_iter().filter(|(_, until)| now < *until);
        let previous = std::iter::once((self.current, overlap_until)).chain(earlier).take(MAX_PREVIOUS);
        Self { current: SigningSecret::generate(), previous: previous.collect(), headers: self.headers }
    }

    /// The signatures of a message that is sent now, separated by spaces: one for each valid secret.
    pub fn signatures(&self, id: &str, now: Timestamp, body: &[u8]) -> String {
        let seconds = now.as_microseconds().div_euclid(1_000_000);
        let previous = self.previous.iter().filter(|(_, until)| now < *until).map(|(secret, _)| secret);
        let signatures = [&self.current].into_iter().chain(previous);
        signatures.map(|secret| secret.sign(id, seconds, body)).collect::<Vec<_>>().join(" ")
    }

    /// Encrypted. `None` if there is no key.
    pub fn seal(&self, endpoint: EndpointId, sealing: &SealingKey) -> Option<String> {
        let plain = |secret: &SigningSecret| secret.0.expose_secret().to_owned();
        let headers = self.headers.iter();
        let document = PlainSecrets {
            current: plain(&self.current),
            previous: self.previous.iter().map(|(secret, until)| (plain(secret), *until)).collect(),
            headers: headers.map(|(name, value)| (name.clone(), value.expose_secret().to_owned())).collect(),
        };
        let text = Zeroizing::new(serde_json::to_vec(&document).ok()?);
        sealing.seal(&purpose(endpoint), &text)
    }

    /// Decrypts the result of [`EndpointSecrets::seal`]. `None` if it was sealed under another secret or for another
    /// endpoint.
    pub fn open(sealed: &str, endpoint: EndpointId, sealing: &SealingKey) -> Option<(Self, SecretVersion)> {
        let (text, version) = sealing.open(&purpose(endpoint), sealed)?;
        let PlainSecrets { current, previous, headers } =
            serde_json::from_slice(&Zeroizing::new(text)).ok()?;
        let secret = |text: String| SigningSecret(text.into());
        let secrets = Self {
            current: secret(current),
            previous: previous.into_iter().map(|(text, until)| (secret(text), until)).collect(),
            headers: headers.into_iter().map(|(name, value)| (name, value.into())).collect(),
        };
        Some((secrets, version))
    }
}

fn purpose(endpoint: EndpointId) -> Vec<u8> {
    [b"leadgate endpoint secrets v1 ", endpoint.as_uuid().as_bytes().as_slice()].concat()
}

fn check_headers(headers: &BTreeMap<String, SecretString>) -> Result<(), String> {
    if headers.len() > MAX_HEADERS {
        return Err(format!("an endpoint has at most {MAX_HEADERS} headers"));
    }
    for (name, value) in headers {
        let is_token = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-' || c == '_';
        if name.is_empty() || name.len() > MAX_HEADER_NAME || !name.chars().all(is_token) {
            return Err(format!(
                "`{name}` is not the name of a header; expected lower-case letters, digits, `-` and `_`, such as \
                 x-api-key"
            ));
        }
        if RESERVED_HEADERS.contains(&name.as_str())
            || RESERVED_PREFIXES.iter().any(|prefix| name.starts_with(prefix))
        {
            return Err(format!(
                "the header `{name}` cannot be set: it belongs to the connection or to Leadgate"
            ));
        }
        let value = value.expose_secret();
        let is_visible = |c: char| c.is_ascii_graphic() || c == ' ';
        if value.trim() != value || value.len() > MAX_HEADER_VALUE || !value.chars().all(is_visible) {
            return Err(format!(
                "the value of the header `{name}` has at most {MAX_HEADER_VALUE} visible ASCII characters, and no \
                 space at its ends"
            ));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::secret::RootSecret;

    fn headers(name: &str, value: &str) -> BTreeMap<String, SecretString> {
        BTreeMap::from([(name.to_owned(), value.into())])
    }

    /// The two symmetric vectors of the libraries of Standard Webhooks.
    #[test]
    fn signatures_are_those_of_standard_webhooks() {
        let vectors = [
            (
                "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
                ("msg_p5jXN8AQM9LWM0D4loKWxJek", 1_614_265_330),
                r#"{"test": 2432232314}"#,
                "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
            ),
            (
                "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD",
                ("msg_27UH4WbU6Z5A5EzD8u03UvzRbpk", 1_649_367_553),
                r#"{"email":"test@example.com","username":"test_user"}"#,
                "v1,tZ1I4/hDygAJgO5TYxiSd6Sd0kDW6hPenDe+bTa3Kkw=",
            ),
        ];
        for (secret, (id, timestamp), body, signature) in vectors {
            let secret = SigningSecret(secret.into());
            assert_eq!(secret.sign(id, timestamp, body.as_bytes()), signature);
        }
    }

    #[test]
    fn both_secrets_sign_until_the_overlap_ends() {
        let now = Timestamp::from_microseconds(1_790_000_000_000_000);
        let first = EndpointSecrets::new(BTreeMap::new()).unwrap();
        let until = now.plus(std::time::Duration::from_secs(60));
        let rotated = first.clone().rotated(now, until);
        let old = first.signatures("msg", now, b"{}");
        let both = rotated.signatures("msg", now, b"{}");
        assert_eq!(both.split(' ').nth(1), Some(old.as_str()));
        assert_ne!(both.split(' ').next(), Some(old.as_str()));
        assert_eq!(rotated.signatures("msg", until, b"{}").split(' ').count(), 1);
        let again = rotated.rotated(now, until.plus(std::time::Duration::from_secs(1)));
        let all = again.signatures("msg", now, b"{}");
        assert_eq!((all.split(' ').count(), all.split(' ').nth(2)), (3, Some(old.as_str())));
        assert_eq!(again.signatures("msg", until, b"{}").split(' ').count(), 2);
    }

    #[test]
    fn sealed_secrets_open_only_for_their_endpoint() {
        let root = "a secret that is long enough to be one";
        let sealing = RootSecret::new(root, None).unwrap().sealing();
        let endpoint = EndpointId::generate();
        let secrets = EndpointSecrets::new(headers("x-api-key", "k-1")).unwrap();
        let secrets = secrets.rotated(Timestamp::now(), Timestamp::now());
        let sealed = secrets.seal(endpoint, &sealing).unwrap();
        let (opened, version) = EndpointSecrets::open(&sealed, endpoint, &sealing).unwrap();
        assert_eq!(version, SecretVersion::Current);
        assert_eq!(opened.current.0.expose_secret(), secrets.current.0.expose_secret());
        assert_eq!(opened.headers["x-api-key"].expose_secret(), "k-1");
        assert!(EndpointSecrets::open(&sealed, EndpointId::generate(), &sealing).is_none());
    }

    #[test]
    fn headers_that_cannot_be_sent_are_refused() {
        assert!(EndpointSecrets::new(headers("authorization", "Bearer a b")).is_ok());
        for (name, value) in [
            ("", "x"),
            ("Host", "x"),
            ("host", "x"),
            ("webhook-id", "x"),
            ("x-abcsalesai-event", "x"),
            ("x y", "x"),
            ("x-a", "a\r\nb"),
            ("x-a", " a"),
            ("x-a", "ä"),
        ] {
            assert!(EndpointSecrets::new(headers(name, value)).is_err(), "{name}: {value}");
        }
    }
}
