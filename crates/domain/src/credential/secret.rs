//! The root secret of the installation, and the keys that are derived from it for each purpose.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hkdf::Hkdf;
use hmac::{Hmac, KeyInit, Mac};
use secrecy::{ExposeSecret, SecretBox, SecretString};
use sha2::Sha256;
use subtle::ConstantTimeEq;

use crate::consent::export_signature::ExportSigningKey;
use crate::credential::sealing_key::{SealingKey, SecretVersion};
use crate::{
    ClaimKind, KeyHash, OrganizationId, Salt, Sha256Digest, SourceId, SubmissionId, SuppressionKind,
};

/// The purpose of the sealed match key.
const MATCH_KEY: &[u8] = b"leadgate match key v1";

/// Minimum length of the root secret in bytes.
pub const SHORTEST: usize = 32;

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the secret is too short; expected at least {SHORTEST} bytes")]
pub struct SecretTooShort;

type DerivedKey = SecretBox<[u8; 32]>;

/// `LEADGATE_SECRET`, and during a rotation the previous secret, with which values can still be verified.
pub struct RootSecret {
    roots: Vec<SecretBox<Vec<u8>>>,
}

impl RootSecret {
    pub fn new(current: &str, previous: Option<&str>) -> Result<Self, SecretTooShort> {
        let secrets = std::iter::once(current).chain(previous);
        let roots = secrets
            .map(|root| match root.len() >= SHORTEST {
                true => Ok(SecretBox::new(Box::new(root.as_bytes().to_vec()))),
                false => Err(SecretTooShort),
            })
            .collect::<Result<_, _>>()?;
        Ok(Self { roots })
    }

    pub fn api_keys(&self) -> Pepper {
        Pepper(self.derive("leadgate api keys v1"))
    }

    pub fn ids(&self) -> IdKey {
        IdKey(self.derive("leadgate submission ids v1"))
    }

    pub fn signatures(&self) -> SourceSigningKey {
        SourceSigningKey(self.derive("leadgate inbound signatures v1"))
    }

    /// The keys that sign exports of consents: the key of the current secret, then the key of the previous
    /// one.
    pub fn export_signatures(&self) -> ExportSigningKey {
        let keys = self.derive("leadgate consent exports v1");
        ExportSigningKey::new(keys.iter().map(|key| key.expose_secret()))
    }

    /// The key that encrypts the match key and the secrets of endpoints.
    pub fn sealing(&self) -> SealingKey {
        let fingerprints = self.derive("leadgate secret fingerprint v1");
        let fingerprints = fingerprints.iter().map(|key| {
            let (prefix, _) = key.expose_secret().split_at(8);
            hex::encode(prefix)
        });
        SealingKey::new(self.derive("leadgate sealed keys v1").into_iter().zip(fingerprints).collect())
    }

    fn derive(&self, purpose: &str) -> Vec<DerivedKey> {
        let derive = |root: &SecretBox<Vec<u8>>| {
            let mut key = [0; 32];
            // HKDF fails only for outputs over 8,160 bytes.
            let _ = Hkdf::<Sha256>::new(None, root.expose_secret()).expand(purpose.as_bytes(), &mut key);
            SecretBox::new(Box::new(key))
        };
        self.roots.iter().map(derive).collect()
    }
}

/// Hashes the secrets of API keys. The first key makes hashes. Hashes of all keys are verified.
pub struct Pepper(Vec<DerivedKey>);

impl Pepper {
    /// HMAC-SHA-256 of an API secret in lower-case hexadecimal digits, as it is stored.
    pub fn hash(&self, secret: &str) -> String {
        self.0
            .first()
            .map(|key| hex::encode(hmac(key.expose_secret(), &[secret.as_bytes()])))
            .unwrap_or_default()
    }

    /// Whether a hash belongs to the secret. The comparison takes constant time.
    pub fn verifies(&self, secret: &str, hash: &str) -> bool {
        let Ok(hash) = hex::decode(hash) else { return false };
        self.0.iter().any(|key| hmac(key.expose_secret(), &[secret.as_bytes()]).ct_eq(&hash).into())
    }
}

/// Computes the MACs of submission ids.
pub struct IdKey(Vec<DerivedKey>);

impl IdKey {
    pub(crate) fn mac(&self, organization: OrganizationId, id_bits: u128) -> u16 {
        self.0.first().map_or(0, |key| Self::mac_with(key, organization, id_bits))
    }

    pub(crate) fn verifies(&self, organization: OrganizationId, id_bits: u128, mac: u16) -> bool {
        self.0.iter().any(|key| Self::mac_with(key, organization, id_bits) == mac)
    }

    fn mac_with(key: &DerivedKey, organization: OrganizationId, id_bits: u128) -> u16 {
        let mac = hmac(key.expose_secret(), &[organization.as_uuid().as_bytes(), &id_bits.to_be_bytes()]);
        let [first, second, ..] = mac;
        u16::from_be_bytes([first, second])
    }
}

/// Derives the signing secrets of sources. They are not stored: a secret is derived from the installation's
/// secret, the source and a version.
pub struct SourceSigningKey(Vec<DerivedKey>);

impl SourceSigningKey {
    /// The text of a signing secret: `whsec_` and 32 bytes in base64 (<https://www.standardwebhooks.com>).
    pub fn secret(&self, source: SourceId, version: u32) -> SecretString {
        let first = self.0.first().map(|key| Self::bytes(key, source, version)).unwrap_or_default();
        format!("whsec_{}", STANDARD.encode(first)).into()
    }

    /// Whether `signature` is the HMAC-SHA-256 of `content` with the signing secret of a version. The
    /// comparison takes constant time.
    pub fn verifies(&self, source: SourceId, version: u32, content: &[u8], signature: &[u8]) -> bool {
        self.0.iter().any(|key| {
            let key = Self::bytes(key, source, version);
            mac(&key, |mac| mac.update(content)).ct_eq(signature).into()
        })
    }

    fn bytes(key: &DerivedKey, source: SourceId, version: u32) -> [u8; 32] {
        hmac(key.expose_secret(), &[source.as_uuid().as_bytes(), &version.to_be_bytes()])
    }
}

/// The match key: the key for the hashes of claims and suppressions, which must never change. It is stored,
/// encrypted under the root secret. It is not derived from the root secret, so a rotation of the secret loses
/// no identity and no opt-out.
pub struct MatchKey(DerivedKey);

impl Clone for MatchKey {
    fn clone(&self) -> Self {
        Self::new(*self.0.expose_secret())
    }
}

impl MatchKey {
    pub fn new(key: [u8; 32]) -> Self {
        Self(SecretBox::new(Box::new(key)))
    }

    pub fn generate() -> Self {
        Self::new(rand::random())
    }

    /// The encrypted form in which the key is stored. `None` without a secret.
    pub fn seal(&self, sealing: &SealingKey) -> Option<String> {
        sealing.seal(MATCH_KEY, self.0.expose_secret())
    }

    /// Decrypts the result of [`MatchKey::seal`]. `None` if it was encrypted under another secret.
    pub fn open(sealed: &str, sealing: &SealingKey) -> Option<(Self, SecretVersion)> {
        let (key, version) = sealing.open(MATCH_KEY, sealed)?;
        let key: [u8; 32] = key.try_into().ok()?;
        Some((Self::new(key), version))
    }

    /// The hash of an identity key. `scope` is the source for kinds that are scoped to their source.
    pub(crate) fn claim(&self, kind: ClaimKind, scope: Option<SourceId>, value: &str) -> KeyHash {
        let scope = scope.map(|source| source.to_string()).unwrap_or_default();
        self.hash(&[b"claim", kind.as_str().as_bytes(), scope.as_bytes(), value.as_bytes()])
    }

    pub(crate) fn suppression(&self, kind: SuppressionKind, value: &str) -> KeyHash {
        self.hash(&[b"suppression", kind.as_str().as_bytes(), value.as_bytes()])
    }

    /// The hash of a suppressed value of which only the SHA-256 is known.
    pub(crate) fn suppression_digest(&self, kind: SuppressionKind, digest: Sha256Digest) -> KeyHash {
        self.hash(&[b"suppression sha256", kind.as_str().as_bytes(), digest.as_bytes()])
    }

    /// The salt of a submission's consent. It is derived from the key and not stored, so a copy of the
    /// database alone is not sufficient to guess the person of a consent from its digest.
    pub fn consent_salt(&self, organization: OrganizationId, submission: SubmissionId) -> Salt {
        let (organization, submission) = (organization.as_uuid(), submission.as_uuid());
        let parts: [&[u8]; 3] = [b"consent salt", organization.as_bytes(), submission.as_bytes()];
        Salt::new(hmac(self.0.expose_secret(), &parts))
    }

    fn hash(&self, parts: &[&[u8]]) -> KeyHash {
        let mut hash = [0; 16];
        hash.copy_from_slice(hmac(self.0.expose_secret(), parts).split_at(16).0);
        KeyHash::new(hash)
    }
}

/// HMAC-SHA-256 over length-prefixed parts, so that different lists of parts have different inputs.
fn hmac(key: &[u8; 32], parts: &[&[u8]]) -> [u8; 32] {
    mac(key, |mac| {
        for part in parts {
            mac.update(&u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
            mac.update(part);
        }
    })
}

fn mac(key: &[u8; 32], feed: impl FnOnce(&mut Hmac<Sha256>)) -> [u8; 32] {
    // RFC 2104 pads a short key with zeros to SHA-256's block of 64 bytes. Padding it here makes the call
    // infallible.
    let mut block = [0; 64];
    block.split_at_mut(key.len()).0.copy_from_slice(key);
    let mut mac = Hmac::<Sha256>::new(&block.into());
    feed(&mut mac);
    mac.finalize().into_bytes().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    const OLD: &str = "the old secret, long enough to be one";
    const NEW: &str = "the new secret, long enough to be one";

    #[test]
    fn the_previous_secret_still_verifies() {
        let hash = RootSecret::new(OLD, None).unwrap().api_keys().hash("key");
        assert!(RootSecret::new(NEW, Some(OLD)).unwrap().api_keys().verifies("key", &hash));
        assert!(!RootSecret::new(NEW, None).unwrap().api_keys().verifies("key", &hash));
        assert!(!RootSecret::new(OLD, None).unwrap().api_keys().verifies("other", &hash));
    }

    #[test]
    fn different_splits_of_the_same_bytes_have_different_hashes() {
        let key = [7; 32];
        assert_ne!(hmac(&key, &[b"ab", b"c"]), hmac(&key, &[b"a", b"bc"]));
    }

    #[test]
    fn a_short_secret_is_refused() {
        assert!(RootSecret::new("short", None).is_err());
        assert!(RootSecret::new(NEW, Some("short")).is_err());
    }
}
